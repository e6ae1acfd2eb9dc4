/** A Redis Cluster inside a deployment, as its own nodes see it. */
import { until } from '../../harness/until.ts';
import type { ComposeDeployment } from './compose.ts';

const slots = 16_384;

/** CRC16 (XMODEM) of what stands between the braces, as Redis Cluster has it. */
export function slotOf(key: string): number {
  const tag = /\{([^}]+)\}/.exec(key)?.[1] ?? key;
  let crc = 0;
  for (const byte of Buffer.from(tag)) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : (crc << 1) & 0xffff;
  }
  return crc % slots;
}

const asked = '. /etc/millrace/redis/lib.sh; redis_cli millrace-cluster cluster_password cluster nodes';

/** The service that owns the key's slot, as the node in `askedService` sees it. @throws when it sees none */
export async function ownerOf(deployment: ComposeDeployment, key: string, askedService: string): Promise<string> {
  const slot = slotOf(key);
  const table = await deployment.compose(['exec', '-T', askedService, 'sh', '-c', asked]);
  for (const line of table.split('\n')) {
    const [, address = '', flags = '', , , , , , ...ranges] = line.trim().split(' ');
    const owns = ranges.some((range) => {
      const [from = '', to = from] = range.split('-');
      return Number(from) <= slot && slot <= Number(to);
    });
    if (owns && !flags.includes('fail')) return (address.split(',')[1] ?? '').replace('-', '_');
  }
  throw new Error(`no node owns slot ${slot}:\n${table}`);
}

/** The next owner, once the node in `askedService` knows one. */
export async function newOwnerOf(deployment: ComposeDeployment, key: string, old: string, askedService: string) {
  let owner = old;
  await until(`another node than ${old} owns ${key}`, 60_000, async () => {
    owner = await ownerOf(deployment, key, askedService);
    return owner !== old;
  });
  return owner;
}

/** The sentinels together: whether they name one master. Their answers also tell which data servers there are. */
import type { HostPort } from '../../config/redis-target.ts';
import { askServer, sentinelAccess } from '../../redis/index.ts';
import { type Checked, fault } from '../report.ts';
import { plural } from '../units.ts';
import { readSentinel, type SentinelTarget } from './sentinel.ts';

/** The data servers that the sentinels know: masters first, each once. */
export async function serversBehindSentinels(
  target: SentinelTarget,
): Promise<{ readonly servers: readonly HostPort[]; readonly agreement: Checked }> {
  const answers = await Promise.all(
    target.sentinels.map((sentinel) =>
      askServer(sentinel, sentinelAccess(target), (call) => readSentinel(call, target.masterName)),
    ),
  );
  const views = answers.flatMap(({ answer }) => (answer?.master ? [{ ...answer, master: answer.master }] : []));
  const masters = unique(views.map(({ master }) => master));
  const servers = unique([...masters, ...views.flatMap(({ replicas }) => replicas)]);
  return { servers, agreement: agreementOf(target, views.length, masters) };
}

function agreementOf(target: SentinelTarget, answering: number, masters: readonly HostPort[]): Checked {
  const names = masters.map(nameOf);
  const findings = [];
  if (answering === 0)
    findings.push(
      fault(
        'redis_master_unknown',
        `No sentinel says where "${target.masterName}" is, so nothing can be connected.`,
        'Mend what is said of each sentinel.',
      ),
    );
  if (names.length > 1)
    findings.push(
      fault(
        'sentinels_disagree',
        `The sentinels name different masters: ${names.join(' and ')}.`,
        'Look again in a few seconds, after a failover. If it stays, some of them are cut off from the others, or watch another Redis under the same name.',
      ),
    );
  return {
    subject: `sentinels of ${target.masterName}`,
    found:
      names.length === 1
        ? `${plural(answering, 'sentinel')} of ${target.sentinels.length} name ${names[0]}`
        : `${plural(names.length, 'master')} named`,
    facts: { sentinels: target.sentinels.length, answering, masters: names },
    findings,
    unseen: [],
  };
}

const nameOf = ({ host, port }: HostPort) => `${host}:${port}`;

const unique = (servers: readonly HostPort[]): HostPort[] => [
  ...new Map(servers.map((server) => [nameOf(server), server])).values(),
];

/** One sentinel: whom it watches, how many others it knows, and whether they could agree on a failover. */
import type { HostPort, RedisTarget } from '../../config/redis-target.ts';
import { errorText } from '../../errors.ts';
import { askServer, isDenied, type ServerCall, sentinelAccess } from '../../redis/index.ts';
import { faultOf, sentence } from '../causes.ts';
import { parseInfo } from '../redis-facts.ts';
import { pairs, pairsOfEach } from '../replies.ts';
import { type Checked, type Finding, failed, fault, warning } from '../report.ts';
import { plural } from '../units.ts';

export type SentinelTarget = RedisTarget & { readonly topology: 'sentinel' };

/** What a sentinel says of the master that we ask for. */
export interface SentinelView {
  readonly version: string | undefined;
  /** Undefined: it watches no master of that name. */
  readonly master: HostPort | undefined;
  readonly replicas: readonly HostPort[];
  readonly flags: string | undefined;
  readonly otherSentinels: number | undefined;
  readonly quorum: number | undefined;
  readonly downAfterMs: number | undefined;
  /** `SENTINEL CKQUORUM`: its words, and whether they are good. */
  readonly agreement: { readonly ok: boolean; readonly words: string } | undefined;
  readonly unseen: readonly string[];
}

/** Fewer cannot outvote one that is cut off. */
const leastSentinels = 3;

/** @throws when it stops answering */
export async function readSentinel(call: ServerCall, masterName: string): Promise<SentinelView> {
  const unseen: string[] = [];
  const seen = async (answer: Promise<unknown>, whatIsMissing: string) => {
    try {
      return await answer;
    } catch (error) {
      if (isDenied(error)) unseen.push(whatIsMissing);
      // an unknown master: told by the address that is not there
      else if (!(error instanceof Error && /No such master|NOGOODSLAVE/i.test(error.message))) throw error;
      return undefined;
    }
  };
  const address = await seen(
    call('sentinel', 'get-master-addr-by-name', masterName),
    'SENTINEL GET-MASTER-ADDR-BY-NAME is denied: where the master is',
  );
  const state = pairs(
    await seen(
      call('sentinel', 'master', masterName),
      'SENTINEL MASTER is denied: quorum, other sentinels, state of the master',
    ),
  );
  const replicas = pairsOfEach(
    await seen(call('sentinel', 'replicas', masterName), 'SENTINEL REPLICAS is denied: the replicas and their state'),
  );
  const info = parseInfo(String((await seen(call('info', 'server'), 'INFO is denied: version')) ?? ''));
  const number = (name: string) => (state.has(name) ? Number(state.get(name)) : undefined);
  return {
    version: info.get('redis_version'),
    master: Array.isArray(address) ? { host: String(address[0]), port: Number(address[1]) } : undefined,
    replicas: replicas.map((fields) => ({ host: fields.get('ip') ?? '', port: Number(fields.get('port')) })),
    flags: state.get('flags'),
    otherSentinels: number('num-other-sentinels'),
    quorum: number('quorum'),
    downAfterMs: number('down-after-milliseconds'),
    agreement: Array.isArray(address) ? await readAgreement(call, masterName, unseen) : undefined,
    unseen,
  };
}

async function readAgreement(call: ServerCall, masterName: string, unseen: string[]) {
  try {
    return { ok: true, words: String(await call('sentinel', 'ckquorum', masterName)) };
  } catch (error) {
    const words = errorText(error);
    if (/^NOQUORUM/.test(words)) return { ok: false, words };
    if (!isDenied(error)) throw error;
    unseen.push('SENTINEL CKQUORUM is denied: whether the sentinels could agree on a failover');
    return undefined;
  }
}

export async function checkSentinel(server: HostPort, target: SentinelTarget): Promise<Checked> {
  const at = `${server.host}:${server.port}`;
  const subject = `sentinel ${at}`;
  const { masterName } = target;
  const { answer: view, cause } = await askServer(server, sentinelAccess(target), (call) =>
    readSentinel(call, masterName),
  );
  if (cause) return failed(subject, atSentinel(faultOf(cause), at));
  const { master, quorum, otherSentinels } = view;
  const found = [
    master ? `${masterName} is at ${master.host}:${master.port}` : `knows no ${masterName}`,
    view.version && `Redis ${view.version}`,
    otherSentinels !== undefined && plural(otherSentinels, 'other sentinel'),
    quorum !== undefined && `quorum ${quorum}${view.agreement?.ok ? ' reachable' : ''}`,
  ];
  return {
    subject,
    found: found.filter(Boolean).join(', '),
    facts: {
      version: view.version ?? null,
      master: master ? `${master.host}:${master.port}` : null,
      master_flags: view.flags ?? null,
      replicas: view.replicas.map(({ host, port }) => `${host}:${port}`),
      other_sentinels: otherSentinels ?? null,
      quorum: quorum ?? null,
      quorum_reachable: view.agreement?.ok ?? null,
      down_after_ms: view.downAfterMs ?? null,
    },
    findings: judgeSentinel(at, view, masterName),
    unseen: view.unseen,
  };
}

/** The words for data servers name the wrong thing here. */
const atSentinel = (finding: Finding, at: string): Finding => ({
  ...finding,
  message: finding.message.replace('The Redis at ', 'The sentinel at '),
  mend:
    finding.code === 'redis_unreachable'
      ? `Start the sentinel at ${at} again, or take it out of REDIS_SENTINELS (or CELERY_BROKER_URL) if it is gone for good.`
      : finding.mend,
});

export function judgeSentinel(at: string, view: SentinelView, masterName: string): Finding[] {
  if (!view.master)
    return view.unseen.some((text) => text.includes('GET-MASTER-ADDR'))
      ? [
          fault(
            'sentinel_denied',
            `The sentinel at ${at} does not let our user ask where the master is.`,
            'Allow sentinel|get-master-addr-by-name and sentinel|sentinels in the ACL of REDIS_SENTINEL_USERNAME.',
          ),
        ]
      : [
          fault(
            'redis_master_unknown',
            `The sentinel at ${at} watches no master named "${masterName}".`,
            'Set REDIS_SENTINEL_SERVICE_NAME (or CELERY_SENTINEL_MASTER_NAME) to the name in its "sentinel monitor" line, or add that line.',
          ),
        ];
  const findings: Finding[] = [];
  if (view.agreement?.ok === false)
    findings.push(
      fault(
        'sentinel_no_quorum',
        sentence(`The sentinels could not agree on a failover, says the one at ${at}: ${view.agreement.words}`),
        'Bring the other sentinels back; a majority of all that are known must answer, and as many as the quorum.',
      ),
    );
  if (view.flags?.includes('down'))
    findings.push(
      fault(
        'sentinel_master_down',
        `The sentinel at ${at} takes the master for down (${view.flags}).`,
        'A failover should be under way: look again in a few seconds. If it stays, no replica is fit to take over.',
      ),
    );
  if (view.otherSentinels !== undefined && view.otherSentinels + 1 < leastSentinels)
    findings.push(
      warning(
        'sentinels_few',
        `The sentinel at ${at} knows ${plural(view.otherSentinels, 'other')}: with fewer than ${leastSentinels} in all, losing one leaves no majority for a failover.`,
        `Run ${leastSentinels} sentinels on machines that fail apart.`,
      ),
    );
  return findings;
}

/** A cluster as a whole: its state, its slots, its nodes. Its answers also tell which nodes there are. */
import type { HostPort, RedisTarget } from '../../config/redis-target.ts';
import { askServer, dataAccess, isDenied, type ServerCall } from '../../redis/index.ts';
import { parseInfo } from '../redis-facts.ts';
import { type Checked, type Finding, fault, warning } from '../report.ts';

export type ClusterTarget = RedisTarget & { readonly topology: 'cluster' };

const slots = 16_384;

export interface ClusterNode extends HostPort {
  readonly id: string;
  /** As it announces itself, beside its address. */
  readonly hostname: string | undefined;
  readonly flags: readonly string[];
  /** Of a replica: its master's id. */
  readonly masterId: string | undefined;
  readonly slots: number;
}

export interface ClusterView {
  /** The id of the node that was asked. */
  readonly self: string | undefined;
  readonly state: string | undefined;
  readonly slotsAssigned: number | undefined;
  readonly slotsOk: number | undefined;
  readonly slotsFail: number | undefined;
  readonly slotsSuspected: number | undefined;
  readonly nodes: readonly ClusterNode[];
  readonly unseen: readonly string[];
}

/** @throws when it stops answering, or is no cluster */
export async function readCluster(call: ServerCall): Promise<ClusterView> {
  const unseen: string[] = [];
  const seen = async (answer: Promise<unknown>, whatIsMissing: string) => {
    try {
      return String(await answer);
    } catch (error) {
      if (!isDenied(error)) throw error;
      unseen.push(whatIsMissing);
      return '';
    }
  };
  const info = parseInfo(await seen(call('cluster', 'info'), 'CLUSTER INFO is denied: state and slots of the cluster'));
  const text = await seen(call('cluster', 'nodes'), 'CLUSTER NODES is denied: which nodes there are, and their state');
  const nodes = parseNodes(text);
  const number = (name: string) => (info.has(name) ? Number(info.get(name)) : undefined);
  return {
    self: nodes.find(({ flags }) => flags.includes('myself'))?.id,
    state: info.get('cluster_state'),
    slotsAssigned: number('cluster_slots_assigned'),
    slotsOk: number('cluster_slots_ok'),
    slotsFail: number('cluster_slots_fail'),
    slotsSuspected: number('cluster_slots_pfail'),
    nodes,
    unseen,
  };
}

/** Lines of `id host:port@bus,hostname flags master ping pong epoch link slot slot-slot …`. */
export function parseNodes(text: string): ClusterNode[] {
  return text.split('\n').flatMap((line) => {
    const [id, address, flags, master, , , , , ...ranges] = line.trim().split(' ');
    const match = /^(.*):(\d+)@\d+(?:,([^,=]*))?/.exec(address ?? '');
    if (!id || !match || !flags) return [];
    return [
      {
        id,
        host: match[1] ?? '',
        port: Number(match[2]),
        hostname: match[3] || undefined,
        flags: flags.split(','),
        masterId: master === '-' ? undefined : master,
        slots: ranges.reduce((sum, range) => sum + slotsIn(range), 0),
      },
    ];
  });
}

/** `5`, `5-9`; slots on their way (`[5->-…]`) are counted where they stand. */
function slotsIn(range: string): number {
  const [, from, to = from] = /^(\d+)(?:-(\d+))?$/.exec(range) ?? [];
  return from === undefined ? 0 : Number(to) - Number(from) + 1;
}

/** The nodes to look at one by one, and what the first that answers says of the whole. */
export async function clusterOverview(
  target: ClusterTarget,
): Promise<{ readonly servers: readonly HostPort[]; readonly whole: Checked | undefined }> {
  const access = dataAccess(target);
  const answers = await Promise.all(
    target.nodes.map(async (node) => ({ node, view: (await askServer(node, access, readCluster)).answer })),
  );
  const views = answers.flatMap(({ view }) => (view ? [view] : []));
  const known = new Set(views.flatMap(({ self }) => self ?? []));
  // a node that is configured by another name than it announces is one node all the same
  const others = (views[0]?.nodes ?? []).filter(({ id, flags }) => !known.has(id) && !flags.includes('noaddr'));
  const servers = new Map(
    [...target.nodes, ...others.map((node) => addressOf(node, target))].map(({ host, port }) => [
      `${host}:${port}`,
      { host, port },
    ]),
  );
  // a node that is cut off sees less than the others: the worst view is told
  const worst = views.find(({ state }) => state !== undefined && state !== 'ok') ?? views[0];
  return { servers: [...servers.values()], whole: worst && describeCluster(worst, views) };
}

/** Certificates hold names, so with TLS a node is reached by its own, as workers do. */
const addressOf = ({ host, hostname, port }: ClusterNode, { tls }: ClusterTarget): HostPort => ({
  host: tls && hostname ? hostname : host,
  port,
});

function describeCluster(view: ClusterView, views: readonly ClusterView[]): Checked {
  const masters = view.nodes.filter(({ flags }) => flags.includes('master'));
  const replicas = view.nodes.length - masters.length;
  const found = [
    view.state && `state ${view.state}`,
    view.slotsOk !== undefined && `${view.slotsOk} of ${slots} slots served`,
    view.nodes.length > 0 && `${masters.length} masters, ${replicas} replicas`,
  ];
  return {
    subject: 'redis cluster',
    found: found.filter(Boolean).join(', ') || 'answers',
    facts: {
      state: view.state ?? null,
      slots_assigned: view.slotsAssigned ?? null,
      slots_ok: view.slotsOk ?? null,
      slots_suspected: view.slotsSuspected ?? null,
      slots_failed: view.slotsFail ?? null,
      nodes: view.nodes.map(({ id, host, port, flags, slots: own }) => ({
        id,
        address: `${host}:${port}`,
        flags,
        slots: own,
      })),
    },
    findings: [...judgeCluster(view), ...judgeLoneMasters(views)],
    unseen: view.unseen,
  };
}

export function judgeCluster(view: ClusterView): Finding[] {
  const findings: Finding[] = [];
  const { slotsAssigned = slots, slotsOk = slots } = view;
  if (slotsAssigned < slots)
    findings.push(
      fault(
        'cluster_slots_unassigned',
        `${slots - slotsAssigned} of the cluster's ${slots} slots belong to no node: queues whose keys lie there do not work${view.state === 'fail' ? ', and the whole cluster refuses work' : ''}.`,
        'Give them to a node: redis-cli --cluster fix HOST:PORT.',
      ),
    );
  if (slotsOk < slotsAssigned)
    findings.push(
      fault(
        'cluster_slots_down',
        `${slotsAssigned - slotsOk} of the cluster's slots belong to nodes that do not answer.`,
        'Bring these nodes back, or promote a replica of each (CLUSTER FAILOVER TAKEOVER on the replica).',
      ),
    );
  if (view.state === 'fail' && slotsAssigned === slots && slotsOk === slots)
    findings.push(
      fault(
        'cluster_failing',
        'The cluster says that its state is "fail", and refuses work.',
        'A majority of its masters must reach each other: see what is said of each node.',
      ),
    );
  for (const node of view.nodes.filter(isAway))
    findings.push(
      fault(
        'cluster_node_away',
        `The cluster takes the ${node.flags.includes('master') ? 'master' : 'replica'} at ${node.host}:${node.port} for failed.`,
        'Start it again; if it is gone for good, remove it: redis-cli --cluster del-node HOST:PORT ID, where another node is HOST:PORT.',
      ),
    );
  return findings;
}

const isAway = ({ flags }: ClusterNode) => flags.includes('fail') || flags.includes('fail?');

/** Masters with slots that every node takes for alone: one that has just joined may not know of all replicas yet. */
export function judgeLoneMasters(views: readonly ClusterView[]): Finding[] {
  const told = views.filter(({ nodes }) => nodes.length > 0).map(loneMasters);
  const [first = [], ...others] = told;
  return first
    .filter(({ id }) => others.every((masters) => masters.some((master) => master.id === id)))
    .map(({ host, port }) =>
      warning(
        'cluster_master_alone',
        `The master at ${host}:${port} has no replica that lives: if it is lost, its slots are.`,
        'Add a replica: redis-cli --cluster add-node NEW HOST:PORT --cluster-slave --cluster-master-id ID.',
      ),
    );
}

function loneMasters({ nodes }: ClusterView): ClusterNode[] {
  const living = nodes.filter((node) => !isAway(node));
  return living.filter(
    ({ id, flags, slots: own }) =>
      flags.includes('master') && own > 0 && !living.some(({ masterId }) => masterId === id),
  );
}

/** Part 2: documents through the whole of Millrace, from the upload until they can be searched. */
import { postgresServer, type RunningPostgres } from '../../test/harness/postgres.ts';
import { table } from '../../worker/cli/table.ts';
import { type Endpoint, startEndpoint } from './endpoint.ts';
import type { Goal, PartResult } from './extraction.ts';
import { idleWorkerBytes } from './idle-worker.ts';
import type { Indexed } from './indexed.ts';
import { makeLoad } from './loads.ts';
import { type BenchRow, figure, median, row } from './report.ts';
import { databaseSettings, endpointSettings, type Millrace, startMillrace } from './subjects.ts';

const rounds = 3;
/** Documents of a round. The embedded model makes 10 segments a second and thread, so it gets fewer. */
const documents = { atOnce: 48, embedded: 6, warmUp: 4 } as const;
/** As OpenAI's small embedding model has. */
const dimensions = 1536;
const overheadGoalMs = 15;
const idleGoalBytes = 150e6;

interface Measured {
  readonly name: string;
  readonly rounds: (Indexed & { readonly endpointSeconds: number })[];
  readonly peakBytes: number;
}

export async function measurePipeline(say: (text?: string) => void, signal: AbortSignal): Promise<PartResult> {
  await using stack = new AsyncDisposableStack();
  const postgres = await startPostgres(stack, say);
  const measured: Measured[] = [];
  {
    await using endpoint = await startEndpoint(dimensions);
    await using own = new AsyncDisposableStack();
    const on = [own.use(await startMillrace('endpoint that answers at once, PGlite', endpointSettings(endpoint)))];
    if (postgres) {
      const env = { ...endpointSettings(endpoint), ...(await databaseSettings(postgres)) };
      on.push(own.use(await startMillrace('endpoint that answers at once, Postgres 17', env)));
    }
    measured.push(...(await inTurn(on, documents.atOnce, endpoint, signal)));
  }
  {
    await using embedded = await startMillrace('embedded model, PGlite', {});
    measured.push(...(await inTurn([embedded], documents.embedded, undefined, signal)));
  }
  const idle = postgres ? await idleWorkerBytes(await databaseSettings(postgres)) : [];
  print(measured, idle, say);
  return { rows: [...measured.flatMap(rowsOf), ...idleRows(idle)], goals: goalsOf(measured, idle) };
}

async function startPostgres(
  stack: AsyncDisposableStack,
  say: (text?: string) => void,
): Promise<RunningPostgres | undefined> {
  try {
    return stack.use(await postgresServer.start());
  } catch (error) {
    say(`Without Postgres: ${error instanceof Error ? error.message : String(error)}\n`);
    return undefined;
  }
}

/** A warm-up for each, then the rounds in turn; every load is new to all of them. */
async function inTurn(
  on: readonly Millrace[],
  size: number,
  endpoint: Endpoint | undefined,
  signal: AbortSignal,
): Promise<Measured[]> {
  const done = on.map((millrace) => ({ millrace, rounds: [] as Measured['rounds'] }));
  const warmUp = await makeLoad(documents.warmUp, 1);
  for (const millrace of on) await millrace.index(warmUp);
  for (let round = 0; round < rounds; round += 1) {
    const load = await makeLoad(size, round + 2);
    for (const { millrace, rounds: taken } of done) {
      signal.throwIfAborted();
      const before = endpoint?.seconds ?? 0;
      const indexed = await millrace.index(load);
      taken.push({ ...indexed, endpointSeconds: (endpoint?.seconds ?? 0) - before });
    }
  }
  return done.map(({ millrace, rounds: taken }) => ({
    name: millrace.name,
    rounds: taken,
    peakBytes: millrace.peakBytes,
  }));
}

const documentsAMinute = ({ rounds: taken }: Measured) => taken.map((one) => (one.documents / one.seconds) * 60);
const segmentsASecond = ({ rounds: taken }: Measured) => taken.map((one) => one.segments / one.seconds);
const overhead = ({ rounds: taken }: Measured) =>
  taken.map((one) => ((one.seconds - one.endpointSeconds) * 1000) / one.segments);
const atOnce = ({ name }: Measured) => name.startsWith('endpoint');

function print(measured: readonly Measured[], idle: readonly number[], say: (text?: string) => void): void {
  say(
    'Whole pipeline: upload by HTTP until the last document is completed (half TXT, a quarter each PDF and DOCX, automatic rule,\n' +
      `high quality). A warm-up first; medians of ${rounds} rounds in turn (least - most). Overhead: all but the endpoint's own time.\n` +
      `Endpoint: ${dimensions} dimensions. Peak: resident memory of the process and its children, shared pages counted in each.`,
  );
  const spread = (values: readonly number[]) =>
    `${figure(median(values))} (${figure(Math.min(...values))} - ${figure(Math.max(...values))})`;
  const lines = measured.map((one) => [
    one.name,
    `${one.rounds[0]?.documents} / ${one.rounds[0]?.segments}`,
    spread(documentsAMinute(one)),
    spread(segmentsASecond(one)),
    atOnce(one) ? spread(overhead(one)) : '-',
    `${Math.round(one.peakBytes / 1e6)} MB`,
  ]);
  const head = ['with', 'documents / segments', 'documents/min', 'segments/s', 'overhead ms/segment', 'peak'];
  say(`${table(head, lines)}\n`);
  if (idle.length > 0) say(`Idle MODE=worker on Postgres and Redis: ${Math.round(median(idle) / 1e6)} MB resident\n`);
}

function rowsOf(one: Measured): BenchRow[] {
  return [
    row(one.name, 'documents', 'documents/min', documentsAMinute(one)),
    row(one.name, 'segments', 'segments/s', segmentsASecond(one)),
    ...(atOnce(one) ? [row(one.name, 'overhead', 'ms/segment', overhead(one))] : []),
    row(one.name, 'peak memory of the process tree', 'bytes', [one.peakBytes]),
  ];
}

const idleRows = (idle: readonly number[]) =>
  idle.length > 0 ? [row('idle worker, Postgres and Redis', 'resident memory', 'bytes', idle)] : [];

function goalsOf(measured: readonly Measured[], idle: readonly number[]): Goal[] {
  const goals = measured.filter(atOnce).map((one) => ({
    name: `overhead with ${one.name}, under ${overheadGoalMs} ms a segment`,
    figure: `${figure(median(overhead(one)))} ms`,
    met: median(overhead(one)) < overheadGoalMs,
  }));
  if (idle.length === 0) return goals;
  const bytes = median(idle);
  const name = `idle worker, under ${idleGoalBytes / 1e6} MB`;
  return [...goals, { name, figure: `${Math.round(bytes / 1e6)} MB`, met: bytes < idleGoalBytes }];
}

/** What Redis says, within a bound: whoever asks why may ask because it is away. */
import { type QueueName, queuePrefix } from '../../queues.ts';
import { answered } from '../../within.ts';
import type { Broker } from '../broker.ts';
import type { JobFacts, RedisFacts } from './facts.ts';

/** Below the command timeout of a producer. */
const answerMs = 1500;

const inTime = <T>(answer: Promise<T>): Promise<T | undefined> => answered(answerMs, answer).catch(() => undefined);

export async function readRedis(broker: Broker): Promise<RedisFacts> {
  const { awaySince } = broker;
  const awaySeconds = awaySince === undefined ? undefined : (Date.now() - awaySince.getTime()) / 1000;
  if (!broker.ready) return { answers: false, awaySeconds };
  const answer = await inTime(broker.connection.ping());
  return { answers: answer !== undefined, awaySeconds };
}

/** Where a job stands; undefined when Redis does not say. */
export async function readJob(broker: Broker, queue: QueueName, id: string): Promise<JobFacts | undefined> {
  if (!broker.ready) return undefined;
  const { connection } = broker;
  const prefix = `${queuePrefix(queue)}:${queue}`;
  const answer = await inTime(
    Promise.all([
      connection.exists(`${prefix}:${id}`),
      connection.zrank(`${prefix}:prioritized`, id),
      connection.lpos(`${prefix}:active`, id),
      connection.zscore(`${prefix}:delayed`, id),
      connection.lpos(`${prefix}:wait`, id),
      connection.llen(`${prefix}:wait`),
    ]),
  );
  if (!answer) return undefined;
  const [exists, rank, active, delayed, place, waiting] = answer;
  if (exists === 0) return { state: 'missing', ahead: 0 };
  if (active !== null) return { state: 'active', ahead: 0 };
  if (delayed !== null) return { state: 'delayed', ahead: 0 };
  // jobs without a priority, which only other clients add, are taken first, from the end of their list
  if (place !== null) return { state: 'waiting', ahead: waiting - 1 - place };
  return { state: 'waiting', ahead: waiting + (rank ?? 0) };
}

/** Connects as the environment says, ends once the connection was given up so often as the argument says. */
import { connectRedis } from '../../../worker/redis/index.ts';
import { createLogger } from '../../../worker/telemetry/logger.ts';
import { targetsOf } from '../../harness/redis.ts';

const environment = Object.fromEntries(Object.entries(process.env).map(([name, value]) => [name, value ?? '']));
const tries = Number(process.argv[2]);
const log = createLogger({ level: 'debug', plain: false });
const redis = connectRedis(targetsOf(environment).broker, 'producer', log);
let closed = 0;
redis.on('close', () => {
  closed += 1;
  if (closed === tries) redis.disconnect();
});

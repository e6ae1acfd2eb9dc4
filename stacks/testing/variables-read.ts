/** Which variables the stacks read. */
import { readSettings } from '../settings.ts';

/** Values under which every branch of the settings is taken. */
const branches: Readonly<Record<string, string>> = {
  MILLRACE_TOPOLOGY: 'external',
  DB_HOST: 'db',
  REDIS_CLUSTERS: 'redis:6379',
  MILLRACE_OBSERVABILITY: 'prometheus',
};

/** Names that settings are asked for, whatever is chosen. */
export function variablesRead(): ReadonlySet<string> {
  const read = new Set<string>();
  const watched = (values: Readonly<Record<string, string>>) =>
    new Proxy(values, {
      get(target, name, receiver) {
        if (typeof name === 'string') read.add(name);
        return Reflect.get(target, name, receiver);
      },
    });
  readSettings(watched(branches));
  readSettings(watched({ ...branches, MILLRACE_STATE_BACKEND: 'pg' }));
  return read;
}

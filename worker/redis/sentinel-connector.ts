/**
 * The way to a master through sentinels, quiet on standard error. The library listens to sentinels for failovers with clients
 * that nobody else sees, and prints what befalls them with `console.error`: a sentinel that is down, a TLS handshake that was
 * cut short because the master refused the password.
 */
import { Redis, type RedisOptions, SentinelConnector } from 'ioredis';

/** The method of the library's connector that makes a client to a sentinel; it is not part of its types. */
const clientMaker = 'connectToSentinel';

/**
 * A connector whose clients to sentinels tell `onError` of their errors: for the option `Connector`. Should a later version
 * of the library make its clients elsewhere, this changes nothing and they are loud again.
 */
export function sentinelConnector(onError: (error: Error) => void): NonNullable<RedisOptions['Connector']> {
  return class extends SentinelConnector {
    // the library names the options `unknown` here and hands over those of the connection
    constructor(options: unknown) {
      super(options as RedisOptions);
      const make: unknown = Reflect.get(this, clientMaker);
      if (typeof make !== 'function') return;
      Reflect.set(this, clientMaker, (...args: unknown[]): unknown => {
        const client: unknown = Reflect.apply(make, this, args);
        if (client instanceof Redis) client.on('error', onError);
        return client;
      });
    }
  };
}

/**
 * Stands where a dependency is passed in that building something must not use: routes and tasks are described by their
 * schemas, and nothing is called to write those down.
 */
export function untouched<T extends object>(name: string): T {
  return new Proxy(
    {},
    {
      get(_target, member) {
        throw new Error(
          `${name}.${String(member)} was used while the docs were generated; describing must call nothing`,
        );
      },
    },
    // the proxy refuses every use, so that it may stand for any type
  ) as T;
}

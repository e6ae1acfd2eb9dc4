/** Replies of Redis in shapes that can be read. */

/** Names and values in turn, as `SENTINEL MASTER` gives them. */
export function pairs(reply: unknown): ReadonlyMap<string, string> {
  if (!Array.isArray(reply)) return new Map();
  return new Map(reply.flatMap((name, at) => (at % 2 === 0 ? [[String(name), String(reply[at + 1])]] : [])));
}

/** A list of those, as `SENTINEL REPLICAS` gives it. */
export const pairsOfEach = (reply: unknown): ReadonlyMap<string, string>[] =>
  Array.isArray(reply) ? reply.map(pairs) : [];

/** Ids of the containers whose processes wrote into a log file: a container's host name begins its id. */
export function writersOf(text: string): readonly string[] {
  const lines = text.split('\n').filter((line) => line !== '');
  const hosts = lines.map((line): { readonly hostname: string } => JSON.parse(line)).map(({ hostname }) => hostname);
  return [...new Set(hosts)].sort();
}

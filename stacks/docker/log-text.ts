/** Docker Engine sends both output streams as frames: one byte for the stream, three of nothing, four for the length. */
const headerBytes = 8;

/** The text of such frames; what is not framed (a container with a terminal) is taken as it is. */
export function logText(content: Buffer): string {
  const parts: Buffer[] = [];
  let at = 0;
  while (at + headerBytes <= content.length) {
    const stream = content[at] ?? 0;
    if (stream > 2 || content.readUIntBE(at + 1, 3) !== 0) return content.toString('utf8');
    const end = at + headerBytes + content.readUInt32BE(at + 4);
    parts.push(content.subarray(at + headerBytes, end));
    at = end;
  }
  return at === 0 ? content.toString('utf8') : Buffer.concat(parts).toString('utf8');
}

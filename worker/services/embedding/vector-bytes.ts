/** Vectors as the database keeps them: little-endian float32, whatever the machine. */

const bytesPerFloat = 4;
const littleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

export function vectorToBytes(vector: Float32Array): Uint8Array {
  const bytes = new Uint8Array(vector.length * bytesPerFloat);
  if (littleEndian) {
    bytes.set(new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength));
    return bytes;
  }
  const view = new DataView(bytes.buffer);
  vector.forEach((value, i) => {
    view.setFloat32(i * bytesPerFloat, value, true);
  });
  return bytes;
}

/** Undefined when the bytes are not `dimensions` floats. Copies: a driver's buffer may be unaligned and part of a larger one. */
export function bytesToVector(bytes: Uint8Array, dimensions: number): Float32Array | undefined {
  if (bytes.byteLength !== dimensions * bytesPerFloat) return undefined;
  const vector = new Float32Array(dimensions);
  if (littleEndian) {
    new Uint8Array(vector.buffer).set(bytes);
    return vector;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let i = 0; i < dimensions; i++) vector[i] = view.getFloat32(i * bytesPerFloat, true);
  return vector;
}

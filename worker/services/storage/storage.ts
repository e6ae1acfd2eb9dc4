/** Files of tenants, in any store that OpenDAL speaks to. Streams both ways: memory does not grow with a file's size. */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { MillraceError } from '../../errors.ts';

export interface StoredFile {
  readonly key: string;
  readonly sizeBytes: number;
  readonly sha256: string;
}

export interface Storage {
  /**
   * Writes a stream under `key`.
   * @throws MillraceError `storage_failed`; what was written of it is deleted.
   */
  put(key: string, content: AsyncIterable<Uint8Array>): Promise<StoredFile>;
  /** @throws MillraceError `file_missing`, `storage_failed` */
  open(key: string): Promise<Readable>;
  /** A key that does not exist is no error. */
  delete(key: string): Promise<void>;
  /** Whether the store can be reached and written. @throws MillraceError `storage_failed` */
  check(): Promise<void>;
}

/** Bytes read and written at a time. S3 wants parts of at least 5 MiB; OpenDAL gathers them. */
const chunkBytes = 1024 * 1024;

export interface StorageSettings {
  /** OpenDAL service: `fs`, `s3`, … */
  readonly scheme: string;
  /** Its options, as OpenDAL names them: `root`, `bucket`, … */
  readonly options: Readonly<Record<string, string>>;
}

/**
 * A storage that is opened when it is first used: its library takes 10 MB, which a worker without documents never needs. For settings
 * that cannot be wrong only, since a wrong one should be told at the start.
 */
export function openStorageLater(settings: StorageSettings): Storage {
  let opened: Promise<Storage> | undefined;
  const storage = () => {
    opened ??= openStorage(settings);
    return opened;
  };
  return {
    put: async (key, content) => (await storage()).put(key, content),
    open: async (key) => (await storage()).open(key),
    delete: async (key) => (await storage()).delete(key),
    check: async () => (await storage()).check(),
  };
}

export async function openStorage({ scheme, options }: StorageSettings): Promise<Storage> {
  const { Operator } = await import('opendal');
  const operator = connect(() => new Operator(scheme, { ...options }), scheme);

  const failed = (what: string, cause: unknown) => {
    const missing = cause instanceof Error && /NotFound/.test(cause.message);
    return missing
      ? new MillraceError({ code: 'file_missing', message: `${what}: there is no such file in storage.`, cause })
      : new MillraceError({
          code: 'storage_failed',
          message: `${what}: the storage (${scheme}) did not do it.`,
          hint: 'Check OPENDAL_SCHEME and its options, and whether the store is full or unreachable.',
          cause,
        });
  };

  const remove = async (key: string) => {
    try {
      await operator.delete(key);
    } catch (cause) {
      throw failed(`Deleting ${key}`, cause);
    }
  };

  return {
    async put(key, content) {
      const hash = createHash('sha256');
      let sizeBytes = 0;
      try {
        const writer = await operator.writer(key);
        for await (const chunk of content) {
          hash.update(chunk);
          sizeBytes += chunk.length;
          await writer.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length));
        }
        await writer.close();
      } catch (cause) {
        await remove(key).catch(() => undefined);
        throw cause instanceof MillraceError ? cause : failed(`Writing ${key}`, cause);
      }
      return { key, sizeBytes, sha256: hash.digest('hex') };
    },
    async open(key) {
      try {
        await operator.stat(key);
        const reader = await operator.reader(key);
        return Readable.from(chunksOf(reader), { objectMode: false, highWaterMark: chunkBytes });
      } catch (cause) {
        throw failed(`Reading ${key}`, cause);
      }
    },
    delete: remove,
    async check() {
      const probe = `.probe-${process.pid}`;
      try {
        await operator.write(probe, 'ok');
        await operator.delete(probe);
      } catch (cause) {
        throw failed('Probing', cause);
      }
    },
  };
}

function connect<T>(open: () => T, scheme: string): T {
  try {
    return open();
  } catch (cause) {
    throw new MillraceError({
      code: 'storage_misconfigured',
      message: `The storage service "${scheme}" cannot be used as it is set up.`,
      hint: 'Its options are given as OPENDAL_<SCHEME>_<OPTION>.',
      cause,
    });
  }
}

async function* chunksOf(reader: { read(buffer: Buffer): Promise<bigint> }): AsyncGenerator<Buffer> {
  for (;;) {
    const buffer = Buffer.allocUnsafe(chunkBytes);
    const count = Number(await reader.read(buffer));
    if (count === 0) return;
    yield buffer.subarray(0, count);
  }
}

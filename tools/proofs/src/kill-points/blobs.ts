import { Readable } from 'node:stream';
import type { BlobInfo, Blobs } from '@provider-access/engines/blob';

/** Files in a map, which can be copied at any moment. Only `put` and `commit` make a file visible. */
export function mapBlobs(files: Map<string, Buffer>): Blobs {
  const info = (name: string): BlobInfo => ({ name, bytes: files.get(name)!.byteLength });
  const put = async (name: string, content: Uint8Array | string): Promise<BlobInfo> => {
    files.set(name, Buffer.from(content as Uint8Array));
    return info(name);
  };
  return {
    put,
    writer: async (name) => {
      const chunks: Buffer[] = [];
      return {
        write: async (chunk) => void chunks.push(Buffer.from(chunk)),
        commit: () => put(name, Buffer.concat(chunks)),
        abort: async () => void chunks.splice(0),
      };
    },
    get: async (name) => files.get(name),
    range: (name, start, end) => {
      const file = files.get(name);
      if (file === undefined) throw new Error(`there is no file ${name}`);
      return Readable.from([file.subarray(start, end)], { objectMode: false });
    },
    async *list(prefix) {
      for (const name of [...files.keys()].sort()) if (name.startsWith(prefix)) yield info(name);
    },
    deletePrefix: async (prefix) => {
      for (const name of [...files.keys()]) if (name.startsWith(prefix)) files.delete(name);
    },
    remote: { module: '', options: undefined },
  };
}

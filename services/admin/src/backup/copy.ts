import { bufferOf } from '@provider-access/events';
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { once } from 'node:events';
import { createGunzip, createGzip } from 'node:zlib';
import type { PastRecord } from '@provider-access/engines/log/kafka';
import { z } from 'zod';

/**
 * A copy of topics in a folder: `manifest.json`, and a gzipped file for each partition. A line of the file is a record
 * as JSON: `[offset, time, key, headers, value in base64]`. Only the owner can read the files, because they contain
 * health data.
 */

const partition = z.object({ file: z.string(), records: z.int(), head: z.int(), sha256: z.string() });
const manifest = z.object({
  format: z.literal('provider-access-topics/1'),
  /** The copy contains everything that was acknowledged before this instant. */
  copied: z.string(),
  /** Topics by logical name, in the order of loading. */
  topics: z.array(z.object({ name: z.string(), partitions: z.array(partition) })),
});
export type Manifest = z.infer<typeof manifest>;
export type PartitionCopy = z.infer<typeof partition>;

/** A fault of a copy or of its target, in a sentence for people. */
export class CopyRefused extends Error {
  override readonly name = 'CopyRefused';
}

export interface CopiedRecord extends PastRecord {
  readonly offset: number;
}

export async function writeManifest(folder: string, content: Manifest): Promise<void> {
  await writeFile(join(folder, 'manifest.json'), `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600, flag: 'wx' });
}

/** @throws CopyRefused */
export async function readManifest(folder: string): Promise<Manifest> {
  const text = await readFile(join(folder, 'manifest.json'), 'utf8').catch(() => {
    throw new CopyRefused(`${folder} has no manifest.json: the copy was not finished`);
  });
  try {
    return manifest.parse(JSON.parse(text));
  } catch {
    throw new CopyRefused(`${folder}/manifest.json is not a manifest that this version can read`);
  }
}

/** Writes the file of a partition. Resolves with its entry of the manifest when the file is on disk. */
export async function writePartition(
  folder: string,
  file: string,
  head: number,
  records: AsyncIterable<CopiedRecord>,
): Promise<PartitionCopy> {
  await mkdir(dirname(join(folder, file)), { recursive: true, mode: 0o700 });
  const hash = createHash('sha256');
  const gzip = createGzip({ level: 1 });
  const out = createWriteStream(join(folder, file), { mode: 0o600, flags: 'wx', flush: true });
  gzip.on('data', (chunk: Buffer) => hash.update(chunk));
  gzip.pipe(out);
  let count = 0;
  for await (const { offset, timestamp, key, headers, value } of records) {
    count++;
    if (!gzip.write(`${JSON.stringify([offset, timestamp, key, headers, bufferOf(value).toString('base64')])}\n`))
      await once(gzip, 'drain');
  }
  gzip.end();
  await once(out, 'close');
  return { file, records: count, head, sha256: hash.digest('hex') };
}

/** Whether the file has the hash that the manifest lists. */
export async function isWhole(folder: string, { file, sha256 }: PartitionCopy): Promise<boolean> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of createReadStream(join(folder, file))) hash.update(chunk as Buffer);
  } catch {
    return false;
  }
  return hash.digest('hex') === sha256;
}

export async function* readPartition(folder: string, { file }: PartitionCopy): AsyncGenerator<CopiedRecord> {
  for await (const line of createInterface({
    input: createReadStream(join(folder, file)).pipe(createGunzip()),
    crlfDelay: Infinity,
  })) {
    const [offset, timestamp, key, headers, value] = JSON.parse(line) as [
      number,
      number,
      string,
      Record<string, string>,
      string,
    ];
    yield { offset, timestamp, key, headers, value: Buffer.from(value, 'base64') };
  }
}

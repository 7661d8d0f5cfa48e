import {
  closeSync,
  createReadStream,
  createWriteStream,
  fdatasyncSync,
  openSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { once } from 'node:events';
import { finished, pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import Fastify from 'fastify';
import { load, type LoadResult } from './load.ts';

/** Raw work on the same machine in the same minute. The platform's figures are ratios of it. */

/** The same lines appended to one file in batches, each followed by fdatasync. Lines a second. */
export function appendWithFsync(file: string, lines: readonly string[], batch = 500): number {
  const fd = openSync(file, 'w');
  const started = performance.now();
  for (let i = 0; i < lines.length; i += batch) {
    writeSync(fd, lines.slice(i, i + batch).join('\n') + '\n');
    fdatasyncSync(fd);
  }
  const seconds = (performance.now() - started) / 1000;
  closeSync(fd);
  rmSync(file);
  return lines.length / seconds;
}

/** The plain bytes of an export's files copied through gzip level 1, one thread. Plain MB a second. */
export async function gzipCopy(
  files: readonly string[],
  scratch: string,
): Promise<{ megabytesPerSecond: number; bytes: number }> {
  const plain = `${scratch}.plain`;
  const out = createWriteStream(plain);
  for (const file of files) {
    for await (const chunk of createReadStream(file).pipe(createGunzip()))
      if (!out.write(chunk)) await once(out, 'drain');
  }
  out.end();
  await finished(out);
  const bytes = statSync(plain).size;
  const started = performance.now();
  await pipeline(
    createReadStream(plain, { highWaterMark: 1 << 20 }),
    createGzip({ level: 1 }),
    createWriteStream(`${scratch}.gz`),
  );
  const seconds = (performance.now() - started) / 1000;
  rmSync(plain);
  rmSync(`${scratch}.gz`);
  return { megabytesPerSecond: bytes / 1e6 / seconds, bytes };
}

/**
 * A bare Fastify handler that answers one string, under the same load. It runs in this process, so its load generator
 * shares its core.
 */
export async function bareFastify(
  body: string,
  options: { connections: number; seconds: number },
): Promise<LoadResult> {
  const app = Fastify();
  app.get('/x', (_request, reply) => reply.header('content-type', 'application/fhir+json').send(body));
  const base = await app.listen({ port: 0, host: '127.0.0.1' });
  try {
    return await load({ base, targets: ['/x'], ...options });
  } finally {
    await app.close();
  }
}

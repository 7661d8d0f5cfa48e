import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { EngineUnavailable } from '../../log/index.ts';
import { eventually, sharedS3, tcpProxy, type TcpProxy } from '@provider-access/testing';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { blobsContract } from '../contract/blobs-contract.ts';
import type { Blobs } from '../port.ts';
import { openS3Blobs, type S3BlobOptions } from './index.ts';

const MiB = 1024 * 1024;
let s3: Awaited<ReturnType<typeof sharedS3>>;
beforeAll(async () => {
  s3 = await sharedS3();
});

const options = (): S3BlobOptions => ({
  bucket: s3.bucket,
  prefix: `${randomUUID()}/`,
  endpoint: s3.endpoint,
  region: s3.region,
  forcePathStyle: true,
  credentials: { accessKeyId: s3.accessKeyId, secretAccessKey: s3.secretAccessKey },
  partBytes: 5 * MiB,
});
const names = async (blobs: Blobs): Promise<string[]> => {
  const found: string[] = [];
  for await (const { name } of blobs.list('')) found.push(name);
  return found;
};

blobsContract('s3', async () => {
  const o = options();
  return { blobs: openS3Blobs(o), reopen: async () => openS3Blobs(o), dispose: async () => {} };
});

it('shows nothing of a writer whose process was killed', async () => {
  const o = options();
  const script = `const { openS3Blobs } = await import(${JSON.stringify(new URL('./index.ts', import.meta.url).href)});
    const writer = await openS3Blobs(${JSON.stringify(o)}).writer('half');
    for (let i = 0; i < 3; i++) await writer.write(Buffer.alloc(5 * 1024 * 1024, 'x'));
    process.stdout.write('written'); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--conditions=@provider-access/source', '--input-type=module', '-e', script], {
    cwd: fileURLToPath(new URL('.', import.meta.url)),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'exit');
  const blobs = openS3Blobs(o);
  expect(await blobs.get('half')).toBeUndefined();
  expect(await names(blobs)).toEqual([]);
});

describe('S3 behind a network with faults', () => {
  let proxy: TcpProxy;
  let direct: Blobs;
  let blobs: Blobs;
  /** Has a short socket timeout. */
  let impatient: Blobs;
  const content = Buffer.from(Uint32Array.from({ length: (12 * MiB) / 4 }, (_, i) => i).buffer);
  beforeEach(async () => {
    const o = options();
    proxy = await tcpProxy({ target: { port: Number(new URL(s3.endpoint).port) } });
    direct = openS3Blobs(o);
    const through = { ...o, endpoint: `http://${proxy.host}:${proxy.port}`, maxAttempts: 3 };
    blobs = openS3Blobs(through);
    impatient = openS3Blobs({ ...through, socketTimeoutMs: 300, connectionTimeoutMs: 300 });
  });
  afterEach(() => proxy.close());

  it('repeats a part after a cut connection', async () => {
    const writer = await blobs.writer('a');
    for (let at = 0; at < content.length; at += 3 * MiB) {
      await writer.write(content.subarray(at, at + 3 * MiB));
      proxy.cut();
    }
    await writer.commit();
    expect(content.equals((await direct.get('a'))!)).toBe(true);
    proxy.dropAnswers(1);
    await blobs.put('a', 'again');
    expect(Buffer.from((await direct.get('a'))!).toString()).toBe('again');
  });

  it('fails writes while the store is unreachable, shows none of them, and works when the store is back', async () => {
    await direct.put('a', 'before');
    const writer = await blobs.writer('a');
    await writer.write(content.subarray(0, 6 * MiB));
    await proxy.refuse();
    proxy.cut();
    const failures = await Promise.all(
      [
        blobs.put('b', 'x'),
        blobs.get('a'),
        blobs.deletePrefix('j/'),
        names(blobs),
        blobs.range('a', 0, 2).toArray(),
        writer.commit(),
      ].map((call) => call.catch((e: unknown) => e)),
    );
    for (const failure of failures) expect(failure).toBeInstanceOf(EngineUnavailable);
    await proxy.accept();
    expect(await names(direct)).toEqual(['a']);
    expect(Buffer.from((await blobs.get('a'))!).toString()).toBe('before');
  });

  it('does not wait for ever for a store that is silent', async () => {
    await direct.put('a', 'x');
    expect(await blobs.get('a')).toBeDefined();
    proxy.pause();
    expect(await impatient.get('a').catch((e: unknown) => e)).toBeInstanceOf(EngineUnavailable);
    proxy.resume();
    expect(await blobs.get('a')).toBeDefined();
  });

  it('continues a download after a cut at the next byte', async () => {
    await direct.put('a', content);
    const got: Buffer[] = [];
    let length = 0;
    let cuts = 0;
    for await (const chunk of blobs.range('a', 5, content.length - 5)) {
      got.push(chunk as Buffer);
      length += (chunk as Buffer).length;
      if (length > (cuts + 1) * 3 * MiB) {
        cuts++;
        proxy.cut();
      }
    }
    expect(cuts).toBe(3);
    expect(Buffer.concat(got).equals(content.subarray(5, content.length - 5))).toBe(true);
  });

  it('never mixes two versions of a file in one download', async () => {
    await direct.put('a', content);
    const reader = blobs.range('a', 0, content.length)[Symbol.asyncIterator]();
    await reader.next();
    await direct.put('a', Buffer.alloc(content.length, 'n'));
    proxy.cut();
    const rest = async (): Promise<void> => {
      for (let next = await reader.next(); !next.done; next = await reader.next())
        expect((next.value as Buffer).includes('nnnnnnnn')).toBe(false);
    };
    await expect(rest()).rejects.toThrow('replaced');
  });

  it('a slow reader costs no connection, and gets all', async () => {
    await direct.put('a', content);
    const stream = impatient.range('a', 0, content.length);
    const reader = stream[Symbol.asyncIterator]();
    const got = [(await reader.next()).value as Buffer];
    await eventually(() => proxy.connections() === 0); // the socket timeout closes it
    for (let next = await reader.next(); !next.done; next = await reader.next()) got.push(next.value as Buffer);
    expect(Buffer.concat(got).equals(content)).toBe(true);
  });

  it('a destroyed download ends its connection, also while the store is silent', async () => {
    await direct.put('a', content);
    const stream = blobs.range('a', 0, content.length);
    await stream[Symbol.asyncIterator]().next();
    expect(proxy.connections()).toBe(1);
    proxy.pause('answers');
    stream.destroy();
    await once(stream, 'close');
    proxy.resume('answers');
    await eventually(() => proxy.connections() === 0);
    expect(await blobs.get('a')).toBeDefined();
  });
});

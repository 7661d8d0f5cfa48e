import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { EngineUnavailable } from '../../log/index.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BlobStoreFull } from '../port.ts';
import { openS3Blobs, removeUnfinishedUploads, type S3BlobOptions } from './index.ts';

interface Asked {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}
type Answer = { readonly status?: number; readonly body?: string; readonly headers?: Record<string, string> };

const MiB = 1024 * 1024;
const error = (code: string): string =>
  `<?xml version="1.0"?><Error><Code>${code}</Code><Message>about members/m1</Message></Error>`;

/**
 * A server that records requests and gives prepared answers, for faults that the store of our other tests cannot show.
 */
describe('S3 requests', () => {
  let server: Server;
  let options: S3BlobOptions;
  let asked: Asked[];
  let answer: (request: Asked) => Answer;

  beforeEach(async () => {
    asked = [];
    answer = () => ({});
    server = createServer(async (request, response) => {
      const pieces: Buffer[] = [];
      for await (const piece of request) pieces.push(piece as Buffer);
      const one: Asked = {
        method: request.method!,
        url: new URL(request.url!, 'http://s3'),
        headers: request.headers,
        body: Buffer.concat(pieces).toString('latin1'),
      };
      asked.push(one);
      const { status = 200, body = '', headers = {} } = answer(one);
      response.writeHead(status, { 'content-type': 'application/xml', etag: '"e"', ...headers }).end(body);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    options = {
      bucket: 'b',
      prefix: 'p/',
      endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      region: 'r',
      forcePathStyle: true,
      credentials: { accessKeyId: 'a', secretAccessKey: 's' },
      maxAttempts: 1,
      partBytes: 5 * MiB,
    };
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });
  const calls = (): string[] =>
    asked.map(({ method, url: { pathname, searchParams } }) => {
      const part = searchParams.get('partNumber');
      const named = ['uploads', 'uploadId'].find((name) => searchParams.has(name));
      const query = part !== null ? `?part=${part}` : named !== undefined ? `?${named}` : '';
      return `${method} ${pathname}${query}`;
    });
  const upload: typeof answer = ({ url, method }) =>
    method === 'POST' && url.searchParams.has('uploads')
      ? { body: '<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>' }
      : method === 'POST'
        ? { body: '<CompleteMultipartUploadResult><ETag>"x"</ETag></CompleteMultipartUploadResult>' }
        : {};

  it('puts a file of up to one part at once, and sends a longer one in parts of one length', async () => {
    answer = upload;
    const blobs = openS3Blobs(options);
    await blobs.put('small', 'x');
    const writer = await blobs.writer('large');
    for (let i = 0; i < 11; i++) await writer.write(Buffer.alloc(MiB));
    await writer.commit();
    expect(calls()).toEqual([
      'PUT /b/p/small',
      'POST /b/p/large?uploads',
      'PUT /b/p/large?part=1',
      'PUT /b/p/large?part=2',
      'PUT /b/p/large?part=3',
      'POST /b/p/large?uploadId',
    ]);
    expect(asked.filter((a) => a.method === 'PUT').map((a) => a.body.length)).toEqual([1, 5 * MiB, 5 * MiB, MiB]);
    expect([...asked.at(-1)!.body.matchAll(/<PartNumber>(\d)/g)].map((m) => m[1])).toEqual(['1', '2', '3']);
  });

  it('names the encryption with everything that makes a file', async () => {
    answer = upload;
    const blobs = openS3Blobs({ ...options, serverSideEncryption: 'aws:kms', kmsKeyId: 'key-1' });
    await blobs.put('small', 'x');
    await blobs.put('large', Buffer.alloc(6 * MiB));
    const made = asked.filter((a) => !a.url.searchParams.has('uploadId'));
    expect(
      made.map((a) => [
        a.headers['x-amz-server-side-encryption'],
        a.headers['x-amz-server-side-encryption-aws-kms-key-id'],
      ]),
    ).toEqual([
      ['aws:kms', 'key-1'],
      ['aws:kms', 'key-1'],
    ]);
    expect(() => openS3Blobs({ ...options, kmsKeyId: 'key-1' })).toThrow('aws:kms');
    expect(() => openS3Blobs({ ...options, partBytes: MiB })).toThrow(RangeError);
  });

  it('aborts the upload when the writer aborts, and when a part or the completion fails', async () => {
    answer = upload;
    const writer = await openS3Blobs(options).writer('a');
    await writer.write(Buffer.alloc(6 * MiB));
    await writer.abort();
    expect(calls().at(-1)).toBe('DELETE /b/p/a?uploadId');

    answer = (a) =>
      a.url.searchParams.get('partNumber') === '2' ? { status: 403, body: error('AccessDenied') } : upload(a);
    await expect(openS3Blobs(options).put('b', Buffer.alloc(12 * MiB))).rejects.toThrow('AccessDenied');
    expect(calls().at(-1)).toBe('DELETE /b/p/b?uploadId');

    // S3 may answer with status 200 and an error in the body.
    answer = (a) =>
      a.method === 'POST' && a.url.searchParams.has('uploadId') ? { body: error('InternalError') } : upload(a);
    await expect(openS3Blobs(options).put('c', Buffer.alloc(6 * MiB))).rejects.toBeInstanceOf(EngineUnavailable);
    expect(calls().at(-1)).toBe('DELETE /b/p/c?uploadId');
  });

  it('lists page by page and skips keys that are not blob names', async () => {
    const page = (keys: string[], next?: string): string => {
      const contents = keys.map((key) => `<Contents><Key>${key}</Key><Size>3</Size></Contents>`).join('');
      const token = next === undefined ? '' : `<NextContinuationToken>${next}</NextContinuationToken>`;
      const truncated = `<IsTruncated>${next !== undefined}</IsTruncated>`;
      return `<ListBucketResult>${contents}${truncated}${token}</ListBucketResult>`;
    };
    answer = ({ url }) => ({
      body:
        url.searchParams.get('continuation-token') === 't1' ? page(['p/j/3']) : page(['p/j/', 'p/j/1', 'p/j/2'], 't1'),
    });
    const found: unknown[] = [];
    for await (const info of openS3Blobs(options).list('j/')) found.push(info);
    expect(found).toEqual([
      { name: 'j/1', bytes: 3 },
      { name: 'j/2', bytes: 3 },
      { name: 'j/3', bytes: 3 },
    ]);
    expect(asked[0]!.url.searchParams.get('prefix')).toBe('p/j/');
  });

  it('deletes page by page and believes no answer that holds errors', async () => {
    const keys = Array.from({ length: 1000 }, (_, i) => `<Contents><Key>p/j/${i}</Key><Size>1</Size></Contents>`).join(
      '',
    );
    let failing = false;
    const errors =
      '<Error><Key>p/j/7</Key><Code>AccessDenied</Code><Message>no</Message></Error>' +
      '<Error><Key>p/j/8</Key><Code>NoSuchKey</Code></Error>';
    const more = '<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>';
    answer = ({ method, url }) => {
      if (method === 'POST') return { body: `<DeleteResult>${failing ? errors : ''}</DeleteResult>` };
      return {
        body: url.searchParams.has('continuation-token')
          ? '<ListBucketResult><Contents><Key>p/j/x</Key></Contents><IsTruncated>false</IsTruncated></ListBucketResult>'
          : `<ListBucketResult>${keys}${more}</ListBucketResult>`,
      };
    };
    await openS3Blobs(options).deletePrefix('j/');
    expect(asked.filter((a) => a.method === 'POST').map((a) => [...a.body.matchAll(/<Key>/g)].length)).toEqual([
      1000, 1,
    ]);
    failing = true;
    const failure = await openS3Blobs(options)
      .deletePrefix('j/')
      .catch((e: unknown) => e);
    expect(failure).toBeInstanceOf(EngineUnavailable);
    expect((failure as Error).message).toBe('the file store did not delete 1 of 1000 files (AccessDenied)');
  });

  it.each([
    ['a status', { status: 507, body: error('X') }],
    ['MinIO', { status: 507, body: error('XMinioStorageFull') }],
    ['a quota', { status: 403, body: error('QuotaExceeded') }],
    ['a quota as MinIO says it', { status: 400, body: error('XMinioAdminBucketQuotaExceeded') }],
  ])('knows a full store by %s', async (_, full) => {
    answer = () => full;
    await expect(openS3Blobs(options).put('a', 'x')).rejects.toBeInstanceOf(BlobStoreFull);
  });

  it.each([
    [503, 'SlowDown'],
    [500, 'InternalError'],
    [403, 'AccessDenied'],
    [404, 'NoSuchBucket'],
  ])('reports %i %s as an unavailable engine, without the message of the store', async (status, code) => {
    answer = () => ({ status, body: error(code) });
    const blobs = openS3Blobs(options);
    for (const failure of [
      await blobs.put('m1', 'x').catch((e: unknown) => e),
      await blobs.get('m1').catch((e: unknown) => e),
      await blobs
        .range('m1', 0, 1)
        .toArray()
        .catch((e: unknown) => e),
    ]) {
      expect(failure).toBeInstanceOf(EngineUnavailable);
      expect((failure as Error).message).toBe(`the file store is away (${code})`);
      expect(JSON.stringify(failure) + String((failure as Error).stack)).not.toContain('members/m1');
    }
  });

  it('repeats a request after a passing fault', async () => {
    let refused = 2;
    answer = () => (refused-- > 0 ? { status: 503, body: error('SlowDown') } : { body: 'content' });
    expect(Buffer.from((await openS3Blobs({ ...options, maxAttempts: 3 }).get('a'))!).toString()).toBe('content');
  });

  it('removes uploads that began long ago, over all pages, and leaves the young ones', async () => {
    const one = (key: string, at: number): string =>
      `<Upload><Key>p/${key}</Key><UploadId>u-${key}</UploadId>` +
      `<Initiated>${new Date(at).toISOString()}</Initiated></Upload>`;
    const pageOf = (inside: string): string => `<ListMultipartUploadsResult>${inside}</ListMultipartUploadsResult>`;
    const more =
      '<IsTruncated>true</IsTruncated><NextKeyMarker>p/young</NextKeyMarker>' +
      '<NextUploadIdMarker>u-young</NextUploadIdMarker>';
    const now = Date.now();
    answer = ({ method, url }) => {
      if (method === 'DELETE')
        return url.pathname.endsWith('/gone') ? { status: 404, body: error('NoSuchUpload') } : { status: 204 };
      return {
        body: url.searchParams.has('key-marker')
          ? pageOf(`${one('gone', 0)}${one('old2', now - 7200_000)}<IsTruncated>false</IsTruncated>`)
          : pageOf(`${one('old', now - 7200_000)}${one('young', now)}${more}`),
      };
    };
    expect(await removeUnfinishedUploads(options, 3600_000)).toBe(3);
    expect(asked.filter((a) => a.method === 'DELETE').map((a) => a.url.searchParams.get('uploadId'))).toEqual([
      'u-old',
      'u-gone',
      'u-old2',
    ]);
  });

  it('distinguishes a store that cannot list uploads from one that is away', async () => {
    answer = () => ({ status: 501, body: error('NotImplemented') });
    expect(await removeUnfinishedUploads(options, 3600_000)).toBeUndefined();
    answer = () => ({ status: 503, body: error('SlowDown') });
    await expect(removeUnfinishedUploads(options, 3600_000)).rejects.toThrow('SlowDown');
  });
});

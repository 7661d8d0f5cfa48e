import { addAbortSignal, Readable } from 'node:stream';
import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { EngineUnavailable, pause } from '../../log/index.ts';
import { asFault, isMissing } from './faults.ts';

/** The file was deleted or replaced during the read. `code` is that of a file system. */
class BlobGone extends Error {
  readonly code = 'ENOENT';
}

const ATTEMPTS = 4;
const PAUSE_MS = 100;

/**
 * Bytes [start, end) of one object. A connection may end early, for example because a slow reader does not read. Then
 * another GET continues at the next byte with the same ETag, so that bytes of two versions never mix. Destroying the
 * stream ends the request at once.
 */
export class RangeStream extends Readable {
  readonly #chunks: AsyncGenerator<Buffer, undefined>;
  readonly #ended = new AbortController();

  constructor(client: S3Client, where: { Bucket: string; Key: string }, start: number, end: number) {
    super({ highWaterMark: 256 * 1024 });
    this.#chunks = chunksOf(client, where, start, end, this.#ended.signal);
  }

  override _read(): void {
    this.#chunks.next().then(
      ({ value = null }) => this.push(value),
      (error: Error) => this.destroy(error),
    );
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#ended.abort();
    done(error);
  }
}

async function* chunksOf(
  client: S3Client,
  where: { Bucket: string; Key: string },
  start: number,
  end: number,
  abortSignal: AbortSignal,
): AsyncGenerator<Buffer, undefined> {
  let etag: string | undefined;
  let failures = 0;
  for (let at = start; at < end;) {
    try {
      const range = { Range: `bytes=${at}-${end - 1}`, ...(etag && { IfMatch: etag }) };
      const { Body, ETag, ContentRange } = await client.send(new GetObjectCommand({ ...where, ...range }), {
        abortSignal,
      });
      const body = addAbortSignal(abortSignal, Body as Readable);
      // Detects a store that ignores `Range` or `If-Match`, because it would return other bytes.
      const [, from, total] = /^bytes (\d+)-\d+\/(\d+)$/.exec(ContentRange ?? '') ?? [];
      const isReplaced = etag !== undefined && ETag !== etag;
      if (Number(from) !== at || isReplaced) body.on('error', () => {}).destroy();
      if (Number(from) !== at) throw new EngineUnavailable('the file store answered with another range');
      if (isReplaced) throw new BlobGone('the file was replaced while it was read');
      etag = ETag;
      end = Math.min(end, Number(total)); // a range past the end stops at the end
      for await (const data of body as AsyncIterable<Buffer>) {
        const chunk = data.subarray(0, end - at); // some stores send more than the range
        at += chunk.byteLength;
        failures = 0;
        if (chunk.byteLength > 0) yield chunk;
        if (chunk.byteLength < data.byteLength) return;
      }
      if (at < end) throw new EngineUnavailable('the file store ended a file early');
    } catch (error) {
      const failure = failureOf(error, etag);
      if (failure === undefined) return;
      if (!(failure instanceof EngineUnavailable) || ++failures >= ATTEMPTS) throw failure;
      await pause(PAUSE_MS * failures, abortSignal);
    }
  }
}

/** Undefined for a range past the end. After EngineUnavailable another request may succeed. */
function failureOf(error: unknown, etag: string | undefined): Error | undefined {
  const { name, $metadata } = error as { name?: string; $metadata?: { httpStatusCode?: number } };
  if (name === 'InvalidRange' && etag === undefined) return undefined;
  if (isMissing(error)) return new BlobGone('the file is gone');
  if (name === 'PreconditionFailed' || $metadata?.httpStatusCode === 412)
    return new BlobGone('the file was replaced while it was read');
  return error instanceof BlobGone ? error : asFault(error);
}

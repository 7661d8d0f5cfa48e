import { Readable } from 'node:stream';
import { GetObjectCommand, type GetObjectCommandOutput, type S3Client } from '@aws-sdk/client-s3';
import { EngineUnavailable } from '../../log/index.ts';
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
  readonly #client: S3Client;
  readonly #where: { readonly Bucket: string; readonly Key: string };
  #end: number;
  readonly #ended = new AbortController();
  #at: number;
  #etag: string | undefined;
  #body: Readable | undefined;
  #opening = false;
  #failures = 0;
  #wanted = false;

  constructor(client: S3Client, where: { Bucket: string; Key: string }, start: number, end: number) {
    super({ highWaterMark: 256 * 1024 });
    this.#client = client;
    this.#where = where;
    this.#at = start;
    this.#end = end;
  }

  override _read(): void {
    this.#wanted = true;
    if (this.#body !== undefined) this.#body.resume();
    else if (!this.#opening) void this.#open();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#ended.abort();
    this.#body?.destroy();
    done(error);
  }

  async #open(): Promise<void> {
    this.#opening = true;
    try {
      const answer = await this.#client.send(
        new GetObjectCommand({
          ...this.#where,
          Range: `bytes=${this.#at}-${this.#end - 1}`,
          ...(this.#etag && { IfMatch: this.#etag }),
        }),
        { abortSignal: this.#ended.signal },
      );
      this.#opening = false;
      this.#flow(answer);
    } catch (error) {
      this.#opening = false;
      this.#failed(error);
    }
  }

  #flow({ Body, ETag, ContentRange }: GetObjectCommandOutput): void {
    const body = Body as Readable;
    if (this.destroyed) return void body.destroy();
    // Detects a store that ignores `Range` or `If-Match`, because it would return other bytes.
    const [, from, total] = /^bytes (\d+)-\d+\/(\d+)$/.exec(ContentRange ?? '') ?? [];
    if (Number(from) !== this.#at) {
      body.destroy();
      return this.#failed(new EngineUnavailable('the file store answered with another range'));
    }
    if (this.#etag !== undefined && ETag !== this.#etag) {
      body.destroy();
      return void this.destroy(new BlobGone('the file was replaced while it was read'));
    }
    this.#etag = ETag;
    this.#end = Math.min(this.#end, Number(total)); // a range past the end stops at the end
    this.#body = body;
    const over = (error?: unknown): void => {
      if (this.#body !== body) return;
      this.#body = undefined;
      body.on('error', () => {}).destroy();
      if (this.destroyed) return;
      if (this.#at >= this.#end) this.push(null);
      else this.#failed(error ?? new EngineUnavailable('the file store ended a file early'));
    };
    body.on('data', (data: Buffer) => {
      const chunk = data.subarray(0, this.#end - this.#at); // some stores send more than the range
      this.#at += chunk.byteLength;
      this.#failures = 0;
      if (!this.push(chunk)) {
        this.#wanted = false;
        body.pause();
      }
      if (chunk.byteLength < data.byteLength) over();
    });
    body
      .once('end', () => over())
      .once('error', over)
      .once('close', () => over());
  }

  #failed(error: unknown): void {
    if (this.destroyed) return;
    const name = (error as Error).name;
    if (name === 'InvalidRange' && this.#etag === undefined) return void this.push(null); // past the end
    if (isMissing(error)) return void this.destroy(new BlobGone('the file is gone'));
    if (
      name === 'PreconditionFailed' ||
      (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode === 412
    )
      return void this.destroy(new BlobGone('the file was replaced while it was read'));
    const fault = asFault(error);
    if (!(fault instanceof EngineUnavailable) || ++this.#failures >= ATTEMPTS) return void this.destroy(fault);
    if (!this.#wanted) return; // the reader is slow, and its next read opens a new request
    this.#opening = true;
    setTimeout(() => {
      this.#opening = false;
      if (!this.destroyed) void this.#open();
    }, PAUSE_MS * this.#failures);
  }
}

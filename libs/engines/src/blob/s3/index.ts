import { Readable } from 'node:stream';
import {
  AbortMultipartUploadCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  type ListMultipartUploadsCommandOutput,
  paginateListObjectsV2,
  S3Client,
} from '@aws-sdk/client-s3';
import { EngineUnavailable } from '../../log/index.ts';
import { blobName, blobPrefix } from '../name.ts';
import type { BlobInfo, Blobs } from '../port.ts';
import { asFault, guarded } from './faults.ts';
import { DEFAULT_PART_BYTES, MIN_PART_BYTES, type S3BlobOptions } from './options.ts';
import { RangeStream } from './range-stream.ts';
import { type S3Target, S3Writer } from './writer.ts';

export type { S3BlobOptions } from './options.ts';

const SILENT = { trace: () => {}, debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const GET_ATTEMPTS = 3;

function clientOf(options: S3BlobOptions): S3Client {
  const agent = { keepAlive: true, maxSockets: 128 };
  return new S3Client({
    region: options.region,
    ...(options.endpoint !== undefined && { endpoint: options.endpoint }),
    ...(options.credentials && { credentials: { ...options.credentials } }),
    forcePathStyle: options.forcePathStyle ?? false,
    maxAttempts: options.maxAttempts ?? 4,
    logger: SILENT, // its lines contain keys
    // TLS and ETags protect the data, and many compatible stores do not support the checksums that the SDK adds by
    // default.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: options.connectionTimeoutMs ?? 5000,
      socketTimeout: options.socketTimeoutMs ?? 15_000,
      httpAgent: agent,
      httpsAgent: agent,
      logger: SILENT,
    },
  });
}

class S3Blobs implements Blobs {
  readonly remote: Blobs['remote'];
  readonly #client: S3Client;
  readonly #options: S3BlobOptions;
  readonly #prefix: string;
  readonly #partBytes: number;

  constructor(options: S3BlobOptions) {
    this.#partBytes = options.partBytes ?? DEFAULT_PART_BYTES;
    if (this.#partBytes < MIN_PART_BYTES) throw new RangeError(`partBytes is at least ${MIN_PART_BYTES}`);
    if (options.kmsKeyId !== undefined && options.serverSideEncryption !== 'aws:kms')
      throw new Error('kmsKeyId needs serverSideEncryption aws:kms');
    this.#prefix = blobPrefix(options.prefix ?? '');
    this.#options = options;
    this.#client = clientOf(options);
    this.remote = { module: import.meta.url, options: { ...options } };
  }

  async put(name: string, content: Uint8Array | string): Promise<BlobInfo> {
    return (await this.writer(name)).put(content);
  }

  async writer(name: string): Promise<S3Writer> {
    return new S3Writer(this.#target(name));
  }

  async get(name: string): Promise<Uint8Array | undefined> {
    const where = this.#where(name);
    for (let attempt = 1; ; attempt++) {
      const found = await guarded(this.#client.send(new GetObjectCommand(where)), () => undefined);
      if (found === undefined) return undefined;
      try {
        return await found.Body!.transformToByteArray();
      } catch (error) {
        // the SDK repeats a request, but not the read of its body
        if (attempt === GET_ATTEMPTS) throw asFault(error);
      }
    }
  }

  range(name: string, start: number, end: number): Readable {
    const where = this.#where(name);
    return end <= start ? Readable.from([]) : new RangeStream(this.#client, where, start, end);
  }

  async *list(prefix: string): AsyncIterable<BlobInfo> {
    for await (const page of this.#pages(blobPrefix(prefix))) yield* page;
  }

  async deletePrefix(prefix: string): Promise<void> {
    if (blobPrefix(prefix) === '') throw new Error('deletePrefix needs a prefix: it does not empty the store');
    for await (const page of this.#pages(prefix)) {
      // a page is what one request may delete: 1,000
      const { Errors = [] } = await guarded(
        this.#client.send(
          new DeleteObjectsCommand({
            Bucket: this.#options.bucket,
            Delete: { Quiet: true, Objects: page.map(({ name }) => ({ Key: this.#prefix + name })) },
          }),
        ),
      );
      const failed = Errors.filter((e) => e.Code !== 'NoSuchKey');
      if (failed.length > 0)
        throw new EngineUnavailable(
          `the file store did not delete ${failed.length} of ${page.length} files (${failed[0]!.Code ?? 'no code'})`,
        );
    }
  }

  /**
   * Pages of at most 1,000 files in the order of names, because S3 lists in byte order. Keys that are not blob names,
   * such as a console's folder marker, are skipped.
   */
  async *#pages(prefix: string): AsyncGenerator<BlobInfo[]> {
    const query = { Bucket: this.#options.bucket, Prefix: this.#prefix + prefix, MaxKeys: 1000 };
    try {
      for await (const { Contents = [] } of paginateListObjectsV2({ client: this.#client }, query)) {
        const ours = Contents.map(({ Key = '', Size = 0 }) => ({
          name: Key.slice(this.#prefix.length),
          bytes: Size,
        })).filter(({ name }) => isName(name));
        if (ours.length > 0) yield ours;
      }
    } catch (error) {
      throw asFault(error);
    }
  }

  #where(name: string): S3Target['where'] {
    return { Bucket: this.#options.bucket, Key: this.#prefix + blobName(name) };
  }

  #target(name: string): S3Target {
    const { serverSideEncryption, kmsKeyId } = this.#options;
    const encryption = {
      ...(serverSideEncryption && { ServerSideEncryption: serverSideEncryption }),
      ...(kmsKeyId !== undefined && { SSEKMSKeyId: kmsKeyId }),
    };
    return { client: this.#client, where: this.#where(name), encryption, name, partBytes: this.#partBytes };
  }
}

function isName(name: string): boolean {
  try {
    return blobName(name) === name;
  } catch {
    return false;
  }
}

/**
 * Files in a bucket of S3 or a compatible store, which must be strongly consistent and list in byte order. It connects
 * at the first call. Calls throw EngineUnavailable, or BlobStoreFull if the store is full.
 */
export function openS3Blobs(options: S3BlobOptions): Blobs {
  return new S3Blobs(options);
}

/** @public a worker thread loads it by this name (`Blobs.remote`) */
export { openS3Blobs as openBlobs };

/**
 * Aborts multipart uploads under the prefix that began longer than `olderThanMs` ago, because invisible parts of
 * crashed writers use space. Resolves with their number, or undefined if the store cannot list uploads.
 */
export async function removeUnfinishedUploads(
  options: S3BlobOptions,
  olderThanMs: number,
): Promise<number | undefined> {
  const client = clientOf(options);
  const Bucket = options.bucket;
  const before = Date.now() - olderThanMs;
  let removed = 0;
  try {
    for (
      let page: Partial<ListMultipartUploadsCommandOutput> = {}, more = true;
      more;
      more = page.IsTruncated === true
    ) {
      const from = { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker };
      page = await guarded(
        client.send(new ListMultipartUploadsCommand({ Bucket, Prefix: blobPrefix(options.prefix ?? ''), ...from })),
      );
      for (const { Key, UploadId, Initiated } of page.Uploads ?? []) {
        if (Initiated === undefined || Initiated.getTime() > before) continue;
        await guarded(client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }))).catch(
          (error: unknown) => {
            // Another process may have ended the same upload first.
            if (!(error instanceof EngineUnavailable && error.message.includes('NoSuchUpload'))) throw error;
          },
        );
        removed++;
      }
    }
  } catch (error) {
    if (error instanceof EngineUnavailable && error.message.includes('NotImplemented')) return undefined;
    throw error;
  } finally {
    client.destroy();
  }
  return removed;
}

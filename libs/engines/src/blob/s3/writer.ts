import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { OpenWriter } from '../writer.ts';
import { guarded } from './faults.ts';

export interface S3Target {
  readonly client: S3Client;
  readonly where: { readonly Bucket: string; readonly Key: string };
  readonly encryption: { readonly ServerSideEncryption?: 'AES256' | 'aws:kms'; readonly SSEKMSKeyId?: string };
  readonly name: string;
  readonly partBytes: number;
}

/**
 * Writes a file of up to one part by a PutObject at the commit, and a longer one by a multipart upload, which is
 * invisible until its end. All parts but the last have the same length. At most two are in memory.
 */
export class S3Writer extends OpenWriter {
  readonly #to: S3Target;
  readonly #parts: { PartNumber: number; ETag: string }[] = [];
  readonly #ended = new AbortController();
  #pieces: Uint8Array[] = [];
  #held = 0;
  #upload: string | undefined;
  #sending: Promise<void> = Promise.resolve();

  constructor(to: S3Target) {
    super(to.name);
    this.#to = to;
  }

  protected async add(chunk: Uint8Array): Promise<void> {
    for (let at = 0; at < chunk.byteLength;) {
      // A copy, because the caller may reuse its buffer.
      const piece = Buffer.from(chunk.subarray(at, at + this.#to.partBytes - this.#held));
      this.#pieces.push(piece);
      this.#held += piece.byteLength;
      at += piece.byteLength;
      if (this.#held === this.#to.partBytes) await this.#send();
    }
  }

  protected async finish(): Promise<void> {
    const { client, where, encryption } = this.#to;
    if (this.#upload === undefined) {
      const put = { ...where, ...encryption, Body: this.#take(), ContentLength: this.bytes };
      await guarded(client.send(new PutObjectCommand(put)));
      return;
    }
    if (this.#held > 0) await this.#send();
    await this.#sending;
    const complete = { ...where, UploadId: this.#upload, MultipartUpload: { Parts: this.#parts } };
    await guarded(client.send(new CompleteMultipartUploadCommand(complete)));
  }

  #take(): Uint8Array {
    const body = this.#pieces.length === 1 ? this.#pieces[0]! : Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#held = 0;
    return body;
  }

  /** Sends a part and resolves when the part before has arrived. The next call throws its failure. */
  async #send(): Promise<void> {
    const { client, where } = this.#to;
    const body = this.#take();
    await this.#sending;
    this.#upload ??= (
      await guarded(
        client.send(new CreateMultipartUploadCommand({ ...where, ...this.#to.encryption }), {
          abortSignal: this.#ended.signal,
        }),
      )
    ).UploadId!;
    const part = { ...where, UploadId: this.#upload, PartNumber: this.#parts.length + 1 };
    this.#sending = guarded(
      client.send(new UploadPartCommand({ ...part, Body: body, ContentLength: body.byteLength }), {
        abortSignal: this.#ended.signal,
      }),
    ).then(({ ETag }) => void this.#parts.push({ PartNumber: part.PartNumber, ETag: ETag! }));
    this.#sending.catch(() => {}); // the next await throws it
  }

  /** If the store is unavailable, `removeUnfinishedUploads` or the bucket's lifecycle rule remove the parts later. */
  protected async discard(): Promise<void> {
    const { client, where } = this.#to;
    this.#ended.abort();
    this.#pieces = [];
    await this.#sending.catch(() => {}); // a part that arrives after the abort would stay
    if (this.#upload !== undefined)
      await client.send(new AbortMultipartUploadCommand({ ...where, UploadId: this.#upload })).catch(() => {});
  }
}

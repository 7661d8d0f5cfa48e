export interface S3BlobOptions {
  readonly bucket: string;
  /** Prefix of every key in the bucket: empty, or whole segments with a `/` at the end. Default empty. */
  readonly prefix?: string;
  /** URL of an S3-compatible store. Default: AWS, by region. */
  readonly endpoint?: string;
  readonly region: string;
  /** `endpoint/bucket/key` instead of `bucket.endpoint/key`. Default false. */
  readonly forcePathStyle?: boolean;
  /** Default: the SDK's chain (environment, files, web identity, container, instance). */
  readonly credentials?: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken?: string;
  };
  /** Default: the setting of the bucket. */
  readonly serverSideEncryption?: 'AES256' | 'aws:kms';
  readonly kmsKeyId?: string;
  /** Part of a multipart upload: 5 MiB to 5 GiB, at most 10,000. A writer has two in memory. Default 8 MiB. */
  readonly partBytes?: number;
  /** Default 5 s. */
  readonly connectionTimeoutMs?: number;
  /** How long a connection may be silent before it is closed. Default 15 s. */
  readonly socketTimeoutMs?: number;
  /** Tries of one request, with backoff. Default 4. */
  readonly maxAttempts?: number;
}

export const MIN_PART_BYTES = 5 * 1024 * 1024;
export const DEFAULT_PART_BYTES = 8 * 1024 * 1024;

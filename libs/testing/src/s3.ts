import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { answers, freePort, LOOPBACK } from './ports.ts';
import { ServerProcess } from './server-process.ts';

export interface S3Options {
  /** Where its objects are; a temporary folder, removed by `stop`, when it is not given. */
  readonly folder?: string;
  readonly bucket?: string;
  /** The server outlives this process. */
  readonly detached?: boolean;
}

export interface S3 {
  readonly endpoint: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Exists, empty. */
  readonly bucket: string;
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}

/** An S3-compatible server (s3rver, path style, fixed credentials, no encryption) on a free loopback port. */
export async function startS3(options: S3Options = {}): Promise<S3> {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'provider-access-s3-'));
  mkdirSync(folder, { recursive: true });
  const bucket = options.bucket ?? 'provider-access';
  const port = await freePort();
  const program = join(dirname(createRequire(import.meta.url).resolve('s3rver/package.json')), 'bin', 's3rver.js');
  const server = ServerProcess.start({
    name: 's3rver',
    command: process.execPath,
    args: [program, '--directory', join(folder, 'objects'), '--address', LOOPBACK, '--port', String(port), '--no-vhost-buckets', '--silent', '--configure-bucket', bucket],
    logFile: join(folder, 'server.log'),
    temporary: options.folder === undefined ? folder : undefined,
    detached: options.detached,
  });
  await server.ready(() => answers(port), 30_000);
  return {
    endpoint: `http://${LOOPBACK}:${port}`,
    region: 'us-east-1',
    accessKeyId: 'S3RVER',
    secretAccessKey: 'S3RVER',
    bucket,
    port,
    pid: server.pid,
    stop: async () => {
      await server.stop(3000);
      if (options.folder === undefined) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

let shared: Promise<S3> | undefined;

/** The server of S3_ENDPOINT (with S3_BUCKET, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY) when that is set, else one for this process. */
export async function sharedS3(): Promise<Pick<S3, 'endpoint' | 'region' | 'accessKeyId' | 'secretAccessKey' | 'bucket'>> {
  const { S3_ENDPOINT: endpoint, S3_BUCKET: bucket, S3_REGION: region, AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = process.env;
  if (endpoint) return { endpoint, bucket: bucket ?? 'provider-access', region: region ?? 'us-east-1', accessKeyId: accessKeyId ?? 'S3RVER', secretAccessKey: secretAccessKey ?? 'S3RVER' };
  shared ??= startS3();
  return shared;
}

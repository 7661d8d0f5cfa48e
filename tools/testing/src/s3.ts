import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fetchSeaweed } from './fetch-seaweed.ts';
import { answers, freePort, LOOPBACK } from './ports.ts';
import { ServerProcess } from './server-process.ts';

export interface S3Options {
  /** Where its objects are; a temporary folder, removed by `stop`, when it is not given. */
  readonly folder?: string;
  readonly bucket?: string;
  /** The server outlives this process. */
  readonly detached?: boolean;
  readonly progress?: (line: string) => void;
}

export interface S3 {
  readonly endpoint: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** It exists and is empty. */
  readonly bucket: string;
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}

const ACCESS = { accessKeyId: 'TESTSACCESSKEY', secretAccessKey: 'tests-secret-access-key' };
/** SeaweedFS refuses requests without a signature by these keys. */
const IDENTITIES = {
  identities: [
    {
      name: 'tests',
      credentials: [{ accessKey: ACCESS.accessKeyId, secretKey: ACCESS.secretAccessKey }],
      actions: ['Admin'],
    },
  ],
};

/**
 * An S3-compatible server on a free loopback port: SeaweedFS with its master, volume server, filer and S3 gateway in
 * one process.
 */
export async function startS3(options: S3Options = {}): Promise<S3> {
  const command = await fetchSeaweed(options.progress);
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'provider-access-s3-'));
  const bucket = options.bucket ?? 'provider-access';
  mkdirSync(join(folder, 'objects'), { recursive: true });
  writeFileSync(join(folder, 'identities.json'), JSON.stringify(IDENTITIES));
  const ports = { master: await freePort(), volume: await freePort(), filer: await freePort(), s3: await freePort() };
  const listening: string[] = [];
  for (const [part, port] of Object.entries(ports))
    listening.push(`-${part}.port=${port}`, `-${part}.port.grpc=${await freePort()}`);
  const server = ServerProcess.start({
    name: 'SeaweedFS',
    command,
    args: [
      '-logtostderr=true',
      'server',
      `-ip=${LOOPBACK}`,
      `-dir=${join(folder, 'objects')}`,
      ...listening,
      '-filer',
      `-filer.localSocket=${join(folder, 'filer.sock')}`,
      '-s3',
      `-s3.config=${join(folder, 'identities.json')}`,
      `-s3.localSocket=${join(folder, 's3.sock')}`,
      '-s3.port.iceberg=0',
      '-s3.port.lance=0',
      // It reports statistics to its authors unless this option is set.
      '-master.telemetry=false',
      // Small volumes, because a test writes little; and as many as needed.
      '-master.volumeSizeLimitMB=256',
      '-volume.max=1000',
    ],
    logFile: join(folder, 'server.log'),
    temporary: options.folder === undefined ? folder : undefined,
    detached: options.detached,
  });
  await server.ready(
    async () => (await answers(ports.s3)) && (await writable(ports.master)) && made(ports.filer, bucket),
    120_000,
  );
  return {
    endpoint: `http://${LOOPBACK}:${ports.s3}`,
    region: 'us-east-1',
    ...ACCESS,
    bucket,
    port: ports.s3,
    pid: server.pid,
    stop: async () => {
      await server.stop(3000);
      if (options.folder === undefined) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** Whether the master has a volume server that accepts writes. */
async function writable(port: number): Promise<boolean> {
  return fetch(`http://${LOOPBACK}:${port}/dir/assign`).then(
    async (answer) => answer.ok && 'fid' in ((await answer.json()) as object),
    () => false,
  );
}
/** A bucket is a folder of the filer. */
const made = (port: number, bucket: string): Promise<boolean> =>
  fetch(`http://${LOOPBACK}:${port}/buckets/${bucket}/`, { method: 'POST' }).then(
    ({ ok }) => ok,
    () => false,
  );

let shared: Promise<S3> | undefined;

/**
 * The server of S3_ENDPOINT (with S3_BUCKET, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY) if that is set, else one for
 * this process.
 */
export async function sharedS3(): Promise<
  Pick<S3, 'endpoint' | 'region' | 'accessKeyId' | 'secretAccessKey' | 'bucket'>
> {
  const {
    S3_ENDPOINT: endpoint,
    S3_BUCKET: bucket,
    S3_REGION: region,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
  } = process.env;
  if (endpoint)
    return {
      endpoint,
      bucket: bucket ?? 'provider-access',
      region: region ?? 'us-east-1',
      accessKeyId: accessKeyId ?? ACCESS.accessKeyId,
      secretAccessKey: secretAccessKey ?? ACCESS.secretAccessKey,
    };
  shared ??= startS3();
  return shared;
}

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { KAFKA_VERSION } from './fetch-kafka.ts';
import { buildSecantus } from './fetch-secantus.ts';
import { SEAWEED_VERSION } from './fetch-seaweed.ts';
import { startKafka } from './kafka.ts';
import { answers } from './ports.ts';
import { startMongo } from './mongo.ts';
import { startS3 } from './s3.ts';

export interface EnginesOptions {
  readonly brokers?: 1 | 3;
  /**
   * Folder for data and logs of all engines, which then outlive this process. Without it they are temporary and end
   * with it.
   */
  readonly folder?: string;
  readonly progress?: (line: string) => void;
}

export interface Engines {
  /** KAFKA_BROKERS, MONGODB_URI, S3_*, AWS_*, which specs and services read. */
  readonly env: Readonly<Record<string, string>>;
  /** Process ids of the started engines. */
  readonly pids: number[];
  stop(): Promise<void>;
}

/**
 * Starts Kafka, the MongoDB-compatible server and the S3-compatible one, and fetches them first if needed. An engine
 * that the environment names (KAFKA_BROKERS, MONGODB_URI, S3_ENDPOINT) is used instead of a new one.
 */
export async function startEngines(options: EnginesOptions = {}): Promise<Engines> {
  const { progress } = options;
  const env: Record<string, string> = {};
  const started: { pids: number[]; stop(): Promise<void> }[] = [];
  const place = (name: string) => {
    if (options.folder === undefined) return undefined;
    const folder = join(options.folder, name);
    mkdirSync(folder, { recursive: true });
    return folder;
  };
  const detached = options.folder !== undefined;
  const stop = async () => {
    await Promise.all(started.map((engine) => engine.stop()));
  };
  const given = async (
    name: string,
    what: string,
    address: (value: string) => string | undefined,
  ): Promise<boolean> => {
    const value = process.env[name];
    if (!value) return false;
    // Most likely left in a shell after `e2e/engines/down`.
    const [, host, port] = /^(.*):(\d+)$/.exec(address(value) ?? '') ?? [];
    if (host && port && !(await answers(Number(port), 3000, host)))
      throw new Error(`${name} is set and ${host}:${port} does not answer: unset ${name} to have one started.`);
    env[name] = value;
    progress?.(`${what}: the one of ${name}`);
    return true;
  };
  try {
    if (!(await given('KAFKA_BROKERS', 'Kafka', (value) => value.split(',')[0]?.trim()))) {
      const kafka = await startKafka({ brokers: options.brokers, folder: place('kafka'), detached, progress });
      started.push({ pids: kafka.pids().filter((pid) => pid !== undefined), stop: kafka.stop });
      env.KAFKA_BROKERS = kafka.brokers.join(',');
      progress?.(
        `Kafka: ${KAFKA_VERSION}, ${kafka.brokers.length === 1 ? 'one broker' : `${kafka.brokers.length} brokers`}`,
      );
    }
    if (!(await given('MONGODB_URI', 'MongoDB', (value) => /^mongodb:\/\/(?:[^@/]*@)?([^,/?]+)/.exec(value)?.[1]))) {
      const { name } = await buildSecantus(progress);
      const mongo = await startMongo({ storage: place('mongo'), detached, progress });
      started.push({ pids: mongo.pid === undefined ? [] : [mongo.pid], stop: mongo.stop });
      env.MONGODB_URI = mongo.uri;
      progress?.(`MongoDB: ${name}, which is not a mongod`);
    }
    if (!(await given('S3_ENDPOINT', 'S3', (value) => /^https?:\/\/([^/]+)/.exec(value)?.[1]))) {
      const s3 = await startS3({ folder: place('s3'), detached, progress });
      started.push({ pids: [s3.pid], stop: s3.stop });
      Object.assign(env, {
        S3_ENDPOINT: s3.endpoint,
        S3_BUCKET: s3.bucket,
        S3_REGION: s3.region,
        S3_PATH_STYLE: 'true',
        AWS_ACCESS_KEY_ID: s3.accessKeyId,
        AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
      });
      progress?.(`S3: SeaweedFS ${SEAWEED_VERSION}`);
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return { env, pids: started.flatMap(({ pids }) => pids), stop };
}

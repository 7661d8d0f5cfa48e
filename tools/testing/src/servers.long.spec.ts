import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import kafkajs, { type Admin } from 'kafkajs';
import { MongoClient } from 'mongodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  answers,
  eventually,
  isAlive,
  type Kafka,
  KAFKA_API,
  kafkaRequest,
  type Mongo,
  startKafka,
  startMongo,
  startS3,
  tcpProxy,
  type TcpProxy,
} from './index.ts';

/** Asks a broker as an administrator, with one attempt. */
async function ask<T>(broker: string, question: (admin: Admin) => Promise<T>): Promise<T> {
  const { Kafka: Client, logLevel } = kafkajs;
  const admin = new Client({ brokers: [broker], logLevel: logLevel.NOTHING, retry: { retries: 0 } }).admin();
  await admin.connect();
  return question(admin).finally(() => admin.disconnect());
}
/** False if there is such a topic. */
const created = (broker: string, topic: string, numPartitions: number, replicationFactor: number): Promise<boolean> =>
  ask(broker, (admin) => admin.createTopics({ topics: [{ topic, numPartitions, replicationFactor }] }));
const topics = (broker: string): Promise<string[]> => ask(broker, (admin) => admin.listTopics());
const brokers = async (broker: string): Promise<string[]> =>
  (await ask(broker, (admin) => admin.describeCluster())).brokers.map(({ host, port }) => `${host}:${port}`);

describe('Kafka', () => {
  let kafka: Kafka;
  let proxy: TcpProxy;
  beforeAll(async () => {
    kafka = await startKafka({
      secure: true,
      advertise: async (_, port) => {
        proxy = await tcpProxy({ target: { port }, protocol: 'kafka' });
        return proxy.port;
      },
    });
  });
  afterAll(async () => {
    await kafka?.stop();
    await proxy?.close();
  });

  test('keeps a topic that was created before kill -9, and gives clients the port of the proxy', async () => {
    const [broker, direct] = [kafka.brokers[0]!, kafka.direct[0]!];
    expect(await topics(direct)).not.toContain('survivor');
    expect(await created(broker, 'survivor', 3, 1)).toBe(true);
    await kafka.kill();
    expect(kafka.pids()).toEqual([undefined]);
    expect(await answers(Number(direct.split(':')[1]))).toBe(false);
    await kafka.startBroker();
    expect(await brokers(direct)).toEqual([broker]);
    expect(await created(direct, 'survivor', 3, 1)).toBe(false);
    await expect(kafka.startBroker()).rejects.toThrow('already runs');
  });

  test('has done what a request asked when its answer is dropped', async () => {
    proxy.dropAnswers((request) => kafkaRequest(request) === KAFKA_API.createTopics);
    await expect(created(kafka.brokers[0]!, 'answer-lost', 1, 1)).rejects.toThrow('Closed connection');
    expect(proxy.dropped()).toBe(1);
    proxy.dropAnswers(0);
    expect(await topics(kafka.brokers[0]!)).toContain('answer-lost');
  });

  test('shows the certificate that its authority signed', async () => {
    const { certificates, tls } = kafka.secure!;
    const socket = connect({ host: '127.0.0.1', port: Number(tls[0]!.split(':')[1]), ca: certificates.ca });
    await once(socket, 'secureConnect');
    expect(socket.authorized).toBe(true);
    expect(socket.getPeerCertificate().subject.CN).toBe('localhost');
    socket.destroy();
  });
});

describe('three brokers of Kafka', () => {
  test('one is killed, one stops, both come back', async () => {
    const kafka = await startKafka({ brokers: 3 });
    try {
      expect(await created(kafka.brokers[0]!, 'replicated', 1, 3)).toBe(true);
      await kafka.kill(2);
      await kafka.startBroker(2);
      await kafka.stopBroker(1);
      await kafka.startBroker(1);
      expect(kafka.pids().every((pid) => pid !== undefined && isAlive(pid))).toBe(true);
      expect(await topics(kafka.brokers[1]!)).toContain('replicated');
    } finally {
      await kafka.stop();
    }
    expect(kafka.pids()).toEqual([undefined, undefined, undefined]);
    expect(existsSync(kafka.folder)).toBe(false);
  });
});

describe('the MongoDB-compatible server', () => {
  const WRITERS = 4;
  let mongo: Mongo;
  beforeAll(async () => {
    mongo = await startMongo();
  });
  afterAll(() => mongo?.stop());

  test('has every acknowledged write after kill -9 in the middle of writing', async () => {
    let acknowledged = 0;
    let sent = 0;
    const client = await MongoClient.connect(mongo.uri, { retryWrites: false, serverSelectionTimeoutMS: 1000 });
    const kept = client.db('engines').collection<{ _id: string }>('kept');
    const write = async (writer: number) => {
      for (let i = 0; ; i += 1) {
        sent += 1;
        const written = await kept
          .insertOne({ _id: `${writer}-${i}` }, { writeConcern: { w: 'majority', journal: true } })
          .catch(() => undefined);
        if (written === undefined) return;
        acknowledged += 1;
        if (acknowledged === 300) void mongo.kill();
      }
    };
    await Promise.all(Array.from({ length: WRITERS }, (_, writer) => write(writer)));
    await mongo.kill();
    expect(mongo.pid).toBeUndefined();
    await mongo.start();
    await client.close();
    const after = await MongoClient.connect(mongo.uri);
    const count = await after.db('engines').collection('kept').countDocuments();
    await after.close();
    expect(acknowledged).toBeGreaterThanOrEqual(300);
    expect(count).toBeGreaterThanOrEqual(acknowledged);
    expect(count).toBeLessThanOrEqual(sent);
  });
});

describe('the S3-compatible server', () => {
  test('refuses a request that is not signed', async () => {
    const s3 = await startS3({ bucket: 'records' });
    const answer = await fetch(`${s3.endpoint}/records?list-type=2`);
    expect([answer.status, await answer.text()]).toEqual([403, expect.stringContaining('<Code>AccessDenied</Code>')]);
    await s3.stop();
    expect(await answers(s3.port)).toBe(false);
  });
});

describe('all engines', () => {
  test('die with a process that is killed by kill -9', async () => {
    const code = `import { startEngines } from ${JSON.stringify(join(import.meta.dirname, 'index.ts'))};
process.stdout.write(JSON.stringify((await startEngines()).pids));
setInterval(() => {}, 1000);`;
    const { KAFKA_BROKERS: _k, MONGODB_URI: _m, S3_ENDPOINT: _s, ...env } = process.env;
    const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
      stdio: ['ignore', 'pipe', 'ignore'],
      env,
    });
    const [chunk] = (await once(child.stdout, 'data')) as [Buffer];
    const pids = JSON.parse(chunk.toString()) as number[];
    expect(pids.map(isAlive)).toEqual([true, true, true]);
    child.kill('SIGKILL');
    await eventually(() => !pids.some(isAlive));
  });
});

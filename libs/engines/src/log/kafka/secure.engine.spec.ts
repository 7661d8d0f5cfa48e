import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Kafka, startKafka } from '@provider-access/testing';
import { EngineUnavailable } from '../port.ts';
import type { KafkaConnection, KafkaSasl } from './options.ts';
import { openLog, prefixed, record, topic, valuesOf } from '../../../test/log/kafka/support.ts';

let kafka: Kafka;
beforeAll(async () => {
  kafka = await startKafka({ secure: true });
});
afterAll(() => kafka.stop());

const secure = () => kafka.secure!;
const user = (
  mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512',
  password: () => string = () => secure().password,
): KafkaSasl => ({ mechanism, username: secure().username, password });

async function works(connection: Partial<KafkaConnection>): Promise<void> {
  const plain = await prefixed(kafka.brokers, [topic('t')]);
  const log = await openLog({ ...plain, ...connection });
  await log.append('t', [record('a'), record('b', 1)]);
  expect(await valuesOf(log, 't')).toEqual([['a'], ['b'], [], []]);
  const handled = Promise.withResolvers<void>();
  const subscription = await log.subscribe({ group: 'g', topics: ['t'], handle: async () => handled.resolve() });
  await handled.promise;
  await subscription.stop();
  await log.close();
}

describe('connections', () => {
  it('by TLS, with our authority and a client certificate', async () => {
    const { certificates } = secure();
    await works({
      brokers: secure().tls,
      tls: { ca: certificates.ca, cert: certificates.client.cert, key: certificates.client.key },
    });
  });

  it('by TLS are refused without a trusted authority of the broker', async () => {
    await expect(openLog({ brokers: secure().tls, clientId: 'test', tls: true }, { readTimeoutMs: 1 })).rejects.toThrow(
      EngineUnavailable,
    );
  });

  it.each(['plain', 'scram-sha-256', 'scram-sha-512'] as const)('by SASL %s', async (mechanism) =>
    works({ brokers: secure().sasl, sasl: user(mechanism) }),
  );

  it('by SASL oauthbearer', async () =>
    works({ brokers: secure().sasl, sasl: { mechanism: 'oauthbearer', token: () => secure().token() } }));

  it('by SASL over TLS', async () =>
    works({ brokers: secure().saslTls, tls: { ca: secure().certificates.ca }, sasl: user('scram-sha-512') }));

  it.each(['plain', 'scram-sha-256', 'scram-sha-512'] as const)(
    'by SASL %s with a wrong password are refused at once, without the password',
    async (mechanism) => {
      const refused = openLog(
        { brokers: secure().sasl, clientId: 'test', sasl: user(mechanism, () => 'wrong-secret') },
        { readTimeoutMs: 60_000 },
      );
      await expect(refused).rejects.toThrow(EngineUnavailable);
      await expect(refused).rejects.toThrow(/SASL/);
      await expect(refused).rejects.not.toThrow(/wrong-secret/);
    },
  );

  it('ask for the password each time: a rotated one is used by the next connection', async () => {
    let password = secure().password;
    let asked = 0;
    const plain = await prefixed(kafka.brokers, [topic('t')]);
    const log = await openLog({ ...plain, brokers: secure().sasl, sasl: user('plain', () => (asked++, password)) });
    const before = asked;
    await log.append('t', [record('a')]);
    expect(asked).toBeGreaterThan(before);
    password = 'wrong-secret';
    await expect(log.follow({ topics: ['t'], handle: () => undefined })).rejects.toThrow(/SASL/);
    await log.close();
  });
});

import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { ATTRIBUTION_PROJECTIONS } from '@provider-access/attribution';
import { consentService } from '@provider-access/consent';
import {
  deadLetterTopic,
  encodeEvent,
  PA_CONSENT,
  PA_RECORDS,
  PAYER_MEMBER_EVENTS,
  SERVICES,
  TOPICS,
  topicsOf,
  typeOf,
} from '@provider-access/events';
import { deadLetterId, type EventLog, type LogRecord } from '@provider-access/engines/log';
import { openKafkaLog, planTopics, type KafkaConnection } from '@provider-access/engines/log/kafka';
import { fixedSecrets } from '@provider-access/process/testing';
import { createServiceApp, systemClock } from '@provider-access/service/http';
import { StaticTokens } from '@provider-access/smart';
import { Metrics, silentLogger } from '@provider-access/service/observability';
import { openMemoryState } from '@provider-access/engines/state/memory';
import { type Kafka, eventually, startKafka } from '@provider-access/testing';
import { ProjectionSet } from '@provider-access/engines/views';
import { openMemoryViews } from '@provider-access/engines/views/memory';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ADMIN_PRINCIPAL, aclRules, PAYER_PRINCIPAL } from '../src/acls.ts';
import { desiredTopics } from '../src/config.ts';
import { run } from '../src/program.ts';
import { topicsArea } from '../src/topics-area.ts';
import { applyAcls } from './kafka/apply-acls.ts';

const noCopies = (): never => {
  throw new Error('no copies here');
};

/** A broker that refuses everything without a rule, and a user for each principal of the printed rules. */
const USERS = [PAYER_PRINCIPAL, ADMIN_PRINCIPAL, 'stranger', ...SERVICES];
const passwordOf = (user: string): string => `secret-of-${user}`;
const PREFIXES = { topicPrefix: 'pt.', groupPrefix: 'pt-' };
const settings = { partitions: 2, replication: 1, minInsyncReplicas: 1 };

let kafka: Kafka;
const logs: EventLog[] = [];
const as = (user: string): KafkaConnection & typeof PREFIXES => ({
  brokers: kafka.secure!.sasl,
  clientId: user,
  ...PREFIXES,
  sasl: { mechanism: 'plain', username: user, password: () => passwordOf(user) },
});
const logOf = async (user: string): Promise<EventLog> => {
  const log = await openKafkaLog({ ...as(user), readTimeoutMs: 5000, deliveryTimeoutMs: 5000 });
  logs.push(log);
  return log;
};

beforeAll(async () => {
  kafka = await startKafka({
    secure: true,
    properties: {
      'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
      // The brokers themselves and this test's own set-up, on the plain listener.
      'super.users': 'User:ANONYMOUS',
      'allow.everyone.if.no.acl.found': 'false',
      'listener.name.sasl.plain.sasl.jaas.config':
        'org.apache.kafka.common.security.plain.PlainLoginModule required ' +
        `${USERS.map((u) => `user_${u}="${passwordOf(u)}"`).join(' ')};`,
    },
  });
  await applyAcls(kafka.brokers, aclRules({ ...PREFIXES }));
  await topicsArea(as(ADMIN_PRINCIPAL), settings).apply();
});
afterAll(async () => {
  await Promise.all(logs.map((log) => log.close()));
  await kafka?.stop();
});

const optOut = (member: string) =>
  encodeEvent({
    id: `e-${member}`,
    source: '/payer',
    type: 'payer.member-opted-out.v1',
    time: '2026-01-01T00:00:00Z',
    subject: member,
    data: {},
  });
const attempt = (log: EventLog, topic: string): Promise<string> =>
  log.append(topic, [optOut('m')]).then(
    () => 'appended',
    (error: Error) => error.message,
  );
async function records(log: EventLog, topic: string): Promise<LogRecord[]> {
  const found: LogRecord[] = [];
  for (let p = 0; p < (await log.partitions(topic)); p++) found.push(...(await log.read(topic, p, 0, 1000)));
  return found;
}

test('admin creates every topic with the printed rights, and finds all as declared', async () => {
  expect(await planTopics(as(ADMIN_PRINCIPAL), desiredTopics(settings))).toEqual([]);
  const said: string[] = [];
  const area = topicsArea(as(ADMIN_PRINCIPAL), settings);
  expect(
    await run(
      ['verify'],
      {
        topics: () => ({ target: 'Kafka', areas: [area] }),
        views: () => ({ target: 'MongoDB', areas: [] }),
        aclOptions: () => ({}),
        copies: noCopies,
      },
      { out: (l) => said.push(l), error: (l) => said.push(l) },
    ),
  ).toBe(0);
  expect(said).toEqual(['All is as declared.']);
});

test('the payer appends to its topics and to nothing else', async () => {
  const log = await logOf(PAYER_PRINCIPAL);
  for (const { name, writers } of TOPICS) {
    const said = await attempt(log, name);
    if (writers.includes('payer')) expect(said).toBe('appended');
    else expect(said).toMatch(/AUTHORIZATION_FAILED|does not exist/);
  }
  await expect(log.read(PAYER_MEMBER_EVENTS, 0, 0, 1)).rejects.toThrow(/AUTHORIZATION_FAILED/);
});

/** Runs consent under its own user, beside a process of attribution that keeps the views up. */
async function withConsent(work: (log: EventLog) => Promise<void>): Promise<void> {
  const log = await logOf('consent');
  const views = openMemoryViews();
  const state = openMemoryState({ log });
  const facts = new ProjectionSet({ log: await logOf('attribution'), views, projections: ATTRIBUTION_PROJECTIONS });
  let app: NestFastifyApplication | undefined;
  try {
    await facts.start();
    const ports = { log, views, state, clock: systemClock, logger: silentLogger, metrics: new Metrics() };
    app = await createServiceApp(
      await consentService.read({}, {}).register({ ...fixedSecrets(new StaticTokens({})), ports }),
      {
        name: 'consent',
        ports,
      },
    );
    await work(log);
  } finally {
    await app?.close();
    await facts.stop();
    await state.close();
    await views.close();
  }
}

test('consent does its work as itself, and writes no topic of another', () =>
  withConsent(async (log) => {
    const payer = await logOf(PAYER_PRINCIPAL);
    await payer.append(PAYER_MEMBER_EVENTS, [optOut('m-consent')]);
    await eventually(async () => {
      expect(
        (await records(log, PA_CONSENT)).filter((r) => typeOf(r) === 'pa.opted-out.v1' && r.key === 'm-consent'),
      ).toHaveLength(1);
      expect(
        Object.values(await log.committed('consent-intake', [PAYER_MEMBER_EVENTS]))
          .flat()
          .some((next) => next > 0),
      ).toBe(true);
    });
    expect(await attempt(log, PA_RECORDS)).toMatch(/AUTHORIZATION_FAILED|does not exist/);
  }));

test('no header that the payer sets on Kafka ends a hold, and a note that only the platform can write does', () =>
  withConsent(async (log) => {
    const payer = await logOf(PAYER_PRINCIPAL);
    const said = (id: string, type: string, data: object, more: object = {}) =>
      encodeEvent({
        id,
        source: '/payer',
        type: `payer.member-${type}.v1`,
        time: new Date().toISOString(),
        subject: 'm-held',
        data,
        ...more,
      });
    const count = async (type: string): Promise<number> =>
      (await records(log, PA_CONSENT)).filter((r) => typeOf(r) === type && r.key === 'm-held').length;
    const [parked] = await payer.append(PAYER_MEMBER_EVENTS, [said('broken', 'opted-out', { scope: 'everything' })]);
    await eventually(async () => expect(await count('pa.access-held.v1')).toBe(1));

    const deadLetter = deadLetterId(PAYER_MEMBER_EVENTS, parked!.partition, parked!.offset);
    const claim = { extensions: { pareplayof: deadLetter } };
    const claims = await payer.append(PAYER_MEMBER_EVENTS, [
      said('out', 'opted-out', {}, claim),
      said('in', 'opted-in', {}, claim),
    ]);
    const { partition, offset } = claims.at(-1)!;
    // The group commits only after the log has everything derived from the events.
    await eventually(async () =>
      expect(
        (await log.committed('consent-intake', [PAYER_MEMBER_EVENTS]))[PAYER_MEMBER_EVENTS]![partition],
      ).toBeGreaterThan(offset),
    );
    expect([await count('pa.opted-in.v1'), await count('pa.access-released.v1')]).toEqual([1, 0]);

    const note = (by: string) =>
      encodeEvent({
        id: `note-of-${by}`,
        source: '/notes',
        type: 'pa.dead-letter-discarded.v1',
        time: new Date().toISOString(),
        subject: deadLetter,
        data: { deadLetter, by, reason: 'a test', at: new Date().toISOString() },
      });
    const topic = deadLetterTopic(PAYER_MEMBER_EVENTS);
    await expect(payer.append(topic, [note('payer')])).rejects.toThrow(/AUTHORIZATION_FAILED|does not exist/);
    await (await logOf('resources')).append(topic, [note('resources')]);
    await eventually(async () => expect(await count('pa.access-released.v1')).toBe(1));
  }));

test.each(SERVICES)(
  '%s appends to what it is declared to write, sees what it is declared to read, and nothing else',
  async (service) => {
    const log = await logOf(service);
    const { writes, reads, heads } = topicsOf(service);
    for (const { name } of TOPICS) {
      const appended = await attempt(log, name);
      if (writes.includes(name)) expect(appended, name).toBe('appended');
      else expect(appended, name).toMatch(/AUTHORIZATION_FAILED|does not exist/);
      const read = await log.read(name, 0, 0, 1).then(
        () => 'read',
        (error: Error) => error.message,
      );
      if (reads.includes(name)) expect(read, name).toBe('read');
      else expect(read, name).toMatch(/AUTHORIZATION_FAILED|does not exist/);
    }
    await log.head([...writes, ...reads, ...heads]);
  },
);

test('a stranger gets one sentence that names the missing right, and an exit code of its own', async () => {
  const said: string[] = [];
  const declared = {
    topics: () => ({ target: 'Kafka at broker:9092', areas: [topicsArea(as('stranger'), settings)] }),
    views: () => ({ target: '', areas: [] }),
    aclOptions: () => ({}),
    copies: noCopies,
  };
  expect(await run(['topics', 'apply'], declared, { out: (l) => said.push(l), error: (l) => said.push(l) })).toBe(4);
  expect(said).toHaveLength(1);
  const wrong = { ...as('payer'), sasl: { mechanism: 'plain' as const, username: 'payer', password: () => 'wrong' } };
  const refused = {
    ...declared,
    topics: () => ({ target: 'Kafka at broker:9092', areas: [topicsArea(wrong, settings)] }),
  };
  expect(await run(['topics', 'plan'], refused, { out: (l) => said.push(l), error: (l) => said.push(l) })).toBe(4);
  expect(said.join('\n')).not.toContain('wrong');
});

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type AccessHeld,
  deadLetterTopic,
  type DomainEvent,
  encodeEvent,
  type EventParked,
  PA_CONSENT,
  PAYER_MEMBER_EVENTS,
  type PayerEventDefinition,
  PayerContract,
  type Progress,
  PROGRESS_TYPE,
  RECORDED_AT_HEADER,
  type Upcaster,
  dataOf,
} from '@provider-access/events';
import { EngineUnavailable, type LogRecord } from '@provider-access/engines/log';
import { openMemoryLog } from '@provider-access/engines/log/memory';
import type { ServicePorts } from '@provider-access/service/http';
import { Metrics } from '@provider-access/service/observability';
import { TransactionTimes } from '@provider-access/engines/state';
import { openMemoryState } from '@provider-access/engines/state/memory';
import { z } from 'zod';
import { derivedRecord } from './derived-event.ts';
import { AccessIntake } from './access-intake.ts';
import type { AccessRole } from './access-role.ts';
import { Intake } from './frame.ts';

/** A type of the test in two versions. The second version has both names in one list. */
const NAMED = 'payer.member-named.v2';
const TYPES: Record<string, PayerEventDefinition> = {
  [NAMED]: {
    topic: PAYER_MEMBER_EVENTS,
    owner: 'consent',
    denies: 'member',
    title: 'A member got a name',
    schema: z.object({ names: z.array(z.string()) }),
  },
};
const split: Upcaster = {
  from: 'payer.member-named.v1',
  to: NAMED,
  upcast: (data) => ({ names: (data as { name: string }).name.split(' ') }),
};
interface Named extends Omit<DomainEvent, 'type' | 'data'> {
  readonly type: typeof NAMED;
  readonly data: { readonly names: readonly string[] };
}

const NOW = Date.UTC(2026, 5, 1);
const named = (id: string, subject: string, data: unknown, over: Partial<DomainEvent> = {}): DomainEvent => ({
  id,
  source: 'urn:payer',
  type: NAMED,
  time: '2026-01-01T00:00:00Z',
  subject,
  data,
  extensions: { pareceipt: 'r-1' },
  ...over,
});

let log: ReturnType<typeof openMemoryLog>;
let state: ReturnType<typeof openMemoryState>;
let lines: Record<string, unknown>[];
/** How far the clock of the intake is behind the clock that stamps records, ms. */
let behind: number;
let decided: string[];
/** The decision about an event, by its first name. */
let decide: (first: string, event: Named) => void;
beforeEach(() => {
  log = openMemoryLog({ partitions: 1, maxRecordBytes: 64 * 1024, now: () => NOW });
  state = openMemoryState({ log, now: () => NOW });
  lines = [];
  behind = 0;
  decided = [];
  decide = () => {};
});
afterEach(async () => {
  await log.close();
  await state.close();
});

function intake(): AccessIntake<Named> {
  const say = (details: Record<string, unknown>): void => void lines.push(details);
  const ports = {
    log,
    state,
    clock: { now: () => NOW - behind },
    metrics: new Metrics(),
    logger: { warn: say, error: say },
  } as unknown as ServicePorts;
  const held = async (hold: AccessHeld, type: string, at: string) => [
    {
      topic: PA_CONSENT,
      record: derivedRecord({
        deriver: 'consent',
        type,
        cause: { id: hold.deadLetter, source: hold.source },
        at,
        data: hold,
        ...(hold.member !== undefined && { subject: hold.member }),
      }),
    },
  ];
  return new AccessIntake<Named>(ports, {
    deriver: 'consent',
    progressTopic: PA_CONSENT,
    interest: { types: new Set([NAMED]), strays: 'passed' },
    topics: [PA_CONSENT],
    contract: new PayerContract<Named>(TYPES, [split]),
    reports: () => true,
    refuses: () => true,
    holdOf: (record, { event }, deadLetter) => ({
      member: event?.subject ?? record.headers['ce_subject']!,
      source: 'urn:payer',
      deadLetter,
      eventType: NAMED,
    }),
    hold: (hold, at) => held(hold, 'pa.access-held.v1', at),
    release: (hold, at) => held(hold, 'pa.access-released.v1', at),
    stages: () => [
      {
        each({ inbound, at }, taken) {
          if (taken !== undefined || !inbound.ok) return taken;
          const { event } = inbound;
          decided.push(event.id);
          const [first] = event.data.names;
          decide(first!, event);
          const { names } = event.data;
          const named = {
            deriver: 'consent',
            type: 'pa.named.v1',
            subject: event.subject!,
            cause: event,
            at,
            data: { names },
          };
          return { ok: true, outcome: 'recorded', outputs: [{ topic: PA_CONSENT, record: derivedRecord(named) }] };
        },
      },
    ],
  } satisfies AccessRole<Named>);
}

async function publish(...events: DomainEvent[]): Promise<{ topic: string; partition: number; records: LogRecord[] }> {
  const before = (await log.head([PAYER_MEMBER_EVENTS]))[PAYER_MEMBER_EVENTS]![0]!;
  await log.append(
    PAYER_MEMBER_EVENTS,
    events.map((event) => encodeEvent(event)),
  );
  return {
    topic: PAYER_MEMBER_EVENTS,
    partition: 0,
    records: [...(await log.read(PAYER_MEMBER_EVENTS, 0, before, 100))],
  };
}
async function typed<T>(topic: string, type: string): Promise<T[]> {
  const records = await log.read(topic, 0, 0, 1000);
  return records.filter((r) => r.headers['ce_type'] === type).map((r) => dataOf<T>(r));
}
const letters = () => typed<EventParked>(deadLetterTopic(PAYER_MEMBER_EVENTS), 'pa.event-parked.v1');
const names = () =>
  typed<{ names: string[] }>(PA_CONSENT, 'pa.named.v1').then((all) => all.map((n) => n.names.join(' ').slice(0, 20)));
const counts = async () =>
  (await typed<Progress>(PA_CONSENT, PROGRESS_TYPE)).map((p) => p.outcomes?.map((o) => o.counts));

describe('an event of an older version', () => {
  it('ends in the same state as one of the newest', async () => {
    await intake().handle(
      await publish(
        named('e1', 'm1', { name: 'Ada Lovelace' }, { type: 'payer.member-named.v1' }),
        named('e2', 'm2', { names: ['Ada', 'Lovelace'] }),
      ),
    );
    expect(await names()).toEqual(['Ada Lovelace', 'Ada Lovelace']);
    expect(await counts()).toEqual([[{ recorded: 2 }]]);
    expect(await letters()).toEqual([]);
  });
});

describe('an event at which the platform fails', () => {
  const failing = (first: string): void => {
    if (first === 'Bad') throw new TypeError('cannot read Bad, the secret name');
  };

  it('becomes a dead letter and a hold; the events around it are recorded once', async () => {
    decide = failing;
    await intake().handle(
      await publish(
        named('e1', 'm1', { names: ['Ada'] }),
        named('e2', 'm2', { names: ['Bad'] }),
        named('e3', 'm3', { names: ['Eve'] }),
      ),
    );
    expect(await names()).toEqual(['Ada', 'Eve']);
    expect(await letters()).toMatchObject([{ reason: 'internal-fault', parkedBy: 'consent', offset: 1 }]);
    expect(await typed<AccessHeld>(PA_CONSENT, 'pa.access-held.v1')).toMatchObject([{ member: 'm2' }]);
    expect(await counts()).toEqual([[{ recorded: 2, parked: 1 }]]);
    expect(decided).toEqual(['e1', 'e2', 'e1', 'e3']);
  });

  it("is logged by the error's name and place, never by its message, which may hold the event's content", async () => {
    decide = failing;
    await intake().handle(await publish(named('e2', 'm2', { names: ['Bad'] })));
    const [logged] = lines.filter((line) => line['error'] !== undefined);
    expect(logged).toMatchObject({ error: 'TypeError', deadLetter: (await letters())[0]!.deadLetter });
    expect((logged!['thrown'] as string[])[0]).toContain('frame.int.spec');
    expect(JSON.stringify(lines)).not.toMatch(/secret|Bad|"m2"/);
  });

  it('is one where an upcaster throws, too', async () => {
    await intake().handle(
      await publish(
        named('e1', 'm1', { nothing: true }, { type: 'payer.member-named.v1' }),
        named('e2', 'm2', { names: ['Ada'] }),
      ),
    );
    expect(await names()).toEqual(['Ada']);
    expect(await letters()).toMatchObject([{ reason: 'internal-fault' }]);
    expect(await typed<AccessHeld>(PA_CONSENT, 'pa.access-held.v1')).toMatchObject([{ member: 'm1' }]);
  });

  it('and one that becomes more than the log takes: too-large', async () => {
    decide = (_first, event) => {
      if (event.id === 'e1') (event.data.names as string[]).push('x'.repeat(2 * 1024 * 1024));
    };
    await intake().handle(await publish(named('e1', 'm1', { names: ['Long'] }), named('e2', 'm2', { names: ['Ada'] })));
    expect(await names()).toEqual(['Ada']);
    expect(await letters()).toMatchObject([{ reason: 'too-large', offset: 0 }]);
  });

  it('each of many is one, in one batch', async () => {
    decide = failing;
    await intake().handle(
      await publish(
        ...Array.from({ length: 10 }, (_, i) => named(`e${i}`, `m${i}`, { names: [i % 2 === 0 ? 'Bad' : `Name${i}`] })),
      ),
    );
    expect(await names()).toEqual(['Name1', 'Name3', 'Name5', 'Name7', 'Name9']);
    expect(await letters()).toHaveLength(5);
  });
});

it('says that a derived event was recorded no earlier than the newest transactionTime of an export', async () => {
  const recordedAt = async (offset: number) =>
    (await log.read(PA_CONSENT, 0, offset, 1))[0]!.headers[RECORDED_AT_HEADER];
  const one = intake();
  await one.handle(await publish(named('e1', 'm1', { names: ['Ada'] })));
  expect(await recordedAt(0)).toBeUndefined();
  await new TransactionTimes(state.streams).raise(NOW + 5000);
  await one.handle(await publish(named('e2', 'm2', { names: ['Eve'] })));
  expect(await names()).toEqual(['Ada', 'Eve']);
  // The progress of the first batch lies between.
  expect(await recordedAt(2)).toBe(new Date(NOW + 5000).toISOString());
});

it('asks for that time only if a batch has an event for the service, and stamps the next no earlier', async () => {
  const load = state.streams.load.bind(state.streams);
  let asked = 0;
  state.streams.load = (...args) => (asked++, load(...args));
  const one = intake();
  await new TransactionTimes({ load, append: state.streams.append.bind(state.streams) }).raise(NOW + 5000);
  await one.handle(await publish(named('e1', 'm1', {}, { type: 'payer.resource-recorded.v1' } as never)));
  expect(asked).toBe(0);
  await one.handle(await publish(named('e2', 'm2', { names: ['Eve'] })));
  expect(asked).toBe(1);
  const [, record] = await log.read(PA_CONSENT, 0, 0, 10);
  expect(record!.headers[RECORDED_AT_HEADER]).toBe(new Date(NOW + 5000).toISOString());
});

it('asks for that time while events are read, if the batch is known to have one for the service', async () => {
  const order: string[] = [];
  const load = state.streams.load.bind(state.streams);
  state.streams.load = (...args) => (order.push('time'), load(...args));
  const ports = {
    log,
    state,
    clock: { now: () => NOW },
    metrics: new Metrics(),
    logger: {},
  } as unknown as ServicePorts;
  const role = { progressTopic: PA_CONSENT, topics: [PA_CONSENT], recordedAtHeader: false };
  const one = new Intake(ports, { deriver: 'consent', ...role });
  const batch = await publish(named('e1', 'm1', { names: ['Ada'] }));
  const read = (concerns: boolean) =>
    one.handle(batch, {
      concerns,
      stages: () => [],
      read: async () => {
        await new Promise((resolve) => setImmediate(resolve));
        order.push('events');
        return batch.records.map((record) => ({ record, id: 'e1', receipt: undefined }));
      },
    });
  await read(true);
  await read(false);
  expect(order).toEqual(['time', 'events', 'events', 'time']);
});

it('an engine that is away makes the batch come again as it was', async () => {
  let away = true;
  decide = () => {
    if (away) throw new EngineUnavailable('the store does not answer');
  };
  const batch = await publish(named('e1', 'm1', { names: ['Ada'] }));
  const one = intake();
  await expect(one.handle(batch)).rejects.toThrow(EngineUnavailable);
  expect([await names(), await letters()]).toEqual([[], []]);
  away = false;
  await one.handle(batch);
  expect([await names(), await letters()]).toEqual([['Ada'], []]);
});

describe('an intake whose clock is an hour behind', () => {
  const HOUR = 3_600_000;
  const present = (id: string, over: Partial<DomainEvent> = {}) =>
    named(id, 'm1', { names: ['Ada'] }, { time: new Date(NOW).toISOString(), ...over });

  it('takes an event of the present: the log says when it was appended', async () => {
    behind = HOUR;
    await intake().handle(await publish(present('e1')));
    expect([await names(), await letters()]).toEqual([['Ada'], []]);
  });

  it('refuses what is ahead of the log as well', async () => {
    behind = HOUR;
    await intake().handle(await publish(present('e1', { time: new Date(NOW + HOUR).toISOString() })));
    expect([await names(), await letters()]).toMatchObject([[], [{ reason: 'time-in-future' }]]);
  });

  it('does not let a producer say what the present is', async () => {
    behind = HOUR;
    const batch = await publish(present('e1'));
    await intake().handle({
      ...batch,
      records: batch.records.map((record) => ({ ...record, timestampBy: 'producer' as const })),
    });
    expect([await names(), await letters()]).toMatchObject([[], [{ reason: 'time-in-future' }]]);
  });
});

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  deadLetterTopic,
  type DomainEvent,
  encodeEvent,
  PA_CONSENT,
  PAYER_MEMBER_EVENTS,
  PROGRESS_TYPE,
  dataOf,
} from '@provider-access/events';
import { deadLetterId } from '@provider-access/engines/log';
import { derivedEventId, MOST_IDS } from '@provider-access/intake';
import { variant } from '@provider-access/testing/variant';
import { denyingConsent, Harness, merged, optedOut, payerEvent, START } from '../test/harness.ts';

/** Finding H7 (SECURITY.md). */
const MANY = variant.long ? 100_000 : 300;
/** ms. It only ends a test that hangs: how long 100,000 events take depends on the machine. */
const PATIENCE = 3_600_000;
const MERGES = variant.long ? 100_000 : MOST_IDS + 40;

let h: Harness;
beforeEach(async () => {
  h = await new Harness().start();
  await h.member('m1');
  await h.member('other');
});
afterEach(() => h.stop());

const size = (value: unknown): number => (value === undefined ? 0 : JSON.stringify(value).length);
const records = () =>
  h.log.data.records(PA_CONSENT).map((partition) => partition.filter((r) => r.headers['ce_type'] !== PROGRESS_TYPE));

interface Cost {
  readonly records: number;
  readonly logBytes: number;
  readonly stateCalls: number;
  readonly registerBytes: number;
  readonly viewWrites: number;
  readonly viewBytes: number;
  readonly documentBytes: number;
}
/**
 * What one statement writes and reads, and how large the stored state of the member is afterwards. Reports of progress
 * do not count.
 */
async function costOf(event: DomainEvent, member: string): Promise<Cost> {
  const before = records().map(({ length }) => length);
  h.calls.length = 0;
  h.written.length = 0;
  await h.publish(event);
  const added = records().flatMap((partition, p) => partition.slice(before[p]));
  return {
    records: added.length,
    logBytes: added.reduce((sum, r) => sum + r.value.byteLength + size(r.headers), 0),
    stateCalls: h.calls.filter((call) => call.endsWith(' service-levels') === false).length,
    registerBytes: size((await h.state.streams.load(`consent/${member}`))!.snapshot),
    viewWrites: h.written.length,
    viewBytes: size(h.written),
    documentBytes: size(await h.facts.reader.get(member)),
  };
}
/** The n-th event, with an id of the same length as all others. */
type Nth = (n: number) => Readonly<Record<string, unknown>> & {
  readonly type: 'out' | 'in' | 'Consent';
  readonly time?: number;
  readonly source?: string;
  readonly id?: string;
};
const TYPES = {
  out: 'payer.member-opted-out.v1',
  in: 'payer.member-opted-in.v1',
  Consent: 'payer.resource-recorded.v1',
};
function event(member: string, n: number, nth: Nth): DomainEvent {
  const {
    type,
    time = START - 60_000,
    source = 'urn:payer',
    id = `statement-${String(n).padStart(8, '0')}`,
    ...data
  } = nth(n);
  return payerEvent(TYPES[type], member, data, { id, source, time: new Date(time).toISOString() });
}

/**
 * Publishes events 1 to `many`. The last eleven write no more than the eleven that follow event `full` + 10, also if
 * two or three kinds of events take turns.
 */
async function compare(many: number, full: number, nth: (n: number) => DomainEvent): Promise<void> {
  const flood = async (from: number, to: number): Promise<void> => {
    for (let n = from; n < to; n += 1_000) {
      await h.log.append(
        PAYER_MEMBER_EVENTS,
        Array.from({ length: Math.min(1_000, to - n) }, (_, i) => encodeEvent(nth(n + i))),
      );
      await h.passed();
    }
  };
  await flood(1, full + 10);
  const costs: Cost[] = [];
  for (let n = full + 10; n <= full + 20; n++) costs.push(await costOf(nth(n), 'm1'));
  await flood(full + 21, many - 10);
  for (let n = many - 10; n <= many; n++) {
    const cost = await costOf(nth(n), 'm1');
    for (const measure of Object.keys(cost) as (keyof Cost)[])
      expect(cost[measure], measure).toBeLessThanOrEqual(Math.max(...costs.map((known) => known[measure])));
  }
  expect(await h.verdict('other')).toBe('permit');
}

describe('one member, however often somebody speaks of the member', () => {
  const NPIS = ['1000000004', '1000000012', '1000000020'];
  const later = (n: number): number => START - 10_000_000 + n;
  const pad = (n: number): string => String(n).padStart(8, '0');
  const consent = (n: number, over: object = {}) => ({
    type: 'Consent' as const,
    time: later(n),
    resource: denyingConsent('m1', over),
  });
  it.each<{ readonly what: string; readonly nth: Nth; readonly full?: number }>([
    { what: 'the same opt-out under a new id', nth: () => ({ type: 'out' }) },
    { what: 'a later opt-out each time', nth: (n) => ({ type: 'out', time: later(n) }) },
    { what: 'an earlier opt-out each time', nth: (n) => ({ type: 'out', time: START - n }) },
    { what: 'an opt-in each time', nth: (n) => ({ type: 'in', time: later(n) }) },
    { what: 'opt-out and opt-in in turns', nth: (n) => ({ type: n % 2 === 0 ? 'out' : 'in', time: later(n) }) },
    {
      what: 'opt-outs of three practices in turns',
      nth: (n) => ({ type: 'out', scope: 'provider-specific', targets: [{ npi: NPIS[n % 3] }], time: later(n) }),
    },
    {
      what: 'an opt-out for the same day ahead',
      nth: (n) => ({ type: 'out', effectiveFrom: '2026-07-01', time: later(n) }),
    },
    { what: 'an opt-out that cannot be read', nth: () => ({ type: 'out', scope: 'everything' }) },
    { what: 'an opt-in that cannot be read', nth: () => ({ type: 'in', effectiveFrom: 'soon' }) },
    {
      what: 'an opt-out under an id that came before',
      nth: (n) => ({ type: 'out', id: 'always-the-same', channel: pad(n) }),
    },
    {
      what: 'two systems in turns',
      nth: (n) => ({ type: 'out', source: n % 2 === 0 ? 'urn:portal' : 'urn:phone ', time: later(n) }),
    },
    {
      what: 'an opt-out by another system each time',
      nth: (n) => ({ type: 'out', source: `urn:portal:${pad(n)}`, time: START - (200_000 - n) * 360_000 }),
      full: 60,
    },
    { what: 'a FHIR Consent that denies', nth: (n) => consent(n) },
    { what: 'a FHIR Consent that denies and cannot be read', nth: (n) => consent(n, { status: 7 }) },
  ])(
    `$what: statement ${MANY} costs no more than the tenth`,
    async ({ nth, full = 0 }) => {
      await compare(MANY, full, (n) => event('m1', n, nth));
    },
    PATIENCE,
  );
});

// The long variants of the tests above create more than a million events.
it('the 400,000th event that the tests of this file create still lies in the past, and is no dead letter', async () => {
  for (let i = 0; i < 400_000; i++) optedOut('m1');
  await h.publish(optedOut('m1'));
  expect(await h.verdict('m1')).toBe('opted-out');
});

describe('dead letters of one member', () => {
  const OPEN = 20;
  const unreadable = () => event('m1', 1, () => ({ type: 'out', scope: 'everything' }));
  /** Publishes an event that becomes a dead letter. */
  async function parked(): Promise<string> {
    const [{ partition, offset }] = (await h.log.append(PAYER_MEMBER_EVENTS, [encodeEvent(unreadable())])) as [
      { partition: number; offset: number },
    ];
    return deadLetterId(PAYER_MEMBER_EVENTS, partition, offset);
  }
  const resolved = async (): Promise<void> => {
    const topic = deadLetterTopic(PAYER_MEMBER_EVENTS);
    const head = (await h.log.head([topic]))[topic]!;
    const committed = async () => (await h.log.committed('consent-dead-letters', [topic]))[topic] ?? [];
    await expect.poll(async () => (await committed()).every((next, p) => next >= head[p]!)).toBe(true);
    await h.passed();
  };

  it(`of which ${OPEN} are open deny the member, and each merged id, until the last is resolved`, async () => {
    const letters = await Promise.all(Array.from({ length: OPEN }, parked));
    await h.publish(merged('m1', 'other'));
    expect([await h.verdict('m1'), await h.verdict('other')]).toEqual(['on-hold', 'on-hold']);
    // The oldest dead letter without an event of its own in the facts is resolved last but one.
    const [last, ...others] = [...letters.slice(9), ...letters.slice(0, 9)].toReversed();
    for (const letter of others) await h.discard(letter);
    await resolved();
    expect([await h.verdict('m1'), await h.verdict('other')]).toEqual(['on-hold', 'on-hold']);
    await h.discard(last!);
    await expect.poll(async () => [await h.verdict('m1'), await h.verdict('other')]).toEqual(['permit', 'permit']);
  });

  it('are answered as parked beyond those that the facts know, and an opt-out beside them as effective', async () => {
    const letters = await Promise.all(Array.from({ length: OPEN }, parked));
    await h.publish(optedOut('m1', { id: 'good' }));
    await h.passed();
    const statement = { member: 'm1', event: 'none' };
    expect(await h.facts.access.effects(letters.map((deadLetter) => ({ ...statement, deadLetter })))).toEqual(
      letters.map((deadLetter) => ({ status: 'parked', deadLetter, denies: 'member' })),
    );
    const event = derivedEventId({ id: 'good', source: 'urn:payer' }, 'm1');
    expect(await h.facts.access.effects([{ member: 'm1', event, deadLetter: 'dl-none' }])).toEqual([
      { status: 'effective' },
    ]);
  });

  it('leave nothing that grows when they are resolved', async () => {
    const sizes: (readonly number[])[] = [];
    for (let n = 0; n < 40; n++) {
      const letter = await parked();
      await h.passed();
      await h.discard(letter);
      await resolved();
      sizes.push([size(await h.facts.reader.get('m1')), size((await h.state.streams.load('consent/m1'))!.snapshot)]);
    }
    expect(await h.verdict('m1')).toBe('permit');
    expect(sizes.at(-1)).toEqual(sizes[19]);
    expect((await h.facts.access.facts('m1'))!.completeFrom).toBeDefined();
  });
});

describe('a name of three million characters', () => {
  const long = 'x'.repeat(3_000_000);
  it.each<[string, Partial<DomainEvent>, string]>([
    ['id', { id: long }, 'on-hold'],
    ['source', { source: long }, 'on-hold'],
    ['trace context', { traceparent: long }, 'opted-out'],
  ])('as the %s of an event goes into no document', async (_what, more, verdict) => {
    await h.publish({ ...event('m1', 1, () => ({ type: 'out' })), ...more });
    expect(await h.verdict('m1')).toBe(verdict);
    expect(await h.verdict('other')).toBe('permit');
    expect(
      size(
        records()
          .flat()
          .map((r) => [r.headers, r.value.toString()]),
      ),
    ).toBeLessThan(5_000);
    expect(size(await h.facts.reader.get('m1'))).toBeLessThan(3_000);
    expect(size((await h.state.streams.load('consent/m1'))!.snapshot)).toBeLessThan(3_000);
  });
  it("does not add a source for each event's new name: the member is denied while any source is held", async () => {
    await h.stop();
    h = await new Harness().start({ unreadableConsent: 'hold-source' });
    await h.member('m1');
    await h.member('other');
    for (let n = 0; n < 200; n++)
      await h.log.append(PAYER_MEMBER_EVENTS, [
        encodeEvent(
          event('m1', n, () => ({
            type: 'in',
            source: `urn:session:${String(n).padStart(4, '0')}`,
            time: START - 10_000_000 + n,
          })),
        ),
      ]);
    await h.passed();
    expect(size(await h.facts.reader.get('m1'))).toBeLessThan(20_000);
    const { ce_subject: _, ...headers } = encodeEvent(
      event('m1', 999, () => ({ type: 'out', source: 'urn:session:0150' })),
    ).headers;
    await h.publishRaw({ key: 'x', partitionKey: 'x', headers, value: '{' });
    expect([await h.verdict('m1'), await h.verdict('other')]).toEqual(['source-on-hold', 'permit']);
  });
});

describe('one person of many ids', () => {
  const IDS = 80;
  // 246 MB in an earlier release.
  it(`${IDS} opt-outs and ${IDS} merges write what each id lacks`, async () => {
    const events = Array.from({ length: IDS }, (_, n) => [
      event('m1', n, () => ({ type: 'out', time: START - 10_000_000 + n })),
      merged('m1', `old-${n}`),
    ]).flat();
    await h.publish(...events);
    const written = records().flat();
    // One opt-out reaches the ids that were joined before it. A merge brings its id what the others have.
    expect(written.length).toBeLessThanOrEqual(IDS * IDS);
    expect(written.reduce((sum, r) => sum + r.value.byteLength + size(r.headers), 0)).toBeLessThan(5_000_000);
    for (const id of ['m1', 'old-0', 'old-40', `old-${IDS - 1}`]) {
      await h.member(id);
      expect(await h.verdict(id)).toBe('opted-out');
      expect(size(await h.facts.reader.get(id))).toBeLessThan(5_000);
    }
    const last = `old-${IDS - 1}`;
    await h.publish(event(last, 9_000, () => ({ type: 'in', time: START })));
    for (const id of ['m1', 'old-0', last]) expect(await h.verdict(id)).toBe('permit');
  });

  const id = (n: number): string => `old-${String(n).padStart(8, '0')}`;
  const merge = (n: number): DomainEvent => merged('m1', id(n), { id: `merge-${String(n).padStart(8, '0')}` });
  it(
    `merge ${MERGES} with a further id costs no more than the one after ${MOST_IDS}`,
    async () => {
      await h.publish(event('m1', 1, () => ({ type: 'out' })));
      await compare(MERGES, MOST_IDS, merge);
    },
    PATIENCE,
  );

  it(`a merge that would give a person more than ${MOST_IDS} ids is a dead letter that denies both ids`, async () => {
    const chain = Array.from({ length: MOST_IDS + 1 }, (_, n) => id(n));
    await h.publish(...chain.slice(1, -1).map((next, n) => merged(chain[n]!, next)));
    const [first, last, beyond] = [chain[0]!, chain[MOST_IDS - 1]!, chain[MOST_IDS]!];
    for (const member of [first, last, beyond]) await h.member(member);
    const [{ partition, offset }] = (await h.log.append(PAYER_MEMBER_EVENTS, [encodeEvent(merged(beyond, last))])) as [
      { partition: number; offset: number },
    ];
    await h.passed();
    expect(await Promise.all([first, last, beyond].map((member) => h.verdict(member)))).toEqual([
      'on-hold',
      'on-hold',
      'on-hold',
    ]);
    const letters = (
      await Promise.all([0, 1, 2, 3].map((p) => h.log.read(deadLetterTopic(PAYER_MEMBER_EVENTS), p, 0, 10)))
    ).flat();
    expect(letters.map(({ value }) => dataOf<object>({ value }))).toMatchObject([{ reason: 'too-many-ids' }]);
    // Ids that were joined before stay joined, and an id that is refused again is still joined with none.
    await h.publish(merged(last, chain[MOST_IDS - 2]!));
    await h.discard(deadLetterId(PAYER_MEMBER_EVENTS, partition, offset));
    await expect
      .poll(async () => Promise.all([first, last, beyond].map((member) => h.verdict(member))))
      .toEqual(['permit', 'permit', 'permit']);
    await h.publish(optedOut(first));
    expect(await Promise.all([first, last, beyond].map((member) => h.verdict(member)))).toEqual([
      'opted-out',
      'opted-out',
      'permit',
    ]);
  });

  it('the same merge again and again writes nothing', async () => {
    await h.publish(
      event('m1', 1, () => ({ type: 'out' })),
      merged('m1', 'old'),
    );
    const before = records().flat().length;
    await h.publish(merged('m1', 'old'), merged('m1', 'old'), merged('old', 'm1'));
    expect(records().flat().length).toBe(before);
  });
});

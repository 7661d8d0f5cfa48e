import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type DomainEvent, encodeEvent, PA_CONSENT, PAYER_MEMBER_EVENTS, PROGRESS_TYPE } from '@provider-access/events';
import { variant } from '@provider-access/testing/variant';
import { Harness, merged, payerEvent, START } from '../test/harness.ts';

/** Finding H7 (SECURITY.md). */
const MANY = variant.long ? 100_000 : 2_000;
const SOME = variant.long ? 5_000 : 500;

let h: Harness;
beforeEach(async () => {
  h = await new Harness().start();
  await h.member('m1');
  await h.member('other');
});
afterEach(() => h.stop());

const size = (value: unknown): number => (value === undefined ? 0 : JSON.stringify(value).length);
const records = () => h.log.data.topics.get(PA_CONSENT)!.map((partition) => partition.filter((r) => r.headers['ce_type'] !== PROGRESS_TYPE));

interface Cost {
  readonly records: number;
  readonly logBytes: number;
  readonly stateCalls: number;
  readonly registerBytes: number;
  readonly viewWrites: number;
  readonly viewBytes: number;
  readonly documentBytes: number;
}
/** What one statement writes and asks for, and how large what is kept of the member is afterwards. Reports of progress do not count. */
async function costOf(event: DomainEvent, member: string): Promise<Cost> {
  const before = records().map(({ length }) => length);
  h.calls.length = 0;
  h.written.length = 0;
  await h.publish(event);
  const added = records().flatMap((partition, p) => partition.slice(before[p]));
  return {
    records: added.length, logBytes: added.reduce((sum, r) => sum + r.value.byteLength + size(r.headers), 0),
    stateCalls: h.calls.filter((call) => call.startsWith('streams.') || call.endsWith(' consent-event')).length, registerBytes: size((await h.state.streams.load(`consent/${member}`))!.snapshot),
    viewWrites: h.written.length, viewBytes: size(h.written), documentBytes: size(await h.facts.reader.get(member)),
  };
}
function noMoreThan(cost: Cost, tenth: Cost): void {
  for (const measure of Object.keys(tenth) as (keyof Cost)[]) expect(cost[measure], measure).toBeLessThanOrEqual(tenth[measure]);
}
/** The n-th event, with an id of its own that is as long as all others. */
type Nth = (n: number) => Readonly<Record<string, unknown>> & { readonly type: 'out' | 'in'; readonly time?: number; readonly source?: string };
function event(member: string, n: number, nth: Nth): DomainEvent {
  const { type, time = START - 60_000, source = 'urn:payer', ...data } = nth(n);
  return payerEvent(type === 'out' ? 'payer.member-opted-out.v1' : 'payer.member-opted-in.v1', member, data, { id: `statement-${String(n).padStart(8, '0')}`, source, time: new Date(time).toISOString() });
}

describe('one member, however often somebody speaks of the member', () => {
  const NPIS = ['1000000004', '1000000012', '1000000020'];
  const kinds: [string, Nth, number?][] = [
    ['the same opt-out under a new id', () => ({ type: 'out' }), MANY],
    ['a later opt-out each time', (n) => ({ type: 'out', time: START - 10_000_000 + n }), MANY],
    ['an earlier opt-out each time', (n) => ({ type: 'out', time: START - n })],
    ['an opt-in each time', (n) => ({ type: 'in', time: START - 10_000_000 + n })],
    ['opt-out and opt-in in turns', (n) => ({ type: n % 2 === 0 ? 'out' : 'in', time: START - 10_000_000 + n })],
    ['opt-outs of three practices in turns', (n) => ({ type: 'out', scope: 'provider-specific', targets: [{ npi: NPIS[n % 3] }], time: START - 10_000_000 + n })],
    ['an opt-out for the same day ahead', (n) => ({ type: 'out', effectiveFrom: '2026-07-01', time: START - 10_000_000 + n })],
    ['two systems in turns', (n) => ({ type: 'out', source: n % 2 === 0 ? 'urn:portal' : 'urn:phone ', time: START - 10_000_000 + n })],
  ];
  it.each(kinds.map(([what, nth, many = SOME]) => ({ what, nth, many })))('$what: statement $many costs no more than the tenth', async ({ nth, many }) => {
    const costs: Cost[] = [];
    for (let n = 1; n <= 12; n++) costs.push(await costOf(event('m1', n, nth), 'm1'));
    for (let n = 13; n < many - 11; n += 1_000) {
      await h.log.append(PAYER_MEMBER_EVENTS, Array.from({ length: Math.min(1_000, many - 11 - n) }, (_, i) => encodeEvent(event('m1', n + i, nth))));
      await h.passed();
    }
    // The same turn as the tenth.
    for (let n = many - 11; n <= many; n++) {
      const cost = await costOf(event('m1', n, nth), 'm1');
      if (n % 6 === 10 % 6) noMoreThan(cost, costs[9]!);
    }
    expect(await h.verdict('other')).toBe('permit');
  }, 600_000);
});

describe('a name of three million characters', () => {
  const long = 'x'.repeat(3_000_000);
  it.each<[string, Partial<DomainEvent>, string]>([
    ['id', { id: long }, 'on-hold'], ['source', { source: long }, 'on-hold'], ['trace context', { traceparent: long }, 'opted-out'],
  ])('as the %s of an event goes into no document', async (_what, more, verdict) => {
    await h.publish({ ...event('m1', 1, () => ({ type: 'out' })), ...more });
    expect(await h.verdict('m1')).toBe(verdict);
    expect(await h.verdict('other')).toBe('permit');
    expect(size(records().flat().map((r) => [r.headers, r.value.toString()]))).toBeLessThan(5_000);
    expect(size(await h.facts.reader.get('m1'))).toBeLessThan(3_000);
    expect(size((await h.state.streams.load('consent/m1'))!.snapshot)).toBeLessThan(3_000);
  });
  it('is none of a source that is named anew in each event: the member is denied while any source is held', async () => {
    await h.stop();
    h = await new Harness().start({ UNREADABLE_CONSENT: 'hold-source' });
    await h.member('m1');
    await h.member('other');
    for (let n = 0; n < 200; n++) await h.log.append(PAYER_MEMBER_EVENTS, [encodeEvent(event('m1', n, () => ({ type: 'in', source: `urn:session:${String(n).padStart(4, '0')}`, time: START - 10_000_000 + n })))]);
    await h.passed();
    expect(size(await h.facts.reader.get('m1'))).toBeLessThan(20_000);
    const { ce_subject: _, ...headers } = encodeEvent(event('m1', 999, () => ({ type: 'out', source: 'urn:session:0150' }))).headers;
    await h.publishRaw({ key: 'x', partitionKey: 'x', headers, value: '{' });
    expect([await h.verdict('m1'), await h.verdict('other')]).toEqual(['source-on-hold', 'permit']);
  });
});

describe('one person of many ids', () => {
  const IDS = 80;
  // 246 MB before.
  it(`${IDS} opt-outs and ${IDS} merges write what each id lacks`, async () => {
    const events = Array.from({ length: IDS }, (_, n) => [event('m1', n, () => ({ type: 'out', time: START - 10_000_000 + n })), merged('m1', `old-${n}`)]).flat();
    await h.publish(...events);
    const written = records().flat();
    // One opt-out reaches the ids that were joined before it; a merge brings its id what the others have.
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

  it('the same merge again and again writes nothing', async () => {
    await h.publish(event('m1', 1, () => ({ type: 'out' })), merged('m1', 'old'));
    const before = records().flat().length;
    await h.publish(merged('m1', 'old'), merged('m1', 'old'), merged('old', 'm1'));
    expect(records().flat().length).toBe(before);
  });
});

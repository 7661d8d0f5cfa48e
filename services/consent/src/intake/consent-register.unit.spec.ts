import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LogRecord, NewRecord } from '@provider-access/engines/log';
import { PA_CONSENT } from '@provider-access/events';
import type { ConsentPart } from '@provider-access/facts';
import { memberFacts, toMemberFacts } from '@provider-access/facts/views';
import { openMemoryState } from '@provider-access/engines/state/memory';
import { cases } from '@provider-access/testing/variant';
import { ConsentRegister } from './consent-register.ts';
import type { RegisterEntry } from './register.ts';

const START = Date.UTC(2026, 0, 1);
const instant = (minute: number): string => new Date(START + minute * 60_000).toISOString();
const { evolve } = memberFacts.topics[PA_CONSENT]!;
const IDS = ['a', 'b', 'c', 'd'];

/** Minutes. */
interface Statement {
  readonly kind: 'out' | 'in';
  readonly member: string;
  readonly source: number;
  readonly said: number;
  readonly ahead: number;
  readonly appended: number;
  readonly id: string;
  /** A full file states it of its member; where it is no opt-out, the file takes that back (A71). */
  readonly isOfFile?: boolean;
}
interface Merge {
  readonly kind: 'merge';
  readonly a: string;
  readonly b: string;
  readonly appended: number;
}
type Step = Statement | Merge;

const time = (s: Statement): number => Math.min(s.said, s.appended);
const from = (s: Statement): number => (s.kind === 'out' && s.ahead === 0 ? time(s) : s.appended + s.ahead);
const takesBack = (i: Statement, o: Statement): boolean => {
  if (i.isOfFile !== true) return isTakenBack(i, o);
  const isLater = time(i) > time(o) || (time(i) === time(o) && i.appended > o.appended);
  return i.kind === 'in' && o.isOfFile === true && i.member === o.member && isLater;
};
const isTakenBack = (i: Statement, o: Statement): boolean =>
  i.kind === 'in' && (i.source === o.source ? time(i) > time(o) : time(i) > time(o) + 5);
/** The reference implementation keeps every statement under any id of the person. */
const isOut = (all: readonly Statement[], now: number): boolean =>
  all.some((o) => o.kind === 'out' && from(o) <= now && !all.some((i) => takesBack(i, o) && from(i) <= now));

function person(steps: readonly Step[], member: string): readonly string[] {
  const ids = new Set([member]);
  for (let before = 0; before !== ids.size;) {
    before = ids.size;
    for (const s of steps) if (s.kind === 'merge' && (ids.has(s.a) || ids.has(s.b))) ids.add(s.a).add(s.b);
  }
  return [...ids];
}
const said = (s: Statement): RegisterEntry => ({
  type: s.kind === 'out' ? 'pa.opted-out.v1' : s.isOfFile === true ? 'pa.opt-out-withdrawn.v1' : 'pa.opted-in.v1',
  cause: { id: s.id, source: `urn:${s.source}` },
  at: instant(s.appended),
  content: s.id,
  data: {
    effective: instant(from(s)),
    businessTime: instant(time(s)),
    setBy: 'member',
    ...(s.kind === 'out' && { scope: 'global' }),
    ...(s.isOfFile === true && { row: `row of ${s.member}` }),
  },
});

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom('out' as const, 'in' as const),
      member: fc.constantFrom(...IDS),
      source: fc.integer({ min: 0, max: 2 }),
      said: fc.integer({ min: 0, max: 60 }),
      ahead: fc.constantFrom(0, 0, 0, 3, 30),
    }),
  },
  {
    weight: 1,
    arbitrary: fc
      .record({ kind: fc.constant('merge' as const), a: fc.constantFrom(...IDS), b: fc.constantFrom(...IDS) })
      .filter(({ a, b }) => a !== b),
  },
);
const story = fc.array(fc.tuple(step, fc.integer({ min: 0, max: 4 })), { minLength: 1, maxLength: 30 }).map((list) => {
  let appended = 20;
  return list.map(
    ([s, later], n): Step =>
      ({
        ...s,
        appended: (appended += later),
        ...(s.kind !== 'merge' && { id: `e${n}`, isOfFile: s.source === 2 }),
      }) as Step,
  );
});

/** A merge copies an opt-out of a full file and its withdrawal, both of one day, and the log records both at once. */
const ofFile = { member: 'a', source: 2, said: 12, ahead: 0, isOfFile: true };
const COPIED_AT_ONCE: Step[] = [
  { ...ofFile, kind: 'out', appended: 20, id: 'e0' },
  { ...ofFile, kind: 'in', appended: 21, id: 'e1' },
  { kind: 'merge', a: 'a', b: 'd', appended: 21 },
];

it(
  'each id of a person decides as all statements of the person together, in whatever order statements and merges ' +
    'come',
  async () => {
    await fc.assert(
      fc.asyncProperty(
        story,
        fc.array(fc.integer({ min: 0, max: 60 }), { minLength: 2, maxLength: 2 }),
        async (steps, later) => {
          const state = openMemoryState({ now: () => START });
          const register = new ConsentRegister(state, async () => undefined);
          const parts = new Map<string, ConsentPart | undefined>();
          for (const [n, s] of steps.entries()) {
            const records =
              s.kind === 'merge'
                ? (await register.merge(s.a, s.b)).records
                : (await register.record(s.member, said(s), START)).records;
            for (const record of records)
              parts.set(
                record.key,
                evolve(parts.get(record.key), taken(record, s.appended), record.key) ?? parts.get(record.key),
              );
            const stated = steps.slice(0, n + 1);
            for (const id of IDS) {
              const ids = person(stated, id);
              const all = stated.filter((t): t is Statement => t.kind !== 'merge' && ids.includes(t.member));
              for (const now of [0, ...later].map((minutes) => s.appended + minutes)) {
                const { optOuts } = toMemberFacts({ _id: id, consent: parts.get(id) });
                const denied = optOuts.some(
                  (o) => o.from <= instant(now) && (o.to === undefined || instant(now) < o.to),
                );
                expect(denied, `${id} at minute ${now} after ${n}`).toBe(isOut(all, now));
              }
            }
          }
          await state.close();
        },
      ),
      { numRuns: cases(150), examples: [[COPIED_AT_ONCE, [0, 0]]] },
    );
  },
);

function taken(record: NewRecord, minute: number): LogRecord {
  return {
    topic: 'pa.consent',
    partition: 0,
    offset: 0,
    key: record.key,
    headers: record.headers,
    value: Buffer.from(String(record.value)),
    timestamp: START + minute * 60_000,
  };
}

it('keeps what can decide, in the register and under every other id', async () => {
  const state = openMemoryState({ now: () => START });
  const register = new ConsentRegister(state, async () => undefined);
  const out = (n: number): Statement => ({
    kind: 'out',
    member: 'a',
    source: 0,
    said: n,
    ahead: 0,
    appended: 1000,
    id: `e${n}`,
  });
  for (let n = 0; n < 100; n++) await register.record('a', said(out(n)), START);
  const { records } = await register.merge('b', 'a');
  expect(records.map(({ headers }) => [headers['ce_subject'], headers['ce_id']!.split('~')[0]])).toEqual([
    ['b', 'e99'],
  ]);
  await state.close();
});

it('knows an event id that came with other content, also of a statement that it dropped', async () => {
  const state = openMemoryState({ now: () => START });
  const register = new ConsentRegister(state, async () => undefined);
  const out = (n: number, id = `e${n}`): Statement => ({
    kind: 'out',
    member: 'a',
    source: 0,
    said: n,
    ahead: 0,
    appended: 1000 + n,
    id,
  });
  for (let n = 0; n < 100; n++) await register.record('a', said(out(n)), START);
  expect(await register.record('a', said(out(3)), START)).toMatchObject({ other: false, records: [] });
  expect(await register.record('a', { ...said(out(3)), content: 'another' }, START)).toMatchObject({
    other: true,
    records: [],
  });
  // The id is unique for the payer and the member. Another member may have an event with this id.
  expect(await register.record('b', { ...said(out(3)), content: 'another' }, START)).toMatchObject({
    other: false,
    records: [{ key: 'b' }],
  });
  // An opt-in under the id of an opt-out is another content too.
  expect(await register.record('a', { ...said({ ...out(3), kind: 'in' }), content: 'a third' }, START)).toMatchObject({
    other: true,
  });
  await state.close();
});

// The model of the promises found this: each merge saw the link of the other one, and left the publishing to the other.
it('two merges at once that close a circle leave no id without the statements of the others', async () => {
  const state = openMemoryState({ now: () => START });
  const register = new ConsentRegister(state, async () => undefined);
  const out: Statement = { kind: 'out', member: 'b', source: 0, said: 1, ahead: 0, appended: 1, id: 'e1' };
  await register.merge('a', 'c');
  await register.record('b', said(out), START);
  const merges = await Promise.all([register.merge('b', 'a'), register.merge('c', 'b')]);
  expect(new Set(merges.flatMap(({ records }) => records.map(({ key }) => key)))).toEqual(new Set(['a', 'c']));
  await state.close();
});

describe('A71 the clock of the log steps back between the statements of one row and day', () => {
  const ofRow = (kind: Statement['kind'], id: string, appended: number): Statement => ({
    ...{ kind, id, appended, member: 'a', source: 2, said: 10, ahead: 0, isOfFile: true },
  });
  /** What is published, one list for each statement, and whether the facts of the member deny in the end. */
  async function after(...steps: readonly Statement[]): Promise<{ published: NewRecord[][]; isDenied: boolean }> {
    const state = openMemoryState({ now: () => START });
    const register = new ConsentRegister(state, async () => undefined);
    const published: NewRecord[][] = [];
    let consent: ConsentPart | undefined;
    for (const step of steps) {
      const { records } = await register.record('a', said(step), START);
      for (const record of records) consent = evolve(consent, taken(record, step.appended), 'a') ?? consent;
      published.push([...records]);
    }
    await state.close();
    const now = instant(90);
    const { optOuts } = toMemberFacts({ _id: 'a', consent });
    return { published, isDenied: optOuts.some((o) => o.from <= now && (o.to === undefined || now < o.to)) };
  }
  const [first, withdrawal, again] = [ofRow('out', 'e1', 30), ofRow('in', 'e2', 40), ofRow('out', 'e3', 35)];

  it('an opt-out that came after a withdrawal stands', async () => {
    expect((await after(first, withdrawal)).isDenied).toBe(false);
    expect((await after(first, withdrawal, again)).isDenied).toBe(true);
  });
  it('an opt-out that is delivered twice is the same record', async () => {
    const { published, isDenied } = await after(first, withdrawal, again, again);
    expect(published[2]).toHaveLength(1);
    expect(published[3]).toEqual(published[2]);
    expect(isDenied).toBe(true);
  });
  it('an opt-out that was withdrawn does not come back when its event is sent again', async () =>
    expect((await after(first, withdrawal, { ...first, appended: 32 })).isDenied).toBe(false));
  it('a withdrawal that seems to come first ends nothing', async () =>
    expect((await after(first, ofRow('in', 'e2', 25))).isDenied).toBe(true));
  it('a later withdrawal ends such an opt-out', async () =>
    expect((await after(first, withdrawal, again, ofRow('in', 'e4', 50))).isDenied).toBe(false));
  it('single events and files of another day keep their time', async () => {
    for (const other of [
      { ...again, source: 1, isOfFile: false },
      { ...again, said: 11 },
    ]) {
      const { published } = await after(withdrawal, other);
      expect(published[1]!.map(({ headers }) => headers['ce_time'])).toEqual([instant(35)]);
    }
  });
});

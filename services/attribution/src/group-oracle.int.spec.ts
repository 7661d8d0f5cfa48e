import fc from 'fast-check';
import { expect, it } from 'vitest';
import { instant } from '@provider-access/kernel';
import { cases } from '@provider-access/testing/variant';
import { enrolled, Harness, inNetwork, NPI, payerEvent } from '../test/harness.ts';
import { type GroupJson, onlyGroup } from '../test/groups.ts';

const DAY = 86_400_000;
const HOUR = 3_600_000;
const MEMBERS = ['m1', 'm2', 'm3', 'm4'];
const COVERAGES = [undefined, 'cov-a', 'cov-b'];

/** A statement, in the order of its time. Days count from 1970. */
type Step = { readonly member: string } & (
  | { readonly does: 'assert'; readonly from: number; readonly days: number | undefined; readonly coverage: number }
  | { readonly does: 'end'; readonly from: number }
  | { readonly does: 'opt-out' | 'opt-in' | 'nothing' }
);
interface Entry {
  readonly start: number;
  readonly end: number | undefined;
  readonly coverage: string | undefined;
  /** The Coverage of its last day. */
  readonly later: string | undefined;
}

/**
 * The rules, by hand: on each day the last statement that applies decides; an entry has the unbroken days around today,
 * and the Coverage of today (A8). Who opted out has no entry (A12).
 */
function entriesOf(steps: readonly Step[], today: number): ReadonlyMap<string, Entry> {
  const found = new Map<string, Entry>();
  for (const member of MEMBERS) {
    const own = steps.filter((step) => step.member === member);
    if (own.findLast(({ does }) => does === 'opt-out' || does === 'opt-in')?.does === 'opt-out') continue;
    const said = own.filter((step) => step.does === 'assert' || step.does === 'end');
    const on = (day: number): { readonly coverage: string | undefined } | undefined => {
      const last = said.findLast(({ from }) => from <= day);
      if (last?.does !== 'assert' || (last.days !== undefined && day >= last.from + last.days)) return undefined;
      return { coverage: COVERAGES[last.coverage] };
    };
    if (on(today) === undefined) continue;
    const first = Math.min(...said.map(({ from }) => from));
    const last = Math.max(...said.map((step) => step.from + (step.does === 'assert' ? (step.days ?? 0) : 0)));
    let start = today;
    while (start > first && on(start - 1) !== undefined) start--;
    let end = today;
    while (end <= last && on(end) !== undefined) end++;
    const isOpen = end > last;
    const later = on(isOpen ? last + 1 : end - 1)!.coverage;
    found.set(member, { start, end: isOpen ? undefined : end, coverage: on(today)!.coverage, later });
  }
  return found;
}

/** `new`: not in the version before. `changed`: other days, or another Coverage now or later. Else `nochange` (A9). */
const textOf = ({ start, end, coverage, later }: Entry): string => [start, end, coverage, later].join();
const changeOf = (before: Entry | undefined, entry: Entry): string =>
  before === undefined ? 'new' : textOf(before) === textOf(entry) ? 'nochange' : 'changed';

const dateOf = (day: number): string => instant(day * DAY).slice(0, 10);
const member = fc.constantFrom(...MEMBERS);
const near = (today: number): fc.Arbitrary<number> => fc.integer({ min: -12, max: 8 }).map((days) => today + days);

function stepsFrom(today: number): fc.Arbitrary<Step> {
  return fc.oneof(
    fc.record({
      member,
      does: fc.constant('assert' as const),
      from: near(today),
      days: fc.option(fc.integer({ min: 1, max: 25 }), { nil: undefined }),
      coverage: fc.nat(2),
    }),
    fc.record({ member, does: fc.constant('end' as const), from: near(today) }),
    fc.record({ member, does: fc.constantFrom('opt-out' as const, 'opt-in' as const, 'nothing' as const) }),
  );
}

it('A8, A9, A12: the entries are those that a page of rules finds', { timeout: 600_000 }, async () => {
  const tally: Record<string, number> = {};
  await fc.assert(
    fc.asyncProperty(fc.array(fc.noBias(fc.nat(0x7fff_ffff)), { minLength: 20, maxLength: 24 }), async (seeds) => {
      const h = await new Harness().start();
      try {
        await h.publish(inNetwork(), ...MEMBERS.map(enrolled));
        await h.app1('c1', [`npi|${NPI}`]);
        // No look at midnight: an entry that begins within `FACTS_BOUND_MS` before a look is new once more (ADR 0120).
        await h.advance(HOUR / 2);
        const steps: Step[] = [];
        let version = '';
        let [before, seen]: ReadonlyMap<string, Entry>[] = [new Map(), new Map()];
        for (const seed of seeds) {
          const today = Math.floor(h.now / DAY);
          const [step] = fc.sample(stepsFrom(today), { seed, numRuns: 1 }) as [Step];
          // The same end again counts as a change (ADR 0120, limits).
          if (repeats(steps, step)) continue;
          await take(h, step);
          steps.push(step);
          await h.advance(HOUR);
          const group = await seenBy(h);
          const entries = entriesOf(steps, Math.floor(h.now / DAY));
          if (group === undefined) {
            expect(entries.size).toBe(0);
            continue;
          }
          if (group.meta.versionId !== version) {
            version = group.meta.versionId;
            before = seen;
            seen = entries;
          }
          const expected = [...entries].map(([id, { later, ...entry }]) => ({
            id,
            ...entry,
            change: changeOf(before!.get(id), { ...entry, later }),
          }));
          for (const { change } of expected) tally[change] = (tally[change] ?? 0) + 1;
          expect(shown(group), JSON.stringify(step)).toEqual(expected);
          expect(group.quantity).toBe(expected.length);
        }
      } finally {
        await h.stop();
      }
    }),
    { numRuns: cases(4), endOnFailure: true },
  );
  for (const change of ['new', 'changed', 'nochange']) expect(tally[change], change).toBeGreaterThan(0);
});

const repeats = (steps: readonly Step[], step: Step): boolean => {
  const said = steps.findLast(({ member: of, does }) => of === step.member && (does === 'assert' || does === 'end'));
  return step.does === 'end' && said?.does === 'end' && said.from === step.from;
};

async function take(h: Harness, step: Step): Promise<void> {
  const provider = { npi: NPI };
  const at = instant(h.now);
  const more = { time: at };
  if (step.does === 'assert') {
    const { from, days, coverage } = step;
    const data = {
      ...{ provider, from: dateOf(from) },
      ...(days !== undefined && { to: dateOf(from + days - 1) }),
      ...(COVERAGES[coverage] !== undefined && { coverageId: COVERAGES[coverage] }),
    };
    await h.publish(payerEvent('payer.attribution-asserted.v1', step.member, data, more));
  } else if (step.does === 'end')
    await h.publish(
      payerEvent('payer.attribution-ended.v1', step.member, { provider, to: dateOf(step.from - 1) }, more),
    );
  else if (step.does !== 'nothing')
    await h.consentSays(step.does === 'opt-out' ? 'pa.opted-out.v1' : 'pa.opted-in.v1', step.member, {
      ...{ effective: at, businessTime: at, setBy: 'member' },
      ...(step.does === 'opt-out' && { scope: 'global' }),
    });
}

async function seenBy(h: Harness): Promise<GroupJson | undefined> {
  const answer = await h.get('/fhir/Group', await h.token('c1'));
  const { total } = answer.json<{ total: number }>();
  return total === 0 ? undefined : onlyGroup(h, await h.token('c1'));
}

function shown({ member: all = [] }: GroupJson) {
  type Ext = { readonly url: string; readonly valueCode?: string; readonly valueReference?: { reference: string } };
  return all.map((one) => {
    const { extension } = one as unknown as { readonly extension: readonly Ext[] };
    const of = (name: string): Ext | undefined => extension.find(({ url }) => url.endsWith(name));
    return {
      id: one.entity.reference.split('/')[1]!,
      start: Date.parse(one.period.start) / DAY,
      end: one.period.end === undefined ? undefined : (Date.parse(one.period.end) + 1) / DAY,
      coverage: of('ext-coverageReference')?.valueReference?.reference.split('/')[1],
      change: of('ext-changeType')?.valueCode,
    };
  });
}

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { cases } from '@provider-access/testing/variant';
import { planFacts, type PlanStep, withPlan } from './plans.ts';

const day = (n: number): string => new Date(Date.UTC(2026, 0, 1 + n)).toISOString();
const step = (said: number, from: number, plan: string, id: number): PlanStep => ({
  event: `e${String(id).padStart(3, '0')}`,
  businessTime: day(said),
  sequence: 0,
  appliesFrom: day(from),
  plan,
  recordedAt: day(100 + id),
});
const folded = (steps: readonly PlanStep[]): readonly PlanStep[] =>
  steps.reduce<readonly PlanStep[]>((all, one) => withPlan(all, one) ?? all, []);
/** By the rule: of the statements that have begun, the newest one decides. */
const planAt = (steps: readonly PlanStep[], at: string): string | undefined =>
  steps
    .filter(({ appliesFrom }) => appliesFrom <= at)
    .toSorted((a, b) => (a.businessTime + a.event < b.businessTime + b.event ? -1 : 1))
    .at(-1)?.plan;
const story = fc
  .array(fc.tuple(fc.nat(20), fc.nat(30), fc.constantFrom('A', 'B', 'C')), { minLength: 1, maxLength: 15 })
  .map((list) => list.map(([said, from, plan], i) => step(said, from, plan, i)));

it('N60 the newest statement about a time tells the plan, whatever the order of delivery', () => {
  fc.assert(
    fc.property(
      story.chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }))),
      fc.nat(40),
      ([all, delivered], at) => {
        const facts = planFacts('c1', folded(delivered));
        const now = facts.find(({ from, to }) => from <= day(at) && (to === undefined || day(at) < to));
        expect(now?.plan).toBe(planAt(all, day(at)));
      },
    ),
    { numRuns: cases(1000) },
  );
});
it('a repetition changes nothing, and an equal later statement keeps when the plan became known', () => {
  const first = step(0, 0, 'A', 0);
  expect(withPlan([first], first)).toBeUndefined();
  expect(withPlan([first], step(1, 0, 'A', 1))).toMatchObject([{ event: 'e001', recordedAt: first.recordedAt }]);
  expect(withPlan([first], step(1, 0, 'B', 1))).toMatchObject([{ plan: 'B', recordedAt: day(101) }]);
});
it('N63 of more statements than are kept, those that were dropped are of no line', () => {
  const all = folded(Array.from({ length: 40 }, (_, i) => step(i, i, i % 2 === 0 ? 'A' : 'B', i)));
  expect(all.length).toBe(20);
  expect(all[0]).toMatchObject({ plan: '', appliesFrom: day(0) });
  expect(all.slice(1).every(({ plan }) => plan !== '')).toBe(true);
});

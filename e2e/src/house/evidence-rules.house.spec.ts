import { evidenceReport, exact, FIGURE_IDS, type FigureId, monthOf } from '@provider-access/domain/pdex/evidence';
import { describe, expect, test } from 'vitest';
import { allOf, namesIn } from './rule-pages.ts';

/** The rules as a report has them; its figures do not matter here. */
const { rules: RULES } = evidenceReport({
  month: monthOf('2026-11', 'UTC'),
  timeZone: 'UTC',
  now: 0,
  language: 'en',
  values: Object.fromEntries(FIGURE_IDS.map((id) => [id, exact(0)])) as Record<FigureId, ReturnType<typeof exact>>,
});
/** Rules that no program can prove, because they are about what a payer does. */
const UNPROVED = ['R25'];
const names = new Map<string, readonly string[]>();
function namesOf(file: string): readonly string[] {
  let known = names.get(file);
  if (known === undefined) names.set(file, (known = namesIn(file)));
  return known;
}

describe('the rules of the monthly page (docs/evidence.md)', () => {
  test('are all there, once each and in order', () => {
    expect(RULES.map(({ id }) => id)).toEqual(allOf('R', [[1, 26]]));
  });

  test.each(RULES.map(({ id, tests }) => [id, tests] as const))('%s has tests that exist and name it', (id, tests) => {
    expect(tests.length > 0).toBe(!UNPROVED.includes(id));
    for (const { file, name } of tests) {
      expect(namesOf(file), file).toContain(name);
      expect(name).toMatch(new RegExp(`\\b${id}\\b`));
      expect(file).toMatch(/\.spec\.ts$/);
    }
  });
});

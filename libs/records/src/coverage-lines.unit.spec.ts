import { describe, expect, it } from 'vitest';
import type { LinesFact } from '@provider-access/domain/access';
import type { ViewDocument } from '@provider-access/engines/views';
import { belongsToLine, coverageLabels, coverageOfLabel, isCoverageLabel, linesOf } from './coverage-lines.ts';
import { SHARED } from './record.ts';

const coveragesOf = (type: string, references?: readonly string[], member = 'm1'): readonly string[] =>
  coverageLabels({ member, type, id: 'r1', ...(references !== undefined && { references }) }).map(coverageOfLabel);

describe('the coverages that a record names', () => {
  it.each<[string, readonly string[], Parameters<typeof coveragesOf>]>([
    ['a claim of two', ['c1', 'c2'], ['ExplanationOfBenefit', ['Patient/m1', 'Coverage/c2', 'Coverage/c1']]],
    ['the Coverage itself', ['r1'], ['Coverage', ['Patient/m1']]],
    ['a Coverage that names another one', ['c9', 'r1'], ['Coverage', ['Coverage/c9']]],
    ['any other resource', ['c1'], ['Observation', ['Coverage/c1']]],
    ['a resource that names none', [], ['Condition', ['Patient/m1']]],
    ['N62 a claim that names none by a literal reference', [''], ['ExplanationOfBenefit', ['Patient/m1']]],
    ['N62 a Claim that names none', [''], ['Claim', []]],
    ['a record whose references are not known', [''], ['Condition']],
    ['the directory, which belongs to no member', [], ['Organization', ['Coverage/c1'], SHARED]],
  ])('%s: %j', (_what, coverages, args) => expect(coveragesOf(...args)).toEqual(coverages));
  it('are no security labels, whatever labels a payer sends', () => {
    for (const label of ['Coverage/c1', '|Coverage/c1', 'urn:x|Coverage/c1'])
      expect(isCoverageLabel(label)).toBe(false);
    expect(coverageLabels({ member: 'm', type: 'Coverage', id: 'c1', references: [] }).every(isCoverageLabel)).toBe(
      true,
    );
  });
  it('tell which types an extract keeps apart', () => {
    expect(belongsToLine('Condition', ['Patient/m1'])).toBe(false);
    for (const [type, references] of [
      ['Claim', []],
      ['Coverage', []],
      ['Task', ['Coverage/c1']],
    ] as const)
      expect(belongsToLine(type, references)).toBe(true);
  });
});

describe('what a table of lines hides', () => {
  const NOW = Date.UTC(2027, 0, 2);
  const table: LinesFact = {
    setAt: '2026-12-01T00:00:00.000Z',
    plans: new Map([
      ['MA', { line: 'ma', from: '2027-01-01T00:00:00.000Z' }],
      ['MCO', { line: 'mco', from: '2027-07-01T00:00:00.000Z' }],
    ]),
  };
  const plans = (of: Readonly<Record<string, string>>) =>
    Object.fromEntries(
      Object.entries(of).map(([id, plan]) => [id, [{ appliesFrom: '2020-01-01T00:00:00.000Z', plan }]]),
    );
  const documents: Readonly<Record<string, ViewDocument>> = {
    m1: { _id: 'm1', members: { plans: plans({ c1: 'MA', c2: 'MCO', c3: 'OTHER' }) } },
    survivor: { _id: 'survivor', members: { mergedWith: ['m1'], plans: plans({ c7: 'MA' }) } },
  };
  let queries = 0;
  const members = {
    getMany: async (ids: readonly string[]) => {
      queries++;
      return ids.map((id) => documents[id]);
    },
  };
  const hidden = async (member: string, coverages: readonly string[], tables = [table], now = NOW) => {
    const lines = linesOf({ lines: () => tables, asOf: () => undefined }, now, members);
    const labels = coverages.flatMap((id) => coverageLabels({ member, type: 'Coverage', id, references: [] }));
    const [unnamed] = coverageLabels({ member, type: 'Claim', id: 'x', references: [] });
    const all = coverages.includes('') ? [...labels, unnamed!] : labels;
    return lines && (await lines.hidden(member, all)).map(coverageOfLabel);
  };
  it.each<[string, readonly string[], readonly [string, readonly string[]]]>([
    ['a started line', [], ['m1', ['c1']]],
    ['a line that has not started', ['c2'], ['m1', ['c1', 'c2']]],
    ['N63 a plan that the table does not name', ['c3'], ['m1', ['c3']]],
    ['N63 a coverage of which no plan is known', ['c4'], ['m1', ['c4']]],
    ['N63 a member of whom nothing is known', ['c1'], ['nobody', ['c1']]],
    ['a coverage of the id that was merged into this one', [], ['survivor', ['c1', 'c7']]],
  ])('%s: %j', async (_what, left, [member, coverages]) => expect(await hidden(member, coverages)).toEqual(left));
  it('hides nothing without a table, and by the clock alone when a line starts', async () => {
    expect(await hidden('m1', ['c2'], [])).toBeUndefined();
    expect(await hidden('m1', ['c2'], [table], Date.parse('2027-06-30T23:59:59.999Z'))).toEqual(['c2']);
    expect(await hidden('m1', ['c2'], [table], Date.parse('2027-07-01T00:00:00.000Z'))).toEqual([]);
  });
  it('asks for the facts of a member once', async () => {
    const lines = linesOf({ lines: () => [table], asOf: () => undefined }, NOW, members)!;
    const before = queries;
    for (let i = 0; i < 3; i++) await lines.hidden('m1', []);
    expect(queries - before).toBe(1);
  });
});

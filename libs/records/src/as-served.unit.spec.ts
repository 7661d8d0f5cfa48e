import { afterEach, expect, it } from 'vitest';
import {
  DEFAULT_LABEL_POLICY,
  isCut,
  isTag,
  labelPolicy,
  labelRules,
  listsOf,
  putInForce,
  reasonOf,
  withoutLines,
} from '@provider-access/domain/pdex/labels';
import type { FhirResource } from '@provider-access/fhir';
import { asServed } from './as-served.ts';
import { recordData, type AcceptedData } from './record-events.ts';
import { labelsOfRecord } from './record-labels.ts';
import { records } from './projections.ts';
import { searchKeys } from './search-keys.ts';

/** R15: the record of a claim whose second line has a code of CMS's list, under one policy after another. */
const PART_2 = 'http://terminology.hl7.org/CodeSystem/v3-ActCode|42CFRPart2';
const LISTS = listsOf([]);
const inForce = (rule: 'withhold' | 'withhold line', lists = LISTS): void =>
  putInForce(lists, { ...DEFAULT_LABEL_POLICY, ...labelPolicy({ [PART_2]: rule }) });
afterEach(() => putInForce(LISTS));

const coded = (code: string) => ({ coding: [{ system: 'HC', code }] });
const CLAIM = {
  resourceType: 'ExplanationOfBenefit',
  id: 'e',
  meta: { versionId: '1' },
  use: 'claim',
  careTeam: [
    { sequence: 1, provider: { reference: 'Practitioner/1' } },
    { sequence: 2, provider: { reference: 'https://pa.example/fhir/Practitioner/12' } },
  ],
  item: [
    { sequence: 1, productOrService: coded('99213'), servicedDate: '2025-01-05', careTeamSequence: [1] },
    { sequence: 2, productOrService: coded('H0020'), servicedDate: '2025-01-20', careTeamSequence: [2] },
  ],
} satisfies FhirResource;
const COMMON = {
  ...{ member: 'm', type: 'ExplanationOfBenefit', id: 'e', versionId: 1, lastUpdated: '2025-02-01T00:00:00.000Z' },
  ...{ businessTime: '2025-02-01T00:00:00.000Z', sequence: 0, contentHash: 'h', tokens: ['old'], tokensBy: 'old' },
};
const WHOLE = { line: JSON.stringify(CLAIM), references: ['Practitioner/1', 'Practitioner/12'] };
/** The events that intake writes under each policy. */
function eventOf(rule: 'withhold' | 'withhold line'): AcceptedData {
  inForce(rule);
  const labels = [...labelsOfRecord({ ...WHOLE, labels: [] })];
  const cut = withoutLines(CLAIM, labels);
  if (cut === undefined) return { ...COMMON, ...WHOLE, labels, labelsBy: labelRules() };
  return {
    ...{ ...COMMON, line: JSON.stringify(cut.resource), references: ['Practitioner/1'] },
    ...{ labels: [...cut.tags], labelsBy: labelRules(), whole: { ...WHOLE, serviceDate: '2025-01-20' } },
  };
}
const lineOf = ({ line }: Pick<AcceptedData, 'line'>): string => String(line);

it('leaves a record as it is under the rules that wrote it', () => {
  for (const rule of ['withhold', 'withhold line'] as const) {
    const event = eventOf(rule);
    expect(asServed(event)).toBe(event);
  }
});

it('cuts what was stored whole, with its references and its day', () => {
  const event = eventOf('withhold');
  expect(event.labels!.some(isTag)).toBe(true);
  inForce('withhold line');
  const served = asServed(event);
  expect(JSON.parse(lineOf(served))).toMatchObject({ meta: { versionId: '1' }, item: [{ careTeamSequence: [1] }] });
  expect(lineOf(served)).not.toMatch(/H0020|Practitioner\/12/);
  expect(served).toMatchObject({ references: ['Practitioner/1'], serviceDate: '2025-01-05', labelsBy: labelRules() });
  expect(served.labels!.map(reasonOf)).toEqual(['HCPCS H0020, list 2026-08-22, 42 CFR Part 2 (line)']);
  // The same resource of the payer is other content than what is served now.
  expect(served.contentHash).not.toBe(event.contentHash);
  expect(served.tokensBy).toBeUndefined();
});

it.each([
  ['the claim is withheld', 'withhold', LISTS, 1],
  ['no list has the code', 'withhold line', [], 0],
  ['another list has the code of the other line too', 'withhold line', undefined, 0],
] as const)('brings back the line when %s', (_, rule, lists, tags) => {
  const event = eventOf('withhold line');
  expect(lineOf(event)).not.toMatch(/H0020/);
  const other = { list: 'x', source: 'x', entries: [{ label: PART_2, law: 'x', system: 'HC', codes: ['99213'] }] };
  inForce(rule, lists ?? [other]);
  const served = asServed(event);
  if (lists === undefined) {
    // Now the other line goes.
    expect(lineOf(served)).toMatch(/H0020.*/);
    expect(lineOf(served)).not.toMatch(/99213|Practitioner\/1"/);
    expect(served.references).toEqual(['Practitioner/12']);
    return;
  }
  expect(served).toMatchObject({ ...WHOLE, serviceDate: '2025-01-20' });
  expect(served.labels!.filter(isTag)).toHaveLength(tags);
  expect(served.labels!.some(isCut)).toBe(false);
});

it('is the same line under a list of another name', () => {
  const event = eventOf('withhold line');
  inForce('withhold line', [{ ...LISTS[0]!, list: 'newer' }]);
  const served = asServed(event);
  expect([served.line, served.contentHash, served.references]).toEqual([event.line, 'h', ['Practitioner/1']]);
  expect(served.labels!.map(reasonOf)).toEqual(['HCPCS H0020, list newer, 42 CFR Part 2 (line)']);
});

it('withholds a claim without its line before it is tagged again, if its code withholds the claim today', () => {
  const { labels, labelsBy, line } = eventOf('withhold line');
  const stored = { labels: labels!, labelsBy: labelsBy!, line };
  expect(labelsOfRecord(stored).every(isCut)).toBe(true);
  inForce('withhold');
  expect(labelsOfRecord(stored).map((label) => [isTag(label), isCut(label)])).toEqual([[true, false]]);
  // No list has the code any more: the rest is served until the line is back.
  inForce('withhold line', []);
  expect(labelsOfRecord(stored)).toEqual([]);
});

it('reaches both views: the line, and keys of the rest', () => {
  const event = eventOf('withhold');
  inForce('withhold line');
  const headers = { ce_type: 'pa.record-accepted.v1', ce_paversion: '1', ce_time: COMMON.lastUpdated };
  const log = {
    key: 'm/ExplanationOfBenefit/e',
    partitionKey: 'm',
    topic: 'pa.records',
    partition: 0,
    offset: 0,
    timestamp: 0,
    headers,
  };
  const record = { ...log, value: Buffer.from(JSON.stringify(event)) };
  expect(recordData(record)).toMatchObject({ id: 'e' });
  for (const projection of [records, searchKeys]) {
    const { labels, ...part } = projection.topics['pa.records']!.evolve(undefined, record, record.key) as {
      readonly labels: readonly string[];
    };
    expect(labels.every(isCut)).toBe(true);
    expect(JSON.stringify(part)).not.toMatch(/H0020|Practitioner\/12|2025-01-20/);
  }
});

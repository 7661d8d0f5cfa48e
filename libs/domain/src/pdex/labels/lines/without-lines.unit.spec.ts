import type { FhirResource } from '@provider-access/fhir';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  asCut,
  type CodeList,
  codeListsInForce,
  DEFAULT_LABEL_POLICY,
  type LabelPolicy,
  labelRules,
  putInForce,
  readLabelPolicy,
  strictestRule,
  withheldTags,
  withholdingLabels,
} from '../index.ts';
import { labelPolicy, withListed } from '../policy.ts';
import { isCut, isTag, reasonOf } from '../tag.ts';
import { claim, coded, DRG, HCPCS, ICD10, line, type Open, PLACES } from '../../../../test/codes/claim-places.ts';
import { withoutLines } from './without-lines.ts';

/** Rows R15: a claim of three lines, of which the second one is sensitive. */
const LINE = 'https://payer.example/labels|line';
const CLAIM = 'https://payer.example/labels|claim';
const entry = (label: string, system: string, ...codes: string[]) => ({ label, law: 'Law', system, codes });
const LISTS: readonly CodeList[] = [
  {
    list: 'Test',
    source: 'test',
    entries: [
      entry(LINE, HCPCS, 'H0020'),
      entry(LINE, ICD10, 'F11.20'),
      entry(LINE, DRG, '895'),
      { ...entry(LINE, HCPCS, 'G0137'), from: '2024-01-20' },
      entry(CLAIM, ICD10, 'B20'),
    ],
  },
];
const POLICY = withListed({ ...DEFAULT_LABEL_POLICY, ...labelPolicy({ [LINE]: 'withhold line' }) }, LISTS);

beforeAll(() => putInForce(LISTS, POLICY));
afterAll(() => putInForce([]));

const served = (whole: FhirResource) => withoutLines(whole, codeListsInForce().tagger.search(whole));
const items = (rest: FhirResource | undefined): Open[] => (rest?.['item'] ?? []) as Open[];
const codesOf = (rest: FhirResource | undefined): unknown[] =>
  items(rest).map(({ productOrService }) => (productOrService as { coding: { code: string }[] }).coding[0]!.code);
/** Anything that names the removed line, however it is written. */
const TELLS = /secret|h\s?0020|f11\.?20|methadone|2024-01-20|895/i;

describe('R15: a sensitive line alone is withheld', () => {
  it('and the rest of the claim is served, with numbers that have no gap', () => {
    const cut = served(claim());
    expect(cut?.tags.map(reasonOf)).toEqual(['HCPCS H0020, list Test, Law (line)']);
    expect(cut?.tags.every((tag) => isCut(tag) && !isTag(tag))).toBe(true);
    const { resource: rest } = cut!;
    expect(codesOf(rest)).toEqual(['99213', '71046']);
    expect(items(rest)).toEqual([
      line(1, '99213', '2024-01-05'),
      line(2, '71046', '2024-01-10', { careTeamSequence: [2] }),
    ]);
    expect(rest['careTeam']).toEqual([
      { sequence: 1, provider: { reference: 'Practitioner/visit' } },
      { sequence: 2, provider: { reference: 'Practitioner/radiology' } },
    ]);
    expect(rest['diagnosis']).toEqual([{ sequence: 1, diagnosisCodeableConcept: coded(ICD10, 'I10') }]);
    expect(rest['billablePeriod']).toEqual({ start: '2024-01-05', end: '2024-01-10' });
    expect(JSON.stringify(rest)).not.toMatch(TELLS);
  });

  it('keeps numbers with gaps of their own, and the order of the payer', () => {
    const rest = served(
      claim((_, lines) => {
        lines.forEach((one, at) => (one['sequence'] = [30, 10, 20][at]));
        lines.reverse();
      }),
    )?.resource;
    expect(items(rest).map(({ sequence }) => sequence)).toEqual([10, 20]);
    expect(codesOf(rest)).toEqual(['71046', '99213']);
  });

  it.each(['H0020', 'h0020', ' h00-20', 'H 0020'])('however the code is written: %j', (code) => {
    const rest = served(claim((_, lines) => (lines[1]!['productOrService'] = coded('HC', code))));
    expect(codesOf(rest?.resource)).toEqual(['99213', '71046']);
  });

  it('by the dates of the claim before the cut', () => {
    // G0137 is listed from the day of the line that goes.
    const whole = claim((_, lines) => (lines[0]!['modifier'] = [coded(HCPCS, 'G0137')]));
    expect(codesOf(served(whole)?.resource)).toEqual(['71046']);
  });
});

describe('R15: nothing that is served tells of the line', () => {
  it.each(Object.entries(PLACES))('%s', (_, [what, change]) => {
    const whole = claim(change);
    const before = JSON.stringify(whole);
    const cut = served(whole);
    expect(JSON.stringify(whole)).toBe(before);
    expect(cut === undefined ? 'claim' : 'line').toBe(what);
    if (cut === undefined) return;
    expect(codesOf(cut.resource)).toEqual(['99213', '71046']);
    expect(JSON.stringify(cut.resource)).not.toMatch(TELLS);
    expect(codeListsInForce().tagger.search(cut.resource)).toEqual([]);
    expect(cut.tags.length).toBeGreaterThan(0);
    expect(cut.tags.every(isCut)).toBe(true);
  });

  it('keeps what is of the claim as a whole, and points to it as before', () => {
    const rest = served(
      claim((whole, [one, , three]) => {
        whole['supportingInfo'] = [
          { sequence: 4, category: coded('http://x', 'typeofbill'), code: coded('http://x', '131') },
          { sequence: 5, category: coded('http://x', 'patientaccountnumber'), valueString: 'A-1055' },
          { sequence: 9, category: { text: 'x' }, valueString: 'of line 3' },
        ];
        three!['informationSequence'] = [9];
        whole['processNote'] = [{ number: 7, text: 'of line 1' }];
        one!['noteNumber'] = [7];
        whole['addItem'] = [{ itemSequence: [3], productOrService: { text: 'x' } }];
      }),
    )!.resource;
    expect(rest).toMatchObject({
      supportingInfo: [{ sequence: 4 }, { sequence: 5, valueString: 'A-1055' }, { sequence: 9 }],
      processNote: [{ number: 7, text: 'of line 1' }],
      addItem: [{ itemSequence: [2] }],
      item: [{ noteNumber: [7] }, { informationSequence: [9] }],
    });
  });
});

describe('R15: two labels', () => {
  const both = (at: number): FhirResource =>
    claim((_, lines) => (lines[at]!['modifier'] = [{ coding: [{ system: ICD10, code: 'B20' }] }]));
  it.each([0, 1])('of which one withholds the claim: its tag stays, at line %i', (at) => {
    const cut = served(both(at));
    // The gate withholds the rest by the tag that stays.
    expect(cut?.tags.filter(isTag).map(reasonOf)).toEqual(['ICD-10 B20, list Test, Law']);
    expect(cut?.tags.filter(isCut).map(reasonOf)).toEqual(['HCPCS H0020, list Test, Law (line)']);
  });
});

describe('R15: a claim stays whole', () => {
  it('if the policy withholds claims', () => {
    putInForce(LISTS, withListed(DEFAULT_LABEL_POLICY, LISTS));
    expect(served(claim())).toBeUndefined();
    putInForce(LISTS, POLICY);
  });
  it('if redaction removed a part with another code', () => {
    const sent = claim((whole) => (whole['total'] = [{ category: coded(ICD10, 'F11.20') }]));
    expect(withoutLines(claim(), codeListsInForce().tagger.search(sent))).toBeUndefined();
  });
  it('if it has more codes than tags', () => {
    const codes = Array.from({ length: 20 }, (_, at) => `urn:provider-access:tag:HCPCS:H${at}:Test:Law#${LINE}`);
    expect(withoutLines(claim(), codes)).toBeUndefined();
  });
  it('without a tag', () => expect(withoutLines(claim(), [])).toBeUndefined());
});

describe('R15: the rule `withhold line`', () => {
  const tag = `urn:provider-access:tag:HCPCS:H0020:Test:Law#${LINE}`;
  const facts = { permits: [{ label: LINE }], providers: [] };
  it.each([
    ['withhold line', 'withhold', 'release', 'withhold'],
    ['withhold', 'withhold', 'withhold', 'withhold'],
    [
      'withhold unless consented',
      'withhold unless consented',
      'withhold unless consented',
      'withhold unless consented',
    ],
    ['release', 'release', 'release', 'release'],
  ] as const)('%s: a tag is %s, a removed line %s, a label of the payer %s', (rule, ofTag, ofCut, ofPayer) => {
    const policy = labelPolicy({ [LINE]: rule });
    expect([tag, asCut(tag), LINE].map((label) => strictestRule([label], policy))).toEqual([ofTag, ofCut, ofPayer]);
    expect(withheldTags([tag, asCut(tag)], policy)).toEqual([
      ...(rule === 'release' ? [] : ['HCPCS H0020, list Test, Law']),
      'HCPCS H0020, list Test, Law (line)',
    ]);
  });
  it('withholds whatever else has the label, also with a consent, which the rule does not ask for', () => {
    const policy = labelPolicy({ [LINE]: 'withhold line' });
    expect(withholdingLabels([tag, asCut(tag), LINE], policy, facts)).toEqual([tag, LINE]);
  });
  it('is none for labels that nobody knows, and stands in a policy file', () => {
    expect(readLabelPolicy(`{"labels":{"${LINE}":"withhold line"}}`)).toMatchObject({ ok: true });
    expect(readLabelPolicy('{"labels":{},"unknown":"withhold line"}')).toMatchObject({ ok: false });
  });
  it('changes the rules of labels only where a list has the label', () => {
    const rules = (policy: LabelPolicy): string => {
      putInForce(LISTS, policy);
      return labelRules();
    };
    const none = rules(DEFAULT_LABEL_POLICY);
    expect(rules(labelPolicy({ 'urn:x|y': 'withhold line' }))).toBe(none);
    expect(rules(POLICY)).not.toBe(none);
    // An upgrade alone tags nothing again.
    putInForce(LISTS);
    expect(labelRules()).toBe(none);
    putInForce(LISTS, POLICY);
  });
});

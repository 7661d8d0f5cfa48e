import { expect, test } from 'vitest';
import { type DenialReason, DENIALS, namesOf } from '@provider-access/events';
import { explanationSentences, factRows, withheldLines, type Explanation } from './explanation.ts';

const base: Explanation = {
  client: 'c-1',
  member: 'm-1',
  at: '2026-11-01T00:00:00.000Z',
  decision: 'permit',
  now: { decision: 'permit' },
  clientFacts: { name: 'Clinic', statusAt: 'suspended', providers: ['npi|1234567893'] },
  memberFacts: {
    coverage: [{ coverageId: 'cov', from: '2025-01-01', to: '2025-12-31', recordedAt: '', event: 'e1', holds: false }],
    attributions: [
      {
        group: 'g',
        providers: ['npi|1234567893'],
        from: '2026-01-01',
        recordedAt: '',
        event: 'e2',
        holds: true,
        boundToClient: true,
        inNetwork: true,
      },
    ],
    optOuts: [{ scope: 'global', from: '2026-02-01', recordedAt: '', event: 'e3', holds: true }],
    holds: [{ deadLetter: 'dl-1', eventType: 'payer.member-opted-out.v1', from: '2026-03-01', holds: true }],
    sourceHolds: [],
  },
};
const EXPECTED: Readonly<Partial<Record<DenialReason, readonly [RegExp, RegExp]>>> = {
  'client-unknown': [/no app has this client id/, /pa apps list/],
  'client-not-approved': [/status of the app is suspended/, /pa apps approve c-1/],
  'member-unknown': [/no coverage, attribution or opt-out/, /pa enroll/],
  'not-covered': [/no coverage.*coverage cov is from 2025-01-01 to 2025-12-31/, /pa enroll --member m-1/],
  'not-attributed': [/bound to npi 1234567893/, /pa attribute --member m-1 --npi 1234567893/],
  'line-not-started': [/because the plan of the coverage now is not known/, /pa lines show/],
  'not-in-network': [/npi 1234567893\) is not in network/, /pa network --npi 1234567893 --status in-network/],
  'opted-out': [/opted out since 2026-02-01 \(global, event e3\)/, /pa opt-in --member m-1/],
  notice: [/no notice to the member/, /payer\.notice-sent\.v1/],
  'on-hold': [/dead letter dl-1 \(payer.member-opted-out.v1\) holds the member/, /pa dead-letters show dl-1/],
  'source-on-hold': [/dl-1.*every member of its source/, /replay or discard/],
};

test.each(namesOf(DENIALS))('a denial as %s is two sentences: what decided, and what changes it', (reason) => {
  const sentences = explanationSentences({ ...base, decision: 'deny', reason });
  expect(sentences).toHaveLength(2);
  const [because, change] = EXPECTED[reason] ?? [/because the [^.]+\.$/, /refusals/];
  expect(sentences[0]).toMatch(because);
  expect(sentences[1]).toMatch(change);
});

test('M37 an attestation says who attested, when, and by which policy', () => {
  const attestation = {
    ...{ group: 'match-1', client: 'c-1', provider: 'npi|1234567893' as const, attestedAt: '2026-10-31T00:00:00.000Z' },
    ...{ policy: 'accept/2026-01-01', job: 'j', from: '2026-11-01', to: '2026-12-01', recordedAt: '', event: 'e7' },
    ...{ holds: true, ofClient: true, boundToClient: true, inNetwork: true },
  };
  const memberFacts = { ...base.memberFacts!, attributions: [], attestations: [attestation] };
  expect(explanationSentences({ ...base, memberFacts })[0]).toBe(
    'Permitted: app c-1 sees member m-1, who has coverage and is attested by NPI 1234567893 on ' +
      '2026-10-31T00:00:00.000Z, policy accept/2026-01-01, Group match-1, until 2026-12-01.',
  );
  expect(factRows({ ...base, memberFacts }).join('\n')).toMatch(
    /^attestation +yes +2026-11-01 +2026-12-01 +attested by/m,
  );
  const another = { ...attestation, client: 'c-2', ofClient: false };
  expect(factRows({ ...base, memberFacts: { ...memberFacts, attestations: [another] } }).join()).toContain('app c-2');
});

test('a reason and statements that only a newer server knows are named', () => {
  const newer = { ...base, decision: 'deny', reason: 'moved-away' as DenialReason } as const;
  expect(explanationSentences(newer)[0]).toMatch(/because of moved-away\.$/);
  const moves = [{ from: '2026-04-01', event: 'e9', holds: true }];
  const rows = factRows({ ...base, memberFacts: { ...base.memberFacts!, ...{ moves } } });
  expect(rows.at(-1)).toMatch(/^moves +yes +2026-04-01 +event e9$/);
});

test('a permit names its attribution and what ends it', () => {
  const [why, change] = explanationSentences(base);
  expect(why).toMatch(/app c-1 sees member m-1.*npi 1234567893, which is in network, since 2026-01-01/);
  expect(change).toMatch(/opts out/);
});

test('the statements are rows, and an unknown member has none', () => {
  expect(
    factRows(base)
      .slice(2)
      .map((row) => row.split(/ {2,}/).slice(0, 2)),
  ).toEqual([
    ['coverage', 'no'],
    ['attribution', 'yes'],
    ['opt-out', 'yes'],
    ['hold', 'yes'],
  ]);
  expect(factRows({ ...base, memberFacts: null })).toEqual([]);
});

test('says how many resources each label withholds, and nothing where nothing is withheld', () => {
  const label = 'http://terminology.hl7.org/CodeSystem/v3-ActCode|HIV';
  expect(withheldLines({ ...base, withheld: { resources: 2, labels: { [label]: 2 } } })).toEqual([
    '2 resources of this member are withheld because of security labels (/docs/security-labels.html).',
    expect.stringMatching(/^label +resources$/),
    expect.anything(),
    expect.stringContaining(label),
  ]);
  const tags = { 'ICD-10 F11.20, list 2026-08-22, 42 CFR Part 2': 1 };
  expect(withheldLines({ ...base, withheld: { resources: 2, labels: { [label]: 2 }, tags } }).slice(4)).toEqual([
    expect.stringMatching(/^because of a code +resources$/),
    expect.anything(),
    expect.stringMatching(/^ICD-10 F11\.20, list 2026-08-22, 42 CFR Part 2 +1$/),
  ]);
  expect(withheldLines(base)).toEqual([]);
  expect(withheldLines({ ...base, withheld: { resources: 0, labels: {} } })).toEqual([]);
});

test('N62 names the plan whose line has not started, and counts what each coverage withholds', () => {
  const holds = { from: '2026-01-01', recordedAt: '2026-01-01', event: 'e', holds: true };
  const [why] = explanationSentences({
    ...base,
    decision: 'deny',
    reason: 'line-not-started',
    memberFacts: {
      ...base.memberFacts!,
      coverage: [{ coverageId: 'cov', ...holds }],
      plans: [
        { coverageId: 'cov', plan: 'MCO-7', ...holds },
        { coverageId: 'other', plan: 'H1234', ...holds },
      ],
    },
  });
  expect(why).toMatch(/the line of business of the plan MCO-7 has not started/);
  const withheld = { resources: 3, labels: {}, coverages: { cov: 2, '': 1 } };
  expect(withheldLines({ ...base, withheld }).map((line) => line.replaceAll(/ +/g, ' '))).toEqual([
    '3 resources of this member are withheld because of lines of business (/docs/lines-of-business.html).',
    'coverage resources',
    expect.anything(),
    'cov 2',
    'none is named 1',
  ]);
});

import { describe, expect, it } from 'vitest';

import { acceptsAttestation, DEFAULT_MATCH_POLICIES, matchPolicyAt, readMatchPolicies } from './policy.ts';

const read = (file: unknown) => readMatchPolicies(typeof file === 'string' ? file : JSON.stringify(file));
const policies = (...entries: object[]) => {
  const reading = read({ policies: entries });
  if (!reading.ok) throw new Error(reading.fault);
  return reading.policy;
};

describe('M35: the policy in force', () => {
  it('accepts without a file', () => {
    expect(matchPolicyAt(DEFAULT_MATCH_POLICIES, '2027-01-11T09:00:00Z')).toEqual({
      rule: 'accept',
      version: 'accept',
    });
  });
  const dated = policies(
    { from: '2027-06-01', rule: 'require-evidence', lookBackDays: 365 },
    { from: '2027-01-01', rule: 'reject' },
  );
  it.each([
    ['2026-12-31T23:59:59Z', 'accept'],
    ['2027-01-01T00:00:00Z', 'reject'],
    ['2027-05-31T23:59:59Z', 'reject'],
    ['2027-06-01T00:00:00Z', 'require-evidence'],
  ])('is that of the newest date before %s', (now, rule) => {
    expect(matchPolicyAt(dated, now).rule).toBe(rule);
  });
  it('has a version that says the rule, its date and the file', () => {
    const { version } = matchPolicyAt(dated, '2027-07-01T00:00:00Z');
    expect(version).toMatch(/^require-evidence\/2027-06-01\/[\w-]{10}$/);
    const other = policies({ from: '2027-06-01', rule: 'require-evidence', lookBackDays: 30 });
    expect(matchPolicyAt(other, '2027-07-01T00:00:00Z').version).not.toBe(version);
  });
});

describe('M35: a bad file is a fault with its place', () => {
  it.each([
    ['is not JSON', '{'],
    ['must be a JSON object', []],
    ['has a member other than "policies"', { policies: [], more: 1 }],
    ['"policies" must be a list with at least one entry', {}],
    ['"policies" must be a list with at least one entry', { policies: [] }],
    ['"policies" entry 1 must be an object', { policies: [1] }],
    [
      '"policies" entry 2 needs "from": a day, such as 2027-01-01',
      {
        policies: [{ from: '2027-01-01', rule: 'accept' }, { rule: 'accept' }],
      },
    ],
    [
      '"policies" entry 1 needs "from": a day, such as 2027-01-01',
      { policies: [{ from: '2027-02-30', rule: 'accept' }] },
    ],
    [
      '"policies" entry 1 needs "rule": one of "accept", "require-evidence", "reject"',
      {
        policies: [{ from: '2027-01-01', rule: 'acept' }],
      },
    ],
    [
      '"policies" entry 1 has "lookBackDays" beside another rule than "require-evidence"',
      {
        policies: [{ from: '2027-01-01', rule: 'accept', lookBackDays: 5 }],
      },
    ],
    [
      '"policies" entry 1 has a "lookBackDays" that is no number of days from 0 to 3650',
      {
        policies: [{ from: '2027-01-01', rule: 'require-evidence', lookBackDays: -1 }],
      },
    ],
    [
      '"policies" entry 1 has a member other than "from", "rule", "lookBackDays"',
      {
        policies: [{ from: '2027-01-01', rule: 'accept', lookbackDays: 5 }],
      },
    ],
    [
      '"policies" entry 2 has the date of entry 1',
      {
        policies: [
          { from: '2027-01-01', rule: 'accept' },
          { from: '2027-01-01', rule: 'reject' },
        ],
      },
    ],
  ])('%s', (fault, file) => {
    expect(read(file)).toEqual({ ok: false, fault });
  });
});

describe('M35: whether a policy accepts an attestation', () => {
  const NOW = Date.parse('2027-07-01T00:00:00Z');
  const providers = ['npi|1234567893'] as const;
  const evidence = (to?: string, of: 'npi|1234567893' | 'npi|1982947230' = 'npi|1234567893') => [
    { from: '2026-01-01T00:00:00Z', ...(to !== undefined && { to }), providers: [of] },
  ];
  const looksBack = { rule: 'require-evidence', lookBackDays: 30, version: 'v' } as const;
  it.each([
    ['accept needs nothing', { rule: 'accept', version: 'v' }, [], true],
    ['reject accepts nobody', { rule: 'reject', version: 'v' }, evidence(), false],
    ['evidence: attributed now', looksBack, evidence(), true],
    ['evidence: nobody attributed', looksBack, [], false],
    ['evidence: attributed to another provider', looksBack, evidence(undefined, 'npi|1982947230'), false],
    ['evidence: ended within the look-back', looksBack, evidence('2027-06-02T00:00:00Z'), true],
    ['evidence: ended before the look-back', looksBack, evidence('2027-05-31T23:59:59Z'), false],
    ['evidence: begins later', looksBack, [{ from: '2027-07-02T00:00:00Z', providers }], false],
    [
      'evidence without a look-back: ended',
      { rule: 'require-evidence', lookBackDays: 0, version: 'v' },
      evidence('2027-06-30T00:00:00Z'),
      false,
    ],
  ] as const)('%s', (_what, policy, attributions, accepted) => {
    expect(acceptsAttestation(policy, attributions, providers, NOW)).toBe(accepted);
  });
});

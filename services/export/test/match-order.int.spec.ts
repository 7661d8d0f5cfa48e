import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NPI, Platform } from './harness.ts';
import {
  bundle,
  groupsOf,
  match,
  namesOf,
  PAYER,
  type ResultGroup,
  type Submitted,
  TestFinder,
} from './match-requests.ts';

const ELSEWHERE = { group: 'g-else', provider: 'npi|1245319599' };
/** Their ids have a hyphen, which no generated id has. */
const people = { S1: 'mem-open', S2: 'mem-out', S3: 'mem-held-out', S4: 'mem-uncovered-out' };
/** The day of the requests. */
const from = new Date(Date.now() - 86_400_000).toISOString();

let platform: Platform;
const start = async (config: Parameters<typeof Platform.start>[0]): Promise<void> => {
  const finder = new TestFinder(people);
  platform = await Platform.start({ kickOffsPerHour: 10_000, payerIdentifiers: [PAYER], finder, ...config });
  await platform.client('c1');
  await platform.members(['mem-open', 'mem-out', 'mem-held-out'], ELSEWHERE);
  await platform.attributedOnly('mem-uncovered-out');
  await platform.resources(Object.values(people).map((member) => ({ member, type: 'Patient', id: member })));
  for (const member of ['mem-out', 'mem-held-out', 'mem-uncovered-out']) await platform.optOut(member);
  await platform.held('mem-held-out');
  await platform.derived();
};
const result = async (...all: readonly Submitted[]): Promise<Readonly<Record<string, ResultGroup>>> =>
  groupsOf(platform, await match(platform, ...all.map((one, at) => bundle(at + 1, one))));
/** The members in a Group of members who opted out. */
const constrainedIn = (groups: Awaited<ReturnType<typeof result>>): readonly string[] =>
  groups['consentconstraint'] === undefined ? [] : namesOf(groups['consentconstraint']);

describe('M53 without the switch', () => {
  beforeAll(() => start({}));
  afterAll(() => platform.dispose());

  it('nobody learns who opted out: there is no such Group, and no answer names the member', async () => {
    const groups = await result({ subscriber: 'S2' }, { subscriber: 'S9' });
    expect([Object.keys(groups).toSorted(), groups['nomatch']!.quantity]).toEqual([['match', 'nomatch'], 2]);
    expect(JSON.stringify(groups)).not.toContain('mem-out');
  });
});

describe('M53 with the switch', () => {
  beforeAll(() => start({ consentConstrained: true }));
  afterAll(() => platform.dispose());

  it('a Group of its own names the members whom an opt-out alone bars', async () => {
    const groups = await result({ subscriber: 'S1' }, { subscriber: 'S2' }, { subscriber: 'S9' });
    expect(groups['match']!.quantity).toBe(1);
    expect(constrainedIn(groups)).toEqual(['Patient/mem-out']);
    expect(groups['nomatch']!.quantity).toBe(1);
  });

  it('is in the files of the job alone (M76)', async () => {
    const groups = await result({ subscriber: 'S2' });
    const { id } = groups['consentconstraint']!;
    const answer = await platform.fetch(`/fhir/Group/${id}/$export`, { headers: { prefer: 'respond-async' } });
    expect(answer.status).toBe(404);
  });

  it('M31, M33 an opt-out is told to nobody whom another rule bars, and a bad bundle is no member', async () => {
    const network = (status: string, at: string): Promise<void> =>
      platform.append('pa.providers', [
        {
          ...{ type: 'pa.network-status-recorded.v1', subject: NPI },
          data: { provider: NPI, status, from: at, businessTime: at },
        },
      ]);
    const barred: readonly (readonly [string, Submitted])[] = [
      ['a Consent of another patient', { subscriber: 'S2', consentOf: 'somebody-else' }],
      ['an NPI that is not bound to the app', { subscriber: 'S2', npi: '1245319599' }],
      ['a period that is over', { subscriber: 'S2', period: { end: '2020-01-01' } }],
      ['a hold', { subscriber: 'S3' }],
      ['no coverage', { subscriber: 'S4' }],
    ];
    for (const [what, one] of barred) expect([what, constrainedIn(await result(one))]).toEqual([what, []]);
    await network('out-of-network', '2021-01-01T00:00:00.000Z');
    expect(constrainedIn(await result({ subscriber: 'S2' }))).toEqual([]);
    await network('in-network', '2021-01-02T00:00:00.000Z');
    expect(constrainedIn(await result({ subscriber: 'S2' }))).toEqual(['Patient/mem-out']);
  });
});

describe('M30, M33, M35, M53 where the policy accepts no attestation', () => {
  beforeAll(() => start({ consentConstrained: true, matchPolicies: [{ rule: 'reject', version: 'reject', from }] }));
  afterAll(() => platform.dispose());

  it('nobody matches, and nobody learns of an opt-out', async () => {
    const groups = await result({ subscriber: 'S1' }, { subscriber: 'S2' });
    expect([groups['match']!.quantity, groups['nomatch']!.quantity, constrainedIn(groups)]).toEqual([0, 2, []]);
  });
});

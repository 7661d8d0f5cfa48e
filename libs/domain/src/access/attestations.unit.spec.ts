import { describe, expect, it } from 'vitest';
import type { ProviderKey } from '@provider-access/events';
import { barredBy, decide, type DecisionFacts, type MemberFacts, type Purpose, visibleSince } from './decide.ts';
import type { AttestationFact, AttributionFact, ClientFacts, OptOutFact, PartyFacts } from './facts.ts';

/**
 * The second ground of access (MATCH.md M36): an attestation of a client for a member. The oracle below is a sentence
 * of the rules written by hand, and shares no code with `decide`.
 */
const NOW = '2026-06-10T00:00:00.000Z';
const [MAY, JUNE_1, JUNE_9, JULY] = ['2026-05-01', '2026-06-01', '2026-06-09', '2026-07-01'].map(
  (day) => `${day}T00:00:00.000Z`,
) as [string, string, string, string];
const ATTESTING: ProviderKey = 'npi|1000000001';
const OTHER: ProviderKey = 'npi|1000000012';

const attestation: AttestationFact = {
  group: 'match-1',
  client: 'mine',
  provider: ATTESTING,
  from: JUNE_1,
  to: JULY,
  attestedAt: MAY,
  policy: 'accept/2026-01-01',
  job: 'job-1',
  recordedAt: JUNE_1,
  event: 'e1',
};
const attribution: AttributionFact = { group: 'g1', providers: [OTHER], from: MAY, recordedAt: MAY, event: 'a' };
const optOut: OptOutFact = { scope: 'global', from: MAY, recordedAt: MAY, event: 'o' };

interface World {
  attestations?: readonly AttestationFact[];
  attributions?: readonly AttributionFact[];
  bound?: readonly ProviderKey[];
  approved?: boolean;
  inNetwork?: readonly ProviderKey[];
  deactivated?: readonly ProviderKey[];
  optOuts?: readonly OptOutFact[];
  specialties?: readonly string[];
  covered?: boolean;
  held?: boolean;
  sourceHeld?: boolean;
  lineStarted?: boolean;
  needsNotice?: boolean;
  told?: boolean;
  asOf?: string;
}
function facts(w: World): DecisionFacts {
  const client: ClientFacts = {
    client: 'mine',
    name: 'mine',
    status: 'approved',
    history: [{ status: w.approved === false ? 'suspended' : 'approved', at: MAY }],
    bindings: (w.bound ?? [ATTESTING]).map((provider) => ({ provider, from: MAY, recordedAt: MAY })),
    scope: '',
  };
  const hold = { deadLetter: 'dl', eventType: 't', from: MAY };
  const party: PartyFacts = {
    client: (id) => (id === 'mine' || id === 'yours' ? { ...client, client: id } : undefined),
    network: (p) => ((w.inNetwork ?? [ATTESTING]).includes(p) ? [{ status: 'in-network', from: MAY }] : []),
    sourceHolds: () => (w.sourceHeld === true ? [hold] : []),
    identity: (p) => [p],
    specialties: () => w.specialties ?? [],
    deactivated: (p) => (w.deactivated ?? []).includes(p),
    lines: () =>
      w.lineStarted === false ? [{ setAt: MAY, plans: new Map([['plan', { line: 'l', from: JULY }]]) }] : [],
    ...(w.needsNotice === true && { holdsUntilNotice: true }),
    asOf: () => w.asOf,
  };
  const member: MemberFacts = {
    member: 'm',
    sources: ['urn:s'],
    coverage: w.covered === false ? [] : [{ coverageId: 'c', from: MAY, recordedAt: MAY, event: 'c' }],
    plans: [{ coverageId: 'c', plan: 'plan', from: MAY, recordedAt: MAY, event: 'c' }],
    attributions: w.attributions ?? [],
    attestations: w.attestations ?? [attestation],
    optOuts: w.optOuts ?? [],
    holds: w.held === true ? [hold] : [],
    ...(w.told === true && { notices: [{ kind: 'first', event: 'n', from: MAY, recordedAt: MAY }] }),
    mergedWith: [],
  };
  return { member, party };
}
const asked = (w: World = {}, purpose: Purpose = { kind: 'read' }, client = 'mine', now = NOW) =>
  decide({ client, purpose, member: 'm', now }, facts(w));
const ask = (...of: Parameters<typeof asked>): string => {
  const decision = asked(...of);
  return decision.permit ? 'permit' : decision.reason;
};

describe('M36 decide, by an attestation alone', () => {
  it('permits the app whose provider attested, and says by what', () => {
    expect(asked()).toEqual({ permit: true, attributions: [], attestations: [attestation] });
  });
  it.each<[string, string, Parameters<typeof ask>]>([
    ["M70 another client's attestation", 'not-attributed', [{}, { kind: 'read' }, 'yours']],
    ['M34 an attesting NPI that the app is not bound to any more', 'not-attributed', [{ bound: [OTHER] }]],
    ['M31 an attesting NPI that the directory has deactivated', 'not-attributed', [{ deactivated: [ATTESTING] }]],
    ['M31 an attesting NPI that is not in network', 'not-in-network', [{ inNetwork: [OTHER] }]],
    ['M73 a suspended app', 'client-not-approved', [{ approved: false }]],
    ['M71 an attestation that expires now', 'not-attributed', [{ attestations: [{ ...attestation, to: NOW }] }]],
    [
      'M19 an attestation that was withdrawn',
      'not-attributed',
      [{ attestations: [{ ...attestation, to: JUNE_9, endRecordedAt: JUNE_9 }] }],
    ],
    [
      'an attestation that begins in the future of the clock',
      'not-attributed',
      [{ attestations: [{ ...attestation, from: '2026-06-10T00:00:00.001Z' }] }],
    ],
    [
      'an attestation that ended by a clock ahead of this one',
      'not-attributed',
      [{ attestations: [{ ...attestation, to: '2026-06-10T01:00:00.000Z' }], asOf: '2026-06-10T01:00:00.000Z' }],
    ],
    ['M72 a member who opted out', 'opted-out', [{ optOuts: [optOut] }]],
    ['M73 a member who opted out after the match', 'opted-out', [{ optOuts: [{ ...optOut, from: JUNE_9 }] }]],
    [
      'a member who opted out of the attesting provider',
      'opted-out',
      [{ optOuts: [{ ...optOut, scope: 'provider-specific', targets: [ATTESTING] }] }],
    ],
    [
      'N7 a member who opted out of the specialty of the attesting provider',
      'opted-out',
      [
        {
          optOuts: [{ ...optOut, scope: 'provider-category', categories: ['207RC0000X'] }],
          specialties: ['207RC0000X'],
        },
      ],
    ],
    [
      'N7 a member who opted out of a specialty, and a provider of unknown ones',
      'opted-out',
      [{ optOuts: [{ ...optOut, scope: 'provider-category', categories: ['207RC0000X'] }] }],
    ],
    ['a member without coverage', 'not-covered', [{ covered: false }]],
    ['a member on hold', 'on-hold', [{ held: true }]],
    ['a member of a source on hold', 'source-on-hold', [{ sourceHeld: true }]],
    ['N63 a line of business that has not started', 'line-not-started', [{ lineStarted: false }]],
    ['N39 a member without a notice', 'notice', [{ needsNotice: true }]],
    ['the Group of another match', 'not-attributed', [{}, { kind: 'export', group: 'match-2' }]],
    ['the Group of the provider', 'not-attributed', [{}, { kind: 'group', group: 'g1' }]],
    [
      'an attribution to a provider out of network beside an attestation of another client',
      'not-in-network',
      [{ attributions: [attribution], bound: [OTHER], attestations: [{ ...attestation, client: 'yours' }] }],
    ],
  ])('denies %s', (_name, reason, args) => expect(ask(...args)).toBe(reason));

  it.each<[string, Parameters<typeof ask>]>([
    ['M70 a read without a Group', [{}, { kind: 'read' }]],
    ['M70 the matched Group', [{}, { kind: 'export', group: 'match-1' }]],
    [
      'an opt-out of another provider',
      [{ optOuts: [{ ...optOut, scope: 'provider-specific', targets: ['npi|1000000020'] }] }],
    ],
    [
      'the other one of two attestations, if one is withdrawn',
      [
        {
          attestations: [
            { ...attestation, to: JUNE_9, endRecordedAt: JUNE_9 },
            { ...attestation, group: 'match-2' },
          ],
        },
      ],
    ],
    ['M31 a network status without an entry of the directory', [{ specialties: [] }]],
    ['N39 a notice that the member got', [{ needsNotice: true, told: true }]],
  ])('permits %s', (_name, args) => expect(ask(...args)).toBe('permit'));

  it('says both grounds where both permit, and only the asked one for a Group', () => {
    const w: World = { attributions: [attribution], bound: [ATTESTING, OTHER], inNetwork: [ATTESTING, OTHER] };
    expect(asked(w)).toEqual({ permit: true, attributions: [attribution], attestations: [attestation] });
    expect(asked(w, { kind: 'group', group: 'g1' })).toEqual({ permit: true, attributions: [attribution] });
    expect(asked(w, { kind: 'group', group: 'match-1' })).toEqual({
      permit: true,
      attributions: [],
      attestations: [attestation],
    });
  });

  it('an opt-out of the provider of one ground leaves the other one open', () => {
    const of = (targets: readonly ProviderKey[]) =>
      asked({
        attributions: [{ ...attribution, providers: [OTHER] }],
        inNetwork: [ATTESTING, OTHER],
        bound: [ATTESTING],
        optOuts: [{ ...optOut, scope: 'provider-specific', targets }],
      });
    expect(of([OTHER])).toEqual({ permit: true, attributions: [], attestations: [attestation] });
    expect(of([ATTESTING])).toEqual({ permit: false, reason: 'opted-out' });
  });

  it('permits if and only if each sentence of the rules holds, in all of their combinations', () => {
    const NAMES = [
      'own',
      'bound',
      'active',
      'inNetwork',
      'begun',
      'unexpired',
      'approved',
      'in',
      'covered',
      'free',
      'sourceFree',
      'started',
      'told',
      'ofGroup',
    ] as const;
    let permitted = 0;
    for (let bits = 0; bits < 2 ** NAMES.length; bits++) {
      const is = Object.fromEntries(NAMES.map((name, i) => [name, (bits & (1 << i)) !== 0])) as Record<
        (typeof NAMES)[number],
        boolean
      >;
      const given = ask(
        {
          attestations: [
            {
              ...attestation,
              client: is.own ? 'mine' : 'yours',
              from: is.begun ? JUNE_1 : '2026-06-11T00:00:00.000Z',
              to: is.unexpired ? JULY : NOW,
            },
          ],
          bound: is.bound ? [ATTESTING] : [OTHER],
          deactivated: is.active ? [] : [ATTESTING],
          inNetwork: is.inNetwork ? [ATTESTING] : [],
          approved: is.approved,
          optOuts: is.in ? [] : [optOut],
          covered: is.covered,
          held: !is.free,
          sourceHeld: !is.sourceFree,
          lineStarted: is.started,
          needsNotice: true,
          told: is.told,
        },
        { kind: 'export', group: is.ofGroup ? 'match-1' : 'match-2' },
      );
      expect(given === 'permit', JSON.stringify(is)).toBe(NAMES.every((name) => is[name]));
      if (given === 'permit') permitted++;
    }
    expect(permitted).toBe(1);
  });
});

describe('M74 visibleSince, by an attestation', () => {
  const since = (w: World, purpose: Purpose = { kind: 'export', group: 'match-1' }): string => {
    const at = visibleSince({ client: 'mine', purpose, member: 'm', now: NOW }, facts(w));
    return Number.isFinite(at) ? new Date(at).toISOString() : 'never';
  };
  it('is the match, or when it was recorded if that was later', () => {
    expect(since({})).toBe(JUNE_1);
    expect(since({ attestations: [{ ...attestation, recordedAt: JUNE_9 }] })).toBe(JUNE_9);
  });
  it('is the match for its Group, although the provider has seen the member for longer by attribution', () => {
    const w: World = { attributions: [attribution], bound: [ATTESTING, OTHER], inNetwork: [ATTESTING, OTHER] };
    expect(since(w)).toBe(JUNE_1);
    expect(since(w, { kind: 'read' })).toBe(MAY);
  });
  it('is never for a member whom the app cannot see', () => expect(since({ bound: [OTHER] })).toBe('never'));
});

it('an answer to an opt-out counts the attestations that it bars', () => {
  const { member, party } = facts({});
  const count = (of: OptOutFact): number => barredBy(of, member!, party, Date.parse(NOW));
  expect(count(optOut)).toBe(1);
  expect(count({ ...optOut, scope: 'provider-specific', targets: [ATTESTING] })).toBe(1);
  expect(count({ ...optOut, scope: 'provider-specific', targets: [OTHER] })).toBe(0);
});

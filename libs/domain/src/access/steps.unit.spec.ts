import { expect, it } from 'vitest';
import { DENIALS, type DenialReason, namesOf, type ProviderKey } from '@provider-access/events';
import { decide, type MemberFacts } from './decide.ts';
import type { PartyFacts } from './facts.ts';
import { DECISION_STEPS, stepOf } from './steps.ts';

const PAST = '2025-01-01T00:00:00.000Z';
const NPI: ProviderKey = 'npi|1000000001';
const said = { from: PAST, recordedAt: PAST, event: 'e' };
const hold = { deadLetter: 'd', eventType: 't', from: PAST };

/** The reason of a member, and of an app, with these obstacles. */
function reasonOf(obstacles: ReadonlySet<DenialReason>): DenialReason | undefined {
  const has = (reason: DenialReason): boolean => obstacles.has(reason);
  const member: MemberFacts = {
    ...{ member: 'm', sources: ['urn:s'], mergedWith: [], notices: [] },
    coverage: has('not-covered') ? [] : [{ ...said, coverageId: 'c' }],
    plans: [{ ...said, coverageId: 'c', plan: 'p' }],
    attributions: [{ ...said, group: has('not-attributed') ? 'another' : 'g', providers: [NPI] }],
    optOuts: has('opted-out') ? [{ ...said, scope: 'global' }] : [],
    holds: has('on-hold') ? [hold] : [],
  };
  const client = {
    ...{ client: 'c', name: 'c', scope: '', bindings: [{ provider: NPI, from: PAST, recordedAt: PAST }] },
    status: has('client-not-approved') ? ('suspended' as const) : ('approved' as const),
  };
  const party: PartyFacts = {
    client: () => (has('client-unknown') ? undefined : { ...client, history: [{ status: client.status, at: PAST }] }),
    network: () => [{ status: has('not-in-network') ? 'out-of-network' : 'in-network', from: PAST }],
    sourceHolds: (source) => (has('source-on-hold') && source === 'urn:s' ? [hold] : []),
    identity: (provider) => [provider],
    specialties: () => [],
    deactivated: () => false,
    lines: () => (has('line-not-started') ? [{ setAt: PAST, plans: new Map([['p', { line: 'l' }]]) }] : []),
    holdsUntilNotice: has('notice'),
    asOf: () => undefined,
  };
  const decision = decide(
    { client: 'c', purpose: { kind: 'explain', group: 'g' }, member: 'm', now: '2026-06-01T00:00:00.000Z' },
    { member: has('member-unknown') ? undefined : member, party },
  );
  return decision.permit ? undefined : decision.reason;
}

it('has each reason of a denial in one step', () => {
  const reasons = DECISION_STEPS.flatMap(([, all]) => [...all]);
  expect(reasons.toSorted()).toEqual(namesOf(DENIALS).toSorted());
  for (const reason of reasons) expect(DECISION_STEPS.find(([step]) => step === stepOf(reason))![1]).toContain(reason);
});

it('has the order of the decisions: of any obstacles, the one of the earliest step is the reason', () => {
  const order: readonly DenialReason[] = DECISION_STEPS.flatMap(([, all]) => [...all]);
  for (let bits = 0; bits < 2 ** order.length; bits++) {
    const obstacles = order.filter((_, n) => (bits & (2 ** n)) !== 0);
    expect(reasonOf(new Set(obstacles)), obstacles.join()).toBe(obstacles[0]);
  }
});

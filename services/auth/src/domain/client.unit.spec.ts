import { describe, expect, it } from 'vitest';
import { type AppRegistered, isNpi, isTin } from '@provider-access/events';
import { deciding } from '@provider-access/process/testing';
import { decide, evolve, type ClientCommand, type ClientEvent, type ClientState } from './client.ts';

const app: AppRegistered = {
  client: 'c-1',
  name: 'An app',
  jwks: { keys: [] },
  scope: 'system/*.rs',
  contacts: ['a@b.example'],
  npis: ['1234567893'],
  tins: ['123456789'],
  registrationTokenHash: 'h',
  registeredAt: '2027-01-01T00:00:00.000Z',
};
const registered: ClientEvent = { type: 'pa.app-registered.v1', data: app };
const named = [
  { provider: 'npi|1234567893', text: 'Contract 7' },
  { provider: 'tin|123456789', text: 'W-9' },
] as const;
const approved: ClientEvent = {
  type: 'pa.app-approved.v1',
  data: {
    client: 'c-1',
    providers: ['npi|1234567893', 'tin|123456789'],
    scope: 'system/*.rs',
    by: 'r',
    evidence: [...named],
  },
};
const narrow: ClientEvent = {
  type: 'pa.app-approved.v1',
  data: {
    client: 'c-1',
    providers: ['npi|1245319599'],
    scope: 'system/Patient.rs',
    by: 'r',
    evidence: [{ provider: 'npi|1245319599', text: 'Contract 8' }],
  },
};
const ended = (type: 'rejected' | 'suspended' | 'revoked'): ClientEvent => ({
  type: `pa.app-${type}.v1`,
  data: { client: 'c-1', by: 'r', reason: 'why' },
});
const approve: ClientCommand = { kind: 'approve', by: 'r' };
const asRegistered: ClientCommand = { ...approve, identifiers: named };
const narrower: ClientCommand = {
  ...approve,
  identifiers: [{ provider: 'npi|1245319599', text: 'Contract 8' }],
  scope: 'system/Patient.rs',
};
const reject: ClientCommand = { kind: 'reject', by: 'r', reason: 'why' };
const suspend: ClientCommand = { kind: 'suspend', by: 'r', reason: 'why' };

const stateAfter = (events: readonly ClientEvent[]): ClientState | undefined =>
  events.reduce<ClientState | undefined>(evolve, undefined);
/** What is known of an app are the events of its stream. */
const { given } = deciding((command: ClientCommand, events: readonly ClientEvent[]) => {
  const decision = decide(command, stateAfter(events));
  return decision.ok ? decision.events : `${decision.fault}: ${decision.text}`;
});

describe('deciding about an app', () => {
  it.each<[string, ClientEvent[], ClientCommand, ClientEvent[]]>([
    ['a pending one is approved for what the reviewer names', [registered], asRegistered, [approved]],
    ['a pending one is approved for less than it registered', [registered], narrower, [narrow]],
    ['an approved one stays approved', [registered, approved], approve, []],
    ['an approved one stays as narrow as it was', [registered, narrow], approve, []],
    ['an approved one is bound anew', [registered, approved], narrower, [narrow]],
    ['a suspended one comes back as it was approved', [registered, narrow, ended('suspended')], approve, [narrow]],
    ['a pending one is rejected', [registered], reject, [ended('rejected')]],
    ['a rejected one stays rejected', [registered, ended('rejected')], reject, []],
    ['an approved one is suspended', [registered, approved], suspend, [ended('suspended')]],
    ['a suspended one stays suspended', [registered, approved, ended('suspended')], suspend, []],
  ])('%s', (_name, before, command, events) => {
    given(before).when(command).then(events);
  });
  const FINAL = 'which is final. The app has to be registered again.';
  const TO_END = 'only a pending one can be rejected. Suspend it to end its access.';
  const NAMED =
    'invalid: identifiers: name each NPI and TIN to bind, with the evidence that it belongs to this provider: ' +
    '[{"npi": "1234567893", "evidence": "Contract 7"}].';
  it.each<[string, ClientEvent[], ClientCommand, string]>([
    ['an unknown one', [], approve, 'unknown: There is no client with this id.'],
    [
      'approving a rejected one',
      [registered, ended('rejected')],
      approve,
      `conflict: The client is rejected, ${FINAL}`,
    ],
    [
      'approving a revoked one',
      [registered, approved, ended('revoked')],
      approve,
      `conflict: The client is revoked, ${FINAL}`,
    ],
    ['rejecting an approved one', [registered, approved], reject, `conflict: The client is approved: ${TO_END}`],
    [
      'rejecting a suspended one',
      [registered, approved, ended('suspended')],
      reject,
      `conflict: The client is suspended: ${TO_END}`,
    ],
    [
      'suspending a pending one',
      [registered],
      suspend,
      'conflict: The client is pending: only an approved one can be suspended.',
    ],
    [
      'suspending a rejected one',
      [registered, ended('rejected')],
      suspend,
      'conflict: The client is rejected: only an approved one can be suspended.',
    ],
    ['binding nobody', [registered], { ...approve, identifiers: [] }, NAMED],
    ['binding what nobody named', [registered], approve, NAMED],
    [
      'a scope that was not registered',
      [registered],
      { ...asRegistered, scope: 'system/Patient.c' },
      'invalid: scope: the app registered none of these scopes.',
    ],
  ])('refuses %s', (_name, before, command, refusal) => {
    given(before).when(command).then(refusal);
  });
  it('keeps the reason of the last decision only', () => {
    expect(stateAfter([registered, approved, ended('suspended')])).toMatchObject({
      status: 'suspended',
      reason: 'why',
      approved: { scope: 'system/*.rs' },
    });
    expect(stateAfter([registered, approved, ended('suspended'), approved])?.reason).toBeUndefined();
  });
});

it('knows NPIs by their check digit and TINs by their digits', () => {
  for (const good of ['1234567893', '1245319599']) expect(isNpi(good)).toBe(true);
  for (const bad of ['1234567890', '123456789', '12345678933', '3234567893', '', '123456789x', ' 1234567893'])
    expect(isNpi(bad)).toBe(false);
  for (let i = 0; i < 10; i++)
    for (let d = 0; d < 10; d++) {
      const other = `${'1234567893'.slice(0, i)}${d}${'1234567893'.slice(i + 1)}`;
      expect(isNpi(other)).toBe(other === '1234567893');
    }
  for (const good of ['123456789', '12-3456789']) expect(isTin(good)).toBe(true);
  for (const bad of ['12345678', '123-456789', '12-34567890', '']) expect(isTin(bad)).toBe(false);
});

import { describe, expect, it } from 'vitest';
import { type AppRegistered, isNpi, isTin } from '@provider-access/events';
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

const given = (...events: ClientEvent[]): ClientState | undefined =>
  events.reduce<ClientState | undefined>(evolve, undefined);

describe('deciding about an app', () => {
  it.each<[string, ClientEvent[], ClientCommand, ClientEvent[]]>([
    ['a new one is registered', [], { kind: 'register', app }, [registered]],
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
    expect(decide(command, given(...before))).toEqual({ ok: true, events });
  });
  it.each<[string, ClientEvent[], ClientCommand, string, RegExp]>([
    ['an unknown one', [], approve, 'unknown', /no client/],
    ['one id twice', [registered], { kind: 'register', app }, 'conflict', /already/],
    ['approving a rejected one', [registered, ended('rejected')], approve, 'conflict', /final/],
    ['approving a revoked one', [registered, approved, ended('revoked')], approve, 'conflict', /final/],
    ['rejecting an approved one', [registered, approved], reject, 'conflict', /is approved.*Suspend/],
    ['rejecting a suspended one', [registered, approved, ended('suspended')], reject, 'conflict', /is suspended/],
    ['suspending a pending one', [registered], suspend, 'conflict', /is pending/],
    ['suspending a rejected one', [registered, ended('rejected')], suspend, 'conflict', /is rejected/],
    ['binding nobody', [registered], { ...approve, identifiers: [] }, 'invalid', /name each NPI and TIN/],
    ['binding what nobody named', [registered], approve, 'invalid', /name each NPI and TIN/],
    [
      'a scope that was not registered',
      [registered],
      { ...asRegistered, scope: 'system/Patient.c' },
      'invalid',
      /scope/,
    ],
  ])('refuses %s', (_name, before, command, fault, text) => {
    const decision = decide(command, given(...before));
    expect(decision).toMatchObject({ ok: false, fault });
    expect((decision as { text: string }).text).toMatch(text);
  });
  it('keeps the reason of the last decision only', () => {
    expect(given(registered, approved, ended('suspended'))).toMatchObject({
      status: 'suspended',
      reason: 'why',
      approved: { scope: 'system/*.rs' },
    });
    expect(given(registered, approved, ended('suspended'), approved)?.reason).toBeUndefined();
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

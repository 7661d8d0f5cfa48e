import { describe, expect, it } from 'vitest';
import { type AppApproved, type AppRegistered, isNpi, isTin, type ProviderKey } from '@provider-access/events';
import { deciding } from '@provider-access/process/testing';
import { DEFAULT_REASONS } from '@provider-access/domain/pdex/reasons';
import type { KnownBindings } from './bindings.ts';
import {
  type Approve,
  type ClientCommand,
  type ClientEvent,
  type ClientState,
  decide,
  evolve,
  reasonsOf,
  widens,
} from './client.ts';

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
const NOW = Date.parse('2027-02-01T00:00:00.000Z');
const BEFORE_NOW = '2027-01-15T00:00:00.000Z';
type Approval = Extract<ClientEvent, { type: 'pa.app-approved.v1' }>;
/** An approval that begins these bindings, now unless `from` says otherwise. */
const approval = (
  evidence: readonly { provider: ProviderKey; text: string }[],
  scope: string,
  from?: string,
): Approval => ({
  type: 'pa.app-approved.v1',
  data: {
    client: 'c-1',
    providers: evidence.map(({ provider }) => provider),
    bindings: evidence.map(({ provider, text }) => ({
      provider,
      from: from ?? new Date(NOW).toISOString(),
      by: 'r',
      evidence: text,
    })),
    scope,
    by: 'r',
    evidence: [...evidence],
  },
});
const other = [{ provider: 'npi|1245319599', text: 'Contract 8' }] as const;
/** Approvals of now, and the same of earlier. */
const approvedNow = approval(named, 'system/*.rs');
const narrowNow = approval(other, 'system/Patient.rs');
const approved: ClientEvent = approval(named, 'system/*.rs', BEFORE_NOW);
const narrow: ClientEvent = approval(other, 'system/Patient.rs', BEFORE_NOW);
const ended = (type: 'rejected' | 'suspended' | 'revoked'): ClientEvent => ({
  type: `pa.app-${type}.v1`,
  data: { client: 'c-1', by: 'r', reason: 'why' },
});
const expired: ClientEvent = {
  type: 'pa.app-suspended.v1',
  data: { client: 'c-1', by: 'the platform', reason: 'attestation-expired', expired: true },
};
const approve: ClientCommand = { kind: 'approve', by: 'r' };
const asRegistered: ClientCommand = { ...approve, identifiers: named };
const narrower: ClientCommand = {
  ...approve,
  identifiers: [{ provider: 'npi|1245319599', text: 'Contract 8' }],
  scope: 'system/Patient.rs',
};
const reject: ClientCommand = { kind: 'reject', by: 'r', reason: 'why' };
const suspend: ClientCommand = { kind: 'suspend', by: 'r', reason: 'why' };

/** What the app gives up (APPS.md P44). */
const giveUp: ClientCommand = {
  kind: 'narrow',
  by: 'app',
  reason: 'requested-by-app',
  scope: 'system/Patient.rs system/Coverage.rs',
  providers: ['tin|123456789'],
};
const givenUp: Approval = {
  type: 'pa.app-approved.v1',
  data: {
    client: 'c-1',
    providers: ['npi|1234567893'],
    bindings: [
      {
        provider: 'tin|123456789',
        from: BEFORE_NOW,
        to: new Date(NOW).toISOString(),
        by: 'app',
        reason: 'requested-by-app',
      },
    ],
    scope: 'system/Patient.rs system/Coverage.rs',
    by: 'app',
    reason: 'requested-by-app',
    evidence: [named[0]],
  },
};

const stateAfter = (events: readonly ClientEvent[]): ClientState | undefined =>
  events.reduce<ClientState | undefined>(evolve, undefined);
/** The bindings of the last approval, which these tests never end before. */
const knownAfter = (events: readonly ClientEvent[]): KnownBindings => {
  const last = events.findLast((event) => event.type === 'pa.app-approved.v1');
  const bindings = (last?.data as AppApproved | undefined)?.bindings ?? [];
  return { now: NOW, bindings: bindings.map((each) => ({ ...each, recordedAt: BEFORE_NOW })) };
};
/** What is known of an app are the events of its stream. */
const { given } = deciding((command: ClientCommand, events: readonly ClientEvent[]) => {
  const decision = decide(command, stateAfter(events), knownAfter(events));
  return decision.ok ? decision.events : `${decision.fault}: ${decision.text}`;
});

describe('deciding about an app', () => {
  it.each<[string, ClientEvent[], ClientCommand, ClientEvent[]]>([
    ['a submitted one is approved for what the reviewer names', [registered], asRegistered, [approvedNow]],
    ['a submitted one is approved for less than it registered', [registered], narrower, [narrowNow]],
    ['an approved one stays approved', [registered, approved], approve, []],
    ['an approved one stays as narrow as it was', [registered, narrow], approve, []],
    [
      'an approved one is bound anew',
      [registered, approved],
      narrower,
      [
        {
          ...narrowNow,
          data: {
            ...narrowNow.data,
            bindings: [
              ...named.map(({ provider }) => ({
                provider,
                from: BEFORE_NOW,
                to: new Date(NOW).toISOString(),
                by: 'r',
              })),
              ...narrowNow.data.bindings!,
            ],
          },
        },
      ],
    ],
    [
      'a suspended one comes back as it was approved, with a reason',
      [registered, narrow, ended('suspended')],
      { ...approve, reason: 'the keys are new' },
      [
        {
          ...narrowNow,
          data: {
            ...narrowNow.data,
            bindings: narrowNow.data.bindings!.map((each) => ({ ...each, reason: 'the keys are new' })),
            reason: 'the keys are new',
          },
        },
      ],
    ],
    ['an approved one has less after the app gave it up (P44)', [registered, approved], giveUp, [givenUp]],
    [
      'an approved one has no more for what the app adds (P44)',
      [registered, approved],
      { ...giveUp, scope: 'system/*.cruds', providers: ['npi|1245319599'] },
      [],
    ],
    ['a submitted one is rejected', [registered], reject, [ended('rejected')]],
    ['a rejected one stays rejected', [registered, ended('rejected')], reject, []],
    ['an approved one is suspended', [registered, approved], suspend, [ended('suspended')]],
    ['a suspended one stays suspended', [registered, approved, ended('suspended')], suspend, []],
  ])('%s', (_name, before, command, events) => {
    given(before).when(command).then(events);
  });
  const FINAL = 'which is final, and cannot become approved. The app has to be registered again.';
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
    [
      'a suspended one without a reason',
      [registered, narrow, ended('suspended')],
      approve,
      'invalid: reason: say why the suspended app is approved again.',
    ],
    [
      'giving up a part of a suspended one',
      [registered, approved, ended('suspended')],
      giveUp,
      'conflict: The client is suspended and cannot become approved.',
    ],
    [
      'giving up the whole scope',
      [registered, narrow],
      { ...giveUp, scope: 'system/Coverage.rs' },
      'conflict: Nothing of the granted scope would be left.',
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

  /** The table of APPS.md, P20 to P30, by hand: from each state, what each command makes of the app. */
  const BEFORE: Readonly<Record<string, readonly ClientEvent[]>> = {
    submitted: [registered],
    approved: [registered, approved],
    rejected: [registered, ended('rejected')],
    suspended: [registered, approved, ended('suspended')],
    revoked: [registered, approved, ended('revoked')],
    expired: [registered, approved, expired],
  };
  const COMMANDS: Readonly<Record<string, ClientCommand>> = {
    approve: { kind: 'approve', by: 'r', reason: 'why', identifiers: named },
    reject: { kind: 'reject', by: 'r', reason: 'false-statement' },
    suspend: { kind: 'suspend', by: 'r', reason: 'key-compromised' },
    revoke: { kind: 'revoke', by: 'r', reason: 'attack-observed' },
    expire: { kind: 'expire', by: 'the platform', reason: 'attestation-expired' },
  };
  const NO = 'no';
  const TABLE: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    submitted: { approve: 'approved', reject: 'rejected', suspend: NO, revoke: NO, expire: NO },
    approved: { approve: 'approved', reject: NO, suspend: 'suspended', revoke: 'revoked', expire: 'expired' },
    rejected: { approve: NO, reject: 'rejected', suspend: NO, revoke: NO, expire: NO },
    suspended: { approve: 'approved', reject: NO, suspend: 'suspended', revoke: 'revoked', expire: NO },
    revoked: { approve: NO, reject: NO, suspend: NO, revoke: 'revoked', expire: NO },
    expired: { approve: 'approved', reject: NO, suspend: NO, revoke: 'revoked', expire: 'expired' },
  };
  /** The row of APPS.md for each change; P30 refuses every other one, and an end again changes nothing. */
  const ROWS: Readonly<Record<string, string>> = {
    'submitted approve': 'P22',
    'submitted reject': 'P23',
    'approved suspend': 'P25',
    'suspended approve': 'P26',
    'approved revoke': 'P27',
    'suspended revoke': 'P27',
    'expired revoke': 'P27',
    'approved expire': 'P28',
    'expired approve': 'P28',
  };
  for (const [from, row] of Object.entries(TABLE))
    for (const [command, to] of Object.entries(row))
      it(`${ROWS[`${from} ${command}`] ?? 'P30'}: ${command} of an app that is ${from}: ${to}`, () => {
        const events = BEFORE[from]!;
        const decision = decide(COMMANDS[command]!, stateAfter(events), knownAfter(events));
        if (to !== NO) {
          expect(decision).toMatchObject({ ok: true });
          expect(stateAfter([...events, ...(decision.ok ? decision.events : [])])?.status).toBe(to);
        } else {
          const target = { approve: 'approved', reject: 'rejected', suspend: 'suspended' }[command];
          expect(decision).toMatchObject({ ok: false, fault: 'conflict', text: expect.stringContaining(from) });
          expect(decision).toMatchObject({
            text: expect.stringContaining(target ?? COMMANDS[command]!.kind.slice(0, 5)),
          });
        }
      });

  it('P34: takes the word of earlier releases for an app that waits as their snapshots have it', () => {
    const former = { ...stateAfter([registered])!, status: 'pending' as ClientState['status'] };
    for (const [command, to] of Object.entries(TABLE['submitted']!)) {
      const decision = decide(COMMANDS[command]!, former, knownAfter([registered]));
      expect([command, decision.ok]).toEqual([command, to !== NO]);
    }
  });

  it('has only security reasons for a denial, and the wish of the app for a revocation (APPS.md P32)', () => {
    const security = DEFAULT_REASONS.security.map(({ code }) => code);
    expect(reasonsOf('reject', DEFAULT_REASONS)).toEqual(security);
    expect(reasonsOf('suspend', DEFAULT_REASONS)).toEqual(security);
    expect(reasonsOf('revoke', DEFAULT_REASONS)).toEqual([...security, 'requested-by-app']);
  });

  /** An attack list on four eyes (APPS.md P22): what one person could try to give an app more. */
  it.each<[string, Partial<Approve>, Partial<Parameters<typeof widens>[1]>, boolean]>([
    ['the same again', { identifiers: named }, {}, false],
    ['less', { identifiers: [named[0]] }, {}, false],
    ['nothing named', {}, {}, false],
    ['a narrower scope', { scope: 'system/Patient.rs' }, {}, false],
    ['another NPI', { identifiers: [{ provider: 'npi|1245319599', text: 'x' }] }, {}, true],
    ['the scopes that were narrowed before', { scope: 'system/*.rs' }, { scope: 'system/Patient.rs' }, true],
    ['another state: submitted', {}, { status: 'submitted', lasting: [] }, true],
    ['another state: suspended', {}, { status: 'suspended' }, true],
    ['another state: expired', {}, { status: 'expired' }, true],
  ])('four eyes see an approval of %s: %s', (_name, command, over, isWider) => {
    const lasting = named.map(({ provider }) => provider);
    const now = { status: 'approved' as const, lasting, scope: 'system/*.rs', ...over };
    expect(widens({ kind: 'approve', by: 'r', ...command }, now)).toBe(isWider);
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

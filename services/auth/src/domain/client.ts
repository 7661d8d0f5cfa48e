import type { ClientStatus } from '@provider-access/domain/access';
import { type ReasonKind, type Reasons, REQUESTED_BY_APP } from '@provider-access/domain/pdex/reasons';
import { grantScopes } from '@provider-access/domain/smart';
import type { AppApproved, AppRegistered, AppRejected, BindingChanged, ProviderKey } from '@provider-access/events';
import { instant } from '@provider-access/kernel';
import {
  bound,
  endedNow,
  type KnownBindings,
  lastBound,
  lasting,
  lastOf,
  MAX_BINDINGS,
  rebound,
  type Stated,
  type Wanted,
} from './bindings.ts';

/** The evidence that an identifier belongs to the provider of this app. */
interface Evidence {
  readonly provider: ProviderKey;
  readonly text: string;
}
/** Who put an app in review, and when (RFC 3339). */
export interface Reviewed {
  readonly by: string;
  readonly at: string;
}

/** The state of an app, folded from its stream. */
export interface ClientState {
  readonly status: ClientStatus;
  readonly registered: AppRegistered;
  /** The content of the last approval. */
  readonly approved?: {
    readonly providers: readonly ProviderKey[];
    readonly scope: string;
    readonly evidence?: readonly Evidence[];
  };
  /** The reason of the last decision. */
  readonly reason?: string;
}

export interface Approve {
  readonly kind: 'approve';
  readonly by: string;
  readonly reason?: string;
  /** The identifiers to bind. Without them, an app that was approved before keeps its identifiers. */
  readonly identifiers?: readonly Evidence[];
  /** Other approved clients with one of the identifiers, as the reviewer confirms. */
  readonly sharedWith?: readonly string[];
  /** NPIs and TINs that are out of network or unknown, and that the reviewer binds all the same (APPS.md P7). */
  readonly confirm?: readonly string[];
  readonly scope?: string;
  readonly reviewed?: Reviewed;
}
/** Ends access, or refuses it. `reason`: a code of the payer's list. */
export interface End {
  readonly kind: 'reject' | 'suspend' | 'revoke' | 'expire';
  readonly by: string;
  readonly reason: string;
  readonly note?: string;
}
/** Ends the binding to one provider, and leaves the app approved (APPS.md P2). `reason`: a code of the payer's list. */
export interface EndBinding {
  readonly kind: 'end-binding';
  readonly by: string;
  readonly provider: ProviderKey;
  readonly reason: string;
  readonly note?: string;
  readonly evidence?: string;
  /** When it ends or ended, ms since the epoch. Default: now. */
  readonly to?: number;
}
/** What an approved app gives up itself (APPS.md P44): providers, and what its scope is narrowed to. */
interface Narrow {
  readonly kind: 'narrow';
  readonly by: string;
  readonly reason: string;
  readonly scope: string;
  readonly providers: readonly ProviderKey[];
}
/** What a reviewer decides. */
export type ReviewerCommand = Approve | End | EndBinding;
export type ClientCommand = ReviewerCommand | Narrow;

export type ClientEvent =
  | { readonly type: 'pa.app-registered.v1'; readonly data: AppRegistered }
  | { readonly type: 'pa.app-approved.v1'; readonly data: AppApproved }
  | { readonly type: 'pa.binding-changed.v1'; readonly data: BindingChanged }
  | { readonly type: 'pa.app-rejected.v1' | 'pa.app-suspended.v1' | 'pa.app-revoked.v1'; readonly data: AppRejected };

type Fault = 'unknown' | 'conflict' | 'invalid';
/** `events` is empty if the app is already in the state that the command asks for. */
export type ClientDecision =
  | { readonly ok: true; readonly events: readonly ClientEvent[] }
  | { readonly ok: false; readonly fault: Fault; readonly text: string };

const done = (...events: readonly ClientEvent[]): ClientDecision => ({ ok: true, events });
const refuse = (fault: Fault, text: string): ClientDecision => ({ ok: false, fault, text });

/**
 * Each end of an app: the states from which it may come (APPS.md P23, P25, P27, P28), its state, and its event. An
 * expired app can be revoked too, because a reviewer could approve it again otherwise, whatever its developer wants
 * (ADR 0136).
 */
export const ENDS = {
  reject: { from: ['submitted', 'in-review'], to: 'rejected', type: 'pa.app-rejected.v1' },
  suspend: { from: ['approved'], to: 'suspended', type: 'pa.app-suspended.v1' },
  revoke: { from: ['approved', 'suspended', 'expired'], to: 'revoked', type: 'pa.app-revoked.v1' },
  expire: { from: ['approved'], to: 'expired', type: 'pa.app-suspended.v1' },
} as const satisfies Readonly<Record<End['kind'], { from: readonly ClientStatus[]; to: ClientStatus; type: string }>>;

/** The reasons that an end may have (APPS.md P32): security ones, and for a revocation also the app's own wish. */
export function reasonsOf(kind: Exclude<End['kind'], 'expire'>, reasons: Reasons): readonly string[] {
  const codes = (of: ReasonKind): readonly string[] => reasons[of].map(({ code }) => code);
  return kind === 'revoke' ? [...codes('security'), REQUESTED_BY_APP] : codes('security');
}

/** The reasons that the end of a binding may have: about one identifier, or without a denial. */
export const bindingReasons = (reasons: Reasons): readonly string[] =>
  [...reasons.binding, ...reasons.neutral].map(({ code }) => code);

/** Whether no reviewer has decided yet. */
export const isWaiting = (status: ClientStatus): boolean => status === 'submitted' || status === 'in-review';
const FINAL: readonly ClientStatus[] = ['rejected', 'revoked'];
/** The refusal of a change that the life cycle does not have (APPS.md P30). */
export function noTransition(from: ClientStatus, to: ClientStatus): string {
  if (FINAL.includes(from))
    return `The client is ${from}, which is final, and cannot become ${to}. The app has to be registered again.`;
  const possible = Object.values(ENDS).find((end) => end.to === to)?.from;
  const only = possible === undefined ? '' : ` Only an app that is ${possible.join(' or ')} can.`;
  return `The client is ${from} and cannot become ${to}.${only}`;
}

/** Whether a snapshot of an earlier release has its word for `submitted` (APPS.md P34). */
const isFormer = (status: string): boolean => status === 'pending';

/** Decides what a command changes (APPS.md P1 to P6, P20 to P34). */
export function decide(command: ClientCommand, state: ClientState | undefined, known: KnownBindings): ClientDecision {
  if (state === undefined) return refuse('unknown', 'There is no client with this id.');
  if (command.kind === 'approve') return approve(command, state, known);
  if (command.kind === 'end-binding') return endBinding(command, state, known);
  if (command.kind === 'narrow') return narrow(command, state, known);
  const { from, to, type } = ENDS[command.kind];
  const status = isFormer(state.status) ? 'submitted' : state.status;
  if (status === to) return done();
  if (!(from as readonly ClientStatus[]).includes(status)) return refuse('conflict', noTransition(status, to));
  const { by, reason, note } = command;
  const data = { client: state.registered.client, by, reason, ...(note !== undefined && { note }) };
  return done({ type, data: command.kind === 'expire' ? { ...data, expired: true } : data });
}

function approve(
  command: Approve,
  { status, registered, approved }: ClientState,
  known: KnownBindings,
): ClientDecision {
  if (FINAL.includes(status)) return refuse('conflict', noTransition(status, 'approved'));
  if (status === 'suspended' && command.reason === undefined)
    return refuse('invalid', 'reason: say why the suspended app is approved again.');
  const { sharedWith = [] } = command;
  const named = new Map(command.identifiers?.map(({ provider, text }) => [provider, text]));
  const wanted: readonly Wanted[] =
    command.identifiers === undefined
      ? lastBound(known)
      : [...named].map(([provider, evidence]) => ({ provider, evidence }));
  if (wanted.length === 0)
    return refuse(
      'invalid',
      'identifiers: name each NPI and TIN to bind, with the evidence that it belongs to this provider: [{"npi": ' +
        '"1234567893", "evidence": "Contract 7"}].',
    );
  const { scope: requested, waits } = known.requested ?? { scope: registered.scope, waits: false };
  const scope =
    command.scope === undefined ? (approved?.scope ?? registered.scope) : grantScopes(command.scope, requested);
  if (scope === '') return refuse('invalid', 'scope: the app registered none of these scopes.');
  const isApproved = status === 'approved';
  const isKept = isApproved && command.identifiers === undefined;
  const bindings = isKept ? [] : isApproved ? rebound(wanted, known, command) : bound(wanted, known, command);
  if (isApproved && bindings.length === 0 && approved?.scope === scope && !waits) return done();
  const refused = tooMany(bindings, known);
  if (refused !== undefined) return refused;
  const evidence = wanted.flatMap(({ provider, evidence: text }) => (text === undefined ? [] : [{ provider, text }]));
  return done({
    type: 'pa.app-approved.v1',
    data: {
      client: registered.client,
      providers: isKept
        ? [...lasting(known)]
        : wanted.filter(({ to }) => to === undefined).map((each) => each.provider),
      bindings: [...bindings],
      scope,
      by: command.by,
      reason: command.reason,
      ...(evidence.length > 0 && { evidence }),
      ...(sharedWith.length > 0 && { sharedWith: [...sharedWith] }),
      ...(command.confirm !== undefined && { confirmed: [...command.confirm] }),
      ...(command.reviewed !== undefined && { reviewed: command.reviewed }),
    },
  });
}

function tooMany(bindings: readonly Stated[], { bindings: before }: KnownBindings): ClientDecision | undefined {
  const had = new Set(before.map(({ provider, from }) => `${provider} ${from}`));
  const more = bindings.filter(({ provider, from }) => !had.has(`${provider} ${from}`));
  if (more.length === 0 || before.length + more.length <= MAX_BINDINGS) return undefined;
  return refuse(
    'conflict',
    `An app has at most ${MAX_BINDINGS} bindings in its life, and this one has had ${before.length}. Bindings can be ` +
      'ended. For more, the developer registers the app again.',
  );
}

/** The refusal to end a binding of an app that is not approved. */
export const noBindingToEnd = (status: ClientStatus): string =>
  `The client is ${status}. A binding can be ended while the client is approved.`;

function endBinding(
  { provider, to, by, reason, note, evidence }: EndBinding,
  { status, registered, approved }: ClientState,
  known: KnownBindings,
): ClientDecision {
  const last = lastOf(provider, known);
  if (last === undefined) return refuse('unknown', `The client has no binding to ${provider.replace('|', ' ')}.`);
  if (status !== 'approved') return refuse('conflict', noBindingToEnd(status));
  // A clock that stepped back must not stop an end from now on.
  const at = instant(to ?? Math.max(known.now, Date.parse(last.from)));
  if (at < last.from) return refuse('invalid', `to: must not be before the binding began, at ${last.from}.`);
  const ends = last.ends?.at(-1)?.to;
  if (ends === at || (ends !== undefined && to === undefined && Date.parse(ends) <= known.now)) return done();
  if (ends !== undefined && ends < at)
    return refuse(
      'conflict',
      `The binding ends at ${ends}, and an end can only come earlier. To bind it anew, approve.`,
    );
  const others = lasting(known).filter((other) => other !== provider);
  return done({
    type: 'pa.app-approved.v1',
    data: {
      client: registered.client,
      providers: others,
      bindings: [{ provider, from: last.from, to: at, by, reason, ...(evidence !== undefined && { evidence }) }],
      ended: provider,
      scope: approved!.scope,
      by,
      reason,
      ...(note !== undefined && { note }),
      ...(approved!.evidence !== undefined && {
        evidence: approved!.evidence.filter((each) => others.includes(each.provider)),
      }),
    },
  });
}

function narrow(
  { by, reason, scope: wanted, providers }: Narrow,
  { status, registered, approved }: ClientState,
  known: KnownBindings,
): ClientDecision {
  if (status !== 'approved') return refuse('conflict', noTransition(status, 'approved'));
  const before = approved!.scope;
  const ended = endedNow(providers, known, { by, reason });
  // In the spelling of the approval, so that a scope which covers all of it changes nothing.
  const scope = grantScopes(before, wanted);
  if (scope === '') return refuse('conflict', 'Nothing of the granted scope would be left.');
  if (ended.length === 0 && scope === grantScopes(before, before)) return done();
  const others = lasting(known).filter((provider) => !providers.includes(provider));
  return done({
    type: 'pa.app-approved.v1',
    data: {
      client: registered.client,
      providers: others,
      bindings: [...ended],
      scope,
      by,
      reason,
      ...(approved!.evidence !== undefined && {
        evidence: approved!.evidence.filter((each) => others.includes(each.provider)),
      }),
    },
  });
}

/** Whether an approval gives more than the app has now, so that four eyes must see it. */
export function widens(
  { identifiers, scope }: Approve,
  now: Readonly<{ status: ClientStatus; lasting: readonly ProviderKey[]; scope: string }>,
): boolean {
  if (now.status !== 'approved') return true;
  if ((identifiers ?? []).some(({ provider }) => !now.lasting.includes(provider))) return true;
  return scope !== undefined && grantScopes(scope, now.scope) !== scope;
}

/**
 * The events of a decision where each interval of a binding is an event of its own (ADR 0129). The approval comes
 * first: it says with an empty list that it begins and ends nothing itself.
 */
export const withBindingEvents = (events: readonly ClientEvent[]): readonly ClientEvent[] =>
  events.flatMap((event) => {
    if (event.type !== 'pa.app-approved.v1') return [event];
    const { client, bindings = [] } = event.data;
    return [
      { ...event, data: { ...event.data, bindings: [] } },
      ...bindings.map((each): ClientEvent => ({ type: 'pa.binding-changed.v1', data: { client, ...each } })),
    ];
  });

const approvedBy = ({ providers, scope, evidence }: AppApproved): NonNullable<ClientState['approved']> => ({
  providers,
  scope,
  evidence: evidence as Evidence[] | undefined,
});

export function evolve(state: ClientState | undefined, event: ClientEvent): ClientState {
  if (event.type === 'pa.app-registered.v1') return { status: 'submitted', registered: event.data };
  // The approval beside it has the providers that last. Intervals are in the facts, and not in this state.
  if (event.type === 'pa.binding-changed.v1') return state!;
  const { reason: _before, ...before } = state!;
  const { reason } = event.data;
  const after = { ...before, ...(reason !== undefined && { reason }) };
  if (event.type === 'pa.app-approved.v1') return { ...after, status: 'approved', approved: approvedBy(event.data) };
  if (event.data.expired === true) return { ...after, status: 'expired' };
  const end = Object.values(ENDS).find(({ type, to }) => type === event.type && to !== 'expired')!;
  return { ...after, status: end.to };
}

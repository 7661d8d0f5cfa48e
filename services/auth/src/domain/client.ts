import type { ClientStatus } from '@provider-access/domain/access';
import type { AppApproved, AppRegistered, AppRejected, ProviderKey } from '@provider-access/events';
import { grantScopes } from '@provider-access/domain/smart';

/** The evidence that an identifier belongs to the provider of this app. */
interface Evidence {
  readonly provider: ProviderKey;
  readonly text: string;
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
  readonly scope?: string;
}
export type ClientCommand =
  | Approve
  | { readonly kind: 'reject'; readonly by: string; readonly reason: string }
  | { readonly kind: 'suspend'; readonly by: string; readonly reason: string };

export type ClientEvent =
  | { readonly type: 'pa.app-registered.v1'; readonly data: AppRegistered }
  | { readonly type: 'pa.app-approved.v1'; readonly data: AppApproved }
  | { readonly type: 'pa.app-rejected.v1' | 'pa.app-suspended.v1' | 'pa.app-revoked.v1'; readonly data: AppRejected };

type Fault = 'unknown' | 'conflict' | 'invalid';
/** `events` is empty if the app is already in the state that the command asks for. */
export type ClientDecision =
  | { readonly ok: true; readonly events: readonly ClientEvent[] }
  | { readonly ok: false; readonly fault: Fault; readonly text: string };

const done = (...events: readonly ClientEvent[]): ClientDecision => ({ ok: true, events });
const refuse = (fault: Fault, text: string): ClientDecision => ({ ok: false, fault, text });
const same = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((v) => b.includes(v));

/** Decides what a command changes. A rejection is final; a suspended app can be approved again. */
export function decide(command: ClientCommand, state: ClientState | undefined): ClientDecision {
  if (state === undefined) return refuse('unknown', 'There is no client with this id.');
  const { status } = state;
  const { client } = state.registered;
  switch (command.kind) {
    case 'approve':
      return approve(command, state);
    case 'reject':
      if (status === 'rejected') return done();
      if (status !== 'pending')
        return refuse(
          'conflict',
          `The client is ${status}: only a pending one can be rejected. Suspend it to end its access.`,
        );
      return done({ type: 'pa.app-rejected.v1', data: { client, by: command.by, reason: command.reason } });
    case 'suspend':
      if (status === 'suspended') return done();
      if (status !== 'approved')
        return refuse('conflict', `The client is ${status}: only an approved one can be suspended.`);
      return done({ type: 'pa.app-suspended.v1', data: { client, by: command.by, reason: command.reason } });
  }
}

function approve(command: Approve, { status, registered, approved }: ClientState): ClientDecision {
  if (status === 'rejected' || status === 'revoked')
    return refuse('conflict', `The client is ${status}, which is final. The app has to be registered again.`);
  const { identifiers, sharedWith = [] } = command;
  const providers = [...new Set(identifiers?.map(({ provider }) => provider) ?? approved?.providers ?? [])];
  if (providers.length === 0)
    return refuse(
      'invalid',
      'identifiers: name each NPI and TIN to bind, with the evidence that it belongs to this provider: [{"npi": ' +
        '"1234567893", "evidence": "Contract 7"}].',
    );
  const evidence = identifiers ?? approved?.evidence;
  const scope =
    command.scope === undefined ? (approved?.scope ?? registered.scope) : grantScopes(command.scope, registered.scope);
  if (scope === '') return refuse('invalid', 'scope: the app registered none of these scopes.');
  const isSame = approved !== undefined && same(approved.providers, providers) && approved.scope === scope;
  if (status === 'approved' && isSame) return done();
  return done({
    type: 'pa.app-approved.v1',
    data: {
      client: registered.client,
      providers,
      scope,
      by: command.by,
      reason: command.reason,
      evidence: evidence && [...evidence],
      ...(sharedWith.length > 0 && { sharedWith: [...sharedWith] }),
    },
  });
}

const approvedBy = ({ providers, scope, evidence }: AppApproved): NonNullable<ClientState['approved']> => ({
  providers,
  scope,
  evidence: evidence as Evidence[] | undefined,
});

const STATUS = {
  'pa.app-rejected.v1': 'rejected',
  'pa.app-suspended.v1': 'suspended',
  'pa.app-revoked.v1': 'revoked',
} as const;

export function evolve(state: ClientState | undefined, event: ClientEvent): ClientState {
  if (event.type === 'pa.app-registered.v1') return { status: 'pending', registered: event.data };
  const { reason: _before, ...before } = state!;
  const { reason } = event.data;
  const after = { ...before, ...(reason !== undefined && { reason }) };
  if (event.type === 'pa.app-approved.v1') return { ...after, status: 'approved', approved: approvedBy(event.data) };
  return { ...after, status: STATUS[event.type] };
}

import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { BY_THE_APP } from '@provider-access/domain/pdex/reasons';
import type { BindingFact, ClientFacts, ClientStatus } from '@provider-access/domain/access';
import {
  type AppApproved,
  type AppRegistered,
  type AppRejected,
  type BindingChanged,
  dataOf,
} from '@provider-access/events';
import type { LogRecord } from '@provider-access/engines/log';
import { type BindingDetails, bindingsAfter, bindingsWith } from './bindings.ts';
import { ClientOrder } from './client-order.ts';
import { subjectOf } from './record.ts';

/** A list of public keys, or the URL under which the app publishes them. */
export interface ClientKeySet {
  readonly jwks?: { readonly keys: readonly Readonly<Record<string, unknown>>[] };
  readonly jwksUri?: string;
}

/** A key set that an app replaced. Its times are RFC 3339. */
interface ReplacedKeySet extends ClientKeySet {
  readonly from: string;
  readonly to: string;
  /** Until when auth accepts it: later than `to` unless the app ended it. */
  readonly until: string;
}
/** Key sets of one app that are kept beside the newest one, for reviewers. */
const KEY_SETS_KEPT = 50;

/** What an app claims, and which scope it asks for. */
interface Claims {
  readonly npis: readonly string[];
  readonly tins: readonly string[];
  readonly requestedScope: string;
}

/** What auth and reviewers know of a change of a status. */
interface ChangeDetails {
  /** Whose token decided. */
  readonly by?: string;
  readonly note?: string;
}

/** An app as it was registered and reviewed: details for auth and the reviewer, beside the facts that decide. */
export interface ClientRegistration extends ClientFacts, ClientKeySet, Claims {
  readonly history: readonly (ClientFacts['history'][number] & ChangeDetails)[];
  readonly bindings: readonly BindingDetails[];
  /** Of the newest approval. */
  readonly evidence?: readonly { readonly provider: string; readonly text: string }[];
  /** When the app changed its keys, RFC 3339. */
  readonly keysChangedAt?: string;
  /** Key sets from before a change, also those that are not accepted any more. */
  readonly formerKeys?: readonly (ClientKeySet & { /** RFC 3339. */ readonly until: string })[];
  /** Key sets that the app replaced, the oldest first, at most `KEY_SETS_KEPT`, and how many there were before them. */
  readonly replacedKeys?: { readonly sets: readonly ReplacedKeySet[]; readonly before: number };
  /** When the app changed more than its keys, RFC 3339. */
  readonly updatedAt?: string;
  /** What it claimed when a reviewer decided last, if it has changed its registration since. */
  readonly reviewedClaims?: Claims;
  readonly contacts: readonly string[];
  /** Further metadata of the registration, by their names in RFC 7591. */
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** Hash of the registration access token. */
  readonly registrationTokenHash: string;
  readonly registeredAt: string;
}

/** What each decision of a reviewer changes in a client. */
const STATUS: Readonly<Record<string, ClientStatus>> = {
  'pa.app-approved.v1': 'approved',
  'pa.app-rejected.v1': 'rejected',
  'pa.app-suspended.v1': 'suspended',
  'pa.app-revoked.v1': 'revoked',
};

/** The status after a record of a decision; undefined for another record. */
export function statusAfter(type: string, record: LogRecord): ClientStatus | undefined {
  const status = STATUS[type];
  return status === 'suspended' && dataOf<AppRejected>(record).expired === true ? 'expired' : status;
}

/** The record of one interval of a binding, which BINDING_EVENTS writes (ADR 0129). */
export const BINDING_CHANGED = 'pa.binding-changed.v1';

/**
 * The client after an interval of a binding that was recorded at `at` (RFC 3339). An app that was never approved has
 * none, so its first approval comes before its intervals. `isShort`: without what only reviewers need.
 */
export function withBinding<T extends ClientFacts>(known: T, record: LogRecord, at: string, isShort = false): T {
  if (!known.history.some(({ status }) => status === 'approved')) return known;
  const { provider, from, to, ...more } = dataOf<BindingChanged>(record);
  const stated = { provider, from, ...(to !== undefined && { to }) };
  return { ...known, bindings: bindingsWith(known.bindings, isShort ? stated : { ...more, ...stated }, at) };
}

/** The client after a decision of the status `status` at `at` (RFC 3339). `bind`: what is kept of its bindings. */
export function withDecision<T extends ClientFacts>(
  known: T,
  status: ClientStatus,
  at: string,
  record: LogRecord,
  bind: (known: T, approval: AppApproved, at: string) => readonly BindingFact[],
): T {
  const { reason } = dataOf<AppRejected | AppApproved>(record);
  const approval = status === 'approved' ? dataOf<AppApproved>(record) : undefined;
  const ended = approval?.ended;
  return {
    ...known,
    status,
    history: [
      ...known.history,
      { status, at, ...(reason !== undefined && { reason }), ...(ended !== undefined && { ended }) },
    ],
    ...(approval !== undefined && { bindings: bind(known, approval, at), scope: approval.scope }),
  };
}

function withReviewer(decided: ClientRegistration, decision: AppRejected | AppApproved): ClientRegistration {
  const last = decided.history.at(-1)!;
  const note = 'note' in decision ? decision.note : undefined;
  // Only before its first approval an app is `in-review`. Later reviews must not take its access away.
  const reviewed = 'reviewed' in decision && decided.history.length === 2 ? decision.reviewed : undefined;
  const history = [
    ...decided.history.slice(0, -1),
    ...(reviewed === undefined ? [] : [{ status: 'in-review' as const, ...reviewed }]),
    { ...last, by: decision.by, ...(note !== undefined && { note }) },
  ];
  const { reviewedClaims, ...rest } = decided;
  // A reviewer who approves has decided about all that the app claims. The end of one binding is no such decision.
  const isReview = last.status === 'approved' && last.ended === undefined && decision.by !== BY_THE_APP;
  return {
    ...rest,
    ...(reviewedClaims !== undefined && !isReview && { reviewedClaims }),
    history,
    ...('evidence' in decision && decision.evidence !== undefined && { evidence: decision.evidence }),
  };
}

/** A registration before any decision. */
export function asRegistered(data: AppRegistered, at: string): ClientRegistration {
  const { client, name, jwks, jwksUri, scope, contacts, npis, tins, registrationTokenHash, registeredAt } = data;
  return {
    client,
    name,
    status: 'submitted',
    history: [{ status: 'submitted', at }],
    bindings: [],
    scope,
    requestedScope: scope,
    contacts,
    npis,
    tins,
    registrationTokenHash,
    registeredAt,
    ...(data.metadata !== undefined && { metadata: data.metadata }),
    ...keySetOf({ jwks, jwksUri }),
  };
}

const keySetOf = ({
  jwks,
  jwksUri,
}: {
  readonly jwks?: ClientKeySet['jwks'] | undefined;
  readonly jwksUri?: string | undefined;
}): ClientKeySet => ({
  ...(jwks !== undefined && { jwks }),
  ...(jwksUri !== undefined && { jwksUri }),
});

/** The client after a record of type pa.app-registered.v1 that changes its keys, and perhaps the rest. */
function withChange(known: ClientRegistration, data: AppRegistered, at: string): ClientRegistration {
  const { jwks: _jwks, jwksUri: _jwksUri, ...rest } = data.updatedAt === undefined ? known : withUpdate(known, data);
  const formerKeys = (data.formerKeys ?? []).map(({ until, ...set }) => ({ until, ...keySetOf(set) }));
  const setText = (set: ClientKeySet): string => JSON.stringify(keySetOf(set));
  const isSame =
    setText(known) === setText(data) && JSON.stringify(known.formerKeys ?? []) === JSON.stringify(formerKeys);
  if (isSame) return { ...rest, ...keySetOf(data) };
  const replacedKeys = withReplaced(known, { formerKeys, isOther: setText(known) !== setText(data) }, at);
  return { ...rest, ...keySetOf(data), keysChangedAt: at, formerKeys, replacedKeys };
}

/** The key sets from before a change at `at`, after which `formerKeys` are accepted beside the new one. */
function withReplaced(
  known: ClientRegistration,
  change: { readonly formerKeys: NonNullable<ClientRegistration['formerKeys']>; readonly isOther: boolean },
  at: string,
): NonNullable<ClientRegistration['replacedKeys']> {
  const { sets = [], before = 0 } = known.replacedKeys ?? {};
  const untilOf = (set: ClientKeySet): string => {
    const text = JSON.stringify(keySetOf(set));
    return change.formerKeys.find((former) => JSON.stringify(keySetOf(former)) === text)?.until ?? at;
  };
  const from = sets.at(-1)?.to ?? known.registeredAt;
  const all = [
    ...sets.map((one) => (one.until > at ? { ...one, until: untilOf(one) } : one)),
    // The end of former keys alone replaces nothing.
    ...(change.isOther ? [{ ...keySetOf(known), from, to: at, until: untilOf(known) }] : []),
  ];
  return { sets: all.slice(-KEY_SETS_KEPT), before: before + Math.max(0, all.length - KEY_SETS_KEPT) };
}

function withUpdate(known: ClientRegistration, data: AppRegistered): ClientRegistration {
  const { metadata: _metadata, npis, tins, requestedScope, reviewedClaims, ...rest } = known;
  const { metadata, contacts, registrationTokenHash, updatedAt } = data;
  return {
    ...rest,
    contacts,
    registrationTokenHash,
    npis: data.npis,
    tins: data.tins,
    requestedScope: data.scope,
    reviewedClaims: reviewedClaims ?? { npis, tins, requestedScope },
    ...(metadata !== undefined && { metadata }),
    ...(updatedAt !== undefined && { updatedAt }),
  };
}

/** The kind of an app that changed what it asks for since the last review. */
export const ASKED = 'asked';

/**
 * Registrations of pa.registry with all details. Only auth needs them. Earlier releases wrote unapproved registrations
 * to pa.registry too, each with up to 64 KB. They stay compressed until a reviewer decides, so that auth can still
 * start after a flood of registrations.
 */
export class ClientDetails {
  readonly #clients = new Map<string, ClientRegistration | Uint8Array>();
  readonly #rejected = new Map<string, RejectedApp>();
  readonly #order = new ClientOrder();

  evolve(type: string, record: LogRecord): void {
    const client = subjectOf(record) ?? '';
    const at = record.headers['ce_time']!;
    const known = this.get(client);
    if (type === 'pa.app-registered.v1') {
      const data = dataOf<AppRegistered>(record);
      if (data.formerKeys === undefined) {
        if (!this.#clients.has(client)) this.#keep(asRegistered(data, at), true);
      } else if (known !== undefined) this.#keep(withChange(known, data, at), false);
      return;
    }
    if (type === BINDING_CHANGED) {
      // A packed app was never approved.
      if (known !== undefined && !(this.#clients.get(client) instanceof Uint8Array))
        this.#clients.set(client, withBinding(known, record, at));
      return;
    }
    const status = statusAfter(type, record);
    if (status === 'rejected') this.#rejected.set(client, rejectedApp(record, at, known));
    if (status === undefined || known === undefined) return;
    const decided = withReviewer(
      withDecision(known, status, at, record, bindingsAfter),
      dataOf<AppRejected | AppApproved>(record),
    );
    this.#keep(decided, status === 'rejected');
  }
  #keep(app: ClientRegistration, isPacked: boolean): void {
    const { client, status, reviewedClaims } = app;
    this.#clients.set(client, isPacked ? packed(app) : app);
    this.#order.set(client, reviewedClaims === undefined ? [status] : [status, ASKED]);
  }

  get(client: string): ClientRegistration | undefined {
    const known = this.#clients.get(client);
    return known instanceof Uint8Array ? unpacked(known) : known;
  }
  /** The apps that a reviewer has approved once, in the order of registration. Packed ones never were. */
  decided(): readonly ClientRegistration[] {
    return [...this.#clients.values()].filter((known): known is ClientRegistration => !(known instanceof Uint8Array));
  }
  /** Apps that a reviewer rejected before any approval, in the order of the decisions. */
  rejected(): readonly RejectedApp[] {
    return [...this.#rejected.values()];
  }
  has(client: string): boolean {
    return this.#order.has(client);
  }
  /** Ids in the order of registration. */
  ids(): readonly string[] {
    return this.#order.all();
  }
  /** Ids behind this one: of all apps, of those in one state, or of those that changed what they ask for. */
  idsAfter(client: string | undefined, kind?: ClientStatus | typeof ASKED): Iterable<string> {
    return this.#order.after(client, kind);
  }
}

/** A rejection. The registration itself is not in the log, unless an earlier release wrote it there. */
export interface RejectedApp {
  readonly client: string;
  readonly name: string;
  /** RFC 3339. */
  readonly registeredAt: string;
  readonly at: string;
  readonly by: string;
  readonly reason: string;
  readonly note?: string;
}
function rejectedApp(record: LogRecord, at: string, known: ClientRegistration | undefined): RejectedApp {
  const { client, by, reason, note, ...app } = dataOf<AppRejected>(record);
  const { name = client, registeredAt = at } = known ?? app;
  return { client, name, registeredAt, at, by, reason, ...(note !== undefined && { note }) };
}

const packed = (registration: ClientRegistration): Uint8Array =>
  deflateRawSync(JSON.stringify(registration), { level: 1 });
const unpacked = (bytes: Uint8Array): ClientRegistration =>
  JSON.parse(inflateRawSync(bytes).toString()) as ClientRegistration;

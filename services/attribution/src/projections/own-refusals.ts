import { isServedType } from '@provider-access/fhir';
import { ABSENCES, type AuditAction, DENIALS, type Disclosure } from '@provider-access/events';
import { type RefusalKind, REFUSALS } from '@provider-access/kernel';

/** One kind of refusal of an app on one UTC day. */
interface OwnRefusal {
  readonly action: AuditAction;
  readonly code: RefusalKind;
  /** The type of resource that the request named. Never of a 404. */
  readonly type?: string;
  readonly count: number;
  /** When the last one was written down (ms since the epoch). */
  readonly last: number;
}
/** What one app was refused on one day, for `GET /refusals`. Nothing in it decides, and nothing names a member. */
export interface OwnRefusalsPart {
  readonly rows: readonly OwnRefusal[];
}
export const refusedId = (client: string, day: string): string => `refused/${client}/${day}`;

/** A day names at most so many types of resources. Further refusals count without a type. */
const MOST_ROWS = 100;
/** By the OAuth error that an entry of a token begins with. */
const BY_OAUTH: Readonly<Record<string, RefusalKind>> = {
  invalid_client: 'invalid-client',
  unauthorized_client: 'unauthorized-client',
  invalid_scope: 'invalid-scope',
  unsupported_grant_type: 'unsupported-grant-type',
};
/**
 * Actions of which every 404 has exactly one entry, whatever its reason. Others are left out: an empty search is no
 * refusal, an entry of an export is about members whom the file leaves out, and a kick-off may have several entries.
 */
const ONE_ENTRY: ReadonlySet<AuditAction> = new Set(['read', 'vread', 'history', 'group-read', 'download']);

/**
 * The code that the answer to the app had. Undefined if there was no such answer, or the entry cannot be shown without
 * showing more than the answer did. The reason of a 404 ends here.
 */
function codeTold({ action, outcome, reason = '', client, operation }: Disclosure): RefusalKind | undefined {
  // `operation`: a person or a system of the payer.
  if (outcome !== 'refused' || client === 'unknown' || operation !== undefined) return undefined;
  if (action === 'token') return BY_OAUTH[reason.split(':')[0]!];
  if (Object.hasOwn(DENIALS, reason) || Object.hasOwn(ABSENCES, reason))
    return ONE_ENTRY.has(action) ? 'not-found' : undefined;
  if (!Object.hasOwn(REFUSALS, reason)) return undefined;
  const { status } = REFUSALS[reason as RefusalKind];
  return status === 400 || status === 403 ? (reason as RefusalKind) : undefined;
}

/** The day of an app that counts the entry, if its answer was a refusal that the app may see again. */
export const refusedKey = (entry: Disclosure, day: string): string | undefined =>
  codeTold(entry) === undefined ? undefined : refusedId(entry.client, day);

/** @param at when it was written down, ms since the epoch: the time of the decision depends on the member */
export function withRefusal(part: OwnRefusalsPart | undefined, entry: Disclosure, at: number): OwnRefusalsPart {
  // The entries of one minute that are counted together are of one type (SampledRefusals).
  const { action, types: [named] = [], count = 1 } = entry;
  const code = codeTold(entry)!;
  const rows = part?.rows ?? [];
  const isOne = code !== 'not-found' && named !== undefined && (named === 'Group' || isServedType(named));
  const type = isOne && rows.length < MOST_ROWS ? named : undefined;
  const before = rows.find((one) => one.action === action && one.code === code && one.type === type);
  const last = Math.max(before?.last ?? 0, at);
  const row = { action, code, ...(type !== undefined && { type }), count: (before?.count ?? 0) + count, last };
  return { rows: [...rows.filter((one) => one !== before), row] };
}

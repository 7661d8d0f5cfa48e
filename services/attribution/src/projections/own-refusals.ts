import { auditEntryOf } from '@provider-access/audit';
import { isServedType } from '@provider-access/fhir';
import { ABSENCES, type AuditAction, DENIALS, type Disclosure, PA_AUDIT, typeOf } from '@provider-access/events';
import type { LogRecord } from '@provider-access/engines/log';
import type { Projection, TopicEvolve } from '@provider-access/engines/views';
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
export interface OwnRefusalsPart {
  readonly rows: readonly OwnRefusal[];
}
export const dayId = (client: string, day: string): string => `${client}/${day}`;

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

/** By the clock of the process: the time of the decision depends on the member. */
const writtenAt = ({ headers, timestamp }: LogRecord): number => {
  const at = Date.parse(headers['ce_time'] ?? '');
  return Number.isNaN(at) ? timestamp : at;
};

const topic: TopicEvolve<OwnRefusalsPart> = {
  part: 'refusals',
  keys(record) {
    if (typeOf(record) !== 'pa.disclosure.v1') return [];
    const entry = auditEntryOf(record);
    if (codeTold(entry) === undefined) return [];
    return [dayId(entry.client, new Date(writtenAt(record)).toISOString().slice(0, 10))];
  },
  evolve(part, record) {
    const entry = auditEntryOf(record);
    const { action, types: [named] = [], count = 1 } = entry;
    const code = codeTold(entry)!;
    const rows = part?.rows ?? [];
    const isOne = code !== 'not-found' && named !== undefined && (named === 'Group' || isServedType(named));
    const type = isOne && rows.length < MOST_ROWS ? named : undefined;
    const before = rows.find((one) => one.action === action && one.code === code && one.type === type);
    const last = Math.max(before?.last ?? 0, writtenAt(record));
    const row = { action, code, ...(type !== undefined && { type }), count: (before?.count ?? 0) + count, last };
    return { rows: [...rows.filter((one) => one !== before), row] };
  },
  // The list stays without the entry that cannot be folded.
  failed: () => undefined,
};

/** What each app was refused, by UTC day, for `GET /refusals`. Nothing in it decides, and nothing names a member. */
export const ownRefusals: Projection = {
  owner: 'audit',
  name: 'refusals',
  version: 1,
  topics: { [PA_AUDIT]: topic },
  lingerMs: 200,
  commitMs: 100,
  indexes: [],
};

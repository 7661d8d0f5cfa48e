import { DENIALS, type Disclosure } from '@provider-access/events';
import type { LogRecord } from '@provider-access/engines/log';

/** A decision about one member that was served to an app, as the audit has it. */
export interface ServedDecision {
  /** The id of the event. */
  readonly entry: string;
  /** What the app did. */
  readonly action: string;
  readonly client: string;
  readonly member: string;
  /** The time of the entry, an RFC 3339 instant. */
  readonly at: string;
  /** The Group that the request was about. */
  readonly group?: string;
  readonly permit: boolean;
  /** Why it was denied. */
  readonly reason?: string;
}
export interface ServedDecisions {
  readonly decisions: readonly ServedDecision[];
  /** Entries that come from no decision about a member, by action and reason. */
  readonly leftOut: ReadonlyMap<string, number>;
}

/**
 * A match decides with the attestation that it records afterwards, in the same step (ADR 0124). What the app reads by
 * it is compared.
 */
const BEFORE_ITS_RECORD = 'export-requested';
/** What operators ask. Nothing is served to an app. */
const OF_OPERATORS: ReadonlySet<string> = new Set(['explain', 'file-rows', 'recall']);

/**
 * The decisions about members in records of `pa.audit` (APPS.md P11). An entry that names no member, or whose reason is
 * no denial of a member, was refused or answered before a decision, and is counted apart.
 */
export function servedIn(records: readonly LogRecord[]): ServedDecisions {
  const decisions: ServedDecision[] = [];
  const leftOut = new Map<string, number>();
  for (const { value, headers } of records) {
    const entry = JSON.parse(Buffer.from(value).toString()) as Disclosure;
    const { action, client, members, at, group, outcome, reason } = entry;
    if (OF_OPERATORS.has(action)) continue;
    const isDenial = outcome === 'refused' && Object.hasOwn(DENIALS, reason ?? '');
    if (members.length === 0 || (outcome === 'refused' && !isDenial) || action === BEFORE_ITS_RECORD) {
      const what = `${action} ${outcome} ${reason ?? ''}`.trim();
      leftOut.set(what, (leftOut.get(what) ?? 0) + 1);
      continue;
    }
    for (const member of members)
      decisions.push({
        entry: headers['ce_id']!,
        action,
        client,
        member,
        at,
        permit: !isDenial,
        ...(isDenial && { reason: reason! }),
        ...(group !== undefined && { group }),
      });
  }
  return { decisions, leftOut };
}

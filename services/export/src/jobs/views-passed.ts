import { PAYER_MEMBER_EVENTS } from '@provider-access/events';
import type { Position } from '@provider-access/engines/log';
import { type Access, MEMBER_DERIVERS } from '@provider-access/facts';
import type { RecordsReader } from '@provider-access/facts/records';
import type { ViewReader } from '@provider-access/engines/views';

/** The views that an export reads. Other services keep them up. */
export interface ExportedViews {
  readonly records: RecordsReader;
  readonly access: Access;
  readonly memberships: ViewReader;
}

/**
 * True once records, facts and memberships have passed these positions of the payer's topics, false after the timeout
 * (ms). A kick-off and each step of a job check this, because a view may be lost or rebuilt in between, and its missing
 * data would be missing from the files without a warning.
 */
export async function viewsPassed(
  { records, access, memberships }: ExportedViews,
  positions: Position,
  waitMs: number,
): Promise<boolean> {
  const members = { [PAYER_MEMBER_EVENTS]: positions[PAYER_MEMBER_EVENTS] ?? [] };
  const all = await Promise.all([
    records.views.records.waitFor(positions, waitMs, ['resources']),
    access.waitForPayer(positions, waitMs),
    memberships.waitFor(
      members,
      waitMs,
      MEMBER_DERIVERS.filter((d) => d === 'attribution'),
    ),
  ]);
  return all.every(Boolean);
}

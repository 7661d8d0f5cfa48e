import { type Objective, PAYER_MEMBER_EVENTS, typeOf, bufferOf } from '@provider-access/events';
import type { EventLog, LogRecord, Position } from '@provider-access/engines/log';
import { isHistory } from '@provider-access/domain/pdex/service-levels';
import type { Open } from './report.ts';

/** Records that are read of a partition. Intake follows the order of the log, so the first records are the oldest. */
const LOOKED_AT = 20;
const EOB = Buffer.from('"ExplanationOfBenefit"');
const PRIOR = /"use"\s*:\s*"preauthorization"/;

/**
 * A cheap guess at the objective of an unread record: the type from the headers, a claim by its bytes. CloudEvents in
 * structured mode are ignored.
 */
function glance(record: LogRecord): Objective | undefined {
  const type = typeOf(record);
  if (type === 'payer.member-opted-out.v1' || type === 'payer.member-opted-out.v2') return 'opt-out-effective';
  if (type === 'payer.prior-authorization-changed.v1') return 'prior-authorization-visible';
  if (type !== 'payer.resource-recorded.v1') return undefined;
  const bytes = bufferOf(record.value);
  if (!bytes.includes(EOB)) return undefined;
  return PRIOR.test(bytes.toString()) ? 'prior-authorization-visible' : 'claims-visible';
}

/**
 * Records in the log that are not handled, by objective, from the first ones of each partition. A claim counts from the
 * payer's time in the event, an opt-out from its append, and history not at all.
 * @param passed the position of each objective's reader
 */
export async function unread(
  log: Pick<EventLog, 'head' | 'read'>,
  passed: (objective: Objective) => Position,
): Promise<readonly Open[]> {
  const head = (await log.head([PAYER_MEMBER_EVENTS]))[PAYER_MEMBER_EVENTS] ?? [];
  const found: Open[] = [];
  for (const read of ['claims-visible', 'opt-out-effective'] as const) {
    const isOptOuts = read === 'opt-out-effective';
    const from = passed(read)[PAYER_MEMBER_EVENTS] ?? [];
    for (const [partition, end] of head.entries()) {
      const next = from[partition] ?? 0;
      if (next >= end) continue;
      for (const record of await log.read(PAYER_MEMBER_EVENTS, partition, next, LOOKED_AT)) {
        const objective = glance(record);
        if (objective === undefined || (objective === 'opt-out-effective') !== isOptOuts) continue;
        const start = isOptOuts ? record.timestamp : Date.parse(record.headers['ce_time'] ?? '');
        if (!Number.isNaN(start) && !isHistory(start, record.timestamp))
          found.push({ objective, count: 1, start, where: 'unread' });
      }
    }
  }
  return found;
}

import { Inject, Injectable } from '@nestjs/common';
import {
  type EXPORT_EVENTS,
  type ExportEnded,
  type ExportRequested,
  type ExportSealed,
  type ServiceLevelMeasured,
  type ServiceLevelStarted,
  typeOf,
  readableData,
} from '@provider-access/events';
import { exportScope, LevelLedger } from '@provider-access/levels';
import type { Batch } from '@provider-access/engines/log';
import { BusinessCalendar, deadlineOf, measure } from '@provider-access/domain/pdex/service-levels';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { type Job, JobStreams, NOT_ACKNOWLEDGED } from '@provider-access/jobs';

type Type = keyof typeof EXPORT_EVENTS;
const ENDS = new Set<Type | undefined>(['pa.export-sealed.v1', 'pa.export-failed.v1', 'pa.export-cancelled.v1']);
const startOf = (job: string, requestedAt: string): ServiceLevelStarted => ({
  scope: exportScope(job),
  from: 0,
  next: 1,
  starts: [{ objective: 'answered', offset: 0, at: Date.parse(requestedAt) }],
});

/**
 * Measures the service level at the end of an export. A complete export is met if it was in time. A failed export is
 * missed, because the client got no files. A cancelled export is missed only if its time was over. Pure.
 */
export function measureEnd(
  job: Pick<Job, 'job' | 'requestedAt'>,
  type: Type,
  data: ExportSealed | ExportEnded,
  calendar: BusinessCalendar,
): ServiceLevelMeasured | undefined {
  const start = startOf(job.job, job.requestedAt);
  if (type === 'pa.export-sealed.v1') return measure(start, Date.parse((data as ExportSealed).sealedAt), calendar);
  const { at, reason } = data as ExportEnded;
  const end = Date.parse(at);
  if (type === 'pa.export-failed.v1') return measure(start, end, calendar, false);
  if (type !== 'pa.export-cancelled.v1') return undefined;
  const late = reason !== NOT_ACKNOWLEDGED && end > deadlineOf('answered', Date.parse(job.requestedAt), calendar);
  return measure(late ? start : { ...start, starts: [] }, end, calendar);
}

/** Measures by the times in the events of `pa.exports`, so a redelivery gives the same result. */
@Injectable()
export class AnsweredLevels {
  private readonly ledger: LevelLedger;
  constructor(
    @Inject(PORTS) ports: Pick<ServicePorts, 'log' | 'clock' | 'metrics'>,
    @Inject(BusinessCalendar) private readonly calendar: BusinessCalendar,
    @Inject(JobStreams) private readonly streams: Pick<JobStreams, 'load'>,
  ) {
    this.ledger = new LevelLedger({ ...ports, service: 'export', objectives: ['answered'] });
  }

  async handle(batch: Batch): Promise<void> {
    const started: ServiceLevelStarted[] = [];
    const measured: ServiceLevelMeasured[] = [];
    for (const record of batch.records) {
      const type = typeOf(record) as Type | undefined;
      const data = readableData(record);
      // Skip an event that cannot be read, so that the exports behind it are measured.
      if (data === undefined) continue;
      if (type === 'pa.export-requested.v1') {
        const { job, requestedAt } = data as ExportRequested;
        started.push(startOf(job, requestedAt));
      } else if (ENDS.has(type)) {
        // The current job of the stream, which may be newer than the event.
        const job = await this.streams.load(record.key);
        const end = job && measureEnd(job, type!, data as ExportSealed | ExportEnded, this.calendar);
        if (end !== undefined) measured.push(end);
      }
    }
    await this.ledger.started(...started);
    await this.ledger.measured(...measured);
  }
}

import { type ServiceLevelMeasured, type ServiceLevelStarted, typeOf } from '@provider-access/events';
import type { LevelLedger } from '@provider-access/audit';
import { type Batch, EngineUnavailable, type LogRecord } from '@provider-access/eventlog';
import type { Clock } from '@provider-access/http';
import { type BusinessCalendar, measure } from '@provider-access/pdex/service-levels';
import type { RecordsReader } from '@provider-access/records';

export interface VisibleLevelsOptions {
  readonly ledger: LevelLedger;
  readonly reader: RecordsReader;
  readonly clock: Clock;
  readonly calendar: BusinessCalendar;
}

/** How long one batch waits for the view before it comes again, ms. */
const VIEW_PATIENCE_MS = 10_000;
const INBOUND = /^(payer\..+)\/(\d+)$/;

/**
 * Measures when claims and prior authorizations became visible: intake says in `pa.service-levels` which it takes, before it takes them; this
 * waits until the views that reads and searches ask have passed them, and says when that was. A crash in between measures
 * again and later: never shorter than it was, and never twice.
 */
export class VisibleLevels {
  private readonly options: VisibleLevelsOptions;
  constructor(options: VisibleLevelsOptions) {
    this.options = options;
  }

  /** @throws EngineUnavailable while the views have not passed: the batch comes again */
  async handle(batch: Batch): Promise<void> {
    const { ledger, clock, calendar } = this.options;
    const measured: ServiceLevelMeasured[] = [];
    try {
      for (const record of batch.records) {
        const started = startedOf(record);
        if (started === undefined) continue;
        await this.visible(started);
        measured.push(measure(started, clock.now(), calendar));
      }
    } finally {
      // Also when a later one has to wait: it keeps the time that it took.
      await ledger.measured(...measured);
    }
  }

  private async visible({ scope, next }: ServiceLevelStarted): Promise<void> {
    const [, topic, partition] = INBOUND.exec(scope)!;
    const position = { [topic!]: [...new Array<number>(Number(partition)).fill(0), next] };
    const { records, locators } = this.options.reader.views;
    const passed = await Promise.all([records, locators].map((view) => view.waitFor(position, VIEW_PATIENCE_MS, ['resources'])));
    if (!passed.every(Boolean)) throw new EngineUnavailable('the records view has not caught up');
  }
}

/** What intake started; exports are measured by export. */
function startedOf(record: LogRecord): ServiceLevelStarted | undefined {
  if (typeOf(record) !== 'pa.service-level-started.v1' || !INBOUND.test(record.key)) return undefined;
  return JSON.parse(Buffer.from(record.value.buffer, record.value.byteOffset, record.value.byteLength).toString('utf8')) as ServiceLevelStarted;
}

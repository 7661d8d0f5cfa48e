import {
  deadLetterTopic,
  type ServiceLevelMeasured,
  type ServiceLevelStarted,
  typeOf,
  dataOf,
} from '@provider-access/events';
import type { LevelLedger } from '@provider-access/levels';
import {
  type Batch,
  deadLetterId,
  EngineUnavailable,
  type EventLog,
  type LogRecord,
} from '@provider-access/engines/log';
import type { Clock } from '@provider-access/kernel';
import { type BusinessCalendar, measure } from '@provider-access/domain/pdex/service-levels';
import type { RecordsReader } from '@provider-access/records';
import type { ViewReader } from '@provider-access/engines/views';

export interface VisibleLevelsOptions {
  readonly ledger: LevelLedger;
  readonly log: Pick<EventLog, 'head'>;
  readonly reader: RecordsReader;
  /** Reader of the `deadLetters` view. */
  readonly deadLetters: Pick<ViewReader, 'getMany' | 'waitFor'>;
  readonly clock: Clock;
  readonly calendar: BusinessCalendar;
}

/** ms that a batch waits for the view. After that the log delivers it again. */
const VIEW_PATIENCE_MS = 10_000;
const INBOUND = /^(payer\..+)\/(\d+)$/;

/**
 * Measures when claims, prior authorizations and the events of each feed became visible. Intake writes a start to
 * `pa.service-levels` before it records a batch. This class waits until the views of reads and searches have passed the
 * batch, and records the time.
 * After a crash in between it measures again, so the time may be too long, but never too short and never counted twice.
 */
export class VisibleLevels {
  readonly #options: VisibleLevelsOptions;
  constructor(options: VisibleLevelsOptions) {
    this.#options = options;
  }

  /** @throws EngineUnavailable while the views lag; the log then delivers the batch again */
  async handle(batch: Batch): Promise<void> {
    const { ledger, clock, calendar } = this.#options;
    const measured: ServiceLevelMeasured[] = [];
    try {
      for (const record of batch.records) {
        const started = startedOf(record);
        if (started === undefined) continue;
        const inbound = await this.#visible(started);
        const now = clock.now();
        measured.push(measure({ ...started, starts: await this.#recorded(started, inbound) }, now, calendar));
      }
    } finally {
      // Record each time at once, so that a later wait does not lengthen it.
      await ledger.measured(...measured);
    }
  }

  async #visible({ scope, next }: ServiceLevelStarted): Promise<InboundPartition> {
    const [, topic = '', text] = INBOUND.exec(scope)!;
    const partition = Number(text);
    const position = { [topic]: [...new Array<number>(partition).fill(0), next] };
    const { records, locators } = this.#options.reader.views;
    const passed = await Promise.all(
      [records, locators].map((view) => view.waitFor(position, VIEW_PATIENCE_MS, ['resources'])),
    );
    if (!passed.every(Boolean)) throw new EngineUnavailable('the records view has not caught up');
    return { topic, partition };
  }

  /**
   * Leaves out started claims that became dead letters, because their record is larger than the log accepts. A replay
   * of the dead letter starts them again.
   */
  async #recorded(
    { starts }: ServiceLevelStarted,
    { topic, partition }: InboundPartition,
  ): Promise<ServiceLevelStarted['starts']> {
    if (starts.length === 0) return starts;
    const { log, deadLetters } = this.#options;
    // Intake appends a dead letter before the progress that the views have passed, so it is in the log by now.
    if (!(await deadLetters.waitFor(await log.head([deadLetterTopic(topic)]), VIEW_PATIENCE_MS)))
      throw new EngineUnavailable('the view of dead letters has not caught up');
    const letters = await deadLetters.getMany(starts.map(({ offset }) => deadLetterId(topic, partition, offset)));
    return starts.filter((_, i) => letters[i] === undefined);
  }
}

interface InboundPartition {
  readonly topic: string;
  readonly partition: number;
}

/** The start if intake wrote it. Starts of exports are measured by the export service. */
function startedOf(record: LogRecord): ServiceLevelStarted | undefined {
  if (typeOf(record) !== 'pa.service-level-started.v1' || !INBOUND.test(record.key)) return undefined;
  try {
    return dataOf<ServiceLevelStarted>(record);
  } catch {
    // Skip a start that cannot be read, so that the starts behind it are measured.
    return undefined;
  }
}

import {
  deadLetterTopic,
  type ServiceLevelMeasured,
  type ServiceLevelStarted,
  typeOf,
  dataOf,
} from '@provider-access/events';
import type { LevelLedger } from '@provider-access/audit';
import {
  type Batch,
  deadLetterId,
  EngineUnavailable,
  type EventLog,
  type LogRecord,
} from '@provider-access/engines/log';
import type { Clock } from '@provider-access/kernel';
import { type BusinessCalendar, measure } from '@provider-access/domain/pdex/service-levels';
import type { RecordsReader } from '@provider-access/facts/records';
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

/** How long one batch waits for the view before it comes again, ms. */
const VIEW_PATIENCE_MS = 10_000;
const INBOUND = /^(payer\..+)\/(\d+)$/;

/**
 * Measures when claims and prior authorizations became visible. Intake records in `pa.service-levels` which claims it
 * takes, before it takes them. This waits until the views that reads and searches use have passed them, and records the
 * time. A crash in between measures again and later: never a shorter time, and never twice.
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
        const place = await this.visible(started);
        const now = clock.now();
        measured.push(measure({ ...started, starts: await this.recorded(started, place) }, now, calendar));
      }
    } finally {
      // Recorded at once, although a later batch may have to wait, so that it keeps its own time.
      await ledger.measured(...measured);
    }
  }

  private async visible({ scope, next }: ServiceLevelStarted): Promise<Place> {
    const [, topic = '', text] = INBOUND.exec(scope)!;
    const partition = Number(text);
    const position = { [topic]: [...new Array<number>(partition).fill(0), next] };
    const { records, locators } = this.options.reader.views;
    const passed = await Promise.all(
      [records, locators].map((view) => view.waitFor(position, VIEW_PATIENCE_MS, ['resources'])),
    );
    if (!passed.every(Boolean)) throw new EngineUnavailable('the records view has not caught up');
    return { topic, partition };
  }

  /**
   * Leaves out claims that became dead letters after they were started, because their record is larger than the log
   * takes. Their time continues with the dead letter, and they are started again when it is replayed.
   */
  private async recorded(
    { starts }: ServiceLevelStarted,
    { topic, partition }: Place,
  ): Promise<ServiceLevelStarted['starts']> {
    const { log, deadLetters } = this.options;
    // A dead letter is appended before the progress that the views have passed.
    if (!(await deadLetters.waitFor(await log.head([deadLetterTopic(topic)]), VIEW_PATIENCE_MS)))
      throw new EngineUnavailable('the view of dead letters has not caught up');
    const letters = await deadLetters.getMany(starts.map(({ offset }) => deadLetterId(topic, partition, offset)));
    return starts.filter((_, i) => letters[i] === undefined);
  }
}

interface Place {
  readonly topic: string;
  readonly partition: number;
}

/** The starts of intake; export measures exports. */
function startedOf(record: LogRecord): ServiceLevelStarted | undefined {
  if (typeOf(record) !== 'pa.service-level-started.v1' || !INBOUND.test(record.key)) return undefined;
  try {
    return dataOf<ServiceLevelStarted>(record);
  } catch {
    // A start that cannot be read is not measured. The starts behind it are.
    return undefined;
  }
}

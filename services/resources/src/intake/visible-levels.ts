import { Inject, Injectable } from '@nestjs/common';
import { deadLetterTopic, readableData, type ServiceLevelStarted, typeOf } from '@provider-access/events';
import { type Batch, deadLetterId, EngineUnavailable, type LogRecord } from '@provider-access/engines/log';
import { BusinessCalendar, measure } from '@provider-access/domain/pdex/service-levels';
import type { ViewReader } from '@provider-access/engines/views';
import { LevelLedger } from '@provider-access/levels';
import { RecordsReader } from '@provider-access/records';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { deadLetters } from '../projections/dead-letters.ts';

/** ms that a batch waits for the view. After that the log delivers it again. */
const VIEW_PATIENCE_MS = 10_000;
const INBOUND = /^(payer\..+)\/(\d+)$/;

/**
 * Measures when claims, prior authorizations and the events of each feed became visible. Intake writes a start to
 * `pa.service-levels` before it records a batch. This class waits until the views of reads and searches have passed the
 * batch, and records the time.
 * After a crash in between it measures again, so the time may be too long, but never too short and never counted twice.
 */
@Injectable()
export class VisibleLevels {
  private readonly letters: ViewReader;
  constructor(
    @Inject(LevelLedger) private readonly ledger: LevelLedger,
    @Inject(RecordsReader) private readonly reader: RecordsReader,
    @Inject(BusinessCalendar) private readonly calendar: BusinessCalendar,
    @Inject(PORTS) private readonly ports: ServicePorts,
  ) {
    this.letters = ports.views.reader(deadLetters);
  }

  /** @throws EngineUnavailable while the views lag; the log then delivers the batch again */
  async handle(batch: Batch): Promise<void> {
    await this.ledger.measureEach(batch.records, async (record) => {
      const started = startedOf(record);
      if (started === undefined) return undefined;
      const inbound = await this.visible(started);
      const now = this.ports.clock.now();
      return measure({ ...started, starts: await this.recorded(started, inbound) }, now, this.calendar);
    });
  }

  private async visible({ scope, next }: ServiceLevelStarted): Promise<InboundPartition> {
    const [, topic = '', text] = INBOUND.exec(scope)!;
    const partition = Number(text);
    const position = { [topic]: [...new Array<number>(partition).fill(0), next] };
    const { records } = this.reader.views;
    if (!(await records.waitFor(position, VIEW_PATIENCE_MS, ['resources'])))
      throw new EngineUnavailable('the records view has not caught up');
    return { topic, partition };
  }

  /**
   * Leaves out started claims that became dead letters, because their record is larger than the log accepts. A replay
   * of the dead letter starts them again.
   */
  private async recorded(
    { starts }: ServiceLevelStarted,
    { topic, partition }: InboundPartition,
  ): Promise<ServiceLevelStarted['starts']> {
    if (starts.length === 0) return starts;
    // Intake appends a dead letter before the progress that the views have passed, so it is in the log by now.
    if (!(await this.letters.waitFor(await this.ports.log.head([deadLetterTopic(topic)]), VIEW_PATIENCE_MS)))
      throw new EngineUnavailable('the view of dead letters has not caught up');
    const letters = await this.letters.getMany(starts.map(({ offset }) => deadLetterId(topic, partition, offset)));
    return starts.filter((_, i) => letters[i] === undefined);
  }
}

interface InboundPartition {
  readonly topic: string;
  readonly partition: number;
}

/**
 * The start if intake wrote it and it can be read. Starts of exports are measured by the export service.
 */
const startedOf = (record: LogRecord): ServiceLevelStarted | undefined =>
  typeOf(record) === 'pa.service-level-started.v1' && INBOUND.test(record.key)
    ? readableData<ServiceLevelStarted>(record)
    : undefined;

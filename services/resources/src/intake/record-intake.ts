import { randomUUID } from 'node:crypto';
import { PA_RECORDS } from '@provider-access/events';
import { excludesDrugs } from '@provider-access/domain/pdex/labels';
import { type Batch, EngineUnavailable } from '@provider-access/engines/log';
import { SHARED } from '@provider-access/records';
import { type BatchTimes, type Failed, Intake, type IntakePorts, type Stage } from '@provider-access/intake';
import type { ResourcesConfig } from '../config.ts';
import type { JudgeOptions } from '../domain/judge.ts';
import type { CurrentVersions } from './current-versions.ts';
import { isElsewhere, isVersioned, type ReadEvent } from '../reading/read-event.ts';
import type { ReadingThread } from '../reading/reading-thread.ts';
import { SharedTurn } from './shared-turn.ts';

export type JudgingRules = Pick<ResourcesConfig, 'floor' | 'publicUrl' | 'profiles' | 'labels' | 'sandbox'> & {
  readonly attachmentsAbove?: number | undefined;
};

/**
 * How events are judged at a time.
 * @param clock ms since the epoch, for rules that depend on the day
 * @param now ms since the epoch: the latest time that has certainly passed
 */
export function judgingBy(rules: JudgingRules, clock: number, now: number): JudgeOptions {
  const { floor, publicUrl, profiles, labels, sandbox, attachmentsAbove } = rules;
  return { now, floor, publicUrl, profiles, excludesDrugs: excludesDrugs(labels, clock), attachmentsAbove, sandbox };
}

export interface RecordIntakeOptions {
  readonly ports: IntakePorts;
  readonly reading: Pick<ReadingThread, 'read'>;
  readonly current: CurrentVersions;
  readonly stages: (batch: Batch, times: BatchTimes) => readonly Stage<ReadEvent>[];
  /** How events are judged. Without `attachmentsAbove`, attachments stay in their resources. */
  readonly rules: JudgingRules;
  /** True once the facts have passed the present heads of the payer's topics, false after the timeout (ms). */
  readonly factsPassed: (timeoutMs: number) => Promise<boolean>;
}

/** Bytes. A larger batch waits for the facts. Batches of ordinary events are smaller. */
const LARGE_BYTES = 2 * 1024 * 1024;
/** ms. If the facts stand still, intake continues after this wait. */
const FACTS_PATIENCE_MS = 2000;

/**
 * Turns payer events into records. It reads each event alone, in a thread, and its stages decide what the event
 * becomes. Each batch needs one append.
 */
export class RecordIntake {
  readonly #options: RecordIntakeOptions;
  readonly #intake: Intake<ReadEvent>;
  readonly #shared: SharedTurn;
  /** The error of the last batch, by topic and partition. */
  readonly #failing = new Map<string, string>();

  constructor(options: RecordIntakeOptions) {
    const { ports } = options;
    this.#options = options;
    this.#shared = new SharedTurn(ports.state.leases, `resources-${randomUUID()}`);
    this.#intake = new Intake(ports, {
      deriver: 'resources',
      progressTopic: PA_RECORDS,
      topics: [PA_RECORDS],
      recordedAtHeader: false,
    });
  }

  /** Called when partitions are assigned to this process, because another process may have written records since. */
  assigned(): void {
    this.#intake.assigned();
    this.#options.current.reassigned();
    this.#failing.clear();
  }

  /** Partitions whose last batch failed, with the error, which contains no PHI. Undefined if none failed. */
  failure(): string | undefined {
    if (this.#failing.size === 0) return undefined;
    return [...this.#failing]
      .map(([partition, why]) => `${partition}: ${why}`)
      .toSorted()
      .join('; ');
  }

  /** @throws EngineUnavailable if log, view or state is unavailable; the log then delivers the batch again */
  async handle(batch: Batch): Promise<void> {
    const partition = `${batch.topic}/${batch.partition}`;
    try {
      await this.#waitForFacts(batch);
      await this.#intake.handle(batch, {
        concerns: batch.records.some((record) => !isElsewhere(record)),
        read: (latest) => this.#read(batch, latest),
        stages: (times) => this.#options.stages(batch, times),
        around: (events, attempt) => this.#inTurn(events, attempt),
      });
      this.#failing.delete(partition);
    } catch (error) {
      this.#failing.set(partition, error instanceof EngineUnavailable ? error.message : 'a batch of events failed');
      throw error;
    }
  }

  /**
   * Delays a large batch until the facts are current. In the standalone, intake, log and views share one thread, and a
   * document of megabytes takes tenths of a second. Without the wait, thirty of them would make the facts too old, and
   * every read would answer 503.
   */
  async #waitForFacts({ records }: Batch): Promise<void> {
    if (records.reduce((sum, { value }) => sum + value.byteLength, 0) <= LARGE_BYTES) return;
    await this.#options.factsPassed(FACTS_PATIENCE_MS).catch(() => false);
  }

  /** Reads the events, and meanwhile waits until the views have what other processes wrote. */
  async #read({ records }: Batch, now: number): Promise<readonly ReadEvent[]> {
    const { reading, current, rules, ports } = this.#options;
    const judging = judgingBy(rules, ports.clock.now(), now);
    const [events] = await Promise.all([reading.read(records, judging), current.ready()]);
    return events;
  }

  /** Batches with shared records take turns. After a failure, part of the batch may be in the log. */
  async #inTurn(
    events: readonly ReadEvent[],
    attempt: (mayAppend?: () => void) => Promise<Failed | undefined>,
  ): Promise<Failed | undefined> {
    const { current } = this.#options;
    let durable = false;
    try {
      const failed = events.some((event) => isVersioned(event) && event.judgement.about.member === SHARED)
        ? await this.#shared.run(async ({ othersHadTurns, markOwn }) => {
            if (othersHadTurns) await current.catchUp();
            return attempt(markOwn);
          })
        : await attempt();
      durable = failed === undefined;
      return failed;
    } finally {
      if (!durable) current.doubt();
    }
  }
}

import { randomUUID } from 'node:crypto';
import { addCounts, type EventFault, PA_FEEDS, PA_RECORDS } from '@provider-access/events';
import type { LevelLedger } from '@provider-access/audit';
import type { ProfilePolicy } from '@provider-access/domain/pdex/feeds';
import { excludesDrugs, type LabelPolicy } from '@provider-access/domain/pdex/labels';
import {
  type Batch,
  deadLetterId,
  type Derivation,
  EngineUnavailable,
  type EventLog,
  deadLetterOutput,
  RecordTooLarge,
} from '@provider-access/engines/log';
import type { Clock } from '@provider-access/kernel';
import { ReportedFeeds, StartedFeeds } from '@provider-access/domain/pdex/service-levels';
import { LatestTime } from '@provider-access/intake';
import { INTERNAL_FAULT, placeOf } from '@provider-access/intake/read';
import type { Logger } from '@provider-access/service/observability';
import { namesAnother, type RecordsReader, SHARED } from '@provider-access/facts/records';
import type { ViewReader } from '@provider-access/engines/views';
import type { Claims, Leases, TransactionTimes } from '@provider-access/engines/state';
import type { AttachmentStore } from '../attachments/attachment-store.ts';
import { type Head } from '../domain/decide.ts';
import { InFlight } from '../domain/in-flight.ts';
import { feedRecord } from './feed-record.ts';
import { Ownership } from './ownership.ts';
import type { ReadEvent } from './read-event.ts';
import type { ReadingThread } from './reading-thread.ts';
import { SharedTurn } from './shared-turn.ts';
import { VersionKeeper } from './version-keeper.ts';
import { BatchRun, isVersioned, idOf } from './batch-run.ts';

export interface RecordIntakeOptions {
  readonly log: EventLog;
  readonly derivation: Derivation;
  readonly reader: RecordsReader;
  /** Reader of the member facts. */
  readonly members: Pick<ViewReader, 'getMany'>;
  readonly claims: Claims;
  readonly leases: Leases;
  /** Records get no `lastUpdated` before the newest transactionTime of an export. */
  readonly transactionTimes: Pick<TransactionTimes, 'newest'>;
  /** Ids of the same person, from the facts. Used for merges that the claims store has lost. */
  mergedWith?(member: string): Promise<readonly string[]>;
  readonly reading: Pick<ReadingThread, 'read'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** FHIR date. Care that ended before this day is not kept. */
  readonly floor: string;
  readonly publicUrl?: string | undefined;
  /** The file store of attachments with more bytes than `above`. Without it, all stay in their resources. */
  readonly attachments?: { readonly store: Pick<AttachmentStore, 'put' | 'about'>; readonly above: number } | undefined;
  readonly profiles?: ProfilePolicy | undefined;
  /** Its unknown labels are counted, and its rule on drugs decides what prior authorizations lose. */
  readonly labels?: LabelPolicy | undefined;
  /** Whether only the events of a sandbox's synthetic payer are taken. Default: those of every source. */
  readonly sandbox?: boolean;
  /** True once the facts have passed the present heads of the payer's topics, false after the timeout (ms). */
  readonly factsPassed?: ((timeoutMs: number) => Promise<boolean>) | undefined;
  /** Records when intake starts with a batch, to measure the service levels. */
  readonly levels?: Pick<LevelLedger, 'started'>;
  /** ms since the epoch. Earlier events are history and not measured. */
  readonly levelsSince?: number | undefined;
}

/** With more unconfirmed heads than this, intake waits for the view, so that memory stays bounded. */
const MAX_IN_FLIGHT = 5_000;
const VIEW_PATIENCE_MS = 10_000;
/** Bytes. A larger batch waits for the facts. Batches of ordinary events are smaller. */
const LARGE_BYTES = 2 * 1024 * 1024;
/** ms. If the facts stand still, intake continues after this wait. */
const FACTS_PATIENCE_MS = 2000;
/** A valid event at which the platform failed. */
interface Failed {
  readonly event: ReadEvent;
  readonly fault: EventFault;
}

const TOO_LARGE: EventFault = {
  reason: 'too-large',
  detail: 'the record made from the event is larger than the log accepts',
};

/**
 * Turns payer events into records: judges each event alone, then decides its version against the current version. Each
 * batch needs one append. Because several instances share the partitions, a rebalance invalidates all that this
 * instance remembers.
 */
export class RecordIntake {
  private readonly options: RecordIntakeOptions;
  private inFlight = new InFlight();
  private readonly ownership: Ownership;
  /**
   * Grows when the view may lack records that are in the log. `caughtUp` is set to it once the view has passed them.
   */
  private doubts = 1;
  private caughtUp = 0;
  private lastStamp = 0;
  private readonly latest: LatestTime;
  private readonly shared: SharedTurn;
  private readonly versions: VersionKeeper;
  private readonly reported = new ReportedFeeds();
  /** The error of the last batch, by topic and partition. */
  private readonly failing = new Map<string, string>();

  constructor(options: RecordIntakeOptions) {
    this.options = options;
    this.latest = new LatestTime(options.clock);
    this.ownership = new Ownership({ ...options, inFlight: (id) => this.inFlight.get(id) });
    this.versions = new VersionKeeper(options);
    this.shared = new SharedTurn(options.leases, `resources-${randomUUID()}`);
  }

  /**
   * Called when partitions are assigned to this process. Another process may have written records since, so the next
   * batch waits until the view has passed everything in the log.
   */
  reassigned(): void {
    this.options.derivation.assigned();
    this.inFlight = new InFlight();
    this.failing.clear();
    this.doubts += 1;
  }
  /** Partitions whose last batch failed, with the error, which contains no PHI. Undefined if none failed. */
  failure(): string | undefined {
    if (this.failing.size === 0) return undefined;
    return [...this.failing]
      .map(([partition, why]) => `${partition}: ${why}`)
      .toSorted()
      .join('; ');
  }

  /** @throws EngineUnavailable if log, view or state is unavailable; the log then delivers the batch again */
  async handle(batch: Batch): Promise<void> {
    const partition = `${batch.topic}/${batch.partition}`;
    try {
      const { clock, floor, publicUrl, profiles, labels, sandbox, reading, transactionTimes, attachments } =
        this.options;
      await this.letFactsPass(batch);
      const now = clock.now();
      // Read the newest transactionTime only after the log has delivered the batch. An export that does not include the
      // batch has then already raised the time (ADR 0023).
      let [events, stamp] = await Promise.all([
        reading.read(batch.records, {
          now: this.latest.with(batch.records),
          floor,
          publicUrl,
          profiles,
          excludesDrugs: labels !== undefined && excludesDrugs(labels, now),
          attachmentsAbove: attachments?.above,
          sandbox,
        }),
        transactionTimes.newest(),
        this.ready(),
      ]);
      stamp = Math.max(stamp, now);
      for (const { record, failed } of events) if (failed !== undefined) this.tell(batch, record.offset, failed);
      const moved = events.flatMap(({ judgement }) =>
        judgement.kind === 'accept' ? (judgement.attachments ?? []) : [],
      );
      await attachments?.store.put(moved);
      events = await Promise.all(events.map(async (event) => this.withLost(await this.withPersons(event))));
      // An event at which the platform fails becomes a dead letter, and the batch runs again. So no event stops a
      // partition.
      for (;;) {
        const failed = await this.attempt(batch, events, stamp);
        if (failed === undefined) break;
        events = events.map((event) =>
          event === failed.event ? { ...event, judgement: { kind: 'dead-letter' as const, ...failed.fault } } : event,
        );
      }
      await attachments?.store.put(moved);
      this.failing.delete(partition);
    } catch (error) {
      this.failing.set(partition, error instanceof EngineUnavailable ? error.message : 'a batch of events failed');
      throw error;
    }
  }

  /**
   * Makes a dead letter of a resource that contains another member. A member who comes later is unknown here, so
   * readers ask again (ADR 0057).
   */
  private async withPersons(event: ReadEvent): Promise<ReadEvent> {
    const { judgement } = event;
    if (judgement.kind !== 'accept' || judgement.persons === undefined) return event;
    const { about, persons } = judgement;
    const { patients } = this.options.reader.views;
    if (!(await namesAnother({ patients, members: this.options.members }, about.member, persons))) return event;
    return {
      ...event,
      judgement: {
        kind: 'dead-letter',
        reason: 'names-another-member',
        detail: 'a Patient, Person or subject inside it has the id or an identifier of another member',
        about: `${about.type}/${about.id}`,
      },
    };
  }

  /** Counts attachments with a URL of ours that leads to no content of their own resource. */
  private async withLost(event: ReadEvent): Promise<ReadEvent> {
    const { judgement } = event;
    if (judgement.kind !== 'accept' || judgement.own === undefined) return event;
    const { about } = judgement;
    const unresolved: Record<string, number> = { ...judgement.unresolved };
    for (const { name, binary } of judgement.own) {
      const stored = await this.options.attachments?.store.about(binary);
      if (stored?.member !== about.member || stored.type !== about.type || stored.resource !== about.id)
        addCounts(unresolved, { [name]: 1 });
    }
    return Object.keys(unresolved).length === 0 ? event : { ...event, judgement: { ...judgement, unresolved } };
  }

  /**
   * Delays a large batch until the facts are current. In the standalone, intake, log and views share one thread, and a
   * document of megabytes takes tenths of a second. Without the wait, thirty of them would make the facts too old, and
   * every read would answer 503.
   */
  private async letFactsPass({ records }: Batch): Promise<void> {
    const { factsPassed } = this.options;
    if (factsPassed === undefined || records.reduce((sum, { value }) => sum + value.byteLength, 0) <= LARGE_BYTES)
      return;
    await factsPassed(FACTS_PATIENCE_MS).catch(() => false);
  }

  private async attempt(batch: Batch, events: readonly ReadEvent[], stamp: number): Promise<Failed | undefined> {
    if (!events.some((e) => isVersioned(e) && e.judgement.about.member === SHARED))
      return this.derive(batch, events, stamp);
    return this.shared.run(async ({ others, mine }) => {
      if (others) await this.catchUp();
      return this.derive(batch, events, stamp, mine);
    });
  }

  private tell(batch: Batch, offset: number, failed: ReturnType<typeof placeOf>): void {
    const deadLetter = deadLetterId(batch.topic, batch.partition, offset);
    this.options.logger.error(
      { deadLetter, ...failed },
      'the platform failed at an event, which becomes a dead letter',
    );
  }

  private async derive(
    batch: Batch,
    events: readonly ReadEvent[],
    stamp: number,
    mine?: () => void,
  ): Promise<Failed | undefined> {
    const { derivation, log } = this.options;
    const { inFlight } = this;
    const heads = await this.headsOf(events.filter(isVersioned).map((e) => idOf(e.judgement)));
    const owners = await this.ownership.prepare(
      events.map((e) => e.judgement),
      heads,
    );

    this.lastStamp = Math.max(this.lastStamp, stamp);
    const { levelsSince = Number.NEGATIVE_INFINITY } = this.options;
    const feeds = new StartedFeeds(this.lastStamp, levelsSince);
    const run = new BatchRun(batch, heads, this.lastStamp, (id) => inFlight.lineOf(id), feeds, this.options.labels);
    for (const event of events) {
      try {
        run.take(event, owners);
      } catch (error) {
        this.tell(batch, event.record.offset, placeOf(error));
        return { event, fault: INTERNAL_FAULT };
      }
    }
    mine?.();
    try {
      // Start the measurement, and tell what was checked, before the batch is recorded. A redelivered batch finds its
      // events unchanged and would not do so.
      await Promise.all([this.startLevels(batch, run), this.tellChecked(batch, run)]);
      // The versions come first, because a batch that runs again no longer finds them once they are replaced.
      await this.versions.keep(batch, run.superseded);
      await derivation.complete(batch, {
        outputs: [deadLetterOutput(batch, run.deadLetters), { topic: PA_RECORDS, records: run.records }],
        outcomes: run.outcomes,
      });
    } catch (error) {
      // Part of the batch may be in the log, so the next attempt reads the current versions from the view.
      this.doubts += 1;
      const event = error instanceof RecordTooLarge ? run.sourceOf(error.record) : undefined;
      if (event !== undefined) return { event, fault: TOO_LARGE };
      throw error;
    }
    if (run.changed.size > 0) {
      const target = await log.head([PA_RECORDS]);
      // A rebalance happened during the batch, so the next batch reads the current versions from the view.
      if (inFlight === this.inFlight) inFlight.add(run.changed, target, run.lines);
      else this.doubts += 1;
    }
    await this.ownership.settle(owners);
    return undefined;
  }

  private async startLevels(batch: Batch, run: Pick<BatchRun, 'starts' | 'feeds'>): Promise<void> {
    const { levels, levelsSince = Number.NEGATIVE_INFINITY } = this.options;
    const starts = run.starts.filter(({ at }) => at >= levelsSince);
    const feeds = this.reported.news(run.feeds.values());
    if (levels === undefined || (starts.length === 0 && feeds.length === 0) || batch.owned?.() === false) return;
    const [first, last] = [batch.records[0]!.offset, batch.records.at(-1)!.offset];
    await levels.started({ scope: `${batch.topic}/${batch.partition}`, from: first, next: last + 1, starts, feeds });
    this.reported.reported(feeds);
  }

  private async tellChecked(batch: Batch, { checked }: BatchRun): Promise<void> {
    if (checked.length === 0 || batch.owned?.() === false) return;
    await this.options.log.append(PA_FEEDS, [feedRecord(batch, checked, this.options.clock.now())]);
  }

  /** Waits until the view has passed the records that another instance wrote. */
  private async catchUp(): Promise<void> {
    this.doubts += 1;
    await this.ready();
  }

  /** Waits until the view has passed all records of other processes, and not too many of our own are unconfirmed. */
  private async ready(): Promise<void> {
    const { log, reader } = this.options;
    const { records, locators } = reader.views;
    while (this.caughtUp < this.doubts) {
      const { doubts } = this;
      const head = await log.head([PA_RECORDS]);
      if (!(await records.waitFor(head, VIEW_PATIENCE_MS)) || !(await locators.waitFor(head, VIEW_PATIENCE_MS)))
        throw new EngineUnavailable('the records view has not caught up');
      this.caughtUp = Math.max(this.caughtUp, doubts);
    }
    if (this.inFlight.size > 0)
      this.inFlight.landed([(await records.position()).topics, (await locators.position()).topics]);
    while (this.inFlight.size > MAX_IN_FLIGHT) {
      const target = this.inFlight.oldest!;
      if (!(await records.waitFor(target, VIEW_PATIENCE_MS)) || !(await locators.waitFor(target, VIEW_PATIENCE_MS)))
        throw new EngineUnavailable('the records view does not keep up');
      this.inFlight.landed([(await records.position()).topics, (await locators.position()).topics]);
    }
  }

  private async headsOf(ids: readonly string[]): Promise<Map<string, Head>> {
    const heads = new Map<string, Head>();
    const missing: string[] = [];
    for (const id of new Set(ids)) {
      const head = this.inFlight.get(id);
      if (head === undefined) missing.push(id);
      else heads.set(id, head);
    }
    if (missing.length > 0) {
      const found = await this.options.reader.heads(missing);
      missing.forEach((id, i) => {
        const head = found[i];
        if (head !== undefined) heads.set(id, head);
      });
    }
    return heads;
  }
}

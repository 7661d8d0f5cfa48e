import {
  type AccessHeld,
  type DomainEvent,
  type EventFault,
  type PayerContract,
  type PayerEvent,
  RECORDED_AT_HEADER,
} from '@provider-access/events';
import {
  type Batch,
  deadLetterId,
  Derivation,
  type DerivationOutput,
  EngineUnavailable,
  type LogRecord,
  type NewRecord,
  type OutcomeRow,
  park,
  parked,
  RecordTooLarge,
} from '@provider-access/engines/log';
import { instant } from '@provider-access/kernel';
import { countOutcomes, type ServicePorts } from '@provider-access/service/http';
import { TransactionTimes } from '@provider-access/engines/state';
import { AccessHolds, type Hold } from './access-holds.ts';
import { INTERNAL_FAULT, placeOf } from './internal-fault.ts';
import { LatestTime } from './latest-time.ts';
import { detailOfHeld, type Matter, matterOf } from './matter.ts';
import { type Inbound, type Interest, readInbound } from './read.ts';
import { Resolutions } from './resolutions.ts';
import { isAbout, isResourceEvent, namesNone } from './resources.ts';
import type { Output } from './output.ts';
/** What an event becomes. */
export type Taken =
  | {
      readonly ok: true;
      /**
       * `unchanged`: the event says what stands. `superseded`: it says something else, and a newer statement stands.
       */
      readonly outcome: 'recorded' | 'unchanged' | 'superseded';
      /** `same-time`: recorded in place of an event of the same business time (ADR 0022). */
      readonly reason?: 'same-time';
      readonly outputs: readonly Output[];
    }
  | { readonly ok: false; readonly fault: EventFault };
export interface TakenFrom<E = PayerEvent> {
  readonly event: E & DomainEvent;
  readonly record: LogRecord;
  /**
   * When the event was appended, as an RFC 3339 instant. A producer may have set that, so it is never later than now.
   */
  readonly at: string;
  /** ms since the epoch. */
  readonly now: number;
}

/**
 * What a service keeps while the frame works on one batch. The frame drops it and asks for a new one when the platform
 * fails at an event of the batch.
 */
export interface Turn<E = PayerEvent> {
  /**
   * Called for each valid event, in order. @throws EngineUnavailable: the batch comes again. Anything else is a fault
   * of the event.
   */
  take(from: TakenFrom<E>): Promise<Taken>;
  /** What the batch as a whole adds, such as Groups that its events open. */
  readonly extra?: () => readonly Output[];
  /** Everything is durable. */
  readonly done?: () => void;
}

/** What a service adds to the frame. */
export interface IntakeRole<E = PayerEvent> {
  /** The service. */
  readonly deriver: 'attribution' | 'consent';
  readonly progressTopic: string;
  readonly interest: Interest;
  /** The order in which topics are appended. */
  readonly topics: readonly string[];
  /** Whether this service tells the outcome of events of a type. */
  readonly reports: (type: string) => boolean;
  /** Whether this intake has to refuse what cannot be read: its own, and what may restrict access through it. */
  readonly refuses: (record: LogRecord, inbound: Inbound<E>) => boolean;
  /** Whose access is held until the dead letter is resolved; undefined for what can only have given access. */
  readonly holdOf: (record: LogRecord, inbound: Inbound<E>, deadLetter: string) => Hold | undefined;
  /** What tells of the hold of one member, of providers or of a source. */
  readonly hold: (held: AccessHeld, at: string) => Promise<readonly Output[]>;
  readonly release: (held: AccessHeld, at: string) => Promise<readonly Output[]>;
  /** Loads what the events of a batch are decided by. */
  readonly begin: (inbound: readonly Inbound<E>[], batch: Batch) => Promise<Turn<E>>;
  readonly contract?: PayerContract<E>;
}

interface Read<E> {
  readonly record: LogRecord;
  readonly inbound: Inbound<E>;
}
const TOO_LARGE: EventFault = { reason: 'too-large', detail: 'what the event becomes is larger than the log takes' };

/**
 * The one way from a payer's topic to what a service derives from it: reads each record, has the role decide, derives,
 * parks and holds what is at fault, tells the outcomes, and appends all of it with the progress of the service.
 *
 * An event can never stop its partition. When reading, deciding or encoding it throws anything but EngineUnavailable,
 * the batch is done again with that event as a dead letter `internal-fault`. Only an engine that is away makes a batch
 * come again as it was.
 */
export class Intake<E = PayerEvent> {
  private readonly ports: ServicePorts;
  private readonly role: IntakeRole<E>;
  private readonly holds: AccessHolds;
  private readonly resolutions: Resolutions;
  private readonly derivation: Derivation;
  private readonly transactionTimes: TransactionTimes;
  private readonly latest: LatestTime;

  constructor(ports: ServicePorts, role: IntakeRole<E>) {
    this.ports = ports;
    this.role = role;
    this.holds = new AccessHolds(ports.state, role.deriver, ports);
    this.transactionTimes = new TransactionTimes(ports.state.streams);
    this.latest = new LatestTime(ports.clock);
    this.resolutions = new Resolutions(ports, { ...role, holds: this.holds });
    const { log, clock, metrics } = ports;
    this.derivation = new Derivation({
      log,
      deriver: role.deriver,
      progressTopic: role.progressTopic,
      now: () => clock.now(),
      done: countOutcomes(metrics, role.deriver),
    });
  }

  /** Call when partitions are given to this instance: another may have derived from them since. */
  assigned(): void {
    this.derivation.assigned();
  }

  /** @throws EngineUnavailable: the batch comes again */
  async handle(batch: Batch): Promise<void> {
    /** The events at which the platform failed, by their offset. */
    const faults = new Map<number, EventFault>();
    // Ask only now that the log has delivered the batch. An export whose positions do not include the batch has raised
    // the time before (ADR 0023).
    const newest = await this.transactionTimes.newest();
    const times: Times = { latest: this.latest.with(batch.records), newest };
    /** What is told of the dead letters, once for all attempts. */
    const told = new Map<string, Promise<readonly AccessHeld[]>>();
    const hold = (held: Hold): Promise<readonly AccessHeld[]> => {
      const telling = told.get(held.deadLetter) ?? this.holds.hold(held);
      told.set(held.deadLetter, telling);
      return telling;
    };
    for (;;) {
      const attempt = new Attempt(this.ports, this.role, hold, batch, faults, times);
      const failed = await attempt.run(this.derivation);
      if (failed === undefined) {
        // Everything is durable now: a hold must not end before what stands in its place is there.
        for (const telling of told.values()) await this.holds.appended(await telling);
        for (const { name, deadLetter, matter, at } of attempt.replays)
          await this.resolutions.took(name, deadLetter, matter, later(at, newest));
        return;
      }
      const { reason, error, offset } = failed;
      // An event that fails although it is refused leaves nothing to try.
      if (faults.has(offset)) throw error;
      faults.set(offset, reason === 'too-large' ? TOO_LARGE : INTERNAL_FAULT);
      this.ports.logger.error(
        { deadLetter: deadLetterId(batch.topic, batch.partition, offset), ...placeOf(error) },
        'the platform failed at an event, which becomes a dead letter',
      );
    }
  }

  /**
   * What operators did about dead letters: records of a dead-letter topic. @throws EngineUnavailable: the batch comes
   * again
   */
  async resolved(batch: Batch): Promise<void> {
    // A member who becomes visible because a hold ends must be in the next delta.
    await this.resolutions.handle(batch, await this.transactionTimes.newest());
  }
}

interface Failed {
  readonly offset: number;
  readonly reason: 'internal-fault' | 'too-large';
  readonly error: unknown;
}

/** ms since the epoch. */
interface Times {
  /** An event is ahead of the platform when it is ahead of this time. */
  readonly latest: number;
  /** The newest transactionTime of an export; 0 before the first one. */
  readonly newest: number;
}

/** One attempt at a batch. */
class Attempt<E> {
  private readonly ports: ServicePorts;
  private readonly role: IntakeRole<E>;
  private readonly hold: (held: Hold) => Promise<readonly AccessHeld[]>;
  private readonly batch: Batch;
  private readonly faults: ReadonlyMap<number, EventFault>;
  private readonly now: number;
  private readonly latest: number;
  /** The header that the frame adds to each derived record. Empty until there was an export. */
  private readonly recordedAt: Readonly<Record<string, string>>;
  private readonly outputs: (Output & { readonly offset: number })[] = [];
  private readonly parked: { readonly record: NewRecord; readonly offset: number }[] = [];
  private readonly outcomes: OutcomeRow[] = [];
  /** Events that say which dead letter they replay, and took effect. */
  readonly replays: {
    readonly name: string;
    readonly deadLetter: string;
    readonly matter: Matter;
    readonly at: string;
  }[] = [];

  constructor(
    ports: ServicePorts,
    role: IntakeRole<E>,
    hold: (held: Hold) => Promise<readonly AccessHeld[]>,
    batch: Batch,
    faults: ReadonlyMap<number, EventFault>,
    { latest, newest }: Times,
  ) {
    this.ports = ports;
    this.role = role;
    this.hold = hold;
    this.batch = batch;
    this.faults = faults;
    this.now = ports.clock.now();
    this.latest = latest;
    this.recordedAt = newest > 0 ? { [RECORDED_AT_HEADER]: instant(newest) } : {};
  }

  /** @returns the event at which the platform failed; undefined when the batch is durable */
  async run(derivation: Derivation): Promise<Failed | undefined> {
    const { batch, role } = this;
    const reads: Read<E>[] = [];
    for (const record of batch.records) {
      const { resources } = role.interest;
      if (resources !== undefined && namesNone(record, resources)) continue;
      try {
        const inbound = readInbound(record, role.interest, this.latest, role.contract);
        if (inbound === undefined || this.isElsewhere(record, inbound)) continue;
        reads.push({ record, inbound: this.faulted(record, inbound) });
      } catch (error) {
        if (this.faults.has(record.offset)) reads.push({ record, inbound: this.unreadable(record) });
        else return { offset: record.offset, reason: 'internal-fault', error };
      }
    }
    const turn = await role.begin(
      reads.map(({ inbound }) => inbound),
      batch,
    );
    for (const read of reads) {
      try {
        await this.one(read, turn);
      } catch (error) {
        if (error instanceof EngineUnavailable) throw error;
        return { offset: read.record.offset, reason: 'internal-fault', error };
      }
    }
    try {
      await derivation.complete(batch, { outputs: this.inOrder(turn.extra?.() ?? []), outcomes: this.outcomes });
    } catch (error) {
      const offset = error instanceof RecordTooLarge ? this.offsetOf(error) : undefined;
      if (offset === undefined) throw error;
      return { offset, reason: 'too-large', error };
    }
    turn.done?.();
    return undefined;
  }

  /**
   * Whether it is about a resource of which another service decides. Asked once it is parsed: bytes can only say that
   * it may be.
   */
  private isElsewhere(record: LogRecord, inbound: Inbound<E>): boolean {
    const { resources } = this.role.interest;
    const { type } = inbound;
    return (
      resources !== undefined &&
      type !== undefined &&
      isResourceEvent(type) &&
      !isAbout(record, inbound as Inbound, resources)
    );
  }

  private faulted(record: LogRecord, inbound: Inbound<E>): Inbound<E> {
    const fault = this.faults.get(record.offset);
    return fault === undefined || !inbound.ok
      ? inbound
      : { ok: false, type: inbound.type, fault, event: inbound.event, stray: false };
  }

  /** Reading it threw: only its headers say what it is. */
  private unreadable(record: LogRecord): Inbound<E> {
    const type = record.headers['ce_type'];
    return { ok: false, type, fault: this.faults.get(record.offset)!, stray: type === undefined };
  }

  private async one(read: Read<E>, turn: Turn<E>): Promise<void> {
    const { record, inbound } = read;
    if (!inbound.ok) {
      // Nobody else knows of an event at which this intake failed.
      if (this.faults.has(record.offset) || this.role.refuses(record, inbound)) await this.refuse(read, inbound.fault);
      return;
    }
    const at = this.at(record);
    const taken = await turn.take({ event: inbound.event, record, at, now: this.now });
    if (!taken.ok) {
      if (this.role.refuses(record, inbound)) await this.refuse(read, taken.fault);
      return;
    }
    this.put(record, taken.outputs);
    this.noteReplay(read, at);
    if (!this.role.reports(inbound.type)) return;
    const { outcome, reason } = taken;
    const told = outcome !== 'recorded' || reason !== undefined;
    this.outcomes.push({
      ...idOf(read),
      outcome,
      ...(reason !== undefined && { reason }),
      ...(told && { about: inbound.type }),
    });
  }

  /**
   * Parks what is ours, and denies what might have ended access. A replay that fails again is held under both names.
   */
  private async refuse(read: Read<E>, fault: EventFault): Promise<void> {
    const { record, inbound } = read;
    const { batch, role } = this;
    const at = this.at(record);
    const deadLetter = deadLetterId(batch.topic, batch.partition, record.offset);
    const held = role.holdOf(record, inbound, deadLetter);
    for (const told of held === undefined ? [] : await this.hold(held)) this.put(record, await role.hold(told, at));
    // Somebody else parks it, under the same name.
    if (!inbound.ok && inbound.stray && role.interest.strays !== 'parked') return;
    this.parked.push({
      record: park(batch, record, fault.reason, detailOfHeld(fault.detail, held), role.deriver, at),
      offset: record.offset,
    });
    const { type } = inbound;
    if (type !== undefined && !role.reports(type)) return;
    this.outcomes.push({
      ...idOf(read),
      outcome: 'parked',
      reason: fault.reason,
      deadLetter,
      ...(type !== undefined && { about: type }),
    });
  }

  /**
   * Notes that an event names a dead letter which it replays. An event that this service would not have parked ends no
   * hold of this service.
   */
  private noteReplay({ record, inbound }: Read<E>, at: string): void {
    const { event, type } = inbound;
    const deadLetter = event?.extensions?.['pareplayof'];
    if (event === undefined || deadLetter === undefined || !this.role.refuses(record, inbound)) return;
    const { topic, partition } = this.batch;
    this.replays.push({
      name: deadLetterId(topic, partition, record.offset),
      deadLetter,
      matter: { ...matterOf(type, event.subject, event.data), type },
      at,
    });
  }

  private put({ offset }: LogRecord, outputs: readonly Output[]): void {
    for (const { topic, record } of outputs) {
      this.outputs.push({ topic, record: { ...record, headers: { ...record.headers, ...this.recordedAt } }, offset });
    }
  }

  private at(record: LogRecord): string {
    return instant(Math.min(record.timestamp, this.now));
  }

  private inOrder(extra: readonly Output[]): readonly DerivationOutput[] {
    const all = [...extra, ...this.outputs];
    return [
      parked(
        this.batch,
        this.parked.map(({ record }) => record),
      ),
      ...this.role.topics.map((topic) => ({
        topic,
        records: all.filter((o) => o.topic === topic).map(({ record }) => record),
      })),
    ];
  }

  /** Which event a record that the log refused comes from. */
  private offsetOf({ record }: RecordTooLarge): number | undefined {
    return record === undefined
      ? undefined
      : [...this.outputs, ...this.parked].find((output) => output.record === record)?.offset;
  }
}

const later = (at: string, newest: number): string => instant(Math.max(Date.parse(at), newest));

function idOf<E>({ record, inbound }: Read<E>): Pick<OutcomeRow, 'receipt' | 'event'> {
  const event = inbound.event as DomainEvent | undefined;
  return {
    receipt: event?.extensions?.['pareceipt'] ?? record.headers['ce_pareceipt'],
    event: event?.id ?? record.headers['ce_id'] ?? '',
  };
}

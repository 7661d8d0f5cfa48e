import type { IntakeRole, Turn } from './role.ts';
import { type AccessHeld, type DomainEvent, type EventFault, RECORDED_AT_HEADER } from '@provider-access/events';
import type { Derivation } from '@provider-access/engines/log';
import {
  type Batch,
  deadLetterId,
  type DerivationOutput,
  EngineUnavailable,
  type LogRecord,
  type NewRecord,
  type OutcomeRow,
  deadLetterRecord,
  deadLetterOutput,
  RecordTooLarge,
} from '@provider-access/engines/log';
import { instant } from '@provider-access/kernel';
import { type ServicePorts } from '@provider-access/service/http';
import { type Hold } from './access-holds.ts';
import { detailOfHeld, type Matter, matterOf } from './matter.ts';
import { type Inbound, readInbound } from './read.ts';
import { isAbout, isResourceEvent, namesNone } from './resources.ts';
import type { Output } from './output.ts';

export interface Read<E> {
  readonly record: LogRecord;
  readonly inbound: Inbound<E>;
}

export interface Failed {
  readonly offset: number;
  readonly reason: 'internal-fault' | 'too-large';
  readonly error: unknown;
}

/** ms since the epoch. */
export interface Times {
  /** An event later than this time is in the future for the platform. */
  readonly latest: number;
  /** The newest transactionTime of an export; 0 before the first one. */
  readonly newest: number;
}

/** One attempt to handle a batch. */
export class Attempt<E> {
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
  private readonly deadLetters: { readonly record: NewRecord; readonly offset: number }[] = [];
  private readonly outcomes: OutcomeRow[] = [];
  /** Events that name the dead letter they replay, and that took effect. */
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

  /** @returns the event at which the platform failed; undefined if the batch is durable */
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
   * Whether the event is about a resource that another service decides. Checked after parsing, because the bytes only
   * show that it may be.
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

  /** Reading it threw, so only its headers tell what it is. */
  private unreadable(record: LogRecord): Inbound<E> {
    const type = record.headers['ce_type'];
    return { ok: false, type, fault: this.faults.get(record.offset)!, stray: type === undefined };
  }

  private async one(read: Read<E>, turn: Turn<E>): Promise<void> {
    const { record, inbound } = read;
    if (!inbound.ok) {
      // No other service knows about an event at which this intake failed.
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
    const reported = outcome !== 'recorded' || reason !== undefined;
    this.outcomes.push({
      ...idOf(read),
      outcome,
      ...(reason !== undefined && { reason }),
      ...(reported && { about: inbound.type }),
    });
  }

  /**
   * Makes a dead letter of an event of ours, and denies access that the event might have ended. A replay that fails
   * again is held under both names.
   */
  private async refuse(read: Read<E>, fault: EventFault): Promise<void> {
    const { record, inbound } = read;
    const { batch, role } = this;
    const at = this.at(record);
    const deadLetter = deadLetterId(batch.topic, batch.partition, record.offset);
    const held = role.holdOf(record, inbound, deadLetter);
    for (const accessHeld of held === undefined ? [] : await this.hold(held))
      this.put(record, await role.hold(accessHeld, at));
    // Another service makes the dead letter, under the same name.
    if (!inbound.ok && inbound.stray && role.interest.strays !== 'parked') return;
    this.deadLetters.push({
      record: deadLetterRecord(batch, record, fault.reason, detailOfHeld(fault.detail, held), role.deriver, at),
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
   * Notes the dead letter that an event replays. If this service would not have made that dead letter, the event ends
   * no hold of this service.
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
      deadLetterOutput(
        this.batch,
        this.deadLetters.map(({ record }) => record),
      ),
      ...this.role.topics.map((topic) => ({
        topic,
        records: all.filter((o) => o.topic === topic).map(({ record }) => record),
      })),
    ];
  }

  /** The event from which a record derives that the log refused. */
  private offsetOf({ record }: RecordTooLarge): number | undefined {
    return record === undefined
      ? undefined
      : [...this.outputs, ...this.deadLetters].find((output) => output.record === record)?.offset;
  }
}

export const later = (at: string, newest: number): string => instant(Math.max(Date.parse(at), newest));

function idOf<E>({ record, inbound }: Read<E>): Pick<OutcomeRow, 'receipt' | 'event'> {
  const event = inbound.event as DomainEvent | undefined;
  return {
    receipt: event?.extensions?.['pareceipt'] ?? record.headers['ce_pareceipt'],
    event: event?.id ?? record.headers['ce_id'] ?? '',
  };
}

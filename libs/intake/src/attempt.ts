import { deadLetterTopic, type EventFault, RECORDED_AT_HEADER } from '@provider-access/events';
import {
  type Batch,
  deadLetterId,
  deadLetterRecord,
  type Derivation,
  type DerivationOutput,
  EngineUnavailable,
  type NewRecord,
  type OutcomeRow,
  RecordTooLarge,
} from '@provider-access/engines/log';
import { instant } from '@provider-access/kernel';
import { INTERNAL_FAULT, TOO_LARGE } from './internal-fault.ts';
import type { BatchTimes, IntakeRole } from './role.ts';
import type { IntakeEvent, Output, Stage, Taken } from './stage.ts';

/** The event at which the platform failed. */
export interface Failed {
  readonly offset: number;
  readonly fault: EventFault;
  readonly error: unknown;
}

interface AttemptOptions<E extends IntakeEvent> {
  readonly role: IntakeRole;
  readonly batch: Batch;
  readonly stages: readonly Stage<E>[];
  /** The events at which the platform failed in earlier attempts, by their offset. */
  readonly faults: ReadonlyMap<number, EventFault>;
  readonly times: BatchTimes;
}

/** One attempt to handle a batch. */
export class Attempt<E extends IntakeEvent> {
  readonly #options: AttemptOptions<E>;
  readonly #outputs: { readonly offset: number; readonly outputs: readonly Output[] }[] = [];
  readonly #deadLetters: { readonly offset: number; readonly record: NewRecord }[] = [];
  readonly #outcomes: OutcomeRow[] = [];
  constructor(options: AttemptOptions<E>) {
    this.#options = options;
  }

  /** @returns the event at which the platform failed; undefined if the batch is durable */
  async run(events: readonly E[], derivation: Derivation, mayAppend?: () => void): Promise<Failed | undefined> {
    const { batch, stages, faults } = this.#options;
    const open = faults.size === 0 ? events : events.filter(({ record }) => !faults.has(record.offset));
    for (const stage of stages) await stage.before?.(open);
    for (const event of events) {
      const { offset } = event.record;
      try {
        const fault = faults.get(offset);
        let taken: Taken | undefined = fault && { ok: false, fault };
        for (const stage of stages) {
          if (stage.each === undefined) continue;
          const next = stage.each(event, taken);
          // Most stages decide at once. An `await` for each of them would cost more than they do.
          taken = next instanceof Promise ? await next : next;
        }
        if (taken !== undefined) this.#put(event, taken);
      } catch (error) {
        if (error instanceof EngineUnavailable) throw error;
        return { offset, fault: INTERNAL_FAULT, error };
      }
    }
    mayAppend?.();
    try {
      const ofStages = await Promise.all(stages.map((stage) => stage.outputs?.()));
      const outputs = this.#inOrder(ofStages.flatMap((some) => some ?? []));
      await derivation.complete(batch, { outputs, outcomes: this.#outcomes });
    } catch (error) {
      const offset = error instanceof RecordTooLarge ? this.#offsetOf(error) : undefined;
      if (offset === undefined) throw error;
      return { offset, fault: TOO_LARGE, error };
    }
    for (const stage of stages) await stage.after?.();
    return undefined;
  }

  #put(event: E, taken: Taken): void {
    const { role, batch, times } = this.#options;
    const { id, receipt, record } = event;
    const { topic, partition, offset } = record;
    const { about, outputs = [] } = taken;
    if (outputs.length > 0) this.#outputs.push({ offset, outputs: this.#stamped(outputs) });
    if (taken.ok) {
      const { outcome, reason, removed, unresolved, lacks, unknownLabels, withheldTags } = taken;
      if (outcome !== undefined) {
        this.#outcomes.push({
          event: id,
          receipt,
          outcome,
          reason,
          about,
          removed,
          unresolved,
          lacks,
          unknownLabels,
          withheldTags,
        });
      }
      return;
    }
    const { reason, detail } = taken.fault;
    const letter = deadLetterRecord(batch, record, reason, detail, role.deriver, event.at ?? times.stamp);
    this.#deadLetters.push({ offset, record: letter });
    if (taken.unreported === true) return;
    const deadLetter = deadLetterId(topic, partition, offset);
    this.#outcomes.push({ event: id, receipt, outcome: 'parked', reason, deadLetter, about });
  }

  /** Adds the header that says when a record was derived. There is none before the first export. */
  #stamped(outputs: readonly Output[]): readonly Output[] {
    const { role, times } = this.#options;
    if (!role.recordedAtHeader || times.newest === 0) return outputs;
    const recordedAt = { [RECORDED_AT_HEADER]: instant(times.newest) };
    return outputs.map(({ topic, record }) => ({
      topic,
      record: { ...record, headers: { ...record.headers, ...recordedAt } },
    }));
  }

  #inOrder(ofStages: readonly Output[]): readonly DerivationOutput[] {
    const { role, batch } = this.#options;
    const records = new Map<string, NewRecord[]>(role.topics.map((topic) => [topic, []]));
    const add = ({ topic, record }: Output): void => void records.get(topic)!.push(record);
    ofStages.forEach(add);
    for (const { outputs } of this.#outputs) outputs.forEach(add);
    return [
      { topic: deadLetterTopic(batch.topic), records: this.#deadLetters.map(({ record }) => record) },
      ...[...records].map(([topic, some]) => ({ topic, records: some })),
    ];
  }

  /** The event from which a record derives that the log refused. */
  #offsetOf({ record }: RecordTooLarge): number | undefined {
    if (record === undefined) return undefined;
    return (
      this.#outputs.find(({ outputs }) => outputs.some((output) => output.record === record))?.offset ??
      this.#deadLetters.find((letter) => letter.record === record)?.offset
    );
  }
}

import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type DeadLetterDiscarded,
  type DeadLetterReplayed,
  encodeEvent,
  type EventParked,
} from '@provider-access/events';
import { EngineUnavailable, type NewRecord } from '@provider-access/engines/log';
import type { ViewReader } from '@provider-access/engines/views';
import { INTERNAL_FAULT } from '@provider-access/intake/read';
import { base32, instant, Refusal } from '@provider-access/kernel';
import type { ServicePorts } from '@provider-access/service/http';
import { patched, PatchFault } from '../../domain/json-patch.ts';
import type { CorrectionCheck } from '../../intake/correction-check.ts';
import { type DeadLetter, findDeadLetters } from '../../projections/dead-letters.ts';
import { handledOf, type HandledPart } from '../../projections/receipts.ts';
import { expectEvents } from '../receipts/expected.ts';
import { jsonOf, originalOf } from './original.ts';
import { type Again, replayedEvent } from './replayed-event.ts';
import type { Failure, Progress, Run } from './run.ts';

/** Dead letters of a step, and bytes of events after which it takes no more of them. */
const TOGETHER = 50;
const TOGETHER_BYTES = 8 * 1024 * 1024;
/** How long a step waits for the outcomes of its events, ms, and how often it looks. */
const PATIENCE_MS = 20_000;
const LOOK_MS = 100;

export interface StepOptions {
  readonly ports: Pick<ServicePorts, 'log' | 'state' | 'clock'>;
  readonly letters: ViewReader;
  readonly receipts: ViewReader;
  readonly check: Pick<CorrectionCheck, 'faultOf'>;
}
interface Sent extends Again {
  readonly of: DeadLetter;
}

/**
 * Takes the next dead letters of a run, the oldest first. It takes none that was parked after the start of the run,
 * because that may be one of its own replays. A repeated step changes nothing: a replay keeps the id of its event.
 * @returns undefined when none is left
 * @throws EngineUnavailable: then the step is repeated
 */
export async function stepOf(options: StepOptions, run: Run): Promise<Progress | undefined> {
  const { letters: reader } = options;
  const found = await findDeadLetters(reader, {
    status: 'open',
    cause: run.cause,
    after: run.after,
    limit: TOGETHER,
  });
  const letters = found.filter(({ letter }) => letter.parkedAt <= run.startedAt);
  if (letters.length === 0) return undefined;
  return run.action === 'discard' ? discarded(options, run, letters) : replayed(options, run, letters);
}

const placeOf = ({ id, letter }: DeadLetter): Progress['after'] => ({ at: letter.parkedAt, id });

async function discarded({ ports }: StepOptions, run: Run, letters: readonly DeadLetter[]): Promise<Progress> {
  await note(ports, 'pa.dead-letter-discarded.v1', letters, ({ id }): DeadLetterDiscarded => ({
    ...{ deadLetter: id, by: run.by, at: instant(ports.clock.now()) },
    reason: run.why ?? '',
  }));
  const after = placeOf(letters.at(-1)!);
  return { taken: letters.length, counts: { discarded: letters.length }, failures: [], ...(after && { after }) };
}

async function replayed(options: StepOptions, run: Run, letters: readonly DeadLetter[]): Promise<Progress> {
  const { ports } = options;
  const receipt = `r-${base32(randomBytes(16))}`;
  const failures: Failure[] = [];
  const sent: Sent[] = [];
  let last: DeadLetter | undefined;
  let taken = 0;
  for (let bytes = 0; taken < letters.length && bytes < TOGETHER_BYTES; taken += 1) {
    last = letters[taken]!;
    const made = await eventOf(options, run, last, receipt);
    if ('deadLetter' in made) failures.push(made);
    else {
      sent.push(made);
      bytes += made.record.value.length;
    }
  }
  const places = await appendAll(ports, sent);
  if (sent.length > 0) await expectEvents(ports, receipt, sent.length);
  const resolved = sent.map((one, i) => ({ ...one.of, sent: one, place: places[i]! }));
  await note(ports, 'pa.dead-letter-replayed.v1', resolved, ({ id, sent: { event }, place }): DeadLetterReplayed => ({
    ...{ deadLetter: id, by: run.by, corrected: run.isCorrected, event, place },
    at: instant(ports.clock.now()),
  }));
  const { counts, parked } = await outcomesOf(options, receipt, sent);
  const failed = failures.length;
  const after = placeOf(last!);
  return {
    taken,
    counts: { ...counts, ...(failed > 0 && { failed }) },
    failures: [...failures, ...parked],
    ...(after && { after }),
  };
}

/** The event that replays a dead letter, or why there is none. Nothing is sent that intake would refuse at once. */
async function eventOf(
  { ports, check }: StepOptions,
  { patch }: Run,
  of: DeadLetter,
  pareceipt: string,
): Promise<Sent | Failure> {
  const { id: deadLetter, letter } = of;
  try {
    const original = await originalOf(ports.log, letter);
    if (original === undefined)
      return { deadLetter, reason: 'gone', detail: 'the log no longer has the original event' };
    const extensions = { pareplayof: deadLetter, paattempt: String(letter.attempt + 1), pareceipt };
    const again = replayedEvent(original, patch && correctedBy(original, patch), extensions);
    const fault = await check.faultOf(again.topic, again.record);
    return fault === undefined ? { ...again, of } : { deadLetter, ...fault };
  } catch (error) {
    if (error instanceof EngineUnavailable) throw error;
    if (error instanceof PatchFault || error instanceof Refusal)
      return { deadLetter, reason: 'correction', detail: error.message };
    return { deadLetter, ...INTERNAL_FAULT };
  }
}

function correctedBy(original: EventParked, patch: NonNullable<Run['patch']>): unknown {
  const json = jsonOf(original);
  if (json === undefined) throw new PatchFault('the event is not JSON, so that no change fits it');
  return patched(json, patch);
}

type Ports = StepOptions['ports'];
type Place = DeadLetterReplayed['place'];

/** Appends the events to their topics. @returns the place of each */
async function appendAll({ log }: Ports, sent: readonly Again[]): Promise<readonly Place[]> {
  const places = new Map<Again, Place>();
  for (const [topic, some] of Map.groupBy(sent, (one) => one.topic)) {
    const appended = await log.append(
      topic,
      some.map(({ record }) => record),
    );
    some.forEach((one, i) => places.set(one, { topic, ...pick(appended[i]!) }));
  }
  return sent.map((one) => places.get(one)!);
}
const pick = ({ partition, offset }: { readonly partition: number; readonly offset: number }) => ({
  partition,
  offset,
});

/** Records what became of dead letters, each in its own topic. */
async function note<L extends DeadLetter>(
  { log }: Ports,
  type: string,
  letters: readonly L[],
  dataOf: (letter: L) => DeadLetterReplayed | DeadLetterDiscarded,
): Promise<void> {
  for (const [topic, some] of Map.groupBy(letters, ({ letter }) => letter.place.topic)) {
    const records = some.map((letter): NewRecord => {
      const data = dataOf(letter);
      return encodeEvent({ id: randomUUID(), source: '/resources', type, time: data.at, subject: letter.id, data });
    });
    await log.append(topic, records);
  }
}

/** Waits for the outcomes of the events, and names those that became dead letters again. */
async function outcomesOf(
  { receipts }: StepOptions,
  receipt: string,
  sent: readonly Sent[],
): Promise<{ readonly counts: Record<string, number>; readonly parked: readonly Failure[] }> {
  if (sent.length === 0) return { counts: {}, parked: [] };
  const until = performance.now() + PATIENCE_MS;
  let parts = await handledOf(receipts, receipt);
  while (sumOf(parts) < sent.length && performance.now() < until) {
    await delay(LOOK_MS);
    parts = await handledOf(receipts, receipt);
  }
  const pending = sent.length - sumOf(parts);
  const counts: Record<string, number> = pending > 0 ? { pending } : {};
  for (const part of parts)
    for (const [outcome, n] of Object.entries(part.counts)) counts[outcome] = (counts[outcome] ?? 0) + n;
  const letters = new Map(sent.map(({ event, of }) => [event, of.id]));
  const parked = parts
    .flatMap(({ items }) => items)
    .filter(({ outcome }) => outcome === 'parked')
    .map(({ event, reason = '', deadLetter }): Failure => ({
      deadLetter: letters.get(event) ?? '',
      reason,
      ...(deadLetter !== undefined && { again: deadLetter }),
    }));
  return { counts, parked };
}

const sumOf = (parts: readonly HandledPart[]): number =>
  parts.flatMap(({ counts }) => Object.values(counts)).reduce((sum, n) => sum + n, 0);

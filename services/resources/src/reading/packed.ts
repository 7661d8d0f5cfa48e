import type { AcceptedContent } from '../domain/content.ts';
import type { CheckedResource } from '../domain/judge.ts';
import { PackedTail, roomFor } from '../domain/packed-tail.ts';
import { type Cell, FlatLines, FlatReader } from './flat-lines.ts';
import type { Reading } from './read-event.ts';

/**
 * Readings on their way between threads. The ends of the lines are bytes in one buffer, which is moved, with room for
 * the starts. Texts would be copied, and encoded in the thread that has less time.
 */
export interface PackedReadings {
  /** Of `FlatLines`. Each line but its start is in `lines`. */
  readonly readings: readonly Cell[];
  readonly lines: Uint8Array<ArrayBuffer>;
  /** Where the line of each reading begins and ends, in turn, in the order of the readings. The room is before it. */
  readonly places: readonly number[];
}

/** A reading, or what may have one. */
interface Reads {
  readonly judgement?: Reading['judgement'];
  readonly reading?: Reading;
}
type Open<T> = T extends unknown ? { -readonly [Name in keyof T]: T[Name] } : never;

function judgementOf(read: object): Open<Reading['judgement']> | undefined {
  const { reading, judgement = reading?.judgement } = read as Reads;
  return judgement;
}
function contentOf(judgement: Reading['judgement'] | undefined): Open<AcceptedContent> | undefined {
  return judgement?.kind === 'accept' || judgement?.kind === 'remove' ? judgement.content : undefined;
}

/** By type of resource: the newest one that lacks nothing of the one profile that it declares. */
const faultless = new Map<string, CheckedResource>();

/**
 * One object for all resources of a type that lack nothing, as most do. The copy of a block for the other thread has it
 * once, and the garbage collector there has one to copy.
 */
function shared(checked: CheckedResource): CheckedResource {
  const { source, type, checks } = checked;
  const [check] = checks;
  if (checks.length !== 1 || check!.lacks.length > 0) return checked;
  const known = faultless.get(type);
  if (known?.source === source && known.checks[0]!.profile === check!.profile) return known;
  faultless.set(type, checked);
  return checked;
}

/** Bytes. A larger buffer is not kept for the next block. */
const MOST_KEPT = 4 * 1024 * 1024;
let scratch = Buffer.allocUnsafeSlow(64 * 1024);

/** Moves the lines out of readings, which nobody else may have. One block of them at a time. */
export class Packer<R extends object> {
  readonly #readings = new FlatLines();
  readonly #places: number[] = [];
  #lines = scratch;
  #end = 0;

  /** The text of the line goes at once, so the garbage collector has no texts of a whole block to copy. */
  add(read: R): void {
    const judgement = judgementOf(read);
    if (judgement?.kind === 'accept') judgement.checked = shared(judgement.checked);
    this.#readings.add(read);
    const content = contentOf(judgement);
    if (content === undefined) return;
    const tail = content.tail as string;
    const from = this.#end + roomFor(content.head, content.payerUpdated);
    this.#fit(from + 3 * tail.length);
    this.#end = from + this.#lines.write(tail, from);
    this.#places.push(from, this.#end);
    content.tail = '';
  }

  packed(): PackedReadings {
    const lines = new Uint8Array(this.#end);
    lines.set(this.#lines.subarray(0, this.#end));
    if (this.#lines.byteLength <= MOST_KEPT) scratch = this.#lines;
    return { readings: this.#readings.cells, lines, places: this.#places };
  }

  #fit(bytes: number): void {
    if (bytes <= this.#lines.byteLength) return;
    const grown = Buffer.allocUnsafeSlow(2 * bytes);
    grown.set(this.#lines.subarray(0, this.#end));
    this.#lines = grown;
  }
}

export function unpacked<R extends object>({ readings: cells, lines, places }: PackedReadings): readonly R[] {
  const bytes = Buffer.from(lines.buffer, lines.byteOffset, lines.byteLength);
  const reader = new FlatReader(cells);
  const readings: R[] = [];
  let at = 0;
  let before = 0;
  while (!reader.isDone) {
    const read = reader.next() as R;
    readings.push(read);
    const content = contentOf(judgementOf(read));
    if (content === undefined) continue;
    const [from, to] = [places[at]!, places[at + 1]!];
    content.tail = new PackedTail(bytes, from, to, from - before);
    before = to;
    at += 2;
  }
  return readings;
}

import type { AcceptedContent } from '../domain/content.ts';
import type { Reading } from './read-event.ts';

/**
 * Readings on their way between threads. The lines are bytes in one buffer, which is moved. Texts would be copied, and
 * encoded in the thread that has less time.
 */
export interface PackedReadings<R> {
  /** Each line but its start is in `lines`. */
  readonly readings: readonly R[];
  readonly lines: Uint8Array<ArrayBuffer>;
  /** Where the lines end, in the order of the readings. */
  readonly ends: readonly number[];
}

/** A reading, or what may have one. */
interface Reads {
  readonly judgement?: Reading['judgement'];
  readonly reading?: Reading;
}
type Open = { -readonly [Name in keyof AcceptedContent]: AcceptedContent[Name] };

function contentOf(read: object): Open | undefined {
  const { reading, judgement = reading?.judgement } = read as Reads;
  if (judgement?.kind !== 'accept' && judgement?.kind !== 'remove') return undefined;
  return judgement.content;
}

/** Moves the lines out of the readings, which nobody else may have. */
export function packed<R extends object>(readings: readonly R[]): PackedReadings<R> {
  const contents = readings.flatMap((read) => contentOf(read) ?? []);
  const texts = contents.map(({ tail }) => tail as string);
  const lines = Buffer.from(new ArrayBuffer(texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0)));
  let end = 0;
  const ends = texts.map((text) => (end += lines.write(text, end)));
  for (const content of contents) content.tail = '';
  return { readings, lines, ends };
}

export function unpacked<R extends object>({ readings, lines, ends }: PackedReadings<R>): readonly R[] {
  let at = 0;
  let from = 0;
  for (const read of readings) {
    const content = contentOf(read);
    if (content === undefined) continue;
    const end = ends[at++]!;
    content.tail = lines.subarray(from, end);
    from = end;
  }
  return readings;
}

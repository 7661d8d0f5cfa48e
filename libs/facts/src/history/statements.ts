import type { LogRecord } from '@provider-access/engines/log';
import type { ViewReader } from '@provider-access/engines/views';
import { type DirectoryGaps, directoryGapsId, type RegistryBeginning, registryBeginningId } from './directory-gaps.ts';
import { indexOf, recordIn, subjectIn } from './rows.ts';

/** A statement as the record that it was. */
export type Row = LogRecord & { readonly recordedAt: string };

/** Rows of a page. Other work has its turn between two pages. */
export const PAGE = 250;
/** Subjects of one query. */
export const MOST_SUBJECTS = 200;
/** Statements of one query. Subjects that have more together are asked for in halves, and one alone in pages. */
const MOST_STATEMENTS = 5000;

export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
export const FOREVER = '9999-12-31T23:59:59.999Z';
const inOrder = (rows: Row[]): readonly Row[] => rows.sort((a, b) => a.partition - b.partition || a.offset - b.offset);
const placeOf = ({ partition, offset }: Row): string => `${partition}/${offset}`;
/** Each once, in the order of their topic: a record about several subjects has a row for each. */
export const together = (rows: readonly Row[]): readonly Row[] =>
  inOrder([...new Map(rows.map((row) => [placeOf(row), row])).values()]);
/** Rows in the order of their recording. Those of one instant have an order in the log. */
const byTime = (rows: Row[]): readonly Row[] =>
  rows.sort(
    (a, b) =>
      (a.recordedAt < b.recordedAt ? -1 : a.recordedAt > b.recordedAt ? 1 : 0) ||
      a.partition - b.partition ||
      a.offset - b.offset,
  );

/** Where questions about the past find what was recorded. */
export interface Statements {
  /** What was recorded about the subject by `known`, in the order of recording. */
  of(topic: string, subject: string, known: string): AsyncIterable<Row>;
  /** What was recorded about any of them by `known`, in the order of the topic. */
  ofMany(topic: string, subjects: readonly string[], known: string): Promise<readonly Row[]>;
  /** Before this instant the directory has holes (RFC 3339); '' if it has none. */
  directoryUntil(partitions: number): Promise<string>;
  /** When the oldest record of the registry was recorded that the view has read; undefined if it has read none. */
  registryFrom(partitions: number): Promise<string | undefined>;
}

/** Statements of the view, which asks for each question. */
export class StoredStatements implements Statements {
  readonly #reader: ViewReader;
  readonly #most: number;
  /** @param most statements of one query */
  constructor(reader: ViewReader, most = MOST_STATEMENTS) {
    this.#reader = reader;
    this.#most = most;
  }

  async *of(topic: string, subject: string, known: string): AsyncGenerator<Row> {
    let seen = 0;
    // Statements of one instant have an order in the log.
    let ofInstant: Row[] = [];
    const query = { index: indexOf(topic), equals: [subject], range: { lte: known }, pageSize: PAGE };
    for await (const document of this.#reader.scan(query)) {
      const row = recordIn(document, topic);
      if (ofInstant.length > 0 && ofInstant[0]!.recordedAt !== row.recordedAt) {
        yield* inOrder(ofInstant);
        ofInstant = [];
      }
      ofInstant.push(row);
      if ((seen += 1) % PAGE === 0) await turn();
    }
    yield* inOrder(ofInstant);
  }

  async ofMany(topic: string, subjects: readonly string[], known: string): Promise<readonly Row[]> {
    const found = await this.bySubject(topic, subjects);
    return together([...found.values()].flat().filter(({ recordedAt }) => recordedAt <= known));
  }

  /**
   * What was recorded about these subjects, by subject, whenever that was. No answer of the store has more documents
   * than one query may have.
   * @param most rows of a subject that has more than fit into a query; others have all of theirs
   */
  async bySubject(topic: string, subjects: readonly string[], most = Infinity): Promise<Map<string, Row[]>> {
    const found = new Map<string, Row[]>();
    const batches: (readonly string[])[] = [];
    for (let n = 0; n < subjects.length; n += MOST_SUBJECTS) batches.push(subjects.slice(n, n + MOST_SUBJECTS));
    for (let batch = batches.pop(); batch !== undefined; batch = batches.pop()) {
      const any = batch.map((subject) => [subject]);
      const documents = await this.#reader.having({ index: indexOf(topic), any, limit: this.#most + 1 });
      if (documents.length > this.#most) {
        const half = Math.ceil(batch.length / 2);
        if (half < batch.length) batches.push(batch.slice(half), batch.slice(0, half));
        else found.set(batch[0]!, await this.upTo(topic, batch[0]!, most));
        await turn();
        continue;
      }
      for (const document of documents) {
        const subject = subjectIn(document, topic);
        const rows = found.get(subject);
        if (rows === undefined) found.set(subject, [recordIn(document, topic)]);
        else rows.push(recordIn(document, topic));
      }
    }
    return found;
  }
  /** The first rows of a subject, in pages. */
  async upTo(topic: string, subject: string, most: number): Promise<Row[]> {
    const rows: Row[] = [];
    for await (const row of this.of(topic, subject, FOREVER)) if (rows.push(row) >= most) break;
    return rows;
  }
  async directoryUntil(partitions: number): Promise<string> {
    const gaps = await this.#reader.getMany(Array.from({ length: partitions }, (_, p) => directoryGapsId(p)));
    const until = gaps.map((document) => (document?.['directory'] as DirectoryGaps | undefined)?.until ?? '');
    return until.reduce((a, b) => (a > b ? a : b), '');
  }
  async registryFrom(partitions: number): Promise<string | undefined> {
    const read = await this.#reader.getMany(Array.from({ length: partitions }, (_, p) => registryBeginningId(p)));
    return read
      .flatMap((document) => (document?.['registry'] as RegistryBeginning | undefined)?.begins ?? [])
      .toSorted()[0];
  }
}

/**
 * Statements that one question asks for again and again, because it decides many times. What was asked for once is
 * kept. A subject with more than `most` statements is not kept, so that nobody fills the memory.
 */
export class KeptStatements implements Statements {
  readonly #stored: StoredStatements;
  readonly #most: number;
  readonly #kept = new Map<string, Map<string, readonly Row[]>>();
  #directory: Promise<string> | undefined;
  #registry: Promise<string | undefined> | undefined;

  constructor(stored: StoredStatements, most: number) {
    this.#stored = stored;
    this.#most = most;
  }

  /** Loads what was recorded about these subjects. @returns those that have too many statements to be kept */
  async load(topic: string, subjects: readonly string[]): Promise<readonly string[]> {
    const kept = this.#of(topic);
    const missing = [...new Set(subjects)].filter((subject) => !kept.has(subject));
    if (missing.length === 0) return [];
    // One row more than are kept says that there are too many.
    const found =
      missing.length === 1
        ? new Map([[missing[0]!, await this.#stored.upTo(topic, missing[0]!, this.#most + 1)]])
        : await this.#stored.bySubject(topic, missing, this.#most + 1);
    const many: string[] = [];
    for (const subject of missing) {
      const rows = found.get(subject) ?? [];
      if (rows.length > this.#most) many.push(subject);
      else kept.set(subject, byTime(rows));
    }
    await turn();
    return many;
  }
  /** Everything that is kept of a topic, by subject. */
  known(topic: string): ReadonlyMap<string, readonly Row[]> {
    return this.#of(topic);
  }
  /** Forgets these subjects. */
  forget(topic: string, subjects: readonly string[]): void {
    for (const subject of subjects) this.#of(topic).delete(subject);
  }

  async *of(topic: string, subject: string, known: string): AsyncGenerator<Row> {
    await this.load(topic, [subject]);
    const rows = this.#of(topic).get(subject);
    if (rows === undefined) return yield* this.#stored.of(topic, subject, known);
    yield* rows.filter(({ recordedAt }) => recordedAt <= known);
  }
  async ofMany(topic: string, subjects: readonly string[], known: string): Promise<readonly Row[]> {
    const many = await this.load(topic, subjects);
    const rows = subjects.flatMap((subject) => this.#of(topic).get(subject) ?? []);
    const others = many.length === 0 ? [] : await this.#stored.ofMany(topic, many, known);
    return together([...rows.filter(({ recordedAt }) => recordedAt <= known), ...others]);
  }
  directoryUntil(partitions: number): Promise<string> {
    return (this.#directory ??= this.#stored.directoryUntil(partitions));
  }
  registryFrom(partitions: number): Promise<string | undefined> {
    return (this.#registry ??= this.#stored.registryFrom(partitions));
  }

  #of(topic: string): Map<string, readonly Row[]> {
    let kept = this.#kept.get(topic);
    if (kept === undefined) this.#kept.set(topic, (kept = new Map()));
    return kept;
  }
}

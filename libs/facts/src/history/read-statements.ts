import { MEMBER_TOPICS, PARTY_TOPICS, type ReadOfParties } from '../read-until.ts';
import { SUBJECTS } from './rows.ts';
import { FOREVER, type Row, type Statements } from './statements.ts';

/** How far the facts of a decision about one member had been read (ADR 0145). Offsets by topic; -1: nothing. */
export interface ReadOfDecision {
  readonly ofMember: Readonly<Record<string, number>>;
  readonly ofParties: ReadOfParties;
}

/**
 * The statements that a decision had read. Their order in the log decides about that, and no clock: a process may have
 * read one partition further than another one. Of subjects that the decision did not ask for, what was recorded by
 * `known` counts.
 */
export class ReadStatements implements Statements {
  readonly #statements: Statements;
  readonly #member: string;
  readonly #read: ReadOfDecision;
  /** When statements were recorded that had not been read, by their place. */
  readonly #unread = new Map<string, string>();

  constructor(statements: Statements, member: string, read: ReadOfDecision) {
    this.#statements = statements;
    this.#member = member;
    this.#read = read;
  }

  async *of(topic: string, subject: string, known: string): AsyncGenerator<Row> {
    const end = this.#endOf(topic, subject);
    if (end === undefined) return yield* this.#statements.of(topic, subject, known);
    for await (const row of this.#statements.of(topic, subject, FOREVER)) if (this.#isRead(row, end, known)) yield row;
  }
  async ofMany(topic: string, subjects: readonly string[], known: string): Promise<readonly Row[]> {
    const end = this.#endOf(topic, subjects[0] ?? '');
    if (end === undefined) return this.#statements.ofMany(topic, subjects, known);
    const rows = await this.#statements.ofMany(topic, subjects, FOREVER);
    return rows.filter((row) => this.#isRead(row, end, known));
  }
  directoryUntil(partitions: number): Promise<string> {
    return this.#statements.directoryUntil(partitions);
  }
  registryFrom(partitions: number): Promise<string | undefined> {
    return this.#statements.registryFrom(partitions);
  }
  unread(): readonly string[] {
    return [...new Set(this.#unread.values())].toSorted();
  }

  /** The last offset of a partition that had been read about the subject; undefined if the decision did not say. */
  #endOf(topic: string, subject: string): ((partition: number) => number) | undefined {
    const { ofMember, ofParties } = this.#read;
    if (subject === SUBJECTS.restores) return undefined;
    if (PARTY_TOPICS.has(topic) || subject.includes(' ')) return (partition) => ofParties[topic]?.[partition] ?? -1;
    return subject === this.#member && MEMBER_TOPICS.includes(topic) ? () => ofMember[topic] ?? -1 : undefined;
  }
  #isRead(row: Row, end: (partition: number) => number, known: string): boolean {
    const { topic, partition, offset, recordedAt } = row;
    if (offset <= end(partition)) return true;
    if (recordedAt <= known) this.#unread.set(`${topic}/${partition}/${offset}`, recordedAt);
    return false;
  }
}

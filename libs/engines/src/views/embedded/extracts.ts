import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Extract, Extracts, ExtractsOptions, FilledExtract } from '../extracts.ts';
import { collectionName } from '../projection.ts';
import type { Connection } from './connection.ts';
import { asFault } from './faults.ts';
import { VALUE } from '../../log/embedded/index.ts';

/** Bytes of bodies in one transaction, which holds up the event loop. */
const TOGETHER_BYTES = 1024 * 1024;

/** Extracts in the file of the views, which protects them as it protects the documents. */
export class EmbeddedExtracts implements Extracts {
  readonly #connection: () => Connection;
  readonly #options: ExtractsOptions;
  readonly #prepared = new Map<string, StatementSync>();
  #of: DatabaseSync | undefined;

  /** @param connection that of the moment */
  constructor(connection: () => Connection, options: ExtractsOptions) {
    for (const { owner, name, subject } of options.of)
      if (subject === undefined) throw new Error(`${owner}_${name}: the projection names no subject`);
    this.#connection = connection;
    this.#options = options;
  }

  async get(subject: string): Promise<Extract | undefined> {
    try {
      const builds = this.#builds();
      if (builds === undefined) return undefined;
      this.#connection().beginReading();
      const row = this.#prepare(
        `SELECT id, head, body FROM extracts WHERE subject = ${VALUE} AND name = ${VALUE} AND builds = ${VALUE}`,
      ).get(subject, this.#options.name, builds) as
        { id: number; head: string | null; body: Uint8Array | null } | undefined;
      if (row === undefined) return undefined;
      const { id, head, body } = row;
      return head === null || body === null ? { id } : { id, head: JSON.parse(head) as unknown, body };
    } catch (error) {
      throw asFault(error);
    }
  }

  async reserve(subjects: readonly string[]): Promise<void> {
    const builds = this.#builds();
    if (builds === undefined) return;
    const { name } = this.#options;
    const list = JSON.stringify(subjects);
    const among = `subject IN (SELECT value FROM json_each(?)) AND name = ${VALUE}`;
    const { known } = this.#prepare(`SELECT count(*) AS known FROM extracts WHERE ${among} AND builds = ${VALUE}`).get(
      list,
      name,
      builds,
    ) as { known: number };
    if (known === new Set(subjects).size) return;
    await this.#connection().together(subjects.length, () => {
      this.#prepare(`DELETE FROM extracts WHERE ${among} AND builds <> ?`).run(list, name, builds);
      this.#prepare('INSERT OR IGNORE INTO extracts (subject, name, builds) SELECT value, ?, ? FROM json_each(?)').run(
        name,
        builds,
        list,
      );
    });
  }

  async put(filled: readonly FilledExtract[]): Promise<number> {
    let kept = 0;
    for (let at = 0; at < filled.length;) {
      const some: FilledExtract[] = [];
      for (let bytes = 0; at < filled.length && bytes < TOGETHER_BYTES;) {
        some.push(filled[at]!);
        bytes += filled[at++]!.body.byteLength;
      }
      kept += await this.#connection().together(some.length, () => this.#fill(some));
    }
    return kept;
  }

  #fill(filled: readonly FilledExtract[]): number {
    let { total } = this.#prepare('SELECT coalesce(sum(bytes), 0) AS total FROM extracts').get() as { total: number };
    let kept = 0;
    for (const { id, head, body } of filled) {
      if (total + body.byteLength > this.#options.maxBytes) continue;
      const update = 'UPDATE extracts SET head = ?, body = ?, bytes = ? WHERE id = ? AND body IS NULL';
      if (this.#prepare(update).run(JSON.stringify(head), body, body.byteLength, id).changes === 0) continue;
      total += body.byteLength;
      kept++;
    }
    return kept;
  }

  /** Undefined as long as one of the views does not exist. */
  #builds(): string | undefined {
    const { of, form } = this.#options;
    const live = of.map((projection) => this.#connection().lookup(collectionName(projection))?.live);
    return live.includes(undefined) ? undefined : JSON.stringify([form, ...live]);
  }

  #prepare(sql: string): StatementSync {
    const { db } = this.#connection();
    if (this.#of !== db) this.#prepared.clear();
    this.#of = db;
    let statement = this.#prepared.get(sql);
    if (statement === undefined) this.#prepared.set(sql, (statement = db.prepare(sql)));
    return statement;
  }
}

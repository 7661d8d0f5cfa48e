import { bufferOf } from '@provider-access/events';
import type { Appended, EventLog, NewRecord } from '@provider-access/engines/log';
import type { AppendResult, StreamEvent, StreamHead, Streams } from '../port.ts';
import { Relay } from '../relay.ts';
import type { Outbox, OutboxEntry } from '../relay.ts';
import type { Database } from './database.ts';

interface Head {
  version: number;
  snapshot: string;
  positions: string;
}
type Positions = Record<string, number[]>;

/** Heads with their outbox. One transaction changes both, and the relay publishes afterwards. */
export class EmbeddedStreams implements Streams, Outbox {
  readonly #db: Database;
  readonly relay: Relay | undefined;
  readonly #waiters = new Set<() => void>();

  constructor(db: Database, log: EventLog | undefined) {
    this.#db = db;
    this.relay = log && new Relay(this, log);
    this.relay?.wake(); // publishes what a crash left in the outbox
  }

  #head(stream: string): Head | undefined {
    return this.#db.get<Head>('SELECT version, snapshot, positions FROM streams WHERE stream = ?', stream);
  }

  #save(stream: string, version: number, snapshot: unknown): void {
    this.#db.run(
      `INSERT INTO streams VALUES (?, ?, ?, '{}') ON CONFLICT (stream) DO UPDATE SET version = excluded.version, ` +
        'snapshot = excluded.snapshot',
      stream,
      version,
      JSON.stringify(snapshot ?? null),
    );
  }

  async load<S>(stream: string): Promise<StreamHead<S> | undefined> {
    const head = this.#head(stream);
    return head && { version: head.version, snapshot: JSON.parse(head.snapshot) as S };
  }

  async append<S>(
    stream: string,
    expectedVersion: number,
    events: readonly StreamEvent[],
    snapshot: S,
  ): Promise<AppendResult> {
    const result = await this.#db.change((): AppendResult => {
      const head = this.#head(stream);
      const actual = head?.version ?? 0;
      if (actual !== expectedVersion) return { ok: false, actual };
      const version = actual + Math.max(events.length, 1);
      this.#save(stream, version, snapshot);
      events.forEach(({ topic, record: { value, ...record } }, i) => {
        const headers = { ...record.headers, pa_stream: stream, pa_version: String(actual + 1 + i) };
        this.#db.run(
          'INSERT INTO outbox (stream, version, topic, record, value) VALUES (?, ?, ?, ?, ?)',
          stream,
          actual + 1 + i,
          topic,
          JSON.stringify({ ...record, headers }),
          bufferOf(value),
        );
      });
      return { ok: true, version };
    });
    if (result.ok) this.relay?.wake();
    return result;
  }

  async restore<S>(stream: string, version: number, snapshot: S): Promise<boolean> {
    return this.#db.change(() => {
      if ((this.#head(stream)?.version ?? 0) >= version) return false;
      this.#db.run('DELETE FROM outbox WHERE stream = ?', stream);
      this.#save(stream, version, snapshot);
      return true;
    });
  }

  async published(
    stream: string,
    version: number,
    timeoutMs: number,
  ): Promise<Readonly<Record<string, readonly number[]>> | undefined> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const head = this.#head(stream);
      if (head !== undefined && head.version >= version) {
        const open = this.#db.get('SELECT 1 FROM outbox WHERE stream = ? AND version <= ? LIMIT 1', stream, version);
        if (open === undefined) return JSON.parse(head.positions) as Positions;
      }
      const left = deadline - performance.now();
      if (left <= 0) return undefined;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(() => woken(), Math.min(left, 100));
        const woken = (): void => {
          clearTimeout(timer);
          this.#waiters.delete(woken);
          resolve();
        };
        this.#waiters.add(woken);
      });
    }
  }

  pending(limit: number): readonly OutboxEntry[] {
    const rows = this.#db.all<{
      seq: number;
      stream: string;
      version: number;
      topic: string;
      record: string;
      value: Uint8Array;
    }>('SELECT seq, stream, version, topic, record, value FROM outbox ORDER BY seq LIMIT ?', limit);
    return rows.map(({ record, value, ...row }) => ({
      ...row,
      record: { ...(JSON.parse(record) as Omit<NewRecord, 'value'>), value },
    }));
  }

  async markPublished(entries: readonly OutboxEntry[], appended: readonly Appended[]): Promise<void> {
    await this.#db.change(() => {
      entries.forEach(({ seq, stream, topic }, i) => {
        const { partition, offset } = appended[i]!;
        const positions = JSON.parse(this.#head(stream)!.positions) as Positions;
        const offsets = (positions[topic] ??= []);
        while (offsets.length <= partition) offsets.push(0);
        offsets[partition] = Math.max(offsets[partition]!, offset + 1);
        this.#db.run('UPDATE streams SET positions = ? WHERE stream = ?', JSON.stringify(positions), stream);
        this.#db.run('DELETE FROM outbox WHERE seq = ?', seq);
      });
    });
    for (const wake of [...this.#waiters]) wake();
  }
}

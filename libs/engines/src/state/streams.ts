import { bufferOf } from '@provider-access/events';
import { pause } from '../log/index.ts';
import { OverEngine, type StateEngine } from './engine.ts';
import type { AppendResult, StreamEvent, StreamHead, Streams } from './port.ts';

export class StoredStreams extends OverEngine implements Streams {
  readonly #decided: () => void;
  readonly #waiters = new Set<() => void>();

  /** Calls `decided` when there may be an event to publish. */
  constructor(engine: StateEngine, decided: () => void) {
    super(engine);
    this.#decided = decided;
  }

  async load<S>(stream: string): Promise<StreamHead<S> | undefined> {
    const [head] = await this.engine.scan('streams', { _id: stream }, { fields: ['version', 'snapshot'] });
    return head && { version: head.version, snapshot: JSON.parse(head.snapshot) as S };
  }

  /** After EngineUnavailable the decision may have been made. Load the stream before you decide again. */
  async append<S>(
    stream: string,
    expectedVersion: number,
    events: readonly StreamEvent[],
    snapshot: S,
  ): Promise<AppendResult> {
    const version = expectedVersion + Math.max(events.length, 1);
    const outbox = events.map(({ topic, record: { value, ...record } }, i) => {
      const headers = { ...record.headers, pa_stream: stream, pa_version: String(expectedVersion + 1 + i) };
      const text = JSON.stringify({ ...record, headers });
      return { version: expectedVersion + 1 + i, topic, record: text, value: bufferOf(value) };
    });
    const head = { version, snapshot: JSON.stringify(snapshot ?? null), outbox };
    const isDecided =
      expectedVersion === 0
        ? (await this.engine.insert('streams', [{ _id: stream, ...head }])).size === 0
        : (await this.engine.update('streams', [{ where: { _id: stream, version: expectedVersion }, set: head }]))
            .changed > 0;
    if (isDecided) {
      if (events.length > 0) this.#decided();
      return { ok: true, version };
    }
    const [actual] = await this.engine.scan('streams', { _id: stream }, { fields: ['version'] });
    return { ok: false, actual: actual?.version ?? 0 };
  }

  restore<S>(stream: string, version: number, snapshot: S): Promise<boolean> {
    const head = { _id: stream, version, snapshot: JSON.stringify(snapshot ?? null), outbox: [] };
    return this.engine.put('streams', head, { version: { lt: version } });
  }

  async published(
    stream: string,
    version: number,
    timeoutMs: number,
  ): Promise<Readonly<Record<string, readonly number[]>> | undefined> {
    const deadline = performance.now() + timeoutMs;
    for (let wait = 10, first = true; ; wait = Math.min(wait * 1.5, 100), first = false) {
      let away: unknown;
      try {
        const fields = ['version', 'unpublished', 'positions'] as const;
        const [head] = await this.engine.scan('streams', { _id: stream }, { fields });
        if (head !== undefined && head.version >= version && (head.unpublished ?? Infinity) > version)
          return head.positions ?? {};
        // The process that decided may have died, so this relay must publish its event.
        if (first && head !== undefined) this.#decided();
      } catch (error) {
        away = error;
      }
      const left = deadline - performance.now();
      if (left <= 0 && away !== undefined) throw away;
      if (left <= 0) return undefined;
      await this.#woken(Math.min(left, wait));
    }
  }

  async remove(prefix: string): Promise<void> {
    if (prefix === '') throw new Error('a prefix names the streams to remove');
    await this.engine.delete('streams', { _id: { gte: prefix, lt: `${prefix}\u{10FFFF}` } });
  }

  /** Notifies callers of `published`, because this process's relay has published events. */
  wake(): void {
    for (const wake of [...this.#waiters]) wake();
  }

  #woken(ms: number): Promise<void> {
    const ended = new AbortController();
    const wake = (): void => ended.abort();
    this.#waiters.add(wake);
    return pause(ms, ended.signal).finally(() => this.#waiters.delete(wake));
  }
}

import { randomUUID } from 'node:crypto';
import { dataOf } from '@provider-access/events';
import { EngineUnavailable, type EventLog, type LogRecord } from '@provider-access/engines/log';
import { eventually } from '@provider-access/testing';
import { type MongoStateOptions, openMongoState } from '../../src/state/mongo/index.ts';
import { StreamReader } from '../../src/state/contract/stream-reader.ts';
import type { State, StreamEvent } from '../../src/state/port.ts';

/** Clients of one new database. `close` closes all of them. */
export function clientsOf(uri: string): {
  database: string;
  open(options?: Partial<MongoStateOptions>): Promise<State>;
  close(): Promise<void>;
} {
  const database = `state_${randomUUID().slice(0, 8)}`;
  const opened: State[] = [];
  return {
    database,
    open: async (options = {}) => {
      const state = await openMongoState({
        uri,
        database,
        applyIndexes: true,
        relayPollMs: 5,
        relaySweepMs: 20,
        relayTtlMs: 600,
        ...options,
      });
      opened.push(state);
      return state;
    },
    close: async () => {
      await Promise.all(opened.splice(0).map((s) => s.close()));
    },
  };
}

export const proxied = (port: number): string => `mongodb://127.0.0.1:${port}/?directConnection=true`;
export const event = (n: number | string, topic = 't.decided'): StreamEvent => ({
  topic,
  record: { key: `k${n}`, partitionKey: 'one', headers: { ce_type: 'decided' }, value: JSON.stringify({ n }) },
});

/** The versions of each stream for a reader that drops duplicates. */
export async function seen(
  log: EventLog,
  topic = 't.decided',
): Promise<Map<string, { version: number; n: unknown }[]>> {
  const reader = new StreamReader();
  const streams = new Map<string, { version: number; n: unknown }[]>();
  for (let p = 0; p < (await log.partitions(topic)); p++) {
    const records: readonly LogRecord[] = await log.read(topic, p, 0, 100_000);
    for (const record of records) {
      if (!reader.isNew(record)) continue;
      const stream = record.headers['pa_stream']!;
      streams.set(stream, [
        ...(streams.get(stream) ?? []),
        {
          version: Number(record.headers['pa_version']),
          n: dataOf<{ n: unknown }>(record).n,
        },
      ]);
    }
  }
  return streams;
}

/** Repeats a call while the engine is unavailable, as callers do. Any other error fails the test. */
export async function persist<T>(call: () => Promise<T>): Promise<T> {
  const outcome = await eventually(
    () =>
      call().then(
        (value) => ({ value }),
        (error: unknown) => !(error instanceof EngineUnavailable) && { error },
      ),
    { what: 'the engine is there' },
  );
  if ('error' in outcome) throw outcome.error;
  return outcome.value;
}

/**
 * Decides n times on a stream, concurrently with other deciders. Resolves with the decisions that were acknowledged,
 * and calls `made` after each.
 */
export async function decide(
  state: State,
  stream: string,
  times: number,
  name: string,
  made?: () => void,
): Promise<{ version: number; n: string }[]> {
  const mine: { version: number; n: string }[] = [];
  for (let i = 0; mine.length < times; i++) {
    const n = `${name}${i}`;
    const head = await persist(() => state.streams.load<{ n: string }>(stream));
    try {
      const result = await state.streams.append(stream, head?.version ?? 0, [event(n)], { n });
      if (!result.ok) continue;
      mine.push({ version: result.version, n });
      made?.();
    } catch (error) {
      if (!(error instanceof EngineUnavailable)) throw error; // the outcome is unknown, so load the stream again
    }
  }
  return mine;
}

export const ascending = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);

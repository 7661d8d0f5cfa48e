import { PROGRESS_TYPE } from '@provider-access/events';
import { eventually } from '@provider-access/testing';
import { describe, expect, it } from 'vitest';
import { Derivation } from '../derivation.ts';
import { partitionFor } from '../murmur2.ts';
import { type Appended, EngineUnavailable, type EventLog, type LogRecord, type NewRecord, reached } from '../port.ts';
import { InboundProgress } from '../progress.ts';
import { record, text } from './support.ts';

const PARTITIONS = 4;
const TOPICS = ['other', 'out'];
/** The partitions that accept their records before an append fails. Kafka appends by partition, so any may. */
const TAKEN: readonly (readonly number[])[] = [
  [],
  [0],
  [1],
  [2],
  [3],
  [1, 2, 3],
  [0, 2, 3],
  [0, 1, 3],
  [0, 1, 2],
  [0, 1, 2, 3],
];

/** A fault: the number of the append within one call of the handler, and the partitions that accepted its records. */
interface Fault {
  readonly append: number;
  readonly taken: readonly number[];
}

/** A log whose n-th append fails. */
function failing(
  log: EventLog,
  { append: at, taken }: Fault,
): { readonly log: EventLog; readonly failed: () => boolean } {
  let count = 0;
  let failed = false;
  const append = async (topic: string, records: readonly NewRecord[]): Promise<readonly Appended[]> => {
    if (count++ !== at) return log.append(topic, records);
    failed = true;
    const some = records.filter((r) => taken.includes(r.partition ?? partitionFor(r.partitionKey, PARTITIONS)));
    if (some.length > 0) await log.append(topic, some);
    throw new EngineUnavailable('an append failed');
  };
  const decorated = new Proxy(log, {
    get(target, name) {
      if (name === 'append') return append;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
  return { log: decorated, failed: () => failed };
}

/** A write of several keys reaches all of them, whichever append fails, because the batch is delivered again. */
export function manyKeysContract(log: () => EventLog): void {
  describe('a write of several keys', () => {
    it('is acknowledged after it reached all, whichever append fails and whichever partitions have it', async () => {
      const keys = keysOfEachPartition();
      const faults = [0, 1, 2].flatMap((append) => TAKEN.map((taken): Fault => ({ append, taken })));
      const handlings = faults.map(() => 0);
      let struck = 0;
      // Each event becomes a record for each key in two topics, and a later event must not overtake it.
      const outputs = (n: string) =>
        TOPICS.map((topic) => ({
          topic,
          records: keys.map((key) =>
            record(key, n, { headers: { ce_type: 'test.happened.v1', ce_id: `${n}~${key}` } }),
          ),
        }));
      const subscription = await log().subscribe({
        group: 'many-keys',
        topics: ['in'],
        maxRecords: 1,
        handle: async (batch) => {
          const n = text(batch.records[0]!.value);
          const first = handlings[Number(n)]!++ === 0;
          const faulty = failing(log(), first ? faults[Number(n)]! : { append: -1, taken: [] });
          // A new instance each time, as after a crash.
          const derivation = new Derivation({
            log: faulty.log,
            deriver: 'deriver',
            progressTopic: 'out',
            topics: TOPICS,
          });
          await derivation.complete(batch, { outputs: outputs(n), outcomes: [] }).finally(() => {
            if (faulty.failed()) struck += 1;
          });
        },
      });
      await log().append(
        'in',
        faults.map((_, n) => record('one member', String(n))),
      );
      const target = await log().head(['in']);
      await eventually(async () => reached(await log().committed('many-keys', ['in']), target), {
        what: 'every event is handled',
      });
      await subscription.stop();

      expect(struck).toBe(faults.length);
      const expected = faults.map((_, n) => String(n));
      const stored = await Promise.all(TOPICS.map((topic) => everything(log(), topic)));
      for (const records of stored) {
        // Without duplicates the events are there once and in order.
        for (const key of keys)
          expect([...new Set(records.filter((r) => r.key === key).map((r) => text(r.value)))], key).toEqual(expected);
      }
      // The progress record has the offset of each output, and does not hold before all of them are read.
      const inbound = new InboundProgress(TOPICS);
      for (const r of stored.flat().filter(({ headers }) => headers['ce_type'] !== PROGRESS_TYPE)) inbound.handled(r);
      inbound.settle();
      expect(inbound.positions('deriver')).toEqual({});
      for (const r of stored.flat()) inbound.handled(r);
      inbound.settle();
      expect(reached(inbound.positions('deriver'), target)).toBe(true);
    });
  });
}

/** A key for each partition. */
function keysOfEachPartition(): readonly string[] {
  const found = new Map<number, string>();
  for (let i = 0; found.size < PARTITIONS; i++) {
    const partition = partitionFor(`id-${i}`, PARTITIONS);
    if (!found.has(partition)) found.set(partition, `id-${i}`);
  }
  return [...found.values()];
}
async function everything(log: EventLog, topic: string): Promise<readonly LogRecord[]> {
  const partitions = await Promise.all(Array.from({ length: PARTITIONS }, (_, p) => log.read(topic, p, 0, 10_000)));
  return partitions.flat();
}

import { eventually } from '@provider-access/testing';
import { describe, expect, it } from 'vitest';
import { Derivation } from '../derivation.ts';
import { InboundProgress } from '../progress.ts';
import { type Batch, type EventLog, type NewRecord, reached } from '../port.ts';
import { record, records, text, texts } from './support.ts';

/** Waiting in derived topics for a position of the inbound topic. */
export function progressContract(log: () => EventLog): void {
  const deriving = { deriver: 'deriver', progressTopic: 'out', topics: ['out', 'other'] };
  /** An output in the partition of the inbound record, one in the next partition, and one in another topic. */
  const derive = (batch: Batch): { topic: string; records: NewRecord[] }[] => [
    {
      topic: 'other',
      records: batch.records.map((r) => record(r.key, text(r.value), { partition: (batch.partition + 2) % 4 })),
    },
    {
      topic: 'out',
      records: batch.records.flatMap((r) => [
        record(r.key, text(r.value), { partition: batch.partition }),
        record(r.key, text(r.value), { partition: (batch.partition + 1) % 4 }),
      ]),
    },
  ];

  describe('progress across derived topics', () => {
    it('holds only when every output is read, after a crash in between and with a lagging reader', async () => {
      let crash = true;
      const subscription = await log().subscribe({
        group: 'deriver-intake',
        topics: ['in'],
        maxRecords: 10,
        handle: async (batch) => {
          if (crash) {
            crash = false;
            for (const { topic, records: outputs } of derive(batch)) await log().append(topic, outputs);
            throw new Error('ended here');
          }
          // A new instance each time, because the derivation needs no memory.
          await new Derivation({ log: log(), ...deriving }).complete(batch, { outputs: derive(batch), outcomes: [] });
        },
      });
      const given = records(120);
      const appended = await log().append('in', given);
      const target = await log().head(['in']);

      const inbound = new InboundProgress(['out', 'other']);
      const seen = { own: new Set<string>(), other: new Set<string>() };
      const check = (): void => {
        const at = inbound.positions('deriver')['in'] ?? [];
        given.forEach(({ value }, i) => {
          const { partition, offset } = appended[i]!;
          if ((at[partition] ?? 0) <= offset) return;
          expect(seen.other.has(String(value)), `other of ${partition}/${offset}`).toBe(true);
          for (const p of [partition, (partition + 1) % 4])
            expect(seen.own.has(`${p}/${String(value)}`), `out of ${partition}/${offset}`).toBe(true);
        });
      };
      const take = (batch: Batch): void => {
        for (const r of batch.records) {
          if (batch.topic === 'other') seen.other.add(text(r.value));
          else seen.own.add(`${batch.partition}/${text(r.value)}`);
          inbound.handled(r);
          inbound.settle();
          check();
        }
      };
      const own = await log().follow({ topics: ['out'], maxRecords: 7, handle: take });
      // The reader reads all of `out` before the first record of `other`.
      await eventually(async () =>
        (await log().committed('deriver-intake', ['in']))['in']!.every((next, p) => next === target['in']![p]),
      );
      await eventually(async () => reached(own.position(), await log().head(['out'])));
      expect(inbound.positions('deriver')['in']?.some((next) => next > 0)).toBe(false);
      const other = await log().follow({ topics: ['other'], maxRecords: 3, handle: take });
      expect(reached(inbound.positions('deriver'), target)).toBe(true);
      await Promise.all([own.stop(), other.stop(), subscription.stop()]);
    });

    it('holds at once for a reader of the progress topic alone', async () => {
      await log().append('in', records(40));
      const derivation = new Derivation({ log: log(), ...deriving });
      const subscription = await log().subscribe({
        group: 'deriver-intake',
        topics: ['in'],
        handle: (batch) =>
          derivation.complete(batch, {
            outputs: [{ topic: 'other', records: batch.records.map((r) => record(r.key)) }],
            outcomes: [],
          }),
      });
      const inbound = new InboundProgress(['out']);
      const seen: string[] = [];
      const reader = await log().follow({
        topics: ['out'],
        handle: (batch) => {
          seen.push(...texts(batch));
          for (const r of batch.records) inbound.handled(r);
          inbound.settle();
        },
      });
      const target = await log().head(['in']);
      await eventually(() => reached(inbound.positions('deriver'), target));
      await Promise.all([reader.stop(), subscription.stop()]);
    });
  });
}

import type { LogRecord } from '@provider-access/eventlog';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { evolveBatch } from './evolve.ts';
import type { StoredPart } from './store.ts';

interface Sum { sum: number }
const adding = {
  part: 'p',
  keys: (record: LogRecord) => record.key.split('+').filter((k) => k !== ''),
  evolve: (part: Sum | undefined, record: LogRecord): Sum | null => {
    if (record.headers['bad']) throw new RangeError(record.key);
    return record.headers['gone'] ? null : { sum: (part?.sum ?? 0) + 1 };
  },
};
const at = (offset: number, key: string, headers: Record<string, string> = {}): LogRecord => ({ topic: 't', partition: 0, offset, key, headers, value: new Uint8Array(), timestamp: 0 });
const batch = (...records: LogRecord[]): { topic: string; partition: number; records: LogRecord[] } => ({ topic: 't', partition: 0, records });

describe('evolveBatch', () => {
  it('makes one operation a document, with the position of its last record and the one it was read at', async () => {
    const stored = new Map<string, StoredPart>([['a', { value: { sum: 5 }, position: { 0: 1 } }]]);
    const { ops } = await evolveBatch(adding, batch(at(1, 'a'), at(2, 'a+b'), at(3, 'b'), at(4, '')), async () => stored);
    expect(ops).toEqual([
      { id: 'a', part: 'p', partition: 0, offset: 2, value: { sum: 6 }, base: { 0: 1 } },
      { id: 'b', part: 'p', partition: 0, offset: 3, value: { sum: 2 }, base: {} },
    ]);
  });

  it('leaves nothing of a record that is refused half-way, and names no key', async () => {
    const { ops, stop } = await evolveBatch(adding, batch(at(1, 'a'), at(2, 'secret+a', { bad: 'yes' }), at(3, 'a')), async () => new Map());
    expect(ops).toMatchObject([{ id: 'a', offset: 1, value: { sum: 1 } }]);
    expect(stop?.offset).toBe(2);
    expect(stop?.sentence).toMatch(/^evolve failed on t\/0 at offset 2, key sha256:[0-9a-f]{12} \(RangeError\)$/);
  });

  it('ends in the same state however the records are cut into batches and delivered again', async () => {
    const records = fc.array(fc.record({ key: fc.constantFrom('a', 'b', 'a+b'), gone: fc.boolean() }), { maxLength: 12 });
    await fc.assert(fc.asyncProperty(records, fc.array(fc.tuple(fc.nat({ max: 11 }), fc.nat({ max: 12 })), { maxLength: 6 }), async (given, cuts) => {
      const log = given.map(({ key, gone }, i) => at(i, key, gone ? { gone: 'yes' } : {}));
      const run = async (pieces: LogRecord[][]): Promise<unknown> => {
        const stored = new Map<string, StoredPart>();
        for (const piece of pieces) {
          const { ops } = await evolveBatch(adding, batch(...piece), async () => new Map(stored));
          for (const op of ops) if (op.offset > (stored.get(op.id)?.position[0] ?? -1)) stored.set(op.id, { value: op.value, position: { 0: op.offset } });
        }
        return [...stored].sort();
      };
      // Whole once; or from the start in pieces that overlap what came before, without gaps.
      const pieces: LogRecord[][] = [];
      let done = 0;
      for (const [from, to] of cuts) {
        pieces.push(log.slice(Math.min(from, done), Math.max(to, Math.min(from, done))));
        done = Math.max(done, Math.min(to, log.length));
      }
      expect(await run([...pieces, log.slice(Math.max(0, done - 2))])).toEqual(await run([log]));
    }));
  });
});

import type { LogRecord } from '../log/index.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { evolveBatch } from './evolve.ts';
import type { StoredPart } from './store.ts';

interface Sum {
  sum: number;
}
const adding = {
  part: 'p',
  keys: (record: LogRecord) => record.key.split('+').filter((k) => k !== ''),
  evolve: (part: Sum | undefined, record: LogRecord): Sum | null | undefined => {
    if (record.headers['doubles']) return part && { sum: part.sum * 2 };
    if (record.headers['bad']) throw new RangeError(record.key);
    return record.headers['gone'] ? null : { sum: (part?.sum ?? 0) + 1 };
  },
};
const at = (offset: number, key: string, headers: Record<string, string> = {}): LogRecord => ({
  topic: 't',
  partition: 0,
  offset,
  key,
  headers,
  value: new Uint8Array(),
  timestamp: 0,
});
const batch = (...records: LogRecord[]): { topic: string; partition: number; records: LogRecord[] } => ({
  topic: 't',
  partition: 0,
  records,
});

describe('evolveBatch', () => {
  it('makes one operation a document, with the position of its last record and the one it was read at', async () => {
    const stored = new Map<string, StoredPart>([['a', { value: { sum: 5 }, position: { 0: 1 } }]]);
    const { ops } = await evolveBatch(
      adding,
      batch(at(1, 'a'), at(2, 'a+b'), at(3, 'b'), at(4, '')),
      async () => stored,
    );
    expect(ops).toEqual([
      { id: 'a', part: 'p', partition: 0, offset: 2, value: { sum: 6 }, base: { 0: 1 }, begins: false },
      { id: 'b', part: 'p', partition: 0, offset: 3, value: { sum: 2 }, base: {}, begins: false },
    ]);
  });

  it('says of an operation whether its record begins the document, also where no part is read', async () => {
    const begun = async (topic: object, guess = true): Promise<unknown> => {
      const begins = ({ headers }: LogRecord) => headers['first'] === 'yes';
      const records = batch(at(2, 'a', { first: 'yes' }), at(3, 'b', { first: 'yes' }), at(4, 'b'), at(5, 'c'));
      const { ops } = await evolveBatch(
        { ...adding, begins, ...topic },
        records,
        async () => new Map(),
        undefined,
        guess,
      );
      return ops.map(({ id, begins: isNew }) => [id, isNew]);
    };
    const news = [
      ['a', true],
      ['b', false],
      ['c', false],
    ];
    expect(await begun({})).toEqual(news);
    expect(await begun({ blind: true })).toEqual(news);
    expect(await begun({}, false)).toEqual(news.map(([id]) => [id, false]));
  });

  it('loads no document for a record that begins it, unless another record of the batch changes it', async () => {
    const loads: (readonly string[])[] = [];
    const beginning = { ...adding, begins: ({ headers }: LogRecord) => headers['first'] === 'yes' };
    const stored = new Map<string, StoredPart>([['b', { value: { sum: 5 }, position: { 0: 1 } }]]);
    const evolved = async (guess: boolean, ...records: LogRecord[]): Promise<unknown> => {
      loads.splice(0);
      const found = async (ids: readonly string[]) => {
        loads.push(ids);
        return new Map(ids.flatMap((id) => (stored.has(id) ? [[id, stored.get(id)!] as const] : [])));
      };
      return (await evolveBatch(beginning, batch(...records), found, undefined, guess)).ops.map(({ value }) => value);
    };
    const first = { first: 'yes' };
    expect(await evolved(true, at(2, 'a', first), at(3, 'b', first))).toEqual([{ sum: 1 }, { sum: 1 }]);
    expect(loads).toEqual([[]]);
    expect(await evolved(true, at(2, 'a', first), at(3, 'b', first), at(4, 'b'))).toEqual([{ sum: 1 }, { sum: 7 }]);
    expect(loads).toEqual([['b']]);
    expect(await evolved(false, at(2, 'a', first), at(3, 'b', first))).toEqual([{ sum: 1 }, { sum: 6 }]);
    expect(loads).toEqual([['a', 'b']]);
    // A record that leaves a missing part as it is might change a stored one.
    expect(await evolved(true, at(2, 'a', first), at(3, 'b', { ...first, doubles: 'yes' }))).toEqual([
      { sum: 1 },
      { sum: 10 },
    ]);
    expect(loads).toEqual([[], ['a', 'b']]);
    // Nor does a record that fails with a missing part say that it fails with a stored one.
    await evolved(true, at(2, 'a', { ...first, bad: 'yes' }));
    expect(loads).toEqual([[], ['a'], ['~passed-over']]);
  });

  it('works out only the documents that it is asked for', async () => {
    const loads: (readonly string[])[] = [];
    const load = async (ids: readonly string[]) => (loads.push(ids), new Map<string, StoredPart>());
    const records = batch(at(2, 'a'), at(3, 'a+b'), at(4, 'c'));
    const { ops } = await evolveBatch(adding, records, load, undefined, false, new Set(['b']));
    expect(ops).toMatchObject([{ id: 'b', part: 'p', partition: 0, offset: 3, value: { sum: 1 }, base: {} }]);
    expect(loads).toEqual([['b']]);
  });

  const bad = { bad: 'yes' };
  const load = async (): Promise<Map<string, StoredPart>> => new Map();

  it('passes over a record at which evolve throws half-way: nothing of it is left, and no key is named', async () => {
    const { ops, stop, passedOver } = await evolveBatch(
      adding,
      batch(at(1, 'a'), at(2, 'secret+a', bad), at(3, 'a')),
      load,
    );
    expect(ops.slice(0, -1)).toMatchObject([
      { id: 'a', offset: 3, value: { sum: 1 } },
      { id: 'secret', offset: 2, value: null },
    ]);
    expect(ops.at(-1)).toEqual({
      id: '~passed-over',
      part: 'p',
      partition: 0,
      offset: 2,
      base: {},
      value: { passedOver: { records: 1, since: 0 } },
    });
    expect(stop).toBeUndefined();
    expect(passedOver).toEqual([
      {
        offset: 2,
        timestamp: 0,
        sentence: expect.stringMatching(
          /^evolve failed on t\/0 at offset 2, key sha256:[0-9a-f]{12} \(RangeError\)$/,
        ) as string,
      },
    ]);
  });

  it('counts each passed-over record once, in any order of partitions', async () => {
    const known = new Map<string, StoredPart>([
      ['~passed-over', { value: { passedOver: { records: 3, since: 5 } }, position: { 0: 2, 1: 7 } }],
    ]);
    const { ops } = await evolveBatch(adding, batch(at(2, 'a', bad), at(3, 'b', bad)), async () => known);
    expect(ops.at(-1)).toMatchObject({
      id: '~passed-over',
      offset: 3,
      base: { 0: 2, 1: 7 },
      value: { passedOver: { records: 4, since: 0 } },
    });
    const again = await evolveBatch(adding, batch(at(2, 'a', bad)), async () => known);
    expect(again.ops.filter(({ id }) => id === '~passed-over')).toEqual([]);
  });

  it('calls failed with the part, and without it if the part itself cannot be used', async () => {
    const parts = new Map<string, StoredPart>([
      ['a', { value: { sum: 5 }, position: { 0: 1 } }],
      ['b', { value: 'nonsense', position: { 0: 1 } }],
    ]);
    const failed = (part: Sum | undefined): Sum => ({ sum: part === undefined ? -1 : part.sum.valueOf() });
    const { ops } = await evolveBatch({ ...adding, failed }, batch(at(2, 'a+b', bad)), async () => parts);
    expect(ops.map(({ id, value }) => [id, value])).toEqual([
      ['a', { sum: 5 }],
      ['b', { sum: -1 }],
      ['~passed-over', expect.anything()],
    ]);
    const afresh = await evolveBatch({ ...adding, failed }, batch(at(2, 'a')), async () => parts, 'afresh');
    expect(afresh.ops[0]).toMatchObject({ id: 'a', value: { sum: -1 } });
  });

  it('stops in front of a record that cannot even be passed over; progress behind it does not count', async () => {
    const failed = (): never => {
      throw new TypeError('no');
    };
    const { ops, stop, passedOver } = await evolveBatch(
      { ...adding, failed },
      batch(at(1, 'a'), at(2, 'secret+a', bad), at(3, 'a')),
      load,
    );
    expect(ops).toMatchObject([{ id: 'a', offset: 1, value: { sum: 1 } }]);
    expect([stop?.offset, passedOver]).toEqual([2, []]);
    expect(stop?.sentence).not.toContain('secret');
  });

  it('passes over a record without a readable key, and an unreadable progress record', async () => {
    const keys = (record: LogRecord): readonly string[] => {
      if (record.headers['bad']) throw new SyntaxError(record.key);
      return [record.key];
    };
    const unreadable = { ...at(3, 'progress'), headers: { ce_type: 'pa.progress.v1' }, value: Buffer.from('{') };
    const { ops, progress, stop } = await evolveBatch(
      { ...adding, keys },
      batch(at(1, 'a', bad), at(2, 'b'), unreadable),
      load,
    );
    expect(ops).toMatchObject([
      { id: 'b', value: { sum: 1 } },
      { id: '~passed-over', value: { passedOver: { records: 2 } } },
    ]);
    expect([progress, stop]).toEqual([[], undefined]);
  });

  it('ends in the same state however the records are cut into batches and delivered again', async () => {
    const records = fc.array(fc.record({ key: fc.constantFrom('a', 'b', 'a+b'), gone: fc.boolean() }), {
      maxLength: 12,
    });
    await fc.assert(
      fc.asyncProperty(
        records,
        fc.array(fc.tuple(fc.nat({ max: 11 }), fc.nat({ max: 12 })), { maxLength: 6 }),
        async (given, cuts) => {
          const log = given.map(({ key, gone }, i) => at(i, key, gone ? { gone: 'yes' } : {}));
          const run = async (pieces: LogRecord[][]): Promise<unknown> => {
            const stored = new Map<string, StoredPart>();
            for (const piece of pieces) {
              const { ops } = await evolveBatch(adding, batch(...piece), async () => new Map(stored));
              for (const op of ops)
                if (op.offset > (stored.get(op.id)?.position[0] ?? -1))
                  stored.set(op.id, { value: op.value, position: { 0: op.offset } });
            }
            return [...stored].sort();
          };
          // Either all records at once, or from the start in pieces that overlap and leave no gap.
          const pieces: LogRecord[][] = [];
          let done = 0;
          for (const [from, to] of cuts) {
            pieces.push(log.slice(Math.min(from, done), Math.max(to, Math.min(from, done))));
            done = Math.max(done, Math.min(to, log.length));
          }
          expect(await run([...pieces, log.slice(Math.max(0, done - 2))])).toEqual(await run([log]));
        },
      ),
    );
  });
});

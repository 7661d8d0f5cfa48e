import { describe, expect, it } from 'vitest';
import { parsedLately, parsedOnce } from './parsed-once.ts';
import type { LogRecord } from './port.ts';

const recordAt = (offset: number, value = '{}', partition = 0): LogRecord => ({
  ...{ topic: 't', partition, offset, key: 'k', headers: {}, timestamp: 0 },
  value: Buffer.from(value),
});
function counting(): { readonly parse: (record: LogRecord) => object; readonly count: () => number } {
  let parses = 0;
  const parse = ({ offset, partition }: LogRecord): object => {
    parses += 1;
    return { offset, partition };
  };
  return { parse, count: () => parses };
}

describe.each([
  ['parsedOnce', parsedOnce],
  ['parsedLately', parsedLately],
])('%s', (_name, remember) => {
  it('parses each record of a batch once, for each reader of it', () => {
    const { parse, count } = counting();
    const parsed = remember(parse);
    const batch = Array.from({ length: 1000 }, (_, n) => recordAt(5000 + n));
    const first = batch.map(parsed);
    expect(batch.map(parsed)).toEqual(first);
    expect(first.at(-1)).toEqual({ offset: 5999, partition: 0 });
    expect(count()).toBe(1000);
  });

  it('tells records of the same offset apart', () => {
    const parsed = remember(counting().parse);
    const [one, other] = [recordAt(7), recordAt(7, '{}', 1)];
    expect([one, other, one].map(parsed)).toEqual([
      { offset: 7, partition: 0 },
      { offset: 7, partition: 1 },
      { offset: 7, partition: 0 },
    ]);
  });

  it('parses a large record once, whatever comes between', () => {
    const { parse, count } = counting();
    const parsed = remember(parse);
    const large = [recordAt(1, 'x'.repeat(20_000)), recordAt(1025, 'x'.repeat(20_000))];
    for (let n = 0; n < 3; n += 1) large.forEach(parsed);
    expect(count()).toBe(2);
  });
});

it('parsedLately forgets what it parsed of small records that are 1024 behind', () => {
  const { parse, count } = counting();
  const parsed = parsedLately(parse);
  const old = recordAt(0);
  for (const record of [old, recordAt(1024), old]) parsed(record);
  expect(count()).toBe(3);
});

import { textOf } from '@provider-access/events';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openEmbeddedLog } from './index.ts';

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'cut-'))));
afterEach(() => rmSync(folder, { recursive: true }));

const CALLS = 40;
const OF_A_CALL = 30;
/** Large enough for blocks, and none like another. */
const value = (call: number, i: number): string => JSON.stringify({ call, i, text: `${call} ${i} `.repeat(40) });

it('has a beginning of the calls, each whole, wherever a kill cuts the write-ahead log', async () => {
  const file = join(folder, 'log.db');
  const log = openEmbeddedLog({ file, partitions: 2 });
  await log.partitions('t');
  // What the files have before the calls is durable; a kill can cut what came after.
  const before = statSync(`${file}-wal`).size;
  for (let call = 0; call < CALLS; call++)
    await log.append(
      't',
      Array.from({ length: OF_A_CALL }, (_, i) => ({
        key: `m${i}`,
        partitionKey: `m${i}`,
        headers: {},
        value: value(call, i),
      })),
    );
  const written = readFileSync(`${file}-wal`);
  const image = join(folder, 'image.db');
  copyFileSync(file, image);
  await log.close();

  const calls = new Set<number>();
  for (let place = 0; place < 1_000; place++) {
    copyFileSync(image, file);
    writeFileSync(`${file}-wal`, written.subarray(0, before + Math.floor(((written.length - before) * place) / 999)));
    const cut = openEmbeddedLog({ file, partitions: 2 });
    const found = [...(await cut.read('t', 0, 0, 10_000)), ...(await cut.read('t', 1, 0, 10_000))].map(textOf);
    const whole = found.length / OF_A_CALL;
    expect(Number.isInteger(whole), `cut at place ${place}`).toBe(true);
    const expected = Array.from({ length: found.length }, (_, n) => value(Math.floor(n / OF_A_CALL), n % OF_A_CALL));
    expect(found.toSorted()).toEqual(expected.toSorted());
    calls.add(whole);
    // The next append goes on behind them.
    if (place % 100 === 0) {
      await cut.append('t', [{ key: 'm0', partitionKey: 'm0', headers: {}, value: 'next' }]);
      const after = [...(await cut.read('t', 0, 0, 10_000)), ...(await cut.read('t', 1, 0, 10_000))];
      expect(after.map(textOf).toSorted()).toEqual([...expected, 'next'].toSorted());
    }
    await cut.close();
  }
  // The places lie in every call.
  expect(calls.size).toBe(CALLS + 1);
});

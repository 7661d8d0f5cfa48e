import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { expect, it } from 'vitest';
import { openEmbeddedLog } from './embedded/index.ts';
import { openMemoryLog } from './memory/index.ts';
it.each([['memory', () => openMemoryLog()], ['embedded', () => openEmbeddedLog({ file: `${mkdtempSync(`${tmpdir()}/log-`)}/l.db` })]] as const)('%s', async (_n, open) => {
  const log = open();
  const got: number[] = [];
  const a = await log.append('t', Array.from({ length: 1000 }, (_, i) => ({ key: `k${i}`, partitionKey: `k${i}`, headers: { ce_type: 'x' }, value: `${i}` })));
  expect(a.length).toBe(1000);
  const f = await log.follow({ topics: ['t'], handle: (b) => { for (const r of b.records) got.push(Number(Buffer.from(r.value).toString())); } });
  expect(got.length).toBe(1000);
  await f.stop();
  await new Promise<void>(async (resolve) => { let n = 0; await log.subscribe({ group: 'g', topics: ['t'], maxRecords: 100, handle: async (b) => { n += b.records.length; if (n === 1001) resolve(); } }); await log.append('t', [{ key: 'a', partitionKey: 'a', headers: {}, value: 'x' }]); });
  await log.close();
});

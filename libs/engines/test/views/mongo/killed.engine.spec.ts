import { eventually, type Mongo, startMongo } from '@provider-access/testing';
import { describe, expect, it } from 'vitest';
import { EngineUnavailable, type EventLog, type NewRecord } from '@provider-access/engines/log';
import { openMemoryLog } from '@provider-access/engines/log/memory';
import { record, totals } from '../../../src/views/contract/fixture.ts';
import { openMongoViews } from '../../../src/views/mongo/index.ts';
import type { Views } from '../../../src/views/port.ts';
import { ProjectionSet } from '../../../src/views/projection-set.ts';
import { testDatabase } from './database.ts';

const adds = (from: number, to: number): NewRecord[] =>
  Array.from({ length: to - from }, (_, i) => record(`k${(from + i) % 101}`, { n: 1 }));

/** Two instances project while the server is killed (-9) and started again. Their view equals a rebuilt one. */
async function killing(
  mongo: Mongo,
  work: (log: EventLog, views: readonly Views[], sets: readonly ProjectionSet[]) => Promise<number>,
): Promise<void> {
  const database = await testDatabase(mongo.uri);
  const options = { ...database.options, serverSelectionTimeoutMs: 2500, socketTimeoutMs: 2000 };
  const views = await Promise.all([openMongoViews(options), openMongoViews(options)]);
  const log = openMemoryLog({ partitions: 4 });
  const sets = views.map(
    (v) => new ProjectionSet({ log, views: v, projections: [totals], maxRecords: 40, verifyMs: 600_000 }),
  ); // new connections show that the server was away
  try {
    for (const set of sets) await set.start();
    const written = await work(log, views, sets);
    const reader = views[1]!.reader(totals);
    await eventually(async () => reader.waitFor(await log.head(['t.left']), 1000).catch(() => false));
    const found = await reader.find({ index: 'by_sum', limit: 200 });
    expect(found.reduce((sum, d) => sum + (d['left'] as { sum: number }).sum, 0)).toBe(written);
    expect(await rebuilt(sets[0]!)).toMatchObject({ equal: true });
  } finally {
    for (const set of sets) await set.stop();
    for (const v of views) await v.close();
    await log.close();
    await database.drop();
    await mongo.stop();
  }
}

/** A write on a closed connection throws EngineUnavailable, and a repeated call continues the rebuild. */
async function rebuilt(set: ProjectionSet): Promise<unknown> {
  for (;;) {
    try {
      return await set.rebuild('totals', { graceMs: 0 });
    } catch (error) {
      if (!(error instanceof EngineUnavailable)) throw error;
    }
  }
}

describe('mongo: killed', () => {
  it('loses no write that a journalling server acknowledged, and continues when it is back', async () => {
    const mongo = await startMongo();
    await killing(mongo, async (log, views) => {
      for (let i = 0; i < 2; i++) {
        await log.append('t.left', adds(i * 200, i * 200 + 100));
        const acknowledged = await log.head(['t.left']);
        await eventually(() =>
          views[0]!
            .reader(totals)
            .waitFor(acknowledged, 500)
            .catch(() => false),
        );
        await log.append('t.left', adds(i * 200 + 100, i * 200 + 200));
        await mongo.kill();
        await mongo.start();
        // The store still has it, without reading the log again.
        await eventually(() =>
          views[0]!
            .reader(totals)
            .waitFor(acknowledged, 0)
            .catch(() => false),
        );
      }
      return 400;
    });
  });

  it('reads records again from the log that a server without a journal lost', async () => {
    const mongo = await startMongo({ sync: false });
    await killing(mongo, async (log, views) => {
      for (let i = 0; i < 3; i++) {
        await log.append('t.left', adds(i * 300, i * 300 + 300));
        await eventually(
          async () =>
            (
              await views[0]!
                .reader(totals)
                .position()
                .catch(() => undefined)
            )?.topics['t.left']?.some((next) => next > i * 75 + 30) ?? false,
        );
        await mongo.kill();
        await mongo.start();
      }
      return 900;
    });
  });
});

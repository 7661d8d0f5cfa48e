import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '@provider-access/testing';
import { describe, expect, test } from 'vitest';
import type { EventLog, Loss } from '../port.ts';
import { openEmbeddedLog } from './index.ts';

const given = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => ({
    key: `${from + i}`,
    partitionKey: 'k',
    headers: {},
    value: String(from + i),
  }));

/** A log that can be opened again. A process that does not know the group causes a loss by a trim. */
const make = (): { open(): EventLog; end(): void } => {
  const folder = mkdtempSync(join(tmpdir(), 'losses-'));
  return {
    open: () => openEmbeddedLog({ file: join(folder, 'log.db'), partitions: 1, backoff: { firstMs: 1, maxMs: 5 } }),
    end: () => rmSync(folder, { recursive: true }),
  };
};

describe('embedded: records that retention removed before a group read them', () => {
  test('stop the group until the loss is accepted, also after a restart; then it reads on', async () => {
    const engine = make();
    let log = engine.open();
    await log.append('t', given(0, 3));
    const seen: string[] = [];
    const first = await log.subscribe({
      group: 'g',
      topics: ['t'],
      handle: async ({ records }) => void seen.push(...records.map(({ key }) => key)),
    });
    await eventually(() => seen.length === 3);
    await first.stop();
    await log.append('t', given(3, 6));
    await log.close();
    // This process does not know of the group.
    log = engine.open();
    await log.trim!('t', Infinity);
    await log.append('t', given(6, 8));
    const lost = { group: 'g', topic: 't', partition: 0, from: 3, to: 6, begun: true };
    expect(await log.losses('g', ['t'])).toEqual([lost]);
    expect(await log.losses('others', ['t'])).toEqual([]);

    let accepts = false;
    const asked: Loss[] = [];
    const begin = () =>
      log.subscribe({
        group: 'g',
        topics: ['t'],
        handle: async ({ records }) => void seen.push(...records.map(({ key }) => key)),
        accepted: async (loss) => (asked.push(loss), accepts),
      });
    let again = await begin();
    await eventually(() => asked.length > 2);
    expect(asked).toEqual(asked.map(() => lost));
    expect(again.failure()).toBe(
      't/0: retention removed records 3 to 5 before this group had read them; `pa topics accept-loss` goes on ' +
        'without them',
    );
    await again.stop();
    again = await begin();
    await eventually(() => again.failure() !== undefined);
    expect(seen).toEqual(['0', '1', '2']);
    accepts = true;
    await eventually(() => seen.length === 5);
    expect(seen).toEqual(['0', '1', '2', '6', '7']);
    expect(again.failure()).toBeUndefined();
    expect(await log.losses('g', ['t'])).toEqual([]);
    await again.stop();
    await log.close();
    engine.end();
  });

  test('end the loss also where nothing is left, and do not stop a group that is new', async () => {
    const engine = make();
    let log = engine.open();
    await log.append('t', given(0, 1));
    const first = await log.subscribe({ group: 'g', topics: ['t'], handle: () => Promise.resolve() });
    await eventually(async () => (await log.committed('g', ['t']))['t']![0] === 1);
    await first.stop();
    await log.append('t', given(1, 4));
    await log.close();
    log = engine.open();
    await log.trim!('t', Infinity);
    const standing = await log.subscribe({ group: 'g', topics: ['t'], handle: () => Promise.resolve() });
    await eventually(() => standing.failure() !== undefined);
    await standing.stop();
    const accepted = await log.subscribe({
      group: 'g',
      topics: ['t'],
      handle: () => Promise.resolve(),
      accepted: async () => true,
    });
    await eventually(async () => expect(await log.losses('g', ['t'])).toEqual([]));
    const seen: string[] = [];
    const fresh = await log.subscribe({
      group: 'new',
      topics: ['t'],
      handle: async ({ records }) => void seen.push(...records.map(({ key }) => key)),
    });
    await log.append('t', given(4, 5));
    await eventually(() => expect(seen).toEqual(['4']));
    await Promise.all([accepted.stop(), fresh.stop()]);
    await log.close();
    engine.end();
  });
});

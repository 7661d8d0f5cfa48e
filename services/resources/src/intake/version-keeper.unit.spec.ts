import { expect, it } from 'vitest';
import { PA_RECORD_VERSIONS, PA_RECORDS } from '@provider-access/events';
import { type Batch, EngineUnavailable, type NewRecord, RecordTooLarge } from '@provider-access/engines/log';
import type { StoredRecord } from '@provider-access/records';
import { silentLogger } from '@provider-access/service/observability';
import { type Superseded, VersionKeeper } from './version-keeper.ts';

const BATCH: Batch = { topic: 'payer.member-events', partition: 0, records: [] };
const superseded = (id: string, versionId = 1, line?: string): Superseded => ({
  id: `m1/Condition/${id}`,
  about: { member: 'm1', type: 'Condition', id },
  head: { versionId, lastUpdated: 1000 },
  at: 2000,
  line: line === undefined ? undefined : Buffer.from(line),
});
interface World {
  /** The versionId that the view has for each id, at each look. */
  readonly views?: Readonly<Record<string, number>>[];
  readonly caughtUp?: boolean;
  readonly tooLarge?: string;
}
function keeping({ views = [{}], caughtUp = true, tooLarge }: World) {
  const appended: string[] = [];
  const loads: number[] = [];
  const keeper = new VersionKeeper({
    logger: silentLogger,
    log: {
      head: () => Promise.resolve({ [PA_RECORDS]: [1] }),
      append: (topic: string, records: readonly NewRecord[]) => {
        expect(topic).toBe(PA_RECORD_VERSIONS);
        const index = records.findIndex(({ key }) => key === tooLarge);
        if (index >= 0) return Promise.reject(new RecordTooLarge('too large', index));
        appended.push(...records.map(({ key, value }) => `${key} ${String(JSON.parse(String(value)).line)}`));
        return Promise.resolve([]);
      },
    },
    reader: {
      views: { records: { waitFor: () => Promise.resolve(caughtUp) } } as never,
      load: (ids: readonly string[]) => {
        loads.push(ids.length);
        const view = views[Math.min(loads.length, views.length) - 1]!;
        return Promise.resolve(
          ids.map((id) => {
            const versionId = view[id];
            return versionId === undefined
              ? undefined
              : ({ versionId, line: Buffer.from(`line ${versionId}`) } as unknown as StoredRecord);
          }),
        );
      },
    },
  });
  return { keeper, appended, loads };
}

it('reads nothing if the line is in memory, and all others of a step in one query', async () => {
  const { keeper, appended, loads } = keeping({ views: [{ 'm1/Condition/b': 1, 'm1/Condition/c': 1 }] });
  await keeper.keep(BATCH, [superseded('a', 1, 'own')]);
  expect(loads).toEqual([]);
  await keeper.keep(BATCH, [superseded('b'), superseded('a', 1, 'own'), superseded('c')]);
  expect(loads).toEqual([2]);
  expect(appended).toEqual([
    'm1/Condition/a own',
    'm1/Condition/b line 1',
    'm1/Condition/a own',
    'm1/Condition/c line 1',
  ]);
});
it('waits for a view that is behind, and gives the batch back if the view stays there', async () => {
  const views = [{ 'm1/Condition/b': 1 }, { 'm1/Condition/b': 2 }];
  const { keeper, appended } = keeping({ views });
  await keeper.keep(BATCH, [superseded('b', 2)]);
  expect(appended).toEqual(['m1/Condition/b line 2']);
  for (const world of [{ views: [views[0]!] }, { views, caughtUp: false }])
    await expect(keeping(world).keeper.keep(BATCH, [superseded('b', 2)])).rejects.toThrow(EngineUnavailable);
});
it('leaves a version to the instance that replaced it, and appends nothing for a lost partition', async () => {
  const { keeper, appended } = keeping({ views: [{ 'm1/Condition/b': 3 }] });
  await keeper.keep(BATCH, [superseded('b', 2)]);
  expect(appended).toEqual([]);
  const lost = { ...BATCH, owned: () => false };
  await expect(keeper.keep(lost, [superseded('a', 1, 'own')])).rejects.toThrow(EngineUnavailable);
});
it('takes the update although the log does not accept the version before it any more', async () => {
  const { keeper, appended } = keeping({ tooLarge: 'm1/Condition/large' });
  await keeper.keep(BATCH, [superseded('a', 1, 'x'), superseded('large', 1, 'y'), superseded('b', 1, 'z')]);
  expect(appended).toEqual(['m1/Condition/a x', 'm1/Condition/b z']);
});

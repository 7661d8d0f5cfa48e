import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PA_RECORD_VERSIONS, textOf } from '@provider-access/events';
import { versions, VersionsReader } from '@provider-access/records';
import { ProjectionSet } from '@provider-access/engines/views';
import { openMemoryViews } from '@provider-access/engines/views/memory';
import { condition, House, type Loose } from '../../test/harness.ts';
import { expireVersions } from '../projections/expire-versions.ts';
import { countedViews } from '../../test/counted-views.ts';

const DAY = 86_400_000;

describe('superseded versions', () => {
  let house: House;
  const statements: string[] = [];
  beforeAll(async () => {
    house = await House.open({ views: countedViews(openMemoryViews(), statements) });
  });
  afterAll(() => house.close());

  const said = (id: string, text: string, at: number, member = 'm1') => ({
    subject: member,
    time: new Date(Date.UTC(2025, 0, 1, 0, 0, at)).toISOString(),
    resource: condition(member, id, { code: { text } }),
  });
  const removal = (id: string, at: number) => ({
    type: 'payer.resource-deleted.v1',
    time: new Date(Date.UTC(2025, 0, 1, 0, 0, at)).toISOString(),
    data: { resourceType: 'Condition', id },
  });
  /** What the topic says of a resource, in its order. */
  const keptOf = async (key: string): Promise<Loose[]> => {
    const { [PA_RECORD_VERSIONS]: heads } = await house.log.head([PA_RECORD_VERSIONS]);
    const found: Loose[] = [];
    for (const [partition, head] of heads!.entries())
      if (head > 0)
        for (const record of await house.log.read(PA_RECORD_VERSIONS, partition, 0, head))
          if (record.key === key) found.push(JSON.parse(textOf(record)));
    return found;
  };
  const texts = (versions: readonly Loose[]): unknown[] =>
    versions.map(({ versionId, line, reason }) => [
      versionId,
      line === undefined ? reason : JSON.parse(line).code.text,
      line === undefined ? undefined : JSON.parse(line).meta.versionId,
    ]);

  it('keeps each version that another one replaces: in a batch, across batches, around a deletion', async () => {
    await house.publish([said('c1', 'one', 1), said('c1', 'two', 2)]);
    await house.publish([said('c1', 'three', 3)]);
    await house.settled();
    await house.publish([removal('c1', 4)]);
    await house.publish([said('c1', 'five', 5)]);
    await house.settled();
    const kept = await keptOf('m1/Condition/c1');
    expect(texts(kept)).toEqual([
      [1, 'one', '1'],
      [2, 'two', '2'],
      [3, 'three', '3'],
      [4, 'deleted', undefined],
    ]);
    const current = (await house.records.byTypeId('m1', 'Condition', 'c1'))!;
    expect(kept.map(({ supersededAt }) => supersededAt)).toEqual([
      ...kept.slice(1).map(({ lastUpdated }) => lastUpdated),
      new Date(current.lastUpdated).toISOString(),
    ]);
  });

  it('keeps nothing of a new resource, of an event that comes again, and of one that changes nothing', async () => {
    const one = { ...said('c2', 'same', 1), id: 'c2-1' };
    await house.publish([one]);
    await house.publish([one, said('c2', 'same', 2), said('c2', 'older', 0)]);
    // A removal of what never existed leaves a tombstone, which is no version.
    await house.publish([removal('c3', 1)]);
    await house.publish([said('c3', 'first', 2)]);
    await house.settled();
    expect(await keptOf('m1/Condition/c2')).toEqual([]);
    expect(await keptOf('m1/Condition/c3')).toEqual([]);
  });

  it('reads nothing more for new resources, and the replaced lines of a batch in one query', async () => {
    const ids = Array.from({ length: 20 }, (_, i) => `batch-${i}`);
    const reads = (): string[] => statements.splice(0).filter((statement) => /^records .*line/.test(statement));
    reads();
    await house.publish(ids.map((id) => said(id, 'first', 1)));
    await house.settled();
    expect(reads()).toEqual([]);
    // A restart forgets what is in flight, so the lines come from the view.
    const { RecordIntake } = await import('./record-intake.ts');
    house.app.get(RecordIntake).assigned();
    await house.publish(ids.map((id) => said(id, 'second', 2)));
    await house.settled();
    expect(reads()).toEqual(['records getMany 20 record.line']);
    expect(texts(await keptOf('m1/Condition/batch-7'))).toEqual([[1, 'first', '1']]);
  });

  it('has the same versions in a view that is built again from the log', async () => {
    const view = new VersionsReader(house.views).view;
    await view.waitFor(await house.log.head([PA_RECORD_VERSIONS]), 60_000);
    const before = await house.views.store.count(versions);
    expect(before).toBeGreaterThan(20);
    const [live] = await new VersionsReader(house.views).load('m1/Condition/c1', [2]);
    const rebuilt = await house.app.get(ProjectionSet).rebuild('versions', { graceMs: 0 });
    expect(rebuilt).toMatchObject({ equal: true, live: { count: before } });
    const [again] = await new VersionsReader(house.views).load('m1/Condition/c1', [2]);
    expect(again).toEqual(live);
    expect(JSON.parse(Buffer.from(again!.line).toString())).toMatchObject({ code: { text: 'two' } });
  });

  it('expire their time after the replacement, and not before', async () => {
    const reader = new VersionsReader(house.views);
    const [version] = await reader.list('m1/Condition/c1', { limit: 1 });
    const after = (ms: number) =>
      expireVersions({
        views: house.views,
        clock: { now: () => version!.supersededAt + ms },
        retentionMs: 400 * DAY,
      });
    await after(400 * DAY);
    expect((await reader.list('m1/Condition/c1', { limit: 9 })).map(({ versionId }) => versionId)).toEqual([4]);
    expect(await after(401 * DAY)).toBeGreaterThan(20);
    expect(await house.views.store.count(versions)).toBe(0);
  });
});

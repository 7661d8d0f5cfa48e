import { afterEach, beforeEach, expect, it } from 'vitest';
import { PA_RECORDS } from '@provider-access/events';
import { labelRules, listsOf, putInForce } from '@provider-access/domain/pdex/labels';
import { openMemoryLog } from '@provider-access/engines/log/memory';
import { openMemoryState } from '@provider-access/engines/state/memory';
import { openMemoryViews } from '@provider-access/engines/views/memory';
import { labelled, records, searchKeys } from '@provider-access/records';
import { ProjectionSet } from '@provider-access/engines/views';
import { silentLogger } from '@provider-access/service/observability';
import { Retagging } from './retagging.ts';

const OTHER = [{ ...listsOf([])[0]!, list: 'other' }];
const ASTHMA = [
  ...OTHER,
  {
    list: 'state',
    source: 'this test',
    entries: [{ system: 'ICD-10-CM', codes: ['J45.909'], label: 'urn:state|x', law: 'State law' }],
  },
];
const AT = '2025-01-01T00:00:00.000Z';
const ACCEPTED = {
  key: 'm1/Condition/c',
  partitionKey: 'm1',
  headers: { ce_type: 'pa.record-accepted.v1', ce_id: '1', ce_source: '/resources', ce_time: AT },
  value: JSON.stringify({
    ...{ member: 'm1', type: 'Condition', id: 'c', versionId: 1, lastUpdated: AT, businessTime: AT, sequence: 0 },
    ...{ contentHash: 'x', references: [], tokens: [], labels: [], line: '{"resourceType":"Condition","id":"c"}' },
  }),
};
let close: () => Promise<void>;
let world: Awaited<ReturnType<typeof open>>;

async function open() {
  const [log, views, state] = [openMemoryLog(), openMemoryViews(), openMemoryState()];
  const projections = new ProjectionSet({ log, views, projections: [records, searchKeys, labelled] });
  await projections.start();
  close = async () => {
    await projections.stop();
    await Promise.all([log.close(), views.close(), state.close()]);
  };
  const ports = { log, views, state, logger: silentLogger, projections };
  const present = (rules: unknown): Promise<void> =>
    state.presence.announce(
      'parties',
      'another',
      { position: {}, derived: {}, ...(rules !== undefined && { labelRules: rules }) },
      60_000,
    );
  return {
    ...ports,
    retagging: (beside = true) => new Retagging({ ...ports, beside }),
    present,
    alone: () => state.presence.leave('parties', 'another'),
    live: async () => (await views.store.builds(searchKeys, true))!.live,
    record: () => log.append(PA_RECORDS, [ACCEPTED]),
    /** A Condition of asthma, tagged by the rules in force at this moment, of which no list names it. */
    asthma: () => {
      const code = { coding: [{ system: 'http://hl7.org/fhir/sid/icd-10-cm', code: 'J45.909' }] };
      const data = JSON.parse(ACCEPTED.value) as object;
      const line = JSON.stringify({ resourceType: 'Condition', id: 'c', code });
      return log.append(PA_RECORDS, [
        { ...ACCEPTED, value: JSON.stringify({ ...data, labelsBy: labelRules(), line }) },
      ]);
    },
    marked: async () => (await views.reader(labelled).getMany(['m1'])).map((found) => found?.['labelled']),
  };
}
beforeEach(async () => {
  putInForce(listsOf([]));
  world = await open();
});
afterEach(async () => {
  await close();
  putInForce(listsOf([]));
});

it('builds nothing again for an empty platform, nor for one with the same list', async () => {
  const first = world.retagging();
  await first.run();
  expect([first.current, await world.live()]).toEqual([true, 1]);
  await world.record();
  const again = world.retagging();
  expect(again.current).toBe(false);
  await again.run();
  expect([again.current, await world.live()]).toEqual([true, 1]);
});

it('builds the keys and the records again for another list, once', async () => {
  await world.retagging().run();
  await world.record();
  putInForce(OTHER);
  const next = world.retagging(false);
  await next.run();
  expect([next.current, await world.live()]).toEqual([true, 2]);
  expect((await world.views.store.builds(records, true))!.live).toBe(2);
  await next.run();
  expect(await world.live()).toBe(2);
});

it('A72 names a member whom only a later list tags among the members with labels', async () => {
  await world.retagging().run();
  await world.asthma();
  await world.views.reader(labelled).waitFor(await world.log.head([PA_RECORDS]), 5000);
  expect(await world.marked()).toEqual([undefined]);
  putInForce(ASTHMA);
  await world.retagging(false).run();
  expect(await world.marked()).toEqual([{ marked: { Condition: Date.parse(AT) }, ordinary: {} }]);
});

it('does not trust keys into which a process with another list has written, also after it has gone', async () => {
  const first = world.retagging();
  await first.run();
  await world.record();
  const lease = (await world.state.leases.acquire('retagging', 'nobody builds', 60_000))!;
  putInForce(OTHER);
  await world.retagging().run();
  putInForce(listsOf([]));
  await world.state.leases.release(lease);
  const restarted = world.retagging();
  await restarted.run();
  expect([restarted.current, await world.live()]).toEqual([true, 2]);
});

it.each([
  ['another list', 'x'],
  ['an earlier release', undefined],
])('waits while a process of %s is present', async (_, rules) => {
  const ours = world.retagging();
  await world.present(labelRules());
  await ours.run();
  expect(ours.current).toBe(true);
  await world.record();
  await world.present(rules);
  await ours.run();
  expect([ours.current, await world.live()]).toEqual([false, 1]);
  await world.alone();
  await ours.run();
  expect([ours.current, await world.live()]).toEqual([true, 2]);
});

it('does not wait for a process that labels nothing', async () => {
  await world.present(null);
  const ours = world.retagging();
  await ours.run();
  expect(ours.current).toBe(true);
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PA_RECORDS, PAYER_MEMBER_EVENTS, PAYER_PROVIDER_EVENTS } from '@provider-access/events';
import type { LogRecord } from '@provider-access/engines/log';
import { SHARED } from '@provider-access/records';
import { cases } from '@provider-access/testing/variant';
import { ProjectionSet } from '@provider-access/engines/views';
import { PROJECTIONS } from '../src/projections/index.ts';
import { handledOf, receipts } from '../src/projections/receipts.ts';
import { condition } from './harness.ts';
import {
  type Fate,
  type Given,
  type Instance,
  MEMBERS,
  PARTITIONS,
  RECEIPT,
  type Step,
  time,
  World,
} from './instances-world.ts';

async function publishAll(world: World, events: readonly Given[]): Promise<void> {
  for (const [n, e] of events.entries()) {
    const common = { id: `e${n}`, time: time(e.time) };
    if (e.kind === 'shared')
      await world.publish(PAYER_PROVIDER_EVENTS, {
        ...common,
        subject: `org-${e.member}`,
        type: 'payer.provider-recorded.v1',
        resource: { resourceType: 'Organization', id: `o${e.id}`, name: `name ${e.text}` },
      });
    else if (e.kind === 'delete')
      await world.publish(PAYER_MEMBER_EVENTS, {
        ...common,
        subject: e.member,
        type: 'payer.resource-deleted.v1',
        data: { resourceType: 'Condition', id: `${e.member}-${e.id}` },
      });
    else
      await world.publish(PAYER_MEMBER_EVENTS, {
        ...common,
        subject: e.member,
        resource: condition(e.member, e.kind === 'contested' ? 'contested' : `${e.member}-${e.id}`, {
          code: { text: `text ${e.text}` },
        }),
      });
  }
}
/**
 * For each record, the events of which one must be current at the end. Of events with the same time, this is the last
 * appended one. For shared records there are several, because partitions have no common order.
 */
function newest(
  events: readonly Given[],
): Map<string, readonly { readonly event: string; readonly deleted: boolean }[]> {
  const found = new Map<string, { time: number; last: { event: string; deleted: boolean }[] }>();
  for (const [n, e] of events.entries()) {
    if (e.kind === 'contested') continue;
    const id = e.kind === 'shared' ? `${SHARED}/Organization/o${e.id}` : `${e.member}/Condition/${e.member}-${e.id}`;
    const one = { event: `e${n}`, deleted: e.kind === 'delete' };
    const known = found.get(id);
    if (known === undefined || e.time > known.time) found.set(id, { time: e.time, last: [one] });
    else if (e.time === known.time) known.last = e.kind === 'shared' ? [...known.last, one] : [one];
  }
  return new Map([...found].map(([id, { last }]) => [id, last]));
}

const given: fc.Arbitrary<Given> = fc.record({
  member: fc.constantFrom(...MEMBERS),
  id: fc.nat(1),
  time: fc.nat(6),
  text: fc.nat(3),
  kind: fc.oneof(
    { weight: 5, arbitrary: fc.constant('accept' as const) },
    { weight: 2, arbitrary: fc.constant('delete' as const) },
    { weight: 3, arbitrary: fc.constant('shared' as const) },
    { weight: 1, arbitrary: fc.constant('contested' as const) },
  ),
});
const step = (fates: readonly Fate[]): fc.Arbitrary<Step> =>
  fc.record({
    topic: fc.nat(1),
    partition: fc.nat(PARTITIONS - 1),
    instance: fc.nat(1),
    size: fc.integer({ min: 1, max: 5 }),
    fate: fc.constantFrom(...fates),
  });
const scenario = (fates: readonly Fate[]) =>
  fc.tuple(fc.array(given, { minLength: 4, maxLength: 25 }), fc.array(step(fates), { maxLength: 14 }));

async function play(
  events: readonly Given[],
  steps: readonly Step[],
  after: (world: World) => Promise<void>,
): Promise<void> {
  const world = await new World().start();
  try {
    await publishAll(world, events);
    for (const one of steps) await world.step(one);
    // Let the zombies append now, after other instances have taken over.
    await world.drain();
    for (const { instance, running } of world.zombies) {
      instance.release();
      await running;
    }
    await world.drain();
    await after(world);
  } finally {
    await world.stop();
  }
}

describe('two instances share the partitions', () => {
  it(
    'ends as one would have ended, counts every event once, and gives no version twice when one is killed between ' +
      'append and commit',
    async () => {
      await fc.assert(
        fc.asyncProperty(scenario(['commit', 'commit', 'killed', 'lost-answer']), ([events, steps]) =>
          play(events, steps, async (world) => {
            const versions = new Map<string, string>();
            for (let partition = 0; partition < PARTITIONS; partition++) {
              for (const { key, value, headers } of await world.log.read(PA_RECORDS, partition, 0, 10_000)) {
                if (!headers['ce_type']!.startsWith('pa.record-')) continue;
                const { versionId, lastUpdated, contentHash } = JSON.parse(Buffer.from(value).toString()) as {
                  versionId: number;
                  lastUpdated: string;
                  contentHash?: string;
                };
                const name = `${key} ${versionId}`;
                // A newer event with the same content keeps version and content, and raises only the order.
                expect(versions.get(name) ?? `${lastUpdated} ${contentHash}`, name).toBe(
                  `${lastUpdated} ${contentHash}`,
                );
                versions.set(name, `${lastUpdated} ${contentHash}`);
              }
            }
            await sound(world, events);
            await keepsVersions(world);
          }),
        ),
        { numRuns: cases(25) },
      );
    },
  );

  it('never goes backwards when a zombie appends after another took over', async () => {
    await fc.assert(
      fc.asyncProperty(scenario(['commit', 'zombie', 'killed']), ([events, steps]) =>
        play(
          events,
          steps.filter((s) => s.topic === 0 || s.fate !== 'zombie'),
          (world) => sound(world, events),
        ),
      ),
      { numRuns: cases(25) },
    );
  });
});

async function sound(world: World, events: readonly Given[]): Promise<void> {
  const all = new Map((await world.all()).map((r) => [`${r.member}/${r.type}/${r.id}`, r]));
  for (const [id, allowed] of newest(events))
    expect(allowed, id).toContainEqual({ event: all.get(id)?.event, deleted: all.get(id)?.deleted === true });
  const holders = [...all.values()].filter((r) => r.id === 'contested' && r.deleted !== true).map((r) => r.member);
  expect(holders).toHaveLength(events.some((e) => e.kind === 'contested') ? 1 : 0);
  expect(await world.reader.holders('Condition', 'contested')).toEqual(holders);
  const handled = await handledOf(world.views.reader(receipts), RECEIPT);
  expect(handled.flatMap((part) => Object.values(part.counts)).reduce((a, b) => a + b, 0)).toBe(events.length);
}

/** The view of versions has every version of `pa.records` that another one replaced, and its line. */
async function keepsVersions(world: World): Promise<void> {
  const written = new Map<string, Map<number, string>>();
  for (let partition = 0; partition < PARTITIONS; partition++) {
    for (const { key, value, headers } of await world.log.read(PA_RECORDS, partition, 0, 10_000)) {
      if (!headers['ce_type']!.startsWith('pa.record-')) continue;
      const data = JSON.parse(Buffer.from(value).toString()) as { versionId: number; line?: string };
      if (!written.has(key)) written.set(key, new Map());
      written.get(key)!.set(data.versionId, data.line ?? '');
    }
  }
  for (const [key, lines] of written) {
    const current = Math.max(...lines.keys());
    // A tombstone with versionId 1 removed nothing.
    const replaced = [...lines].filter(([id, line]) => id < current && (id > 1 || line !== ''));
    const kept = await world.versions.load(
      key,
      replaced.map(([id]) => id),
    );
    expect(
      kept.map((version) => version && [version.versionId, Buffer.from(version.line).toString()]),
      key,
    ).toEqual(replaced);
  }
}

describe('the work of another instance', () => {
  it('counts when versions of one shared record come to both at the same time: no version is given twice', async () => {
    const world = await new World().start();
    try {
      for (let n = 0; n < 40; n++)
        await world.publish(PAYER_PROVIDER_EVENTS, {
          subject: `org-${n % 8}`,
          time: time(n),
          type: 'payer.provider-recorded.v1',
          resource: { resourceType: 'Organization', id: 'o', name: `name ${n}` },
        });
      const [even, odd] = await Promise.all(
        [0, 1].map(async (partition) => [...(await world.log.read(PAYER_PROVIDER_EVENTS, partition, 0, 100))]),
      );
      const handle = (instance: number, record: LogRecord): Promise<void> =>
        world.instances[instance]!.intake.handle({
          topic: PAYER_PROVIDER_EVENTS,
          partition: record.partition,
          records: [record],
        });
      // Both instances have read the view. Then the view stops, and each instance writes.
      await handle(0, even!.shift()!);
      await handle(1, odd!.shift()!);
      await world.projections.stop();
      const rest = Promise.all([
        (async () => {
          for (const record of even!) await handle(0, record);
        })(),
        (async () => {
          for (const record of odd!) await handle(1, record);
        })(),
      ]);
      const again = new ProjectionSet({ log: world.log, views: world.views, projections: PROJECTIONS });
      await again.start();
      await rest;
      const versions: number[] = [];
      for (let partition = 0; partition < PARTITIONS; partition++) {
        for (const { headers, value } of await world.log.read(PA_RECORDS, partition, 0, 1000))
          if (headers['ce_type'] === 'pa.record-accepted.v1')
            versions.push((JSON.parse(Buffer.from(value).toString()) as { versionId: number }).versionId);
      }
      expect(versions.length).toBeGreaterThan(10);
      expect(versions).toEqual(versions.map((_, i) => i + 1));
      await world.reader.views.records.waitFor(await world.log.head([PA_RECORDS]), 60_000);
      await again.stop();
      expect(
        JSON.parse(Buffer.from((await world.reader.byTypeId(SHARED, 'Organization', 'o'))!.line).toString()),
      ).toMatchObject({ name: 'name 39', meta: { versionId: String(versions.length) } });
    } finally {
      await world.stop();
    }
  });

  it('is seen before a record is parked as owned by another member', async () => {
    const world = await new World().start();
    try {
      const [a, b] = world.instances as [Instance, Instance];
      const batchOf = async (from: number, member: string) => {
        for (let partition = 0; partition < PARTITIONS; partition++) {
          const list = (await world.log.read(PAYER_MEMBER_EVENTS, partition, 0, 100)).filter(
            (r) => r.key === member && r.offset >= from,
          );
          if (list.length > 0) return { topic: PAYER_MEMBER_EVENTS, partition, records: list };
        }
        throw new Error('nothing there');
      };
      await world.publish(PAYER_MEMBER_EVENTS, { subject: 'm0', time: time(1), resource: condition('m0', 'c') });
      const first = await batchOf(0, 'm0');
      await a.intake.handle(first);
      await world.reader.views.records.waitFor(await world.log.head([PA_RECORDS]), 60_000);
      await world.publish(PAYER_MEMBER_EVENTS, {
        subject: 'm0',
        time: time(2),
        type: 'payer.resource-deleted.v1',
        data: { resourceType: 'Condition', id: 'c' },
      });
      await world.publish(PAYER_MEMBER_EVENTS, { subject: 'm1', time: time(3), resource: condition('m1', 'c') });
      // The views have not passed the delete when the other instance handles its event.
      await world.projections.stop();
      await a.intake.handle(await batchOf(first.records[0]!.offset + 1, 'm0'));
      const other = b.intake.handle(await batchOf(0, 'm1'));
      const again = new ProjectionSet({ log: world.log, views: world.views, projections: PROJECTIONS });
      await again.start();
      await other;
      await world.reader.views.records.waitFor(await world.log.head([PA_RECORDS]), 60_000);
      expect(await world.reader.holders('Condition', 'c')).toEqual(['m1']);
      await again.stop();
    } finally {
      await world.log.close();
    }
  });

  it('a merge that the claims store has lost is recalled from the facts', async () => {
    const world = await new World().start();
    try {
      await world.publish(PAYER_MEMBER_EVENTS, { subject: 'm0', time: time(1), resource: condition('m0', 'c') });
      await world.publish(PAYER_MEMBER_EVENTS, { subject: 'm1', time: time(2), resource: condition('m1', 'c') });
      world.instances[0] = world.instance((member) => Promise.resolve(member === 'm0' ? ['m1'] : []));
      const order = (await world.log.read(PAYER_MEMBER_EVENTS, 0, 0, 10)).some((r) => r.key === 'm0') ? [0, 1] : [1, 0];
      for (const partition of order)
        while (await world.step({ topic: 0, partition, instance: 0, size: 1, fate: 'commit' }));
      await world.drain();
      expect(await world.reader.holders('Condition', 'c')).toEqual(['m1']);
    } finally {
      await world.stop();
    }
  });
});

import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import {
  encodeEvent,
  PA_ATTRIBUTION,
  PA_CONSENT,
  PA_PROVIDERS,
  PAYER_MEMBER_EVENTS,
  PROGRESS_TYPE,
} from '@provider-access/events';
import type { NewRecord, Position } from '@provider-access/engines/log';
import { type MemoryLog, openMemoryLog } from '@provider-access/engines/log/memory';
import { cases } from '@provider-access/testing/variant';
import { type ViewReader, type Views, ProjectionSet } from '@provider-access/engines/views';
import { openMemoryViews } from '@provider-access/engines/views/memory';
import { Parties } from './parties.ts';
import { sourceHolds } from './source-holds.ts';

const PARTITIONS = 3;
const SOURCES = ['urn:a', 'urn:b'];
const HELD = 'pa.access-held.v1';
const VIEW = { ...sourceHolds, lingerMs: 0 };

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});
const logOf = (): MemoryLog => {
  const log = openMemoryLog({ partitions: PARTITIONS });
  closing.push(() => log.close());
  return log;
};
async function started(log: MemoryLog, views: Views = openMemoryViews()): Promise<Parties> {
  const parties = new Parties();
  await parties.start({ log, views });
  closing.push(() => parties.stop());
  return parties;
}
/** The view of everything in a log, kept up to date. */
async function running(log: MemoryLog, views: Views): Promise<ProjectionSet> {
  const projections = new ProjectionSet({ log, views, projections: [VIEW] });
  await projections.start();
  closing.push(() => projections.stop());
  await passed(log, views);
  return projections;
}
async function passed(log: MemoryLog, views: Views): Promise<void> {
  expect(await views.reader(VIEW).waitFor(await log.head(Object.keys(VIEW.topics)), 60_000)).toBe(true);
}
/** The content of the facts by partition, in an order that does not depend on the start. */
const said = (parties: Parties) => ({
  sources: SOURCES.map((s) =>
    parties
      .sourceHolds(s)
      .map((h) => JSON.stringify(h))
      .sort(),
  ),
  provider: parties.network('npi|1'),
  derived: ['attribution', 'consent'].map((d) =>
    Array.from({ length: PARTITIONS }, (_, p) => parties.derived(d)[PAYER_MEMBER_EVENTS]?.[p] ?? 0),
  ),
});

let n = 0;
const event = (type: string, subject: string | undefined, data: unknown, at = ++n): NewRecord =>
  encodeEvent(
    {
      id: `e${++n}`,
      source: 'urn:test',
      type,
      time: new Date(Date.UTC(2026, 0, 1) + at).toISOString(),
      data,
      ...(subject !== undefined && { subject }),
    },
    { key: subject ?? 'source' },
  );
const hold = (deadLetter: string, source = 'urn:a', member?: string): NewRecord =>
  event(HELD, member, { source, deadLetter, eventType: 'payer.x', ...(member !== undefined && { member }) });
const release = (deadLetter: string, source = 'urn:a'): NewRecord =>
  event('pa.access-released.v1', undefined, { source, deadLetter });

const TOPICS = [PA_CONSENT, PA_ATTRIBUTION, PA_PROVIDERS] as const;
const partition = fc.nat({ max: PARTITIONS - 1 });
const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom('held', 'released'),
      topic: fc.constantFrom(...TOPICS),
      partition,
      letter: fc.nat({ max: 3 }),
      at: fc.nat({ max: 50 }),
      member: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('progress' as const),
      topic: fc.constantFrom(...TOPICS),
      partition,
      inbound: partition,
      more: fc.integer({ min: 1, max: 3 }),
    }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** Appends a step as a deriver does: progress names what is in the log and comes before it. */
async function append(log: MemoryLog, s: Step, inbound: Map<string, number>): Promise<void> {
  if (s.kind === 'progress') {
    const deriver = s.topic === PA_CONSENT ? 'consent' : 'attribution';
    const key = `${deriver}/${s.inbound}`;
    const next = (inbound.get(key) ?? 0) + s.more;
    inbound.set(key, next);
    const after = Object.fromEntries(
      Object.entries({ ...(await log.head(TOPICS)), 'pa.groups': [99] }).map(([topic, offsets]) => [
        topic,
        Object.fromEntries(offsets.map((o, p) => [p, o])),
      ]),
    );
    await log.append(s.topic, [
      {
        ...event(PROGRESS_TYPE, 'progress', { deriver, topic: PAYER_MEMBER_EVENTS, partition: s.inbound, next, after }),
        partition: s.partition,
      },
    ]);
    return;
  }
  const subject = s.topic === PA_PROVIDERS ? 'npi|1' : s.member ? 'm1' : undefined;
  const data = {
    source: SOURCES[s.letter % 2],
    deadLetter: `dl-${s.letter}`,
    eventType: `payer.${s.letter}`,
    ...(s.topic === PA_PROVIDERS && { providers: ['npi|1'] }),
  };
  await log.append(s.topic, [
    { ...event(s.kind === 'held' ? HELD : 'pa.access-released.v1', subject, data, s.at), partition: s.partition },
  ]);
}

describe('a start from the view', () => {
  it('knows the same as a start from the beginning, however far each partition of the view lags', async () => {
    const kept = fc.array(fc.integer({ min: 0, max: 100 }), { minLength: 2 * PARTITIONS, maxLength: 2 * PARTITIONS });
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 40, size: 'max' }),
        fc.array(step, { maxLength: 8 }),
        kept,
        async (before, later, percent) => {
          const log = logOf();
          await log.head(TOPICS);
          const inbound = new Map<string, number>();
          for (const s of before) await append(log, s, inbound);
          // The view has received a part of each partition.
          const views = openMemoryViews();
          const part = logOf();
          for (const [t, topic] of [PA_CONSENT, PA_ATTRIBUTION].entries()) {
            const given = log.data
              .records(topic)
              .flatMap((records, p) =>
                records.slice(0, Math.round((records.length * percent[t * PARTITIONS + p]!) / 100)),
              );
            await part.append(
              topic,
              given.map((r) => ({ ...r, partitionKey: '' })),
            );
          }
          await part.head(TOPICS);
          const projections = await running(part, views);
          await projections.stop();

          const [fromView, fromBeginning] = [await started(log, views), await started(log)];
          expect(said(fromView)).toEqual(said(fromBeginning));
          // Everything that was derived is in the log, so the heads are reached at once, whatever the view still waited
          // for.
          for (const [key, next] of inbound)
            expect(fromView.derived(key.split('/')[0]!)[PAYER_MEMBER_EVENTS]?.[Number(key.split('/')[1])]).toBe(next);

          for (const s of later) await append(log, s, inbound);
          const head = await log.head(TOPICS);
          for (const parties of [fromView, fromBeginning]) expect(await parties.waitFor(head, 60_000)).toBe(true);
          expect(said(fromView)).toEqual(said(fromBeginning));
          for (const close of closing.splice(0).reverse()) await close();
        },
      ),
      { numRuns: cases(40) },
    );
  });

  it('reads nothing that the view has passed', async () => {
    const log = logOf();
    await log.append(PA_CONSENT, [hold('dl-1'), release('dl-1'), hold('dl-2'), hold('dl-3', 'urn:a', 'm1')]);
    const views = openMemoryViews();
    await running(log, views);
    let followed: Position | undefined;
    const parties = await started(
      {
        ...log,
        data: log.data,
        faults: log.faults,
        head: (topics) => log.head(topics),
        close: () => log.close(),
        follow: (o) => ((followed = o.from), log.follow(o)),
      } as MemoryLog,
      views,
    );
    expect(followed?.[PA_CONSENT]).toEqual((await log.head([PA_CONSENT]))[PA_CONSENT]);
    expect(parties.sourceHolds('urn:a').map((h) => [h.deadLetter, h.to !== undefined])).toEqual([
      ['dl-1', true],
      ['dl-2', false],
    ]);
  });

  it('holds what one service has released and another has not', async () => {
    const log = logOf();
    for (const topic of [PA_CONSENT, PA_ATTRIBUTION]) await log.append(topic, [hold('dl-1')]);
    await log.append(PA_CONSENT, [release('dl-1')]);
    const views = openMemoryViews();
    await running(log, views);
    for (const parties of [await started(log, views), await started(log)])
      expect(parties.sourceHolds('urn:a').filter((h) => h.to === undefined)).toHaveLength(1);
  });

  it.each(['no view', 'a view that nobody has written', 'a view of another log'])(
    'in front of %s is a start from the beginning',
    async (what) => {
      const log = logOf();
      await log.append(PA_CONSENT, [hold('dl-1')]);
      const views = openMemoryViews();
      if (what === 'a view that nobody has written') await views.store.ensure(VIEW);
      if (what === 'a view of another log') {
        const other = logOf();
        for (let i = 0; i < 3; i++) await other.append(PA_CONSENT, [hold('dl-9')]);
        await running(other, views);
      }
      expect((await started(log, views)).sourceHolds('urn:a').map((h) => h.deadLetter)).toEqual(['dl-1']);
    },
  );

  it('goes by the live build while another is built, swapped in and rolled back', async () => {
    const log = logOf();
    await log.append(PA_CONSENT, [hold('dl-1')]);
    const views = openMemoryViews();
    const projections = await running(log, views);
    const open = async (): Promise<string[]> =>
      (await started(log, views))
        .sourceHolds('urn:a')
        .filter((h) => h.to === undefined)
        .map((h) => h.deadLetter);
    await views.store.startBuild(VIEW);
    expect(await open()).toEqual(['dl-1']);
    expect((await projections.rebuild('source-holds', { graceMs: 60_000 })).equal).toBe(true);
    await log.append(PA_ATTRIBUTION, [hold('dl-2')]);
    await passed(log, views);
    expect(await open()).toEqual(['dl-1', 'dl-2']);
    await projections.rollback('source-holds', { graceMs: 60_000 });
    expect(await open()).toEqual(['dl-1', 'dl-2']);
  });

  /** Changes the store once, between reading the view's position and reading its documents. */
  const interrupted = (views: Views, happens: () => Promise<unknown>): Views => {
    let once: (() => Promise<unknown>) | undefined = happens;
    const reader = (): ViewReader => {
      const real = views.reader(VIEW);
      return {
        get: (id) => real.get(id),
        getMany: (ids) => real.getMany(ids),
        others: (among) => real.others(among),
        ids: (q) => real.ids(q),
        versions: (q) => real.versions(q),
        count: (q) => real.count(q),
        generation: () => real.generation(),
        kept: (id) => real.kept(id),
        remembered: (id, withinMs) => real.remembered(id, withinMs),
        getWhile: (known, ids) => real.getWhile(known, ids),
        find: (q) => real.find(q),
        having: (q) => real.having(q),
        position: () => real.position(),
        waitFor: (p, ms) => real.waitFor(p, ms),
        async *scan(query) {
          await once?.();
          once = undefined;
          yield* real.scan(query);
        },
      };
    };
    return { ...views, reader };
  };

  it('bears a swap between position and documents', async () => {
    const log = logOf();
    await log.append(PA_CONSENT, [hold('dl-1')]);
    const views = openMemoryViews();
    const projections = await running(log, views);
    const parties = await started(
      log,
      interrupted(views, () => projections.rebuild('source-holds', { graceMs: 0 })),
    );
    expect(parties.sourceHolds('urn:a').map((h) => h.deadLetter)).toEqual(['dl-1']);
  });

  it('does not go by the position of a store that has forgotten the documents since', async () => {
    const log = logOf();
    const views = openMemoryViews();
    const store = views.store as unknown as { copy(): unknown; restore(copy: unknown): void };
    const projections = await running(log, views);
    const before = store.copy();
    await log.append(PA_CONSENT, [hold('dl-1')]);
    await passed(log, views);
    await projections.stop();
    const parties = await started(
      log,
      interrupted(views, async () => store.restore(before)),
    );
    expect(parties.sourceHolds('urn:a').map((h) => h.deadLetter)).toEqual(['dl-1']);
  });

  it('counts what the view waited for when its outputs come, not before', async () => {
    const log = logOf();
    const views = openMemoryViews();
    const progress = {
      deriver: 'attribution',
      topic: PAYER_MEMBER_EVENTS,
      partition: 1,
      next: 7,
      after: { [PA_CONSENT]: { 2: 1 } },
    };
    await log.append(PA_ATTRIBUTION, [{ ...event(PROGRESS_TYPE, 'progress', progress), partition: 0 }]);
    await running(log, views);
    const parties = await started(log, views);
    const target = [{ deriver: 'attribution', position: { [PAYER_MEMBER_EVENTS]: [0, 7] } }];
    expect(await parties.waitForDerived(target, 0)).toBe(false);
    await log.append(PA_CONSENT, [{ ...hold('dl-1'), partition: 2 }]);
    expect(await parties.waitForDerived(target, 5000)).toBe(true);
    expect(parties.sourceHolds('urn:a')).toHaveLength(1);
  });
});

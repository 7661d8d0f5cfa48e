import { describe, expect, it } from 'vitest';
import { EngineUnavailable, type EventLog, type Loss, type Position } from '@provider-access/engines/log';
import type { ViewReader } from '@provider-access/engines/views';
import { Access, FactsStale } from './access.ts';
import { Freshness } from './freshness.ts';
import { Parties } from './parties.ts';

const M = 'payer.member-events';
const P = 'payer.provider-events';
const A = 'pa.attestations';

/** A world in which the test sets every figure. */
function world() {
  const w = {
    now: 1_000_000,
    head: { [M]: [0], [P]: [0], 'pa.registry': [0], [A]: [0] } as Position,
    away: false,
    viewsAway: false,
    /** The readable records. Any other offset is a marker, or retention removed it. */
    losses: [] as Loss[],
    lossesRefused: undefined as string | undefined,
    records: [
      { topic: M, offset: 0 },
      { topic: P, offset: 0 },
    ] as { topic: string; offset: number }[],
    view: { attribution: { [M]: [0] }, consent: { [M]: [0] } } as Record<string, Position>,
    party: { attribution: { [M]: [0], [P]: [0] }, consent: { [M]: [0] } } as Record<string, Position>,
    registry: { 'pa.registry': [0], [A]: [0] } as Position,
    attested: { [A]: [0] } as Position,
  };
  const parties = Object.assign(new Parties(), {
    derived: (d: string) => w.party[d] ?? {},
    position: () => w.registry,
    ready: () => true,
  });
  const answer = <T>(value: T): Promise<T> =>
    w.viewsAway ? Promise.reject(new Error('away')) : Promise.resolve(value);
  const reader = {
    asked: 0,
    position: () => (reader.asked++, answer({ topics: w.attested, derived: w.view })),
    getMany: (ids: readonly string[]) => answer(ids.map(() => undefined)),
  } as unknown as ViewReader & { asked: number };
  const log = {
    losses: (group: string) =>
      w.lossesRefused === undefined
        ? Promise.resolve(w.losses.filter((loss) => loss.group === group))
        : Promise.reject(new EngineUnavailable(w.lossesRefused)),
    head: (topics: readonly string[]) =>
      w.away
        ? Promise.reject(new Error('away'))
        : Promise.resolve(Object.fromEntries(topics.map((t) => [t, w.head[t]]))),
    read: (topic: string, _partition: number, from: number) =>
      Promise.resolve(w.records.filter((r) => r.topic === topic && r.offset >= from).slice(0, 1)),
  } as unknown as EventLog;
  const clock = { now: () => w.now };
  const freshness = new Freshness({ log, memberFactsReader: reader, parties, clock });
  return { w, freshness, reader, log, access: new Access({ log, reader, parties, freshness, clock }) };
}
const seen = (w: ReturnType<typeof world>['w'], n: number): void => {
  w.view = { attribution: { [M]: [n] }, consent: { [M]: [n] } };
  w.party = { attribution: { [M]: [n], [P]: [0] }, consent: { [M]: [n] } };
};

describe('freshness', () => {
  it('is never before the first confirmation', () => expect(world().freshness.ageMs()).toBe(Number.POSITIVE_INFINITY));

  it('counts from the newest sampled head that the facts have passed', async () => {
    const { w, freshness } = world();
    await freshness.poll();
    expect(freshness.ageMs()).toBe(0);
    w.now += 500;
    w.head = { ...w.head, [M]: [10] };
    await freshness.poll();
    w.now += 500;
    w.head = { ...w.head, [M]: [20] };
    await freshness.poll();
    expect(freshness.ageMs()).toBe(1000);
    seen(w, 10);
    w.now += 500;
    await freshness.poll();
    expect(freshness.ageMs()).toBe(1000);
    seen(w, 20);
    await freshness.poll();
    expect(freshness.ageMs()).toBe(0);
  });

  it(
    'asks the view seldom while nothing is published, and counts from the last time when it was right once it ' +
      'forgets',
    async () => {
      const { w, freshness, reader } = world();
      w.head = { ...w.head, [M]: [1] };
      seen(w, 1);
      await freshness.poll();
      const asked = reader.asked;
      for (const age of [1250, 2500]) {
        w.now = 1_000_000 + age;
        await freshness.poll();
        expect([freshness.ageMs(), reader.asked]).toEqual([0, asked]);
      }
      w.now = 1_000_000 + 3750;
      await freshness.poll();
      expect([freshness.ageMs(), reader.asked]).toEqual([0, asked + 1]);
      // While the log stands still, the view's store loses what it had, or becomes unreachable. The next query finds
      // out.
      for (const forgets of [() => void (w.view = { attribution: {}, consent: {} }), () => void (w.viewsAway = true)]) {
        const right = w.now;
        forgets();
        w.now = right + 2999;
        await freshness.poll();
        expect(freshness.ageMs()).toBe(0);
        w.now = right + 3001;
        await freshness.poll();
        expect([freshness.ageMs(), freshness.fresh()]).toEqual([3001, true]);
        w.now = right + 5001;
        await freshness.poll();
        expect(freshness.fresh()).toBe(false);
        seen(w, 1);
        w.viewsAway = false;
        await freshness.poll();
        expect(freshness.ageMs()).toBe(0);
      }
      // A new record changes nothing until the view has it.
      w.head = { ...w.head, [M]: [2] };
      w.now += 1;
      await freshness.poll();
      expect(freshness.ageMs()).toBe(1);
    },
  );

  describe('events that retention removed before an intake read them', () => {
    const lost: Loss = { group: 'consent-intake', topic: M, partition: 0, from: 10, to: 20, begun: true };

    it('are not taken for read, also where retention took everything that was left', async () => {
      const { w, freshness } = world();
      w.head = { ...w.head, [M]: [10] };
      seen(w, 10);
      await freshness.poll();
      expect(freshness.fresh()).toBe(true);
      // Ten more records come and are removed. Nothing is left to read, as after the end of a transaction.
      w.head = { ...w.head, [M]: [20] };
      w.records = [];
      w.losses = [lost];
      for (w.now += 6000; w.now < 1_020_000; w.now += 1000) {
        await freshness.poll();
        expect(freshness.fresh()).toBe(false);
      }
      expect(freshness.reason()).toMatch(
        /^consent-intake has lost events: payer\.member-events\/0: retention removed records 10 to 19/,
      );
      // The loss is accepted: the group has moved on to what is left.
      w.losses = [];
      w.now += 2000;
      await freshness.poll();
      expect([freshness.fresh(), freshness.reason()]).toEqual([true, undefined]);
    });

    it('of the intake of records close access within a minute, although the facts are not behind', async () => {
      const { w, freshness } = world();
      await freshness.poll();
      expect(freshness.fresh()).toBe(true);
      w.losses = [{ ...lost, group: 'resources-intake' }];
      w.now += 60_000;
      await freshness.poll();
      expect(freshness.fresh()).toBe(false);
      w.losses = [];
      w.now += 2000;
      await freshness.poll();
      expect(freshness.fresh()).toBe(true);
    });

    it('are looked for before the first decision, and nothing is decided while the log does not answer', async () => {
      const { w, freshness } = world();
      w.lossesRefused = 'Kafka: the heads: ECONNREFUSED';
      await freshness.poll();
      expect(freshness.fresh()).toBe(false);
      w.lossesRefused = undefined;
      await freshness.poll();
      expect(freshness.fresh()).toBe(true);
    });

    it('does not stop reads without the right to ask, unless records are missing ahead of the facts', async () => {
      const { w, freshness } = world();
      w.lossesRefused = 'Kafka: the offsets of a group: GROUP_AUTHORIZATION_FAILED';
      await freshness.poll();
      expect(freshness.fresh()).toBe(true);
      w.head = { ...w.head, [M]: [20] };
      w.records = [];
      w.now += 6000;
      await freshness.poll();
      expect(freshness.fresh()).toBe(false);
    });
  });

  it('decides nothing by a payer topic that ends before what was read of it, also when that grows again', async () => {
    const { w, freshness } = world();
    w.head = { ...w.head, [M]: [10] };
    seen(w, 10);
    await freshness.poll();
    expect([freshness.fresh(), freshness.reason()]).toEqual([true, undefined]);
    // A single short answer may come from a broker that has just restarted. It decides nothing either.
    w.head = { ...w.head, [M]: [4] };
    for (let poll = 0; poll < 5; poll++) {
      await freshness.poll();
      expect([freshness.fresh(), freshness.reason()]).toEqual([false, undefined]);
    }
    w.head = { ...w.head, [M]: [10] };
    await freshness.poll();
    expect(freshness.fresh()).toBe(true);
    w.head = { ...w.head, [M]: [4] };
    for (let poll = 0; poll < 6; poll++) await freshness.poll();
    for (const n of [4, 12]) {
      w.head = { ...w.head, [M]: [n] };
      await freshness.poll();
      expect(freshness.fresh()).toBe(false);
      expect(freshness.reason()).toMatch(/older copy of the log/);
    }
    const counting = world();
    seen(counting.w, 10);
    counting.w.head = { ...counting.w.head, [M]: [10] };
    await counting.freshness.poll();
    // The position of the parties grows while the head is being read. That does not mean that the log is shorter.
    const { log } = counting;
    const { head } = log;
    log.head = async (topics) => {
      const answer = await head(topics);
      (counting.w.party['consent']![M] as number[])[0] = 11;
      return answer;
    };
    await counting.freshness.poll();
    expect([counting.freshness.fresh(), counting.freshness.reason()]).toEqual([true, undefined]);
    const begun = world();
    seen(begun.w, 10);
    await begun.freshness.poll();
    expect(begun.freshness.fresh()).toBe(false);
  });

  it.each<[string, (w: ReturnType<typeof world>['w']) => void]>([
    [
      'consent stands',
      (w) => {
        w.head = { ...w.head, [M]: [1] };
        seen(w, 1);
        w.view = { ...w.view, consent: { [M]: [0] } };
      },
    ],
    [
      'attribution stands',
      (w) => {
        w.head = { ...w.head, [M]: [1] };
        seen(w, 1);
        w.view = { ...w.view, attribution: { [M]: [0] } };
      },
    ],
    [
      'the parties stand on consent',
      (w) => {
        w.head = { ...w.head, [M]: [1] };
        seen(w, 1);
        w.party = { ...w.party, consent: { [M]: [0] } };
      },
    ],
    [
      'provider events stand',
      (w) => {
        w.head = { ...w.head, [P]: [1] };
      },
    ],
    [
      'the registry stands',
      (w) => {
        w.head = { ...w.head, 'pa.registry': [1] };
      },
    ],
    [
      'M73 the view stands on attestations',
      (w) => {
        w.head = { ...w.head, [A]: [1] };
        w.registry = { ...w.registry, [A]: [1] };
      },
    ],
    [
      'M73 the parties stand on attestations',
      (w) => {
        w.head = { ...w.head, [A]: [1] };
        w.attested = { [A]: [1] };
      },
    ],
    [
      'the log is away',
      (w) => {
        w.away = true;
      },
    ],
    [
      'the views are away',
      (w) => {
        w.viewsAway = true;
      },
    ],
  ])('when %s, nothing is decided after the bound', async (_name, fault) => {
    const { w, freshness, access } = world();
    await freshness.poll();
    fault(w);
    w.now += 5000;
    await freshness.poll();
    expect(freshness.ageMs()).toBe(5000);
    w.now += 1;
    await expect(access.decide('c', { kind: 'read' }, 'm')).rejects.toBeInstanceOf(FactsStale);
  });

  it.each([1, 5_001, 3_600_000])('a clock that is set back by %i ms does not keep old facts fresh', async (back) => {
    const { w, freshness } = world();
    await freshness.poll();
    w.head = { ...w.head, [M]: [1] };
    w.now += 1000 - back;
    await freshness.poll();
    // More time than the bound passes, and consent stands still.
    for (let i = 0; i < 11; i++) {
      w.now += 500;
      await freshness.poll();
    }
    expect(freshness.fresh()).toBe(false);
    seen(w, 1);
    await freshness.poll();
    expect(freshness.fresh()).toBe(true);
  });

  it('nobody waits for markers behind the last record, or for records that retention removed', async () => {
    const { w, freshness, access } = world();
    await freshness.poll();
    w.records = [{ topic: M, offset: 9 }];
    // Offsets 10 and 11 are the end of a transaction, and all provider events were taken in.
    w.head = { ...w.head, [M]: [12], [P]: [40] };
    w.now += 5001;
    await freshness.poll();
    expect([freshness.fresh(), await access.payerHead()]).toEqual([false, { [M]: [12], [P]: [0] }]);
    seen(w, 10);
    await freshness.poll();
    expect([freshness.ageMs(), await access.payerHead()]).toEqual([0, { [M]: [10], [P]: [0] }]);
    // A real record follows them.
    w.records.push({ topic: P, offset: 40 });
    w.head = { ...w.head, [P]: [41] };
    w.now += 5001;
    await freshness.poll();
    expect([freshness.fresh(), (await access.payerHead())[P]]).toEqual([false, [41]]);
  });

  it('views that fail decide nothing, however fresh', async () => {
    const { w, freshness, access } = world();
    await freshness.poll();
    expect(await access.decide('c', { kind: 'read' }, 'm')).toEqual({ permit: false, reason: 'client-unknown' });
    w.viewsAway = true;
    await expect(access.decide('c', { kind: 'read' }, 'm')).rejects.toBeInstanceOf(FactsStale);
  });
});

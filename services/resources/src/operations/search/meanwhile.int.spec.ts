import { describe, expect, it } from 'vitest';
import type { Views } from '@provider-access/engines/views';
import { openMemoryViews } from '@provider-access/engines/views/memory';
import { condition, House, type Loose } from '../../../test/harness.ts';

/** Views in which something happens once, after a search has loaded lines and before it has answered. */
function interrupted(views: Views, happens: () => (() => Promise<void>) | undefined): Views {
  const once = async (options: { bodies?: readonly string[] } | undefined): Promise<void> => {
    if (options?.bodies?.length) await happens()?.();
  };
  return {
    ...views,
    reader(projection) {
      const reader = views.reader(projection);
      if (projection.name !== 'records') return reader;
      return new Proxy(reader, {
        get(target, name) {
          const method = Reflect.get(target, name, target) as unknown;
          if (typeof method !== 'function') return method;
          return async (...args: Loose[]) => {
            const answer = await (method as (...all: Loose[]) => Promise<unknown>).apply(target, args);
            if (name === 'find') await once(args[0]);
            if (name === 'getMany') await once(args[1]);
            return answer;
          };
        },
      });
    },
  };
}

/** Views in which something happens after a method of the view `search` has answered. */
function afterKeys(views: Views, method: string, happens: () => (() => Promise<void>) | undefined): Views {
  return {
    ...views,
    reader(projection) {
      const reader = views.reader(projection);
      if (projection.name !== 'search') return reader;
      return new Proxy(reader, {
        get(target, name) {
          const called = Reflect.get(target, name, target) as unknown;
          if (typeof called !== 'function') return called;
          if (name !== method) return (called as (...all: Loose[]) => unknown).bind(target);
          return async (...args: Loose[]) => {
            const answer = await (called as (...all: Loose[]) => Promise<unknown>).apply(target, args);
            await happens()?.();
            return answer;
          };
        },
      });
    },
  };
}

const SEARCHES = [
  'Condition?patient=m1,m2',
  'Condition?patient=m1,m2&code=c',
  'Condition?patient=m1,m2&code=c&_sort=-recorded-date',
  'Condition?patient=m1,m2&code=c&_total=accurate',
  'Condition?_id=m1-1,m2-1',
];

it.each(SEARCHES)('%s leaves out whoever opts out while it runs', async (query) => {
  let next: (() => Promise<void>) | undefined;
  const house = await House.open({
    views: interrupted(openMemoryViews(), () => {
      const now = next;
      next = undefined;
      return now;
    }),
  });
  try {
    await house.approve('app1');
    for (const member of ['m1', 'm2']) await house.attribute(member);
    const code = { code: { coding: [{ code: 'c' }] } };
    await house.publish(
      ['m1', 'm2'].flatMap((m) => [1, 2].map((n) => ({ subject: m, resource: condition(m, `${m}-${n}`, code) }))),
    );
    await house.settled();
    const token = await house.token('app1');
    const ask = async (): Promise<Loose> => (await house.call('GET', `/fhir/${query}`, { token })).json();
    const members = ({ entry = [] }: Loose): string[] => [
      ...new Set<string>(entry.map((e: Loose) => e.resource.subject.reference)),
    ];
    expect(members(await ask())).toEqual(['Patient/m1', 'Patient/m2']);
    next = () => house.optOut('m1');
    const answer = await ask();
    expect(members(answer)).toEqual(['Patient/m2']);
    expect(answer.total).toBeUndefined();
    expect(members(await ask())).toEqual(['Patient/m2']);
  } finally {
    await house.close();
  }
});

it('a count leaves out whoever opts out while it runs', async () => {
  let next: (() => Promise<void>) | undefined;
  const house = await House.open({
    views: afterKeys(openMemoryViews(), 'count', () => {
      const now = next;
      next = undefined;
      return now;
    }),
  });
  try {
    await house.approve('app1');
    for (const member of ['m1', 'm2']) await house.attribute(member);
    const code = { code: { coding: [{ code: 'c' }] } };
    await house.publish(['m1', 'm2'].map((m) => ({ subject: m, resource: condition(m, `${m}-1`, code) })));
    await house.settled();
    const token = await house.token('app1');
    const total = async (): Promise<number> =>
      (await house.call('GET', '/fhir/Condition?patient=m1,m2&code=c&_summary=count', { token })).json().total;
    expect(await total()).toBe(2);
    next = () => house.optOut('m1');
    expect(await total()).toBe(1);
    expect(next).toBeUndefined();
  } finally {
    await house.close();
  }
});

it('a sorted page loses no result when a record is removed while it is read', async () => {
  let next: (() => Promise<void>) | undefined;
  const house = await House.open({
    views: interrupted(openMemoryViews(), () => {
      const now = next;
      next = undefined;
      return now;
    }),
  });
  try {
    await house.approve('app1');
    await house.attribute('m1');
    const dated = (n: number) => condition('m1', `c${n}`, { recordedDate: `2024-01-0${n}` });
    await house.publish([1, 2, 3, 4, 5].map((n) => ({ subject: 'm1', resource: dated(n) })));
    await house.settled();
    const token = await house.token('app1');
    const ask = async (url: string): Promise<Loose> => (await house.call('GET', url, { token })).json();
    const ids = ({ entry = [] }: Loose): string[] => entry.map((e: Loose) => e.resource.id);
    // The record goes after the places are known and before the lines of the page are read.
    next = async () => {
      const data = { resourceType: 'Condition', id: 'c2' };
      await house.publish([{ subject: 'm1', type: 'payer.resource-deleted.v1', time: '2025-06-01T00:00:00Z', data }]);
      await house.settled();
    };
    const first = await ask('/fhir/Condition?patient=m1&_sort=recorded-date&_count=2');
    const url = first.link.find((l: Loose) => l.relation === 'next').url.replace('https://pa.example.org', '');
    const second = await ask(url);
    const third = second.link.find((l: Loose) => l.relation === 'next')?.url.replace('https://pa.example.org', '');
    const rest = third === undefined ? [] : ids(await ask(third));
    expect([...ids(first), ...ids(second), ...rest]).toEqual(['c1', 'c3', 'c4', 'c5']);
  } finally {
    await house.close();
  }
});

describe('a record that changes while a search reads keys', () => {
  const coded = (code: string, extra: object = {}): object =>
    condition('m1', 'c1', { code: { coding: [{ code }] }, ...extra });
  const RESTRICTED = {
    meta: { security: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality', code: 'R' }] },
  };
  const at = (n: number): string => `2025-06-0${n}T00:00:00Z`;

  /** The answer to a search during which the record changes, once the view has been asked by the method. */
  async function during(
    method: string,
    query: string,
    first: object,
    changed: object,
  ): Promise<{ readonly during: Loose; readonly after: Loose }> {
    let next: (() => Promise<void>) | undefined;
    const views = afterKeys(openMemoryViews(), method, () => {
      const now = next;
      next = undefined;
      return now;
    });
    const house = await House.open({ views });
    try {
      await house.approve('app1');
      await house.attribute('m1');
      await house.publish([
        { subject: 'm1', time: at(1), resource: first },
        { subject: 'm1', resource: condition('m1', 'c2', { code: { coding: [{ code: 'a' }] } }) },
      ]);
      await house.settled();
      const token = await house.token('app1');
      const ask = async (): Promise<Loose> =>
        (await house.call('GET', `/fhir/Condition?patient=m1&code=a&${query}`, { token })).json();
      next = async () => {
        await house.publish([{ subject: 'm1', time: at(2), resource: changed }]);
        await house.settled();
      };
      const answer = await ask();
      expect(next).toBeUndefined();
      return { during: answer, after: await ask() };
    } finally {
      await house.close();
    }
  }
  const ids = ({ entry = [] }: Loose): string[] => entry.map((e: Loose) => e.resource.id);

  it('is not on a page by the keys of another version', async () => {
    for (const query of ['', '_sort=-_lastUpdated', '_total=accurate&_count=1']) {
      const { during: page, after } = await during('versions', query, coded('a'), coded('b'));
      expect([query, ids(page), ids(after)]).toEqual([query, ['c2'], ['c2']]);
    }
  });

  it('is not on a page if it has a label now', async () => {
    const { during: page } = await during('versions', '', coded('a'), coded('a', RESTRICTED));
    expect(ids(page)).toEqual(['c2']);
  });

  it.each(['ids', 'count'])('counts before or after the change, after %s', async (method) => {
    const { during: count, after } = await during(method, '_summary=count', coded('a'), coded('b'));
    expect([[1, 2].includes(count.total), after.total]).toEqual([true, 1]);
  });

  it('is not counted if it gets a label before the keys are counted, or has lost one with its code', async () => {
    const labelled = await during('ids', '_summary=count', coded('a'), coded('a', RESTRICTED));
    expect([labelled.during.total, labelled.after.total]).toEqual([1, 1]);
    const released = await during('ids', '_summary=count', coded('a', RESTRICTED), coded('b'));
    expect([released.during.total, released.after.total]).toEqual([1, 1]);
  });
});

import { PAYER_PROVIDER_EVENTS } from '@provider-access/events';
import { openMemoryViews } from '@provider-access/engines/views/memory';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { watched } from '../../../test/counted-views.ts';
import { condition, House, type Loose } from '../../../test/harness.ts';
import { park } from '../../../test/parked.ts';

/** By hand: what the answer says is counted, and causes of a page. */
const COUNTED = 1000;
const PAGE = 25;
const COLOUR = 'Condition: colour is not an element of Condition';

describe('causes of dead letters', () => {
  let house: House;
  /** Documents and keys that queries of the view returned. */
  let rows = 0;
  beforeAll(async () => {
    const views = openMemoryViews();
    const counting = watched(views, (method, [projection]) => {
      if (method !== 'reader' || projection.name !== 'dead-letters') return undefined;
      const reader = views.reader(projection);
      return watched(reader, (called, args) => {
        if (called === 'scan') throw new Error('a scan has no bound');
        if (called !== 'find') return undefined;
        return reader.find(args[0]).then((found) => {
          rows += found.length;
          return found;
        }) as never;
      }) as never;
    });
    house = await House.open({ views: counting });
    const resource = condition('m1', 'c', { colour: 'red' });
    await park(house, [
      ...Array.from({ length: COUNTED + 200 }, () => ({ resource })),
      ...Array.from({ length: 3 }, () => ({ detail: 'Condition: code must be one', resource })),
      { reason: 'unknown-event-type', detail: 'this event type is not known', type: '<script>alert(1)</script>' },
      { reason: 'unknown-event-type', detail: 'this event type is not known', type: 'payer.opt-out' },
      { topic: PAYER_PROVIDER_EVENTS, detail: COLOUR, subject: '1234567893', resource },
    ]);
  });
  afterAll(() => house.close());
  const get = async (path: string): Promise<Loose> => {
    const { status, text } = await house.call('GET', path, { token: house.payerToken });
    expect([status, text]).toEqual([200, text]);
    return JSON.parse(text) as Loose;
  };
  const causes = async (query = ''): Promise<Loose> => get(`/events/dead-letters/causes${query}`);
  const openCause = async (detail: string): Promise<Loose> =>
    (await causes()).causes.find((cause: Loose) => cause.detail === detail);

  it('joins those with one reason, detail and type of event, counts them, and names no member', async () => {
    const answer = await causes();
    expect(answer.next).toBeUndefined();
    expect(answer.causes.map(({ reason, detail, count, isMore }: Loose) => [reason, detail, count, isMore])).toEqual(
      expect.arrayContaining([
        ['invalid-resource', COLOUR, COUNTED, true],
        ['invalid-resource', 'Condition: code must be one', 3, false],
        ['unknown-event-type', 'this event type is not known', 1, false],
        ['unknown-event-type', 'this event type is not known', 1, false],
      ]),
    );
    expect(answer.causes).toHaveLength(4);
    expect(answer.causes.map(({ eventType }: Loose) => eventType)).toContain('<script>alert(1)</script>');
    const text = JSON.stringify(answer);
    for (const part of ['m1', '1234567893', 'asthma']) expect(text).not.toContain(part);
    const [cause] = answer.causes;
    expect(cause.oldest <= cause.newest).toBe(true);
  });

  it('lists the open dead letters of a cause, page by page', async () => {
    const { cause } = await openCause(COLOUR);
    const found = new Set<string>();
    let pages = 0;
    for (let next: string | undefined = ''; next !== undefined; pages += 1) {
      const cursor: string = next === '' ? '' : `&cursor=${next}`;
      const page = await get(`/events/dead-letters?cause=${cause}${cursor}`);
      for (const letter of page.deadLetters) {
        expect(letter).toMatchObject({ status: 'open', cause, detail: COLOUR });
        found.add(letter.id);
      }
      next = page.next;
    }
    expect([found.size, pages]).toEqual([COUNTED + 201, 13]);
    expect((await get(`/events/dead-letters?cause=${cause}&status=discarded`)).deadLetters).toEqual([]);
  });

  it('reads no more for more dead letters of a cause, and at most a page of causes', async () => {
    rows = 0;
    await causes();
    const before = rows;
    const resource = condition('m1', 'c', { colour: 'red' });
    await park(
      house,
      Array.from({ length: 500 }, () => ({ resource })),
    );
    rows = 0;
    await causes();
    expect(rows).toBe(before);
    // Of each cause in each topic: the first one, the last one, and the keys that are counted.
    expect(before).toBe(1 + 1 + (COUNTED + 1) + (3 + 2) + 2 * (1 + 2) + (1 + 2));
    await park(
      house,
      Array.from({ length: 2 * PAGE }, (_, i) => ({ reason: 'missing-id', detail: `place ${i}`, resource })),
    );
    rows = 0;
    const first = await causes();
    expect([first.causes.length, first.next]).toEqual([PAGE, first.causes.at(-1).cause]);
    expect(rows).toBeLessThanOrEqual(2 * (PAGE + 1) * (2 + COUNTED + 1));
    const second = await causes(`?after=${first.next}`);
    const third = await causes(`?after=${second.next}`);
    const all = [...first.causes, ...second.causes, ...third.causes].map(({ cause }: Loose) => cause as string);
    expect([all.length, new Set(all).size, third.next]).toEqual([4 + 2 * PAGE, 4 + 2 * PAGE, undefined]);
    expect(all).toEqual(all.toSorted());
  });

  it('forgets a cause whose last dead letter is discarded, and refuses what is no cause', async () => {
    const { cause } = await openCause('Condition: code must be one');
    const { deadLetters } = await get(`/events/dead-letters?cause=${cause}`);
    for (const { id } of deadLetters) {
      const body = { reason: 'sent by mistake' };
      const answer = await house.call('POST', `/events/dead-letters/${id}/discard`, { token: house.payerToken, body });
      expect(answer.status).toBe(200);
    }
    expect(await openCause('Condition: code must be one')).toBeUndefined();
    expect((await causes('?status=discarded')).causes).toMatchObject([{ cause, count: 3 }]);
    for (const query of ['causes?after=x', 'causes?after=../../x', 'causes?status=lost'])
      expect((await house.call('GET', `/events/dead-letters/${query}`, { token: house.payerToken })).status).toBe(400);
    expect((await house.call('GET', '/events/dead-letters?cause=no', { token: house.payerToken })).status).toBe(400);
    expect((await house.call('GET', '/events/dead-letters/causes')).status).toBe(401);
  });
});

import { deadLetterTopic, type DomainEvent, PA_AUDIT, PA_MEMBERS, PAYER_MEMBER_EVENTS } from '@provider-access/events';
import { PayerDays } from '@provider-access/domain/pdex/days';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { onlyGroup, typed } from '../test/groups.ts';
import { ADMIN, attributed, Harness, inNetwork, NPI, panel, payerEvent } from '../test/harness.ts';
import { notices } from './projections/notices.ts';

const NOW = Date.parse('2027-03-01T12:00:00Z');
let h: Harness;
const start = async (config: { holdsUntilNotice?: boolean } = {}): Promise<void> => {
  h = new Harness();
  h.now = NOW;
  await h.start(config, new PayerDays(['America/Chicago']));
};
beforeEach(() => start());
afterEach(() => h.stop());

/** The events begun at another place, and in the opposite order for odd seeds. */
const shuffled = (events: readonly DomainEvent[], seed: number): readonly DomainEvent[] => {
  const turned = [...events.slice(seed % events.length), ...events.slice(0, seed % events.length)];
  return seed % 2 === 0 ? turned : turned.toReversed();
};
let serial = 0;
const event = (type: string, member: string, data: object, time = '2027-02-28T12:00:00Z'): DomainEvent => ({
  ...payerEvent(`payer.${type}`, member, data),
  id: `e-${serial++}`,
  time,
});
const enrolledOn = (member: string, from: string, more: object = {}, time?: string): DomainEvent =>
  event(
    'member-enrolled.v1',
    member,
    { coverageId: `c-${member}-${from}`, from, accepted: '2020-01-01', ...more },
    time,
  );
const sent = (member: string, at: string, more: object = {}): DomainEvent =>
  event('notice-sent.v1', member, { kind: 'enrolment', language: 'en', channel: 'mail', at, ...more });
const returned = (member: string, at: string): DomainEvent => event('notice-returned.v1', member, { sent: at });

interface Row {
  readonly member: string;
  readonly kind: string;
  readonly due: string;
  readonly overdue: boolean;
}
const ask = async (
  query = 'until=2030-01-01',
): Promise<{ readonly notices: readonly Row[]; readonly next?: string }> => {
  await h.settle();
  const reader = h.ports.views.reader(notices);
  expect(await reader.waitFor(await h.log.head([PA_MEMBERS]), 10_000)).toBe(true);
  const answer = await h.get(`/ops/notices?${query}`, { authorization: `Bearer ${ADMIN}` });
  expect(answer.statusCode, answer.body).toBe(200);
  return answer.json();
};
const due = async (query?: string): Promise<string[]> =>
  (await ask(query)).notices.map((row) => `${row.member} ${row.kind} ${row.due}${row.overdue ? ' late' : ''}`);

describe('the list of notices that are due', () => {
  test('R18, N30, N31, N32: first, on enrolment, and yearly', async () => {
    await h.publish(
      enrolledOn('m1', '2027-02-25'),
      enrolledOn('m2', '2027-01-01', { accepted: '2027-02-26' }),
      enrolledOn('m3', '2026-01-01'),
      sent('m3', '2026-02-01'),
      enrolledOn('m4', '2027-04-01'),
      attributed('m4'),
      enrolledOn('m5', '2026-01-01', { to: '2026-12-31' }),
    );
    expect(await due()).toEqual([
      'm3 yearly 2027-02-01 late',
      'm1 enrolment 2027-03-04',
      'm2 enrolment 2027-03-05',
      'm4 first 2027-03-31',
    ]);
    expect(await due('until=2027-03-04')).toEqual(['m3 yearly 2027-02-01 late', 'm1 enrolment 2027-03-04']);
    expect(await due('')).toEqual(['m3 yearly 2027-02-01 late']);
  });

  test('N31: an enrolment without a day of acceptance counts as accepted when it was recorded', async () => {
    await h.publish(event('member-enrolled.v1', 'm1', { coverageId: 'c', from: '2020-01-01' }));
    expect(await due()).toEqual(['m1 enrolment 2027-03-08']);
  });

  test('N30, N31, N60, N61: before its line of business starts, a coverage makes no notice due', async () => {
    const day = (text: string): string => `${text}T06:00:00.000Z`;
    const early = { coverageId: 'c', from: '2026-01-01', accepted: '2026-01-01' };
    await h.publish(
      ...['future', 'undated', 'unmapped'].map((plan) =>
        event('member-enrolled.v1', `m-${plan}`, { ...early, coverageId: `c-${plan}`, plan }),
      ),
      event('member-enrolled.v1', 'm-visible', { ...early, coverageId: 'c-visible', plan: 'future' }),
      attributed('m-visible'),
      event('member-enrolled.v1', 'm-open', { ...early, coverageId: 'c-open', plan: 'open' }),
      event('member-enrolled.v1', 'm-none', { ...early, coverageId: 'c-none' }),
    );
    // Without a table all lines are started.
    expect(await due('until=2027-02-27')).toHaveLength(6);
    await h.lines({ open: day('2027-02-01'), future: day('2027-07-01'), undated: undefined });
    // Whose plan is unknown stays on the list: nobody says that the rule does not bind the payer yet.
    expect(await due()).toEqual([
      'm-none enrolment 2026-01-08 late',
      'm-unmapped enrolment 2026-01-08 late',
      'm-open enrolment 2027-02-08 late',
      'm-visible first 2027-06-30',
      'm-future enrolment 2027-07-08',
    ]);
    expect((await ask('until=2027-06-29')).notices).toHaveLength(3);
  });

  test('N37: a notice that was sent, before or after it was due, ends it until the next year', async () => {
    await h.publish(enrolledOn('m1', '2027-02-25'), sent('m1', '2027-02-26T23:30:00-06:00'));
    expect(await due()).toEqual(['m1 yearly 2028-02-26']);
  });

  test('N40: returned mail reopens it, also if it comes back before it was reported as sent', async () => {
    await h.publish(enrolledOn('m1', '2027-02-25'), sent('m1', '2027-02-26'), returned('m1', '2027-02-26'));
    await h.publish(enrolledOn('m2', '2027-02-25'), returned('m2', '2027-02-26'), sent('m2', '2027-02-26'));
    await h.publish(enrolledOn('m3', '2027-02-25'), sent('m3', '2027-02-26'), returned('m3', '2027-02-25'));
    expect(await due()).toEqual(['m1 enrolment 2027-03-04', 'm2 enrolment 2027-03-04', 'm3 yearly 2028-02-26']);
  });

  test('N40: re-enrolment after a gap starts again', async () => {
    await h.publish(
      enrolledOn('m1', '2026-01-01', { to: '2026-06-30' }),
      sent('m1', '2026-06-30'),
      enrolledOn('m1', '2026-07-02'),
      enrolledOn('m2', '2026-01-01', { to: '2026-06-30' }),
      sent('m2', '2026-06-30'),
      enrolledOn('m2', '2026-07-01'),
    );
    expect(await due()).toEqual(['m1 enrolment 2026-07-09 late', 'm2 yearly 2027-06-30']);
  });

  test('N40: a merged member is listed once, and keeps the older notice, in whatever order events come', async () => {
    const merged = event('members-merged.v1', 'm1', { from: 'm2' }, '2027-02-10T12:00:00Z');
    const events = [
      enrolledOn('m1', '2027-01-01'),
      enrolledOn('m2', '2026-01-01'),
      sent('m1', '2027-01-05', { kind: 'first' }),
      sent('m2', '2026-04-01', { kind: 'yearly' }),
      merged,
    ];
    for (let seed = 0; seed < 8; seed++) {
      if (seed > 0) await start();
      for (const each of shuffled(events, seed)) await h.publish(each, each);
      expect(await due(), `seed ${seed}`).toEqual(['m1 yearly 2027-04-01']);
      if (seed < 7) await h.stop();
    }
    await h.publish(sent('m2', '2027-02-20'));
    expect(await due()).toEqual(['m1 yearly 2028-02-20']);
  });

  test('N40: members who were merged both ways are listed once', async () => {
    await h.publish(
      enrolledOn('m1', '2027-01-01'),
      event('members-merged.v1', 'm1', { from: 'm2' }),
      event('members-merged.v1', 'm2', { from: 'm1' }),
    );
    // The two events lie in different partitions, so either id may stay.
    expect(await due()).toEqual([expect.stringMatching(/^m[12] enrolment 2027-01-08 late$/)]);
  });

  test('N41: the newest wish of an enrolment decides, and English with a note is the rest', async () => {
    await h.publish(
      enrolledOn('m1', '2027-02-20', { notices: { language: 'es-MX', format: 'large print' } }, '2027-02-21T00:00:00Z'),
      enrolledOn('m1', '2027-02-20', { notices: { language: 'en' } }, '2027-02-20T00:00:00Z'),
      enrolledOn('m2', '2027-02-21', { notices: { language: 'vi' } }),
      enrolledOn('m3', '2027-02-22'),
    );
    const rows = (await ask()).notices;
    expect(rows.map(({ due: _, kind: __, overdue: ___, ...row }) => row)).toEqual([
      { member: 'm1', language: 'es', format: 'large print' },
      { member: 'm2', language: 'en', languageNote: 'vi' },
      { member: 'm3', language: 'en', languageNote: 'unknown' },
    ]);
  });

  test('of one member: what is due whenever that is, what was sent, and what came back', async () => {
    await h.publish(
      enrolledOn('m1', '2026-01-01'),
      sent('m1', '2026-01-05'),
      sent('m1', '2026-12-20', { kind: 'yearly' }),
      returned('m1', '2026-12-20'),
      enrolledOn('m2', '2027-02-25'),
      enrolledOn('m3', '2027-01-01', { accepted: '2027-02-26' }),
      sent('m3', '2027-02-27'),
    );
    expect(await ask('member=m1')).toMatchObject({
      notices: [{ member: 'm1', kind: 'yearly', due: '2027-01-05', overdue: true }],
      sent: [
        { kind: 'yearly', on: '2026-12-20', returned: true },
        { kind: 'enrolment', on: '2026-01-05' },
      ],
    });
    // The next one of this member is a year away, which no list has so soon.
    expect(await ask('member=m3')).toMatchObject({
      notices: [{ member: 'm3', kind: 'yearly', due: '2028-02-27', overdue: false }],
    });
    expect((await ask('member=m3&until=2027-12-31')).notices).toEqual([]);
    expect(await ask('member=nobody')).toMatchObject({ notices: [], sent: [] });
    const looks = (await typed(h, PA_AUDIT, 'pa.disclosure.v1')).map(({ members }) => members);
    expect(looks).toEqual(expect.arrayContaining([['m1'], ['m3'], ['nobody']]));
  });

  test('is read in pages, each member once', async () => {
    const members = Array.from({ length: 25 }, (_, n) => `m${String(n).padStart(2, '0')}`);
    await h.publish(...members.map((member, n) => enrolledOn(member, n % 2 === 0 ? '2027-02-25' : '2027-02-26')));
    const seen: string[] = [];
    let pages = 0;
    for (let next: string | undefined = '/ops/notices?until=2027-12-31&limit=7'; next !== undefined; pages++) {
      const page: { notices: readonly Row[]; next?: string } = await ask(next.split('?')[1]);
      seen.push(...page.notices.map(({ member }) => member));
      next = page.next;
    }
    expect(pages).toBe(4);
    expect(seen.toSorted()).toEqual(members);
  });

  test.each([
    ['until=tomorrow', 'until must be a day'],
    ['until=2027-02-30', 'until must be a day'],
    ['limit=0', 'limit must be a whole number'],
    ['limit=501', 'limit must be a whole number'],
    ['page=nonsense', 'page is not valid'],
    ['member=', 'member must be an id'],
    ['member=m1&page=MjAyNy0wMS0wMS9tMQ', 'member cannot be'],
    ['nonsense=m1', 'This route has no parameter nonsense'],
  ])('refuses %s', async (query, sentence) => {
    const answer = await h.get(`/ops/notices?${query}`, { authorization: `Bearer ${ADMIN}` });
    expect(answer.statusCode).toBe(400);
    expect(answer.body).toContain(sentence);
  });

  test('is for the payer and operators', async () => {
    expect((await h.get('/ops/notices', {})).statusCode).toBe(401);
    expect((await h.get('/ops/notices', await h.app1('c1', []))).statusCode).toBe(401);
  });

  test('counts what is overdue', async () => {
    await h.publish(enrolledOn('m1', '2026-02-25'), enrolledOn('m2', '2026-02-25'), enrolledOn('m3', '2027-02-25'));
    await ask();
    expect(await h.ports.metrics.text()).toMatch(/^pa_notices_overdue 2$/m);
  });
});

describe('what was sent', () => {
  test('N37: an unknown kind, and a notice of the future, become dead letters that deny nobody', async () => {
    await h.publish(
      enrolledOn('m1', '2027-02-25'),
      sent('m1', '2027-02-26', { kind: 'public' }),
      sent('m1', '2027-03-02'),
      sent('m1', '2027-02-29'),
    );
    const letters = await typed(h, deadLetterTopic(PAYER_MEMBER_EVENTS), 'pa.event-parked.v1');
    expect(letters.map(({ detail }) => String(detail))).toEqual([
      expect.stringContaining('data.kind'),
      'data.at: a notice cannot have been sent after the event that reports it',
      expect.stringContaining('data.at'),
    ]);
    expect(await due()).toEqual(['m1 enrolment 2027-03-04']);
    expect(await typed(h, 'pa.attribution', 'pa.access-held.v1')).toEqual([]);
  });

  test('is stored once, however often it is reported', async () => {
    const event1 = sent('m1', '2027-02-26');
    await h.publish(enrolledOn('m1', '2027-02-25'), event1, event1, { ...event1, id: 'other' });
    expect(await typed(h, PA_MEMBERS, 'pa.notice-sent.v1')).toEqual([
      {
        member: 'm1',
        kind: 'enrolment',
        language: 'en',
        channel: 'mail',
        on: '2027-02-26',
        from: '2027-02-26T06:00:00.000Z',
        businessTime: '2027-02-28T12:00:00.000Z',
      },
    ]);
  });

  test('counts for all ids of a person, whichever comes first', async () => {
    const subjects = async (): Promise<unknown[]> =>
      (await h.facts.reader.getMany(['m1', 'm2', 'm3'])).map((document) =>
        (document?.['members'] as { notices?: readonly { on: string }[] } | undefined)?.notices?.map(({ on }) => on),
      );
    await h.publish(sent('m1', '2027-02-26'), event('members-merged.v1', 'm1', { from: 'm2' }));
    await h.settle();
    expect(await subjects()).toEqual([['2027-02-26'], ['2027-02-26'], undefined]);
    await h.publish(sent('m2', '2027-02-27'), event('members-merged.v1', 'm3', { from: 'm1' }));
    await h.settle();
    expect(await subjects()).toEqual(Array(3).fill(['2027-02-27', '2027-02-26']));
  });
});

describe('HOLD_UNTIL_NOTICE', () => {
  test('N39, N40: a member is seen from the first notice on until it comes back, and a merge shares it', async () => {
    await h.stop();
    await start({ holdsUntilNotice: true });
    await h.publish(inNetwork(), ...panel('m1', 'm2'));
    const app = await h.app1('c1', [`npi|${NPI}`]);
    const seen = async (): Promise<number> => {
      await h.settle();
      return (await onlyGroup(h, app)).quantity;
    };
    const why = async (member: string): Promise<{ reason?: string; memberFacts: { notices?: readonly object[] } }> =>
      (await h.get(`/ops/explain?client=c1&member=${member}`, { authorization: `Bearer ${ADMIN}` })).json();
    expect(await seen()).toBe(0);
    expect(await why('m1')).toMatchObject({ decision: 'deny', reason: 'notice' });
    await h.publish(sent('m1', '2027-02-26'));
    expect(await seen()).toBe(1);
    expect(await why('m1')).toMatchObject({
      decision: 'permit',
      memberFacts: { notices: [{ kind: 'enrolment', holds: true }] },
    });
    await h.publish(event('members-merged.v1', 'm2', { from: 'm1' }));
    expect(await seen()).toBe(2);
    await h.publish(returned('m1', '2027-02-26'));
    expect(await seen()).toBe(0);
    await h.publish(sent('m2', '2027-02-27'));
    expect(await seen()).toBe(2);
  });

  test('N39: it is off by default', async () => {
    await h.publish(inNetwork(), ...panel('m1'));
    expect((await onlyGroup(h, await h.app1('c1', [`npi|${NPI}`]))).quantity).toBe(1);
  });
});

import { afterEach, beforeEach, expect, test } from 'vitest';
import { PA_CONSENT, PA_MEMBERS } from '@provider-access/events';
import type { Fact } from '@provider-access/process/testing';
import { House } from '../../../test/harness.ts';
import { consents } from '../../projections/consents.ts';

let house: House;
beforeEach(async () => {
  house = await House.open();
});
afterEach(() => house.close());

const daysAgo = (n: number): string => new Date(Date.now() - n * 86_400_000).toISOString();
const ENDED = daysAgo(5).slice(0, 10);
/** What somebody stated so many days ago. */
const stated = (member: string, ago: number, more: object, type = 'pa.opted-out.v1'): Fact => ({
  topic: PA_CONSENT,
  type,
  subject: member,
  at: daysAgo(ago),
  data: { member, scope: 'global', effective: daysAgo(ago), businessTime: daysAgo(ago), setBy: 'member', ...more },
});
const proof = (until?: string): object => ({
  setBy: 'personal-representative',
  proof: { kind: 'parent', reference: '12', verifiedBy: 'us', ...(until !== undefined && { until }) },
});
const patients = async (members: Readonly<Record<string, object>>): Promise<void> => {
  await house.publish(
    Object.entries(members).map(([id, more]) => ({
      type: 'payer.resource-recorded.v1',
      subject: id,
      data: { resource: { resourceType: 'Patient', id, ...more } },
    })),
  );
  await house.settled();
};
interface Page {
  readonly reviews: readonly { readonly member: string; readonly states: string; readonly reasons: unknown }[];
  readonly next?: string;
}
const page = async (path = '/ops/reviews'): Promise<Page> => {
  const reader = house.views.reader(consents);
  expect(await reader.waitFor(await house.log.head([PA_CONSENT]), 10_000)).toBe(true);
  const answer = await house.call('GET', path, { token: house.administratorToken });
  expect(answer.status, answer.text).toBe(200);
  return answer.json<Page>();
};
const listed = async (): Promise<readonly string[]> => (await page()).reviews.map(({ member }) => member);

test('N9 lists what representatives stated whose authority has ended, until a later statement stands', async () => {
  await house.derived(
    stated('m-ended', 10, proof(ENDED)),
    stated('m-ended-in', 10, { ...proof(ENDED), scope: undefined }, 'pa.opted-in.v1'),
    stated('m-lasts', 10, proof('9999-12-31')),
    stated('m-own', 10, {}),
    stated('m-renewed', 10, proof(ENDED)),
    stated('m-renewed', 3, proof('9999-12-31')),
    stated('m-own-later', 10, proof(ENDED)),
    stated('m-own-later', 3, {}),
    stated('m-back', 10, proof(ENDED)),
    stated('m-back', 3, { scope: undefined }, 'pa.opted-in.v1'),
  );
  const { reviews } = await page();
  expect(reviews.map(({ member, states }) => `${member} ${states}`)).toEqual(['m-ended opt-out', 'm-ended-in opt-in']);
  const next = new Date(Date.parse(ENDED) + 86_400_000).toISOString().slice(0, 10);
  expect(reviews[0]!.reasons).toEqual([{ reason: 'authority-ended', since: next }]);
});

test('N9 a birthday lists what was stated for a minor; a deceased member is not listed', async () => {
  const born = (years: number, days: number): string => {
    const date = new Date(Date.now() - days * 86_400_000);
    date.setUTCFullYear(date.getUTCFullYear() - years);
    return date.toISOString().slice(0, 10);
  };
  await patients({
    'm-of-age': { birthDate: born(18, 2) },
    'm-minor': { birthDate: born(17, 2) },
    'm-grown': { birthDate: born(40, 2) },
    'm-deceased': { birthDate: born(18, 2), deceasedBoolean: true },
    'm-died': { birthDate: born(18, 2), deceasedDateTime: '2026-01-01' },
  });
  for (const member of ['m-of-age', 'm-minor', 'm-grown', 'm-deceased', 'm-died', 'm-unknown'])
    await house.derived(stated(member, 100, proof()));
  expect(await listed()).toEqual(['m-of-age']);
});

test('N9 a merged person is listed once, by the id that stays, with what any of its Patients says', async () => {
  const merged = (subject: string): Fact => ({
    topic: PA_MEMBERS,
    type: 'pa.member-merged.v1',
    subject,
    at: daysAgo(2),
    data: { member: 'm-z', retired: 'm-a', businessTime: daysAgo(2) },
  });
  await patients({ 'm-a': { birthDate: '1950-01-01' } });
  await house.derived(stated('m-a', 10, proof(ENDED)), stated('m-z', 10, proof(ENDED)), merged('m-a'), merged('m-z'));
  expect(await listed()).toEqual(['m-z']);
  await patients({ 'm-a': { birthDate: '1950-01-01', deceasedBoolean: true } });
  expect(await listed()).toEqual([]);
});

test('N9 pages are bounded, each by member, and every page is in the audit as explain', async () => {
  const members = Array.from({ length: 7 }, (_, n) => `m-${n}`);
  await house.derived(...members.map((member) => stated(member, 10, proof(ENDED))), stated('m-x', 10, {}));
  const seen: (readonly string[])[] = [];
  for (let next: string | undefined = '/ops/reviews?limit=3'; next !== undefined;) {
    const one: Page = await page(next);
    seen.push(one.reviews.map(({ member }) => member));
    next = one.next;
  }
  expect(seen.map(({ length }) => length)).toEqual([3, 3, 1]);
  expect(seen.flat()).toEqual(members);
  const audited = (await house.audited()).filter(({ action }) => action === 'explain');
  expect(audited.map((entry) => [entry.client, entry.outcome, entry.members])).toEqual(
    seen.map((each) => ['administrator', 'released', each]),
  );
});

test.each([
  ['limit=0', /limit must be a whole number/],
  ['limit=501', /limit must be a whole number/],
  ['page=%2F%2F', /page is not valid/],
  ['page=bS8x', /page is not valid/],
  ['member=m1', /member/],
])('refuses %s', async (query, text) => {
  const answer = await house.call('GET', `/ops/reviews?${query}`, { token: house.administratorToken });
  expect([answer.status, answer.text]).toEqual([400, expect.stringMatching(text)]);
});

test('is for administrators alone', async () => {
  for (const token of [house.payerToken, house.portalToken])
    expect((await house.call('GET', '/ops/reviews', { token })).status).toBe(401);
  expect((await house.call('GET', '/ops/reviews')).status).toBe(401);
});

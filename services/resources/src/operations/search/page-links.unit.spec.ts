import { createHmac, hash } from 'node:crypto';
import { expect, it } from 'vitest';
import { fixedSecret, type Secret } from '@provider-access/smart';
import { PageLinks } from './page-links.ts';
import type { PageToken } from './page.ts';

const [OLD, NEW] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
const token: PageToken = {
  client: 'c-1',
  type: 'Observation',
  query: 'patient=m-1',
  after: { member: 'm-1', id: 'o-9', lastUpdated: 5 },
};
const links = (...keys: readonly Buffer[]): PageLinks => new PageLinks(fixedSecret(keys));

it('are valid in every instance that has the keys, for the client and the query that they were made for', () => {
  const text = links(OLD).write(token)!;
  expect(links(OLD).read(text, 'c-1', 'Observation')).toEqual(token);
  for (const [client, type] of [
    ['c-2', 'Observation'],
    ['c-1', 'Condition'],
  ] as const)
    expect(links(OLD).read(text, client, type)).toBeUndefined();
  expect(links(NEW).read(text, 'c-1', 'Observation')).toBeUndefined();
});
it('survive a rotation without a restart: the new key encrypts, and the old one is good until it is removed', () => {
  const secret: { current: readonly Buffer[] } & Secret<readonly Buffer[]> = {
    current: [OLD],
    onChange: () => () => undefined,
  };
  const rotating = new PageLinks(secret);
  const before = rotating.write(token)!;
  secret.current = [NEW, OLD];
  const after = rotating.write(token)!;
  expect([before, after].map((t) => rotating.read(t, 'c-1', 'Observation'))).toEqual([token, token]);
  // An instance that accepts the new key, but still encrypts with the old one.
  expect(links(OLD, NEW).read(after, 'c-1', 'Observation')).toEqual(token);
  secret.current = [NEW];
  expect([before, after].map((t) => rotating.read(t, 'c-1', 'Observation'))).toEqual([undefined, token]);
});
it.each(['', 'x', 'A'.repeat(44), 'A'.repeat(5000), '💥'.repeat(44)])('nothing is read from %j', (text) => {
  expect(links(OLD, NEW).read(text, 'c-1', 'Observation')).toBeUndefined();
});
it('show nothing of the query, and are equal for equal places alone', () => {
  const link = (of: Partial<PageToken>): string => links(OLD).write({ ...token, query: 'family=Garcia', ...of })!;
  expect(link({})).toBe(link({}));
  const others = [
    {},
    { client: 'c-2' },
    { type: 'Patient' },
    { query: 'family=Garcib' },
    { after: { member: 'm', id: 'o' } },
  ];
  expect(new Set(others.map((of) => link(of).slice(0, 12))).size).toBe(others.length);
  for (const of of others)
    expect(Buffer.from(link(of), 'base64url').toString('latin1')).not.toMatch(/family|Garci|m-1/);
});
it('begin a search, without a place behind which it continues', () => {
  const first = { client: 'c-1', type: 'Patient', query: 'name=x' };
  expect(links(OLD).read(links(OLD).write(first)!, 'c-1', 'Patient')).toEqual({ ...first, sealed: true });
});
it('keep the values by which a search is sorted', () => {
  const sorted = { ...token, after: { member: 'm-1', id: 'o-9', sort: [5, null, 'x'] } };
  expect(links(OLD).read(links(OLD).write(sorted)!, 'c-1', 'Observation')).toEqual({ ...sorted, sealed: true });
});
it('are not written if they would be too long for a URL', () => {
  const query = Array.from({ length: 500 }, (_, i) => hash('sha256', String(i))).join();
  expect(links(OLD).write({ ...token, query })).toBeUndefined();
});
it('are not opened into more than a query has', () => {
  const query = 'a'.repeat(1_000_000);
  const link = links(OLD).write({ ...token, query });
  expect(link === undefined ? undefined : links(OLD).read(link, 'c-1', 'Observation')).toBeUndefined();
});
it('have the form of the release before where that release knows the search, and name no person then', () => {
  const readable = (of: Partial<PageToken>): string =>
    Buffer.from(links(OLD).write({ ...token, ...of })!, 'base64url').toString('latin1');
  expect(readable({ query: 'patient=m-1&_count=2' })).toContain('patient=m-1&_count=2');
  for (const of of [
    { query: 'patient=m-1&code=x' },
    { query: 'name=x' },
    { after: { member: 'm', id: 'o', sort: [1] } },
  ])
    expect(readable(of)).not.toMatch(/m-1|name|sort/);
  // As the release before makes them.
  const payload = Buffer.from(JSON.stringify(['patient=m-1', 'm-1', 'o-9', 5]));
  const seal = createHmac('sha256', OLD).update('c-1\nObservation\n').update(payload).digest();
  const link = Buffer.concat([seal, payload]).toString('base64url');
  expect(links(NEW, OLD).read(link, 'c-1', 'Observation')).toEqual({ ...token, query: 'patient=m-1' });
  expect(links(NEW, OLD).read(link, 'c-2', 'Observation')).toBeUndefined();
});

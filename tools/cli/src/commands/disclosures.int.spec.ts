import { readFileSync, statSync } from 'node:fs';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Captured } from '../../test/captured.ts';
import { operatorsServer } from '../../test/operators-server.ts';

const BASE = 'http://localhost';
let next: (page: number) => string | undefined;

const entry = (n: number): object => ({
  client: 'c1',
  ...(n !== 1 && { agent: { name: 'Elm Street', providers: ['npi|1234567893', 'tin|123456789'], more: 2 } }),
  action: 'read',
  outcome: n % 3 === 0 ? 'refused' : 'released',
  ...(n % 3 === 0 && { reason: 'opted-out' }),
  types: ['Condition'],
  resources: 1,
  at: new Date(Date.UTC(2026, 0, 1) - n * 60_000).toISOString(),
});

const { asked, at, run } = operatorsServer((request, response) => {
  const url = new URL(request.url, BASE);
  if (request.headers.authorization !== 'Bearer token') response.writeHead(401).end('{}');
  else if (url.pathname.endsWith('/document')) response.end('<!doctype html>');
  else {
    const page = Number(url.searchParams.get('page') ?? 0);
    const size = Math.min(4, Number(url.searchParams.get('limit') ?? 4));
    const disclosures = Array.from({ length: page > 2 ? 0 : size }, (_, n) => entry(page * 4 + n));
    response.end(JSON.stringify({ member: 'm1', disclosures, next: next(page) }));
  }
});
beforeEach(() => {
  next = (page) => (page < 2 ? `/ops/disclosures?member=m1&page=${page + 1}` : undefined);
});
const disclosures = (...argv: readonly string[]): Promise<Captured> => run('disclosures', ...argv);

describe('pa disclosures', () => {
  test('follows the pages, and stops at the limit', async () => {
    const all = await disclosures('m1', '--json');
    expect([all.code, (JSON.parse(all.stdout) as unknown[]).length, asked.length]).toEqual([0, 12, 3]);
    asked.length = 0;
    const some = await disclosures('--member', 'm1', '--limit', '6', '--csv');
    expect([some.code, some.stdout.trim().split('\n').length, asked.length]).toEqual([0, 7, 2]);
    expect(some.stderr).toContain('more rows without --limit');
  });

  test('names the app and its providers, and an app of an older entry by its id alone (U7)', async () => {
    const { stdout } = await disclosures('m1', '--limit', '2');
    const [, , first, second] = stdout.trim().split('\n');
    expect(first).toMatch(/ Elm Street +npi 1234567893, tin 123456789, and 2 more +read .* c1$/);
    expect(second).toMatch(/Z +read .* c1$/);
    const csv = await disclosures('m1', '--limit', '1', '--csv');
    expect(csv.stdout.split('\n')[0]).toBe('at,app,provider,action,outcome,resources,of,job,client');
  });

  test('asks the server for a period', async () => {
    await disclosures('m1', '--since', '2026-01-01T00:00:00-05:00', '--until', '2026-02-01T00:00:00Z', '--limit', '1');
    expect(Object.fromEntries(new URL(asked[0]!, BASE).searchParams)).toEqual({
      member: 'm1',
      since: '2026-01-01T05:00:00.000Z',
      until: '2026-02-01T00:00:00.000Z',
      limit: '1',
    });
  });

  test('writes a page to print that only its owner may read, and never over another file', async () => {
    const file = at('accounting.html');
    expect((await disclosures('m1', '--since', '2026-01-01T00:00:00Z', '--html', file)).code).toBe(0);
    expect([readFileSync(file, 'utf8'), statSync(file).mode & 0o777]).toEqual(['<!doctype html>', 0o600]);
    expect(asked[0]).toContain('/ops/disclosures/document?member=m1&since=');
    expect(await disclosures('m1', '--html', file)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('exists') as string,
    });
    expect((await disclosures('m1', '--html', at('no/x'))).code).toBe(2);
    expect((await disclosures('m1', '--html', at('es.html'), '--lang', 'es')).code).toBe(0);
    expect(asked.at(-1)).toBe('/ops/disclosures/document?member=m1&lang=es');
  });

  test.each([
    [[], /name the member/],
    [['m1', '--member', 'm1'], /name the member once/],
    [['../x'], /MEMBER is not an id/],
    [['m1', '--html', 'x.html', '--limit', '3'], /--html takes/],
    [['m1', '--lang', 'es'], /--lang needs --html/],
    [['m1', '--html', 'x.html', '--lang', 'fr'], /Allowed choices are en, es/],
    [['m1', '--csv', '--json'], /choose one/],
    [['m1', '--until', 'soon'], /--until must be/],
  ])('refuses %j', async (argv, text) => {
    expect(await disclosures(...argv)).toMatchObject({ code: 2, stderr: expect.stringMatching(text) as string });
  });

  test('follows no link to another place', async () => {
    next = () => 'https://elsewhere.example/ops/disclosures?member=m1';
    expect(await disclosures('m1')).toMatchObject({ code: 3, stderr: expect.stringContaining('elsewhere') as string });
    expect(asked).toHaveLength(1);
  });
});

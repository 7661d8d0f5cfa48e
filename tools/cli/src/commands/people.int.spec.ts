import { beforeEach, describe, expect, test } from 'vitest';
import { operatorsServer } from '../../test/operators-server.ts';

const BASE = 'http://localhost';
let next: string | undefined;
const look = (n: number): object => ({
  at: `2027-01-0${n}T12:00:00.000Z`,
  by: 'person anna',
  operation: 'GET /ops/explain',
  outcome: n === 1 ? 'refused' : 'released',
  ...(n === 1 && { reason: 'forbidden' }),
  ...(n === 2 && { operation: 'POST /auth/session/end-all', person: 'person berta' }),
  members: n === 3 ? ['m1', 'm2', 'm3', 'm4', 'm5'] : [],
});
const { asked, run } = operatorsServer((request, response) => {
  const url = new URL(request.url, BASE);
  if (request.headers.authorization !== 'Bearer token') response.writeHead(401).end('{}');
  else if (url.pathname === '/auth/session/end-all') response.end(JSON.stringify({ person: 'person anna', ended: 2 }));
  else if (url.searchParams.has('page')) response.end(JSON.stringify({ looks: [look(1)] }));
  else response.end(JSON.stringify({ looks: [look(3), look(2)], ...(next !== undefined && { next }) }));
});
beforeEach(() => {
  next = '/ops/disclosures/looks?by=person+anna&page=2';
});

describe('pa people', () => {
  test('sign-out ends all sessions of a person', async () => {
    const { code, stdout } = await run('people', 'sign-out', 'person anna');
    expect([code, stdout.trim()]).toEqual([0, '2 sessions of person anna ended']);
    expect(asked).toEqual(['/auth/session/end-all']);
    expect((await run('people', 'sign-out', ' ')).code).toBe(2);
  });

  test('looks follows the pages, and shows at whom a person looked', async () => {
    const { code, stdout } = await run(
      'people',
      'looks',
      '--by',
      'person anna',
      '--since',
      '2027-01-01T00:00:00-05:00',
    );
    expect(code).toBe(0);
    expect(stdout).toMatch(/GET \/ops\/explain +released +m1 m2 m3 and 2 more/);
    expect(stdout).toMatch(/POST \/auth\/session\/end-all +released +person berta/);
    expect(stdout).toMatch(/refused: forbidden/);
    expect(Object.fromEntries(new URL(asked[0]!, BASE).searchParams)).toEqual({
      by: 'person anna',
      since: '2027-01-01T05:00:00.000Z',
    });
    expect(asked).toHaveLength(2);
    asked.length = 0;
    const csv = await run('people', 'looks', 'm1', '--limit', '1', '--csv');
    expect(csv.stdout).toContain('m1 m2 m3 m4 m5');
    expect(asked).toHaveLength(1);
  });

  test('looks needs a member or a person, and follows no link to another host', async () => {
    expect((await run('people', 'looks')).code).toBe(2);
    next = 'https://evil.example/ops/disclosures/looks';
    expect((await run('people', 'looks', 'm1')).code).toBe(3);
  });
});

import { expect, test } from 'vitest';
import { operatorsServer } from '../../test/operators-server.ts';

let answer: object;
const { asked, run } = operatorsServer((request, response) => {
  if (request.headers.authorization !== 'Bearer token') response.writeHead(401).end('{}');
  else response.end(JSON.stringify(answer));
});
const find = (...argv: readonly string[]): ReturnType<typeof run> => run('members', 'find', ...argv);
const NAMED = ['--family', 'Smith', '--birth-date', '1980-03-04'];

test('pa members find prints who was found, and puts nothing into the address', async () => {
  answer = { members: [{ member: 'm-1', name: 'Ana Smith', birthDate: '1980-03-04' }, { member: 'm-2' }], more: true };
  const { code, stdout } = await find(...NAMED);
  expect(code).toBe(0);
  expect(stdout).toMatch(/m-1 +Ana Smith +1980-03-04/);
  expect(stdout).toContain('There are more');
  expect(asked).toEqual(['/ops/members/find']);
});

test('pa members find says that it found nobody, and exits with 1', async () => {
  answer = { members: [], more: false };
  const { code, stdout } = await find('--identifier', 'H-1');
  expect([code, stdout.trim()]).toEqual([1, 'nobody']);
});

test.each([[], ['--family', 'Smith'], [...NAMED, '--identifier', 'H-1'], ['--identifier', ' ']])(
  'pa members find refuses %j',
  async (...argv: readonly string[]) => {
    expect((await find(...argv)).code).toBe(2);
    expect(asked).toEqual([]);
  },
);

import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { pa, type Captured } from '../../test/captured.ts';

interface Letter {
  readonly id: string;
  readonly reason: string;
  readonly parkedAt: string;
  readonly detail: string;
}
/** A platform with dead letters in this process. */
let http: HttpServer;
let letters: Letter[];
let outcomes: Record<string, string>;
let done: string[];
let begun: object[];
const causesOf = ({ searchParams }: URL): object => {
  const cause = { reason: 'missing-id', detail: 'no id', newest: '2026-11-01T00:00:00.000Z' };
  return searchParams.get('after') === 'missing-id.a'
    ? { causes: [{ ...cause, cause: 'missing-id.b', count: 2, isMore: false }] }
    : { causes: [{ ...cause, cause: 'missing-id.a', count: 1000, isMore: true }], next: 'missing-id.a' };
};
beforeEach(async () => {
  letters = ['missing-id', 'invalid-data', 'missing-id', 'missing-id'].map((reason, nth) => ({
    id: `dl-${nth + 1}`,
    reason,
    parkedAt: `2026-11-0${nth + 1}T00:00:00.000Z`,
    detail: nth === 1 ? '=HYPERLINK("x"), a "text"' : 'no id',
  }));
  [outcomes, done, begun] = [{}, [], []];
  http = createServer((request, response) => {
    const { pathname } = new URL(request.url!, 'http://x');
    const [, , , id, verb] = pathname.split('/');
    const json = (body: unknown): void => void response.end(JSON.stringify(body));
    if (pathname === '/events/dead-letters/causes') return json(causesOf(new URL(request.url!, 'http://x')));
    if (pathname === '/events/dead-letters/runs') {
      request.setEncoding('utf8');
      let body = '';
      request.on('data', (part: string) => (body += part));
      request.on('end', () => {
        begun.push(JSON.parse(body) as object);
        json({ id: 'run-1', status: 'running', taken: 0, counts: {}, failures: [] });
      });
      return;
    }
    if (pathname === '/events/dead-letters/runs/run-1')
      return json({
        ...{ id: 'run-1', status: 'done', taken: 3, counts: { discarded: 2, failed: 1 } },
        failures: [{ deadLetter: 'dl-9', reason: 'gone', detail: 'the log no longer has the original event' }],
      });
    if (pathname === '/events/dead-letters') return json({ deadLetters: letters });
    if (pathname.startsWith('/events/receipts/')) {
      const outcome = outcomes[id!] ?? 'recorded';
      return json({
        handled: 1,
        counts: { [outcome]: 1 },
        items: outcome === 'recorded' ? [] : [{ outcome, reason: 'again' }],
      });
    }
    done.push(`${verb} ${id}`);
    json({ receipt: id, event: `event of ${id}` });
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  vi.stubEnv('PA_PAYER_TOKEN', 'payer');
});
afterEach(() => {
  vi.unstubAllEnvs();
  http.closeAllConnections();
  return new Promise<void>((resolve) => void http.close(() => resolve()));
});
const said = (...argv: readonly string[]): Promise<Captured> =>
  pa('--server', `http://127.0.0.1:${(http.address() as AddressInfo).port}`, ...argv);

describe('many dead letters', () => {
  test('are replayed by their reason, and the exit code says whether one was parked again', async () => {
    outcomes['dl-3'] = 'parked';
    const ran = await said('dead-letters', 'replay', '--all', 'missing-id');
    expect(ran.code).toBe(1);
    expect(ran.stdout).toMatch(/^3 replayed: 2 recorded, 1 parked\.\nid +outcome +why\n/);
    expect(done).toEqual(['replay dl-1', 'replay dl-3', 'replay dl-4']);
  });

  test('are discarded by their reason, at most so many', async () => {
    const argv = ['dead-letters', 'discard', '--all', 'missing-id', '--limit', '2', '--reason', 'a wrong feed'];
    expect(await said(...argv)).toMatchObject({ code: 0, stdout: '2 discarded.\n' });
    expect(done).toEqual(['discard dl-1', 'discard dl-3']);
  });

  test.each([
    [['replay'], 2, /one dead letter by its id, or many with --all/],
    [['replay', 'dl-1', '--all', 'missing-id'], 2, /one dead letter by its id, or many with --all/],
    [['replay', '--all', 'missing-id', '--with', 'x.json'], 2, /--with corrects one/],
    [
      ['discard', '--all', 'mising-id', '--reason', 'x'],
      1,
      /no open dead letter.*Reasons of open ones: invalid-data, missing-id/,
    ],
  ])('%j changes nothing', async (argv, code, sentence) => {
    expect(await said('dead-letters', ...argv)).toMatchObject({
      code,
      stderr: expect.stringMatching(sentence) as string,
    });
    expect(done).toEqual([]);
  });
});

describe('a list', () => {
  test('has --limit and --since, in a table and in JSON', async () => {
    const { stdout } = await said('dead-letters', 'list', '--limit', '1', '--since', '2026-11-02T00:00:00Z');
    expect(stdout).toMatch(/dl-2 [^]*\n… 2 more without --limit\n$/);
    const json = JSON.parse(
      (await said('--json', 'dead-letters', 'list', '--since', '2026-11-04T00:00:00Z')).stdout,
    ) as object[];
    expect(json).toMatchObject([{ id: 'dl-4' }]);
    expect(await said('dead-letters', 'list', '--limit', '0')).toMatchObject({ code: 2 });
  });

  test('is CSV that no spreadsheet runs as a formula', async () => {
    letters = letters.slice(0, 2);
    expect((await said('dead-letters', 'list', '--csv')).stdout).toBe(
      'id,reason,type,parked at,detail\n' +
        'dl-1,missing-id,,2026-11-01T00:00:00.000Z,no id\n' +
        `dl-2,invalid-data,,2026-11-02T00:00:00.000Z,"'=HYPERLINK(""x""), a ""text"""\n`,
    );
    expect(await said('--json', 'dead-letters', 'list', '--csv')).toMatchObject({ code: 2 });
  });

  test('are listed by cause, page by page, and resolved by it', async () => {
    const causes = await said('dead-letters', 'causes');
    expect(causes.stdout).toMatch(/^cause +open +type +newest +detail\n/);
    expect(causes.stdout).toMatch(/missing-id\.a +1000\+ /);
    expect(causes.stdout).toMatch(/missing-id\.b +2 /);
    expect(await said('dead-letters', 'resolve', 'missing-id.a', '--discard', 'a wrong feed')).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/^3 handled: 2 discarded, 1 failed\.\nid +reason +what is wrong\n-+[^]*dl-9 +gone/),
    });
    expect(begun).toEqual([{ cause: 'missing-id.a', action: 'discard', reason: 'a wrong feed' }]);
    const both = ['--discard', 'x', '--patch', 'p.json'];
    expect(await said('dead-letters', 'resolve', 'missing-id.a', ...both)).toMatchObject({ code: 2 });
    expect(await said('dead-letters', 'resolve', 'missing-id.a', '--patch', 'none.json')).toMatchObject({ code: 2 });
  });
});

import { writeFileSync } from 'node:fs';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Captured } from '../../test/captured.ts';
import { operatorsServer } from '../../test/operators-server.ts';

let pages: object[];
const seal = (n: number) => ({ n, day: `2026-01-0${n + 1}`, digest: String(n).repeat(64) });
const intact = (n: number, partition: number) => ({
  ...seal(n),
  digest: undefined,
  partition,
  records: 10,
  state: 'intact',
});

const { asked, at, run } = operatorsServer((_request, response) => {
  const page = pages[asked.length - 1];
  response.writeHead(page === undefined ? 404 : 200).end(JSON.stringify(page ?? {}));
});
beforeEach(() => {
  pages = [
    { findings: [intact(0, 0), intact(0, 1)], seals: [seal(0)], next: '/ops/audit/verification?page=2' },
    { findings: [intact(1, 0)], seals: [seal(1)], unsealed: 7 },
  ];
});
const verify = (...argv: readonly string[]): Promise<Captured> => run('audit', 'verify', ...argv);

describe('pa audit verify', () => {
  test('follows the pages, and names the last seal to keep elsewhere', async () => {
    const said = await verify('--from', '2026-01-01', '--to', '2026-01-31');
    expect([said.code, asked]).toEqual([
      0,
      ['/ops/audit/verification?from=2026-01-01&to=2026-01-31', '/ops/audit/verification?page=2'],
    ]);
    expect(said.stdout).toContain('30 entries in 2 seals are as they were sealed.');
    expect(said.stdout).toContain(`The last seal is 1 of 2026-01-02: ${'1'.repeat(64)}`);
    expect(said.stdout).toContain('7 entries are not sealed yet.');
  });

  test('exits with 1 and names day and partition when something differs', async () => {
    pages = [{ findings: [intact(0, 0), { ...intact(0, 1), state: 'differs', detail: 'changed' }], seals: [seal(0)] }];
    const said = await verify();
    expect(said.code).toBe(1);
    expect(said.stdout).toMatch(/2026-01-01\s+0\s+1\s+differs\s+changed/);
    expect(said.stdout).toContain('NOT as it was sealed');
  });

  test('exits with 1 if entries of a day that is over lack a seal', async () => {
    const day = (ago: number) => new Date(Date.now() - ago * 86_400_000).toISOString().slice(0, 10);
    const since = (unsealedSince: string) => [{ findings: [], seals: [seal(0)], unsealed: 3, unsealedSince }];
    pages = since(day(0));
    expect((await verify()).code).toBe(0);
    asked.length = 0;
    pages = since(day(2));
    const said = await verify();
    expect([said.code, said.stdout]).toEqual([1, expect.stringContaining(`entries of ${day(2)} lack one`)]);
    asked.length = 0;
    const json = await verify('--json');
    expect([json.code, JSON.parse(json.stdout)]).toEqual([1, expect.objectContaining({ late: day(2) })]);
  });

  test('exits with 1 if entries or seals are gone, unless a retention of the operator removed them', async () => {
    const gone = (n: number, partition?: number) => ({ ...intact(n, 0), partition, state: 'gone', detail: 'removed' });
    const verified = async (found: object, ...argv: string[]): Promise<Captured> => {
      asked.length = 0;
      pages = [{ findings: [found, intact(2, 0)], seals: [seal(1), seal(2)], unsealed: 0 }];
      return verify(...argv);
    };
    for (const found of [gone(1, 0), gone(1)]) {
      const said = await verified(found);
      expect([said.code, said.stdout]).toEqual([1, expect.stringContaining('NOT complete: 1 checks')]);
      const json = await verified(found, '--json');
      expect([json.code, JSON.parse(json.stdout)]).toEqual([1, expect.objectContaining({ intact: false })]);
      const expected = await verified(found, '--gone-before', '2026-01-03');
      expect([expected.code, expected.stdout]).toEqual([0, expect.stringContaining('the oldest entries are gone')]);
      expect((await verified(found, '--gone-before', '2026-01-01')).code).toBe(1);
    }
    // The day itself must be complete, and its seal may be the first one that is left.
    expect((await verified(gone(1, 0), '--gone-before', '2026-01-02')).code).toBe(1);
    expect((await verified(gone(1), '--gone-before', '2026-01-02')).code).toBe(0);
    expect((await verified({ ...gone(1, 0), state: 'differs' }, '--gone-before', '2026-01-03')).code).toBe(1);
  });

  test('fails on a kept day that is gone, and on a kept seal that is gone', async () => {
    const file = at('kept-days.json');
    writeFileSync(file, (await verify('--json')).stdout);
    const against = async (page: object, ...argv: string[]): Promise<number> => {
      asked.length = 0;
      pages = [{ unsealed: 0, ...page }];
      return (await verify('--against', file, ...argv)).code;
    };
    const gone = { ...intact(0, 0), state: 'gone' };
    expect(await against({ findings: [gone, intact(1, 0)], seals: [seal(0), seal(1)] })).toBe(1);
    const first = { findings: [{ ...intact(1, 0), partition: undefined, state: 'gone' }], seals: [seal(1)] };
    expect(await against(first)).toBe(1);
    expect(await against(first, '--gone-before', '2026-01-02')).toBe(0);
    expect(await against({ findings: [], seals: [] }, '--gone-before', '2026-01-02')).toBe(1);
  });

  test('compares with seals that were kept', async () => {
    const file = at('kept.json');
    const first = await verify('--json');
    writeFileSync(file, first.stdout);
    asked.length = 0;
    expect((await verify('--against', file)).code).toBe(0);
    asked.length = 0;
    pages = [{ findings: [intact(0, 0)], seals: [{ ...seal(0), digest: 'f'.repeat(64) }], unsealed: 0 }];
    const said = await verify('--against', file);
    expect([said.code, said.stdout]).toEqual([1, expect.stringContaining('not the one that was kept')]);
    writeFileSync(file, '{}');
    expect((await verify('--against', file)).code).toBe(2);
    expect((await verify('--against', at('none'))).code).toBe(2);
  });

  test.each([[['--from', 'yesterday']], [['--to', '2026-02-30']], [['--gone-before', '1']]])(
    'refuses %j',
    async (argv) => {
      expect((await verify(...argv)).code).toBe(2);
      expect(asked).toEqual([]);
    },
  );

  test('follows no link to another place', async () => {
    pages = [{ findings: [], seals: [], next: 'https://elsewhere.example/' }];
    expect((await verify()).code).toBe(3);
  });
});

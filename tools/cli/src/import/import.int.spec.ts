import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { pa, type Captured } from '../../test/captured.ts';
import { PayerPlatform } from '../../test/payer-platform.ts';

const NPI = '1234567893';
let platform: PayerPlatform;
let folder: string;
beforeEach(async () => {
  platform = new PayerPlatform();
  await platform.listen();
  folder = mkdtempSync(join(tmpdir(), 'provider-access-import-'));
  vi.stubEnv('PA_PAYER_TOKEN', 'payer');
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await platform.close();
  rmSync(folder, { recursive: true });
});

const at = (name: string): string => join(folder, name);
const put = (name: string, ...lines: readonly string[]): void => writeFileSync(at(name), `${lines.join('\n')}\n`);
const imported = (what: string, name: string, ...more: readonly string[]): Promise<Captured> =>
  pa('--server', platform.base, 'import', what, at(name), ...more);
interface Report {
  readonly rows: number;
  readonly accepted: number;
  readonly refused: number;
  readonly outcomes: Record<string, number>;
  readonly refusedRows: readonly { readonly line: number; readonly column?: string; readonly reason: string }[];
  readonly notInForce?: number;
}
const reportOf = async (what: string, name: string, ...more: readonly string[]): Promise<Report & { code: number }> => {
  const { stdout, code } = await pa('--server', platform.base, '--json', 'import', what, at(name), ...more);
  return { ...(JSON.parse(stdout) as Report), code };
};
const outcomes = (name: string): Record<string, unknown>[] =>
  readFileSync(at(name), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .sort((a, b) => Number(a['line']) - Number(b['line']));

describe('rows', () => {
  test('that are bad are refused with line, column and reason, and the others proceed', async () => {
    put(
      'roster.csv',
      'member,npi,from',
      `m-1,${NPI},2026-01-01`,
      `m 2,${NPI},2026-01-01`,
      'm-3,1234567890,2026-01-01',
      `m-4,${NPI},2026-02-30`,
      `m-5,${NPI}`,
      `m-6,"${NPI},2026-01-01`,
      `"m-7"x,${NPI},2026-01-01`,
      '',
      `m-8,"${NPI}","2026-01-01"`,
    );
    const report = await reportOf('roster', 'roster.csv');
    expect(report).toMatchObject({ code: 1, rows: 8, accepted: 2, refused: 6 });
    expect(report.refusedRows.map(({ line, column, reason }) => [line, column, reason])).toEqual([
      [3, 'member', expect.stringContaining('must be an id')],
      [4, 'npi', expect.stringContaining('check digit')],
      [5, 'from', expect.stringContaining('exist')],
      [6, undefined, '2 cells, but the header has 3'],
      [7, undefined, expect.stringContaining('a quote is not closed')],
      [8, undefined, expect.stringContaining('a quote inside')],
    ]);
    expect(platform.ofType('payer.attribution-asserted.v1').map(({ subject }) => subject)).toEqual(['m-1', 'm-8']);
    expect(outcomes('roster.outcomes.ndjson').map(({ line, outcome }) => [line, outcome])).toEqual([
      [2, 'recorded'],
      ...[3, 4, 5, 6, 7, 8].map((line) => [line, 'refused']),
      [10, 'recorded'],
    ]);
    expect(statSync(at('roster.outcomes.ndjson')).mode & 0o777).toBe(0o600);
  });

  test('that come again make the same event ids, in the same file and in the next run', async () => {
    put('roster.csv', 'member,npi,from', `m-1,${NPI},2026-01-01`, `m-1,${NPI},2026-01-01`, `m-2,${NPI},2026-01-01`);
    await imported('roster', 'roster.csv');
    expect(platform.events.size).toBe(2);
    expect((await reportOf('roster', 'roster.csv')).outcomes).toEqual({ recorded: 0, unchanged: 3 });
    expect(platform.events.size).toBe(2);
  });

  test('have a later business time in a file that was changed later, so that what it says again stands', async () => {
    put('roster.csv', 'member,npi,from,time', `m-1,${NPI},2026-01-01,`, `m-2,${NPI},2026-01-01,2026-03-01T00:00:00Z`);
    utimesSync(at('roster.csv'), new Date('2026-06-01'), new Date('2026-06-01'));
    await imported('roster', 'roster.csv');
    await imported('roster', 'roster.csv', '--time', '2026-07-01T00:00:00Z');
    expect([...platform.events.values()].map(({ subject, time }) => [subject, time])).toEqual([
      ['m-1', '2026-06-01T00:00:00.000Z'],
      ['m-2', '2026-03-01T00:00:00.000Z'],
      ['m-1', '2026-07-01T00:00:00.000Z'],
    ]);
  });

  test('that the platform parks are told, with the dead letter', async () => {
    platform.park = ({ subject }) => (subject === 'm-2' ? 'too-many-ids' : undefined);
    put('coverage.csv', 'member,coverageId,from', 'm-1,c-1,2026-01-01', 'm-2,c-2,2026-01-01');
    expect(await reportOf('coverage', 'coverage.csv')).toMatchObject({ code: 1, outcomes: { recorded: 1, parked: 1 } });
    expect(outcomes('coverage.outcomes.ndjson')[1]).toMatchObject({ line: 3, outcome: 'parked', deadLetter: 'dl-2' });
  });
});

describe('files', () => {
  test('may have a byte order mark, CRLF, another separator, quotes with separators in them, and gzip', async () => {
    const text = `\uFEFFmember;npi;from;name\r\nm-1;${NPI};2026-01-01;"a;b ""c"""\r\n`;
    writeFileSync(at('roster.csv.gz'), gzipSync(text));
    put('map.yaml', "separator: ';'");
    expect(await reportOf('roster', 'roster.csv.gz', '--map', at('map.yaml'))).toMatchObject({ code: 0, accepted: 1 });
    expect(existsSync(at('roster.outcomes.ndjson'))).toBe(true);
  });

  test('with lines that are not UTF-8 lose only these lines', async () => {
    writeFileSync(
      at('roster.csv'),
      Buffer.concat([
        Buffer.from(`member,npi,from\nm-1,${NPI},2026-01-01\n`),
        Buffer.from([0xe9, 0x0a]),
        Buffer.from(`m-2,${NPI},2026-01-01\n`),
      ]),
    );
    expect(await reportOf('roster', 'roster.csv')).toMatchObject({ accepted: 2, refused: 1 });
  });

  test.each([
    ['empty', [], /is empty/],
    ['without a required column', ['member,npi', `m-1,${NPI}`], /no column for from/],
    ['with another separator', ['member;npi;from', `m-1;${NPI};2026-01-01`], /has one column.*`separator`/],
    ['with a column twice', ['member,npi,from,from', 'a,b,c,d'], /two columns have the name "from"/],
  ])('%s are refused as a whole', async (_, lines, reason) => {
    put('roster.csv', ...lines);
    if (lines.length === 0) writeFileSync(at('roster.csv'), '');
    expect(await imported('roster', 'roster.csv')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(reason) as string,
    });
    expect(platform.count).toBe(0);
  });

  test.each([
    ['columns: { membr: ID }', /columns\.membr is no attribute/],
    ['columns: { member: ID }', /names the column "ID" for member, which is missing/],
    ['colums: {}', /colums/],
    ['days: DD.MM', /YYYY, MM and DD once/],
    ['columns: [', /cannot be read/],
  ])('with the map %j are refused', async (map, reason) => {
    put('roster.csv', 'member,npi,from', `m-1,${NPI},2026-01-01`);
    put('map.yaml', map);
    expect(await imported('roster', 'roster.csv', '--map', at('map.yaml'))).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(reason) as string,
    });
  });

  test('are read to their end by --dry-run, which publishes and writes nothing', async () => {
    put('network.csv', 'npi,status,from', `${NPI},in-network,2026-01-01`, `${NPI},maybe,2026-01-01`);
    const { code, stdout } = await imported('network', 'network.csv', '--dry-run');
    expect(code).toBe(1);
    expect(stdout).toContain('2 rows read: 1 would be published');
    expect(stdout).toContain('"status":"in-network"');
    expect([platform.count, existsSync(at('network.outcomes.ndjson'))]).toEqual([0, false]);
  });
});

describe('opt-outs', () => {
  const last = ({ stdout }: Captured): string => stdout.trim().split('\n').at(-1)!;

  test('that are refused go to a file that no later run overwrites', async () => {
    put('opt-outs.csv', 'member,scope', 'm-1,global', 'm-2,provider-specific', 'm-3,everything');
    const ran = await imported('opt-outs', 'opt-outs.csv');
    expect(ran.code).toBe(1);
    expect(last(ran)).toBe('2 opt-outs are NOT in force');
    expect(readFileSync(at('opt-outs.refused.csv'), 'utf8')).toBe(
      'member,scope\nm-2,provider-specific\nm-3,everything\n',
    );
    await imported('opt-outs', 'opt-outs.csv');
    expect(existsSync(at('opt-outs.refused-2.csv'))).toBe(true);
  });

  test('that are parked deny their members, so they are not counted', async () => {
    platform.park = () => 'invalid-data';
    put('opt-outs.csv', 'member', 'm-1');
    expect(last(await imported('opt-outs', 'opt-outs.csv'))).toBe('0 opt-outs are NOT in force');
  });

  test('that were not sent, because the platform went away, are counted', async () => {
    put('opt-outs.csv', 'member', ...Array.from({ length: 2500 }, (_, nth) => `m-${nth}`));
    let posts = 0;
    platform.interfere = ({ method }, response) =>
      method === 'POST' && (posts += 1) > 1 && (response.writeHead(500).end(), true);
    const ran = await imported('opt-outs', 'opt-outs.csv');
    expect(ran.code).toBe(3);
    expect(last(ran)).toBe('1500 opt-outs are NOT in force');
    platform.interfere = () => false;
    expect(last(await imported('opt-outs', 'opt-outs.csv'))).toBe('0 opt-outs are NOT in force');
    expect(platform.events.size).toBe(2500);
  });
});

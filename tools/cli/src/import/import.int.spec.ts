import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
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

  /** Every refused row is in the refused file, also one whose encoding is broken. */
  test('with a line that is not UTF-8 after lines that are lose only this line', async () => {
    writeFileSync(
      at('roster.csv'),
      Buffer.concat([
        Buffer.from(`member,npi,from,basis\nm-1,${NPI},2026-01-01,Müller\nm-2,${NPI},2026-01-01,M`),
        Buffer.from([0xfc]),
        Buffer.from(`ller\nm-3,${NPI},2026-01-01,x\n`),
      ]),
    );
    expect(await reportOf('roster', 'roster.csv')).toMatchObject({ accepted: 2, refused: 1, encoding: 'UTF-8' });
    expect(readFileSync(at('roster.refused.csv'), 'utf8')).toBe(
      `member,npi,from,basis\nm-2,${NPI},2026-01-01,Müller\n`,
    );
  });

  test.each([
    ['Windows-1252', 'latin1', ','],
    ['UTF-16', 'utf16le', '\t'],
    ['UTF-8', 'utf8', ';'],
  ] as const)('in %s are read, and the form is shown', async (encoding, written, separator) => {
    const text = ['Member', 'N P I', 'From', 'Basis'].join(separator) + '\r\n';
    const row = ['m-1', NPI, '2026-01-01', 'Jürgen'].join(separator) + '\r\n';
    writeFileSync(at('roster.csv'), Buffer.from(text + row, written));
    const ran = await imported('roster', 'roster.csv');
    expect(ran.stdout).toContain(
      `Read as ${encoding}, with columns separated by ${separator === '\t' ? 'tabs' : `"${separator}"`}.`.replace(
        /^Read as Windows-1252, .*$/,
        'Read as Windows-1252, with columns separated by ",".',
      ),
    );
    expect(platform.ofType('payer.attribution-asserted.v1')[0]!.data).toMatchObject({ basis: 'Jürgen' });
  });

  test('may name their separator in the first line, as Excel does', async () => {
    put('roster.csv', 'sep=|', 'member|npi|from', `m-1|${NPI}|2026-01-01`);
    expect(await reportOf('roster', 'roster.csv')).toMatchObject({ code: 0, accepted: 1, separator: '|' });
  });

  test('may have line breaks inside quotes, and a quote that is not closed costs its own line only', async () => {
    put(
      'roster.csv',
      'member,npi,from,basis',
      `m-1,${NPI},2026-01-01,"two`,
      'lines"',
      `m-2,${NPI},2026-01-01,"open`,
      `m-3,${NPI},2026-01-01,plain`,
      `m-4,"${NPI},2026-01-01,open`,
      `m-5,${NPI},2026-01-01,"three`,
      '',
      'lines"',
    );
    const report = await reportOf('roster', 'roster.csv');
    expect(report).toMatchObject({ rows: 5, accepted: 3, refused: 2 });
    expect(platform.ofType('payer.attribution-asserted.v1').map(({ subject }) => subject)).toEqual([
      'm-1',
      'm-3',
      'm-5',
    ]);
    expect(readFileSync(at('roster.refused.csv'), 'utf8').split('\n').slice(1, 3)).toEqual([
      `m-2,${NPI},2026-01-01,"open`,
      `m-4,"${NPI},2026-01-01,open`,
    ]);
  });

  test.each([
    ['plain', (text: string) => Buffer.from(text)],
    ['gzip', (text: string) => gzipSync(text)],
  ])('from standard input (%s) are read, and their outcomes lie in the folder of the command', async (_, packed) => {
    const before = process.cwd();
    const text = `member,npi,from\nm-1,${NPI},2026-01-01\nm 2,${NPI},2026-01-01\n`;
    vi.spyOn(process, 'stdin', 'get').mockReturnValue(Readable.from([packed(text)]) as unknown as typeof process.stdin);
    process.chdir(folder);
    try {
      const ran = await pa('--server', platform.base, 'import', 'roster', '-', '--time', '2026-06-01T00:00:00Z');
      expect(ran.code).toBe(1);
    } finally {
      process.chdir(before);
      vi.restoreAllMocks();
    }
    expect([...platform.events.values()].map(({ subject, time }) => [subject, time])).toEqual([
      ['m-1', '2026-06-01T00:00:00.000Z'],
    ]);
    expect(readFileSync(at('roster.refused.csv'), 'utf8')).toContain('m 2');
    expect(existsSync(at('roster.outcomes.ndjson'))).toBe(true);
  });

  /** U3: an empty feed was a success. */
  test('with a header and no row are no success', async () => {
    put('roster.csv', 'member,npi,from');
    expect(await imported('roster', 'roster.csv')).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('a header and no row') as string,
    });
    expect((await imported('roster', 'roster.csv', '--dry-run')).code).toBe(1);
  });

  test.each([
    ['empty', [], /is empty/],
    ['without a required column', ['member,npi', `m-1,${NPI}`], /no column for from/],
    ['with another separator', ['member#npi#from', `m-1#${NPI}#2026-01-01`], /has one column.*`separator`/],
    ['that are workbooks', ['PK\u0003\u0004'], /Excel workbook.*CSV UTF-8/],
    [
      'with two columns that may be the same',
      ['Member,MEMBER,npi,from', 'a,b,c,d'],
      /"Member" and "MEMBER" may both be/,
    ],
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

describe('values', () => {
  test.each([
    ['45292', undefined, /"45292" is a day number of Excel, 2024-01-01: .*`days: excel`/],
    ['1/2/2024', undefined, /"1\/2\/2024" is a day in another form: .*`days: MM\/DD\/YYYY`/],
    ['2024-02-30', undefined, /"2024-02-30" is a day that does not exist/],
    ['2024-01-01 00:00:00', undefined, /is no day \(YYYY-MM-DD\) and no instant/],
    ['2024-01-02', 'days: MM/DD/YYYY', /"2024-01-02" is no day of the form MM\/DD\/YYYY, which the map names/],
  ])('U12: the day %s is refused with its value and the remedy', async (day, map, reason) => {
    put('roster.csv', 'member,npi,from', `m-1,${NPI},${day}`);
    if (map !== undefined) put('map.yaml', map);
    const more = map === undefined ? [] : ['--map', at('map.yaml')];
    expect((await reportOf('roster', 'roster.csv', ...more)).refusedRows).toEqual([
      { line: 2, column: 'from', reason: expect.stringMatching(reason) as string },
    ]);
  });

  test.each([
    ['45292', '2024-01-01'],
    ['45292.75', '2024-01-01'],
    ['36526', '2000-01-01'],
    ['44620', '2022-02-28'],
  ])('the day number %s of Excel is %s', async (number, day) => {
    put('map.yaml', 'days: excel');
    put('roster.csv', 'member,npi,from', `m-1,${NPI},${number}`);
    expect(await reportOf('roster', 'roster.csv', '--map', at('map.yaml'))).toMatchObject({ accepted: 1 });
    expect(platform.ofType('payer.attribution-asserted.v1')[0]!.data).toMatchObject({ from: day });
  });

  test('U13: codes may have capitals and blanks, and a code that does not exist is told the ones that do', async () => {
    put(
      'opt-outs.csv',
      'Member,Scope,NPI,Set By',
      'm-1,Global,,Member',
      `m-2,Provider Specific,${NPI},Personal_Representative`,
      'm-3,Everything,,member',
    );
    const report = await reportOf('opt-outs', 'opt-outs.csv');
    expect(report).toMatchObject({ accepted: 2, refused: 1 });
    expect(report.refusedRows).toEqual([
      {
        line: 4,
        column: 'Scope',
        reason: 'must be one of global, provider-specific, purpose-specific, payer-specific, provider-category',
      },
    ]);
  });

  test('N14 ends of coverage and of attribution, and opt-ins, are files too', async () => {
    put('roster-ends.csv', 'member,npi,to', `m-1,${NPI},2026-01-31`);
    put('coverage-ends.csv', 'member,coverage id,to', 'm-2,c-2,2026-01-31');
    put('opt-ins.csv', 'member,channel', 'm-3,phone');
    for (const kind of ['roster-ends', 'coverage-ends', 'opt-ins'])
      expect(await reportOf(kind, `${kind}.csv`), kind).toMatchObject({ code: 0, accepted: 1 });
    expect([...platform.events.values()].map(({ type, subject, data }) => [type, subject, data])).toEqual([
      ['payer.attribution-ended.v1', 'm-1', { provider: { npi: NPI }, to: '2026-01-31' }],
      ['payer.member-terminated.v1', 'm-2', { coverageId: 'c-2', to: '2026-01-31' }],
      ['payer.member-opted-in.v2', 'm-3', { channel: 'phone' }],
    ]);
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
    expect(last(ran)).toBe('500 opt-outs are NOT in force');
    platform.interfere = () => false;
    expect(last(await imported('opt-outs', 'opt-outs.csv'))).toBe('0 opt-outs are NOT in force');
    expect(platform.events.size).toBe(2500);
  });
});

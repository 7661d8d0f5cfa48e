import { existsSync, mkdtempSync, readdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { pa } from '../../test/captured.ts';
import { PayerPlatform } from '../../test/payer-platform.ts';

const NPI = '1234567893';
const LONG_AGO = new Date('2026-01-05T00:00:00Z');
let platform: PayerPlatform;
let folder: string;
beforeEach(async () => {
  platform = new PayerPlatform();
  await platform.listen();
  folder = mkdtempSync(join(tmpdir(), 'provider-access-folder-'));
  vi.stubEnv('PA_PAYER_TOKEN', 'payer');
});
afterEach(async () => {
  vi.unstubAllEnvs();
  // The lock of a command ends with its process, and these commands run in this one.
  process.emit('exit', 0);
  await platform.close();
  rmSync(folder, { recursive: true });
});

function put(name: string, text: string, at = LONG_AGO): void {
  writeFileSync(join(folder, name), text);
  utimesSync(join(folder, name), at, at);
}
const once = (...more: string[]) => pa('--server', platform.base, 'import-folder', folder, '--once', ...more);
/** Names of the files below a folder, without the folder of the time. */
const inside = (place: string): string[] =>
  existsSync(join(folder, place))
    ? readdirSync(join(folder, place), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map(({ name }) => name)
        .sort()
    : [];

test('imports each file of a known name in an order that takes access away first, and moves it', async () => {
  put('roster-2026-11-29.csv', `MBR,npi,from\nm-1,${NPI},2026-01-01\n`);
  put('roster.yaml', 'columns: { member: MBR }');
  put('roster-ends_a.csv', `member,npi,to\nm-2,${NPI},2026-01-31\n`);
  put('opt-outs.csv', 'member\nm-3\n');
  put('rosters.csv', 'no kind has this name\n');
  put('readme.txt', 'nor this one\n');
  expect((await once()).code).toBe(0);
  expect([...platform.events.values()].map(({ type, time }) => [type, time])).toEqual([
    ['payer.member-opted-out.v2', LONG_AGO.toISOString()],
    ['payer.attribution-ended.v1', LONG_AGO.toISOString()],
    ['payer.attribution-asserted.v1', LONG_AGO.toISOString()],
  ]);
  expect(inside('done')).toEqual([
    'opt-outs.csv',
    'opt-outs.outcomes.ndjson',
    'roster-2026-11-29.csv',
    'roster-2026-11-29.outcomes.ndjson',
    'roster-ends_a.csv',
    'roster-ends_a.outcomes.ndjson',
  ]);
  expect(readdirSync(folder).sort()).toEqual(['done', 'readme.txt', 'roster.yaml', 'rosters.csv'].sort());
});

test('moves a file with refused rows, an empty one and a workbook to refused/, and imports the others', async () => {
  put('roster-1.csv', `member,npi,from\nm-1,${NPI},2026-01-01\nm 2,${NPI},2026-01-01\n`);
  put('roster-2.csv', 'member,npi,from\n');
  put('roster-3.csv', 'PK\u0003\u0004');
  put('roster-4.csv', `member,npi,from\nm-4,${NPI},2026-01-01\n`);
  expect((await once()).code).toBe(1);
  expect(inside('refused')).toEqual([
    'roster-1.csv',
    'roster-1.outcomes.ndjson',
    'roster-1.refused.csv',
    'roster-2.csv',
    'roster-3.csv',
  ]);
  expect(inside('done')).toEqual(['roster-4.csv', 'roster-4.outcomes.ndjson']);
});

test('leaves a file alone that somebody still writes, and a link', async () => {
  put('roster-new.csv', `member,npi,from\nm-1,${NPI},2026-01-01\n`, new Date());
  symlinkSync('/etc/hostname', join(folder, 'roster-link.csv'));
  expect((await once()).code).toBe(0);
  expect(platform.count).toBe(0);
  expect(readdirSync(folder).sort()).toEqual(['roster-link.csv', 'roster-new.csv']);
});

test('leaves the files while the platform cannot be reached, and imports them the next time', async () => {
  put('roster.csv', `member,npi,from\nm-1,${NPI},2026-01-01\n`);
  platform.interfere = ({ method }, response) => method === 'POST' && (response.writeHead(500).end(), true);
  expect((await once()).code).toBe(3);
  expect(existsSync(join(folder, 'roster.csv'))).toBe(true);
  process.emit('exit', 0);
  platform.interfere = () => false;
  expect((await once()).code).toBe(0);
  expect(inside('done')).toContain('roster.csv');
});

test('refuses to share a folder with another process, and takes over from one that has ended', async () => {
  writeFileSync(join(folder, '.pa-import.lock'), String(process.ppid));
  expect(await once()).toMatchObject({ code: 2, stderr: expect.stringContaining('imports') as string });
  writeFileSync(join(folder, '.pa-import.lock'), '2147483646');
  expect((await once()).code).toBe(0);
});

test('A70 A73 imports full files by the names of their sources and days, and leaves some to a person', async () => {
  const roster = (...members: string[]): string =>
    `member,npi,from\n${members.map((m) => `${m},${NPI},2026-01-01\n`).join('')}`;
  put('roster.north.2026-12-01.csv', roster('m-1', 'm-2'));
  put('roster.south.2026-12-01.csv', roster('m-3', 'm-4'));
  put('roster.east.2026-12-01.csv', roster('m-5').trimEnd());
  put('roster-2.csv', roster('m-6'));
  // Of the southern source the platform holds twenty other rows.
  const held = Array.from({ length: 20 }, (_, n) => ({
    subject: `m-old-${n + 10}`,
    key: JSON.stringify([`npi|${NPI}`, null]),
    row: { npi: NPI, from: '2026-01-01' },
    batch: 'b',
    asOf: '2026-11-01',
    time: '2026-11-01T00:00:00.000Z',
  }));
  const imports = [{ batch: 'b', asOf: '2026-11-01', digest: 'd', rows: 20, time: '2026-11-01T00:00:00.000Z' }];
  platform.interfere = ({ method, url = '' }, response) => {
    if (!url.startsWith('/ops/sources/')) return false;
    const isSouth = url.includes('/south/');
    const page = { imports: isSouth ? imports : [], rows: isSouth ? held : [] };
    response
      .setHeader('content-type', 'application/json')
      .end(JSON.stringify(method === 'POST' ? { changes: [] } : page));
    return true;
  };
  const { code, stdout } = await once('--full');
  expect(code).toBe(1);
  expect(stdout).toMatch(/20 rows end[^]*To import it: pa import roster \S+roster\.south\.2026-12-01\.csv --full/);
  expect(stdout).toContain('--source south --as-of 2026-12-01 --confirm NUMBER');
  expect(stdout).toMatch(/roster\.east\.2026-12-01\.csv[^]*may be cut/);
  expect([inside('refused'), inside('done')]).toEqual([
    ['roster.east.2026-12-01.csv', 'roster.south.2026-12-01.csv'],
    ['roster-2.csv', 'roster-2.outcomes.ndjson', 'roster.north.2026-12-01.csv'],
  ]);
  const said = [...platform.events.values()].map(({ type, subject, data }) => [
    type,
    subject,
    (data as { file?: { source: string } }).file?.source,
  ]);
  expect(said).toEqual([
    ['payer.attribution-asserted.v1', 'm-6', undefined],
    ['payer.attribution-asserted.v1', 'm-1', 'north'],
    ['payer.attribution-asserted.v1', 'm-2', 'north'],
    ['payer.file-imported.v1', 'north', undefined],
  ]);
});

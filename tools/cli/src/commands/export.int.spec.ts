import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { eventually } from '@provider-access/testing';
import { pa, type Captured } from '../../test/captured.ts';
import { ExportPlatform } from '../../test/export-platform.ts';
import { newKey } from '../client/credentials.ts';

const key = JSON.stringify(await newKey('ES384'));
let platform: ExportPlatform;
let folder: string;
beforeEach(async () => {
  platform = new ExportPlatform();
  await platform.listen();
  folder = mkdtempSync(join(tmpdir(), 'provider-access-export-'));
  writeFileSync(join(folder, 'key.json'), key);
  platform.put('Patient-1', 'patients of the first night');
  vi.stubEnv('TERM', 'dumb');
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await platform.close();
  rmSync(folder, { recursive: true });
});

const out = (): string => join(folder, 'files');
const exported = (...more: readonly string[]): Promise<Captured> =>
  pa(
    ...['--server', platform.base, 'export', '--client', 'app', '--key', join(folder, 'key.json')],
    ...['--group', 'g', '--out', out(), ...more],
  );
const content = (...path: string[]): string => readFileSync(join(out(), ...path), 'utf8');
/** The client has a part of the file on its disk. */
const kept = (name: string): Promise<unknown> =>
  eventually(() => {
    const part = join(out(), `${name}.ndjson.gz.part`);
    return existsSync(part) && statSync(part).size > 0;
  });
const patients = 'Patient-1.ndjson.gz';

describe('--patient', () => {
  test('E10: asks by POST for these patients, and another list is another export', async () => {
    expect(await exported('--patient', 'm-1, Patient/m-2')).toMatchObject({ code: 0 });
    expect(platform.bodies.map((body) => JSON.parse(body) as unknown)).toEqual([
      {
        resourceType: 'Parameters',
        parameter: ['m-1', 'm-2'].map((id) => ({
          name: 'patient',
          valueReference: { reference: `Patient/${id}` },
        })),
      },
    ]);
    expect(await exported('--patient', 'm-1', '--resume')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('holds another export'),
    });
    // The time of an export of some patients is not that of an export of everybody.
    expect(await exported('--since', 'last')).toMatchObject({ code: 0 });
    expect(platform.kickOffs.at(-1)).toBe('/fhir/Group/g/$export');
  });
  test('E20, E30: goes together with --filter and --elements', async () => {
    const filter = 'Observation?code=a,b';
    expect(await exported('--filter', filter, '--elements', 'Patient.name')).toMatchObject({ code: 0 });
    expect(platform.bodies.map((body) => JSON.parse(body) as unknown)).toMatchObject([
      {
        parameter: [
          { name: '_typeFilter', valueString: filter },
          { name: '_elements', valueString: 'Patient.name' },
        ],
      },
    ]);
  });
  test.each(['', ' , '])('E11: %j is refused, because nobody must not become everybody', async (ids) => {
    expect(await exported('--patient', ids)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('names nobody'),
    });
    expect(platform.kickOffs).toEqual([]);
  });
});

describe('the Group', () => {
  const NPI = '1234567893';
  const asked = (...group: readonly string[]): Promise<Captured> =>
    pa(
      ...['--server', platform.base, 'export', '--client', 'app', '--key', join(folder, 'key.json'), '--out', out()],
      ...group,
    );
  test('may be named by the NPI of its provider, if there is one', async () => {
    platform.groups = ['only'];
    expect(await asked('--npi', NPI)).toMatchObject({ code: 0 });
    expect(platform.kickOffs).toEqual([expect.stringContaining('/fhir/Group/only/$export')]);
    platform.groups = [];
    expect(await asked('--npi', NPI, '--new')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('`pa groups`'),
    });
    platform.groups = ['one', 'two'];
    const several = await asked('--npi', NPI, '--new');
    expect(several).toMatchObject({ code: 2, stderr: expect.stringContaining('choose one with --group: one, two') });
    expect(platform.kickOffs).toHaveLength(1);
  });
  test.each([[[]], [['--group', 'g', '--npi', NPI]]])('is named once: %j', async (options) => {
    const ran = await asked(...options);
    expect(ran).toMatchObject({ code: 2, stderr: expect.stringContaining('--group ID') });
  });
});

describe('a folder with a finished export', () => {
  beforeEach(async () => {
    expect(await exported()).toMatchObject({ code: 0 });
    platform.put('Patient-1', 'patients of the second night', '"2"');
    platform.transactionTime = '2026-11-27T12:00:00.000Z';
  });

  test('says so and exits 4, so that a nightly job never takes the files of yesterday for those of today', async () => {
    const ran = await exported();
    expect(ran).toMatchObject({ code: 4, stdout: '' });
    expect(ran.stderr).toContain(
      'holds a finished export of Group g (transactionTime 2026-11-26T12:00:00.000Z, 1 files). Nothing was requested.',
    );
    expect(ran.stderr).toContain('--since last');
    expect(platform.kickOffs).toHaveLength(1);
  });

  test('--resume shows it and asks the server for nothing', async () => {
    expect(await exported('--resume')).toMatchObject({ code: 0, stdout: expect.stringContaining(patients) as string });
    expect(platform.kickOffs).toHaveLength(1);
    expect(await exported('--resume', '--new')).toMatchObject({ code: 2 });
  });

  test('--new exports everything again and keeps the earlier files in a folder of their own', async () => {
    expect(await exported('--new')).toMatchObject({ code: 0 });
    expect(platform.kickOffs).toEqual(['/fhir/Group/g/$export', '/fhir/Group/g/$export']);
    expect(content(patients)).toBe('patients of the second night');
    expect(content('2026-11-26T12-00-00.000Z', patients)).toBe('patients of the first night');
  });

  test('--since last asks for what changed since the transactionTime of the folder, night after night', async () => {
    expect(await exported('--since', 'last')).toMatchObject({ code: 0 });
    platform.transactionTime = '2026-11-28T12:00:00.000Z';
    expect(await exported('--since', 'last')).toMatchObject({ code: 0 });
    expect(platform.kickOffs.slice(1).map(decodeURIComponent)).toEqual([
      '/fhir/Group/g/$export?_since=2026-11-26T12:00:00.000Z',
      '/fhir/Group/g/$export?_since=2026-11-27T12:00:00.000Z',
    ]);
    expect(content('2026-11-26T12-00-00.000Z', patients)).toBe('patients of the first night');
    expect(content(patients)).toBe('patients of the second night');
  });

  test('--since last exports everything if the last export had other types, scopes or another app', async () => {
    const ran = await exported('--since', 'last', '--type', 'Patient');
    expect(ran.stderr).toContain('No earlier export of Group g is remembered');
    await exported('--since', 'last', '--scope', 'system/Patient.r');
    expect(platform.kickOffs.slice(1)).toEqual(['/fhir/Group/g/$export?_type=Patient', '/fhir/Group/g/$export']);
    // The first series is still remembered.
    await exported('--since', 'last');
    expect(decodeURIComponent(platform.kickOffs.at(-1)!)).toContain('_since=2026-11-26T12:00:00.000Z');
  });

  test('an export since a later moment leaves a gap, and --since last does not forget the gap', async () => {
    expect(await exported('--new', '--since', '2026-11-27T00:00:00Z')).toMatchObject({ code: 0 });
    await exported('--since', 'last');
    expect(decodeURIComponent(platform.kickOffs.at(-1)!)).toContain('_since=2026-11-26T12:00:00.000Z');
  });

  test('the time is remembered although the process was killed after the last file', async () => {
    rmSync(join(out(), 'last.json'));
    await exported('--since', 'last');
    expect(decodeURIComponent(platform.kickOffs.at(-1)!)).toContain('_since=2026-11-26T12:00:00.000Z');
  });

  test('a move that was interrupted is completed', async () => {
    const archive = join(out(), '2026-11-26T12-00-00.000Z');
    expect(await exported('--new')).toMatchObject({ code: 0 });
    // As after a kill between the files and the state.
    const before = readFileSync(join(archive, 'export.json'));
    rmSync(join(archive, 'export.json'));
    rmSync(join(out(), patients));
    writeFileSync(join(out(), 'export.json'), before);
    expect(await exported('--new')).toMatchObject({ code: 0 });
    expect(readdirSync(archive).sort()).toEqual([patients, 'export.json']);
    expect(content('2026-11-26T12-00-00.000Z', patients)).toBe('patients of the first night');
  });
});

describe('an unfinished export', () => {
  beforeEach(async () => {
    platform.put('Coverage-1', 'coverages');
    platform.interfere = (name, response) => name === 'Coverage-1' && (response.writeHead(403).end(), true);
    expect(await exported('--since', 'last')).toMatchObject({ code: 1 });
    platform.interfere = () => false;
  });

  test('continues without the files that are complete', async () => {
    platform.downloads.length = 0;
    expect(await exported()).toMatchObject({ code: 0 });
    expect(platform.downloads.map(({ name }) => name)).toEqual(['Coverage-1']);
    expect(platform.kickOffs).toHaveLength(1);
  });

  test.each([
    ['expired', 404],
    ['failed', 500],
  ])('starts again with --since last when it %s, and says so otherwise', async (_, status) => {
    // Without a manifest the next run asks for the status.
    const state = JSON.parse(content('export.json')) as Record<string, unknown>;
    delete state['manifest'];
    writeFileSync(join(out(), 'export.json'), JSON.stringify(state));
    platform.status = status;
    expect((await exported()).code).toBe(status === 404 ? 1 : 3);
    expect(platform.kickOffs).toHaveLength(1);
    expect(await exported('--since', 'last')).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('it starts again') as string,
    });
    expect(platform.kickOffs).toHaveLength(2);
    expect(content('Coverage-1.ndjson.gz')).toBe('coverages');
  });
});

describe('files', () => {
  test('are for their owner alone, whatever the umask is and whatever was there', async () => {
    const before = process.umask(0);
    try {
      expect(await exported()).toMatchObject({ code: 0 });
    } finally {
      process.umask(before);
    }
    expect(statSync(out()).mode & 0o777).toBe(0o700);
    for (const name of readdirSync(out()))
      expect([name, statSync(join(out(), name)).mode & 0o777]).toEqual([name, 0o600]);
    chmodSync(out(), 0o755);
    expect(await exported('--resume')).toMatchObject({
      stderr: expect.stringContaining('Others can look into') as string,
    });
  });

  test('are downloaded several at a time, and never more than four', async () => {
    for (let nth = 1; nth <= 12; nth += 1) platform.put(`Condition-${nth}`, `conditions ${nth}`);
    const open: ServerResponse[] = [];
    let most = 0;
    platform.interfere = (name, response) => {
      open.push(response);
      most = Math.max(most, open.length);
      // The first answers leave when four requests wait; from then on each one leaves with the next.
      const total = platform.downloads.length;
      if (open.length === 4 || total === 13)
        for (const waiting of open.splice(0)) waiting.writeHead(200, { etag: '"1"' }).end(name);
      return true;
    };
    expect(await exported()).toMatchObject({ code: 0 });
    expect(most).toBe(4);
    expect(readdirSync(out()).filter((name) => name.endsWith('.gz'))).toHaveLength(13);
  });

  test('have nothing of a member who opted out while two files were downloaded', async () => {
    platform.put('Coverage-1', Buffer.alloc(100_000, 'old coverage '));
    platform.put('Patient-1', Buffer.alloc(100_000, 'old patient '));
    const cut = new Set<string>();
    platform.interfere = (name, response) => {
      if (cut.has(name)) return false;
      cut.add(name);
      const { bytes, etag } = platform.files.get(name)!;
      response.writeHead(200, { etag, 'content-length': bytes.length });
      response.write(bytes.subarray(0, 50_000));
      void kept(name).then(() => {
        platform.put(name, `new ${name}`, '"after the opt-out"');
        response.destroy();
      });
      return true;
    };
    expect(await exported('--patience', '60')).toMatchObject({ code: 0 });
    expect(platform.downloads.filter(({ range }) => range !== undefined)).toHaveLength(2);
    expect([content(patients), content('Coverage-1.ndjson.gz')]).toEqual(['new Patient-1', 'new Coverage-1']);
  });

  test('that the server withdraws are left out, and their downloaded parts are removed', async () => {
    platform.put('Coverage-1', Buffer.alloc(100_000, 'coverage '));
    platform.interfere = (name, response) => {
      if (name !== 'Coverage-1') return false;
      const file = platform.files.get(name);
      if (file === undefined) return false;
      response.writeHead(200, { etag: file.etag, 'content-length': file.bytes.length });
      response.write(file.bytes.subarray(0, 50_000));
      void kept(name).then(() => {
        platform.files.delete(name);
        response.destroy();
      });
      return true;
    };
    const ran = await exported('--patience', '60');
    expect(ran).toMatchObject({ code: 0 });
    expect(ran.stdout).not.toContain('Coverage');
    expect(readdirSync(out()).sort()).toEqual([patients, 'export.json', 'last.json']);
    expect(await exported('--resume')).toMatchObject({ code: 0 });
  });
});

describe('an empty export', () => {
  beforeEach(() => platform.files.clear());

  test('of a Group without members names the causes and the commands', async () => {
    platform.members = 0;
    const { code, stdout } = await exported();
    expect(code).toBe(0);
    expect(stdout).toContain('The export is empty: Group g has no member that this app may see now');
    for (const command of [
      'pa attribute',
      'pa enroll',
      'pa opt-in',
      'pa network',
      'pa explain',
      'pa dead-letters list',
    ])
      expect(stdout).toContain(`\`${command}`);
  });

  test('of a Group with members names the types or the missing resources', async () => {
    expect((await exported()).stdout).toContain('Group g has 2 members: the payer has published no resource');
    expect((await exported('--new', '--type', 'Device')).stdout).toContain('no resource of the types Device');
    expect((await exported('--since', 'last')).stdout).toContain(
      'Nothing changed since 2026-11-26T12:00:00.000Z: Group g has 2 members.',
    );
    expect(existsSync(join(out(), 'last.json'))).toBe(true);
  });
});

test.each([['yesterday'], ['2026-11-26'], ['']])('--since %j is refused before any request', async (since) => {
  expect(await exported('--since', since)).toMatchObject({ code: 2 });
  expect(platform.kickOffs).toEqual([]);
});

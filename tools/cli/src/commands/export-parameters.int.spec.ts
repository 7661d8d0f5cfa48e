import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { pa, type Captured } from '../../test/captured.ts';
import { ExportPlatform } from '../../test/export-platform.ts';
import { EXPORT_PARAMETERS } from '@provider-access/domain/pdex';
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
const patients = 'Patient-1.ndjson.gz';

describe('the parameters of the table', () => {
  const sent = (): unknown => (JSON.parse(platform.bodies.at(-1)!) as { parameter?: unknown }).parameter;
  test('E40, E41, E43: --until, --associated and --organize are sent', async () => {
    const until = '2026-11-01T00:00:00Z';
    const asked = ['--until', until, '--associated', 'LatestProvenanceResources', '--organize', 'Patient'];
    expect(await exported(...asked)).toMatchObject({ code: 0 });
    expect(sent()).toEqual([
      { name: '_until', valueString: until },
      { name: 'includeAssociatedData', valueString: 'LatestProvenanceResources' },
      { name: 'organizeOutputBy', valueString: 'Patient' },
    ]);
    expect(await exported('--until', 'yesterday', '--new')).toMatchObject({ code: 2 });
  });
  test('E40: the next export begins at the earlier of --until and transactionTime', async () => {
    const until = '2026-11-01T00:00:00Z';
    expect(await exported('--since', 'last', '--until', until)).toMatchObject({ code: 0 });
    expect(await exported('--since', 'last')).toMatchObject({ code: 0 });
    expect(platform.kickOffs.at(-1)).toContain(`_since=${encodeURIComponent(until)}`);
    platform.transactionTime = '2026-11-27T12:00:00.000Z';
    expect(await exported('--since', 'last', '--until', '2030-01-01T00:00:00Z')).toMatchObject({ code: 0 });
    expect(await exported('--since', 'last')).toMatchObject({ code: 0 });
    expect(platform.kickOffs.at(-1)).toContain(encodeURIComponent(platform.transactionTime));
  });
  test('E61: files of blocks have no type in the manifest, and get a name', async () => {
    platform.shaped = (manifest) => ({
      ...manifest,
      outputOrganizedBy: 'Patient',
      output: [{ url: `${platform.base}/files/Patient-1`, count: 1 }],
    });
    expect(await exported('--organize', 'Patient')).toMatchObject({ code: 0 });
    expect(readdirSync(out())).toContain('Patient-blocks-1.ndjson.gz');
  });
  test('E70: a platform of Bulk Data 4 is asked by POST, and its manifest is read', async () => {
    platform.postOnly = true;
    platform.put('Outcome-1', 'a warning');
    const sha256 = createHash('sha256').update('patients of the first night').digest('hex');
    const url = `${platform.base}/files/Patient-1`;
    const file = [
      { url: 'url', valueUrl: url },
      { url: 'size', valueDecimal: 27 },
      { url: 'sha256', valueString: sha256 },
    ];
    platform.shaped = () => ({
      transactionTime: platform.transactionTime,
      requiresAccessToken: true,
      output: [{ type: 'Patient', url, count: 1 }],
      deleted: [],
      outcome: [{ url: `${platform.base}/files/Outcome-1`, count: 1 }],
      extension: [{ url: 'https://pa.example/x', extension: [{ url: 'file', extension: file }] }],
    });
    expect(await exported('--type', 'Patient')).toMatchObject({ code: 0 });
    expect(platform.kickOffs).toEqual(['/fhir/Group/g/$export?_type=Patient']);
    expect(content('error-OperationOutcome-1.ndjson.gz')).toBe('a warning');
    platform.put('Patient-1', 'patients of another night');
    expect(await exported('--type', 'Patient', '--new')).toMatchObject({ code: 3 });
  });
});

describe('E46, E51: --export-type', () => {
  const sent = (): unknown => (JSON.parse(platform.bodies.at(-1)!) as { parameter?: unknown }).parameter;
  const asked = (valueString: string): unknown => [{ name: 'exportType', valueString }];
  const operation = '/fhir/Group/g/$davinci-data-export';
  test('asks the operation that has the parameter, by the full code of a short name', async () => {
    expect(await exported('--export-type', 'provider-snapshot', '--type', 'Patient')).toMatchObject({ code: 0 });
    expect(platform.kickOffs).toEqual([`${operation}?_type=Patient`]);
    expect(sent()).toEqual(asked('hl7.fhir.us.davinci-pdex#provider-snapshot'));
    expect(await exported('--new', '--export-type', 'hl7.fhir.us.davinci-pdex#provider-download')).toMatchObject({
      code: 0,
    });
    expect(sent()).toEqual(asked('hl7.fhir.us.davinci-pdex#provider-download'));
  });
  test('attribution-list has all types of a member list, unless --type names some', async () => {
    expect(await exported('--export-type', 'attribution-list')).toMatchObject({ code: 0 });
    const types = 'Group,Patient,Coverage,RelatedPerson,Practitioner,PractitionerRole,Organization,Location';
    expect(platform.kickOffs).toEqual([`${operation}?_type=${encodeURIComponent(types)}`]);
    expect(sent()).toEqual(asked('hl7.fhir.us.davinci-atr'));
    const some = ['--type', 'Group,Patient,Coverage'];
    expect(await exported('--export-type', 'hl7.fhir.us.davinci-atr', ...some, '--new')).toMatchObject({ code: 0 });
    expect(platform.kickOffs.at(-1)).toBe(`${operation}?_type=Group%2CPatient%2CCoverage`);
  });
  test('--since last of a member list goes on where the last member list ended, and not another export', async () => {
    expect(await exported('--davinci', '--since', 'last')).toMatchObject({ code: 0 });
    const list = ['--export-type', 'attribution-list', '--since', 'last'];
    expect(await exported(...list)).toMatchObject({ code: 0 });
    expect(platform.kickOffs.at(-1)).not.toContain('_since');
    expect(await exported(...list)).toMatchObject({ code: 0 });
    expect(platform.kickOffs.at(-1)).toContain(`_since=${encodeURIComponent(platform.transactionTime)}`);
  });
  test('an unknown code is refused before anything is requested, with the codes that there are', async () => {
    const ran = await exported('--export-type', 'provider-deltas');
    expect(ran).toMatchObject({ code: 2, stderr: expect.stringContaining('provider-delta, ') as string });
    expect(platform.kickOffs).toEqual([]);
  });
});

test('each parameter of the table is an option of `pa export`, or the table says why it is none', async () => {
  const { stdout } = await pa('export', '--help');
  for (const { name, option } of EXPORT_PARAMETERS)
    if ('none' in option) expect(option.none, name).toMatch(/\.$/);
    else expect(stdout, name).toContain(option.flags);
});

describe('E71: the SHA-256 of the manifest', () => {
  const checksum = (text: string): void => {
    const sum = { size: text.length, sha256: createHash('sha256').update(text).digest('hex') };
    const files = [{ url: `${platform.base}/files/Patient-1`, ...sum }];
    platform.shaped = (manifest) => ({ ...manifest, extension: { checksums: { files } } });
  };
  test('is compared with the file', async () => {
    checksum('patients of the first night');
    expect(await exported()).toMatchObject({ code: 0 });
  });
  test('that the bytes do not have removes the file, and the same command downloads it again', async () => {
    checksum('patients of the first night');
    platform.put('Patient-1', 'patients of the f1rst night');
    const ran = await exported();
    expect(ran).toMatchObject({ code: 3, stderr: expect.stringContaining('SHA-256') as string });
    expect(existsSync(join(out(), patients))).toBe(false);
    platform.put('Patient-1', 'patients of the first night');
    expect(await exported()).toMatchObject({ code: 0 });
    expect(content(patients)).toBe('patients of the first night');
  });
  test('does not count any more for a file that an opt-out has changed meanwhile', async () => {
    checksum('patients of the first night');
    platform.interfere = () => {
      platform.put('Patient-1', 'patients without one of them');
      // The manifest of now lists no checksum of the file.
      platform.shaped = (manifest) => manifest;
      return false;
    };
    expect(await exported()).toMatchObject({ code: 0 });
    expect(content(patients)).toBe('patients without one of them');
  });
});

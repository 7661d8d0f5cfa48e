import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { readBundle, readRequest, resultLine, type ResultHead } from '@provider-access/domain/pdex/match';
import { pa, type Captured } from '../../test/captured.ts';
import { ExportPlatform } from '../../test/export-platform.ts';
import { newKey } from '../client/credentials.ts';

const key = JSON.stringify(await newKey('ES384'));
const NPI = '1234567893';
const HEADER = 'family,given,birth_date,gender,member_id,zip\n';
let platform: ExportPlatform;
let folder: string;
beforeEach(async () => {
  platform = new ExportPlatform();
  await platform.listen();
  folder = mkdtempSync(join(tmpdir(), 'provider-access-match-'));
  writeFileSync(join(folder, 'key.json'), key);
  vi.stubEnv('TERM', 'dumb');
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await platform.close();
  rmSync(folder, { recursive: true });
});

const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};
const matched = (path: string, ...more: readonly string[]): Promise<Captured> =>
  pa(
    ...['--server', platform.base, 'match', '--client', 'app', '--key', join(folder, 'key.json')],
    ...['--out', join(folder, 'match'), ...more, path],
  );
const head = (kind: ResultHead['kind']): ResultHead => ({
  kind,
  id: `group-${kind}`,
  lastUpdated: '2027-01-11T09:02:00Z',
  npis: [NPI],
  result: { system: 'https://payer.example/match', value: 'r-1' },
  payer: { reference: 'Organization/payer' },
  from: '2027-01-11',
  to: '2027-02-10',
});
/** The bundles of a request that was sent, as the platform reads them. */
const sent = (request = 0) => {
  const reading = readRequest(JSON.parse(platform.bodies[request]!));
  if (!reading.ok) throw new Error(reading.text);
  return reading.bundles.map(({ part, place, ids }) => ({
    ids,
    reading: readBundle(part, place, new Date().toISOString()),
  }));
};
/** Puts the answer of a platform that matches the first of two people. */
function answer(...ids: readonly [matched: readonly string[], missed: readonly string[]]): void {
  const lines = (['matched', 'nonmatched'] as const).map((kind, at) =>
    resultLine(
      head(kind),
      ids[at]!.map((id, n) => ({
        place: n + 1,
        ids: { patient: id, coverage: `c-${id}` },
        member: 'm-1',
        patient: { resourceType: 'Patient', id },
      })),
    ),
  );
  platform.put('Group-1', gzipSync(`${lines.join('\n')}\n`));
}

describe('pa match with a CSV file', () => {
  const people = `${HEADER}Johnson,Robert Michael,1965-08-15,male,M1,62701\n"O'Neill, Jr",Ada,1971-02-03,F,M2,\n`;
  test('M10: sends bundles that the platform can read, and shows who matched', async () => {
    answer(['line-2'], ['line-3']);
    const ran = await matched(file('patients.csv', people), '--npi', NPI);
    expect(ran).toMatchObject({ code: 0 });
    expect(ran.stdout).toMatch(/line 2 +matched +m-1/);
    expect(ran.stdout).toMatch(/line 3 +not matched/);
    expect(ran.stdout).toContain('1 of 2 matched');
    expect(ran.stdout).toContain('Group group-matched, until 2027-02-10');
    expect(platform.kickOffs).toEqual(['/fhir/Group/$provider-member-match']);
    expect(sent().map(({ reading }) => (reading.ok ? reading.bundle.demographics : reading))).toEqual([
      {
        family: 'Johnson',
        given: ['Robert', 'Michael'],
        birthDate: '1965-08-15',
        gender: 'male',
        zip: '62701',
        memberIds: [{ value: 'M1' }],
      },
      {
        family: "O'Neill, Jr",
        given: ['Ada'],
        birthDate: '1971-02-03',
        gender: 'female',
        memberIds: [{ value: 'M2' }],
      },
    ]);
  });

  test('M4: 2,001 people are three requests', async () => {
    const rows = Array.from({ length: 2001 }, (_, n) => `Family${n},Ada,1971-02-03,F,M${n},`).join('\n');
    answer([], []);
    const ran = await matched(file('patients.csv', HEADER + rows), '--npi', NPI);
    expect(ran).toMatchObject({ code: 0, stdout: expect.stringContaining('0 of 2001 matched') as string });
    expect(platform.bodies.map((_, at) => sent(at).length)).toEqual([1000, 1000, 1]);
  });

  test('--export exports the matched Group, and nothing where nobody matched', async () => {
    answer(['line-2'], ['line-3']);
    const ran = await matched(file('patients.csv', people), '--npi', NPI, '--export', join(folder, 'data'));
    expect(ran).toMatchObject({ code: 0 });
    expect(platform.kickOffs.at(-1)).toBe('/fhir/Group/group-matched/$davinci-data-export');
    answer([], ['line-2', 'line-3']);
    const nobody = await matched(file('patients.csv', people), '--npi', NPI, '--export', join(folder, 'data'));
    expect(nobody.stderr).toContain('Nobody matched');
    expect(platform.kickOffs).toHaveLength(3);
  });

  test('--dry-run writes the requests for their owner alone, and sends nothing', async () => {
    const ran = await matched(file('patients.csv', people), '--npi', NPI, '--dry-run');
    expect(ran).toMatchObject({ code: 0, stdout: expect.stringContaining('Nothing was sent.') as string });
    expect(platform.kickOffs).toEqual([]);
    const request = join(folder, 'match', 'request-1.json');
    expect(statSync(request).mode & 0o077).toBe(0);
    const reading = readRequest(JSON.parse(readFileSync(request, 'utf8')));
    expect(reading.ok && reading.bundles.length).toBe(2);
  });

  test('keeps no demographics in export.json', async () => {
    answer(['line-2'], ['line-3']);
    await matched(file('patients.csv', people), '--npi', NPI);
    expect(readFileSync(join(folder, 'match', 'export.json'), 'utf8')).not.toMatch(/Johnson|1965-08-15/);
  });

  test('M6: shows what is wrong with a bundle that the platform could not read', async () => {
    answer(['line-2'], []);
    const text = 'MemberBundle 2: CoverageToMatch.relationship: is required';
    platform.put(
      'OperationOutcome-1',
      gzipSync(JSON.stringify({ resourceType: 'OperationOutcome', issue: [{ details: { text } }] })),
    );
    platform.shaped = (manifest) => {
      const { output, ...rest } = manifest as { output: { type: string }[] };
      return {
        ...rest,
        output: output.filter(({ type }) => type === 'Group'),
        error: output.filter(({ type }) => type !== 'Group'),
      };
    };
    const ran = await matched(file('patients.csv', people), '--npi', NPI);
    expect(ran.stdout).toMatch(/line 3 +not matched +MemberBundle 2: CoverageToMatch.relationship: is required/);
  });
});

describe('each fault of a CSV file has its line and column, and nothing is sent', () => {
  const good = 'Johnson,Robert,1965-08-15,male,M1,62701\n';
  test.each([
    ['an empty file', '', 'is empty'],
    ['an unknown column', 'family,first\n', 'line 1, column 2: there is no column "first"'],
    ['a column twice', 'family,family\n', 'line 1, column 2: "family" is there twice'],
    ['a missing column', 'family,given,gender,member_id\n', 'line 1: the column birth_date is missing'],
    ['no id', 'family,given,birth_date,gender\n', 'line 1: one of the columns member_id, subscriber_id is missing'],
    ['too few cells', `${HEADER}Johnson,Robert\n`, 'line 2: has 2 cells, and the header has 6'],
    ['an empty cell', `${HEADER}${good},Ada,1971-02-03,F,M2,\n`, 'line 3, column family: is empty'],
    ['a day that is none', `${HEADER}J,R,1965-02-30,F,M,\n`, 'line 2, column birth_date: must be a day that exists'],
    ['a day of another form', `${HEADER}J,R,02/03/1965,F,M,\n`, 'line 2, column birth_date: must be a day'],
    ['a gender that is none', `${HEADER}J,R,1965-02-03,w,M,\n`, 'line 2, column gender: must be male, female'],
    ['a row without an id', `${HEADER}J,R,1965-02-03,F,,\n`, 'line 2, column member_id: is empty, and so is'],
    ['a wrong NPI', `npi,${HEADER}1234567890,J,R,1965-02-03,F,M,\n`, 'line 2, column npi: must be an NPI'],
    ['an open quote', `${HEADER}"J,R,1965-02-03,F,M,\n`, 'line 2: '],
  ])('%s', async (_what, text, fault) => {
    const ran = await matched(file('patients.csv', text), '--npi', NPI);
    expect(ran).toMatchObject({ code: 2, stderr: expect.stringContaining(fault) as string });
    expect(platform.kickOffs).toEqual([]);
  });
  test('a row without an NPI, where --npi names none', async () => {
    const ran = await matched(file('patients.csv', HEADER + good));
    expect(ran).toMatchObject({ code: 2, stderr: expect.stringContaining('line 2, column npi: is empty') as string });
  });
  test('twenty faults at once', async () => {
    const rows = Array.from({ length: 50 }, () => 'J,R,1965,F,M,').join('\n');
    const ran = await matched(file('patients.csv', HEADER + rows), '--npi', NPI);
    expect(ran.stderr.match(/column birth_date/g)).toHaveLength(20);
  });
});

describe('pa match with FHIR files', () => {
  const patient = (id: string) => ({
    resourceType: 'Patient',
    id,
    name: [{ family: 'Johnson', given: ['Robert'] }],
    gender: 'male',
    birthDate: '1965-08-15',
  });
  const coverage = (of: string) => ({
    resourceType: 'Coverage',
    id: `c-${of}`,
    status: 'active',
    subscriberId: 'M1',
    beneficiary: { reference: `Patient/${of}` },
    relationship: {
      coding: [{ system: 'http://terminology.hl7.org/CodeSystem/subscriber-relationship', code: 'self' }],
    },
    payor: [{ reference: 'Organization/payer' }],
  });
  const ndjson = (...resources: readonly object[]) => resources.map((one) => JSON.stringify(one)).join('\n');

  test('NDJSON of Patients and Coverages, in any order', async () => {
    answer(['p1'], ['p2']);
    const path = file('people.ndjson', ndjson(coverage('p2'), patient('p1'), coverage('p1'), patient('p2')));
    const ran = await matched(path, '--npi', NPI);
    expect(ran).toMatchObject({ code: 0, stdout: expect.stringContaining('1 of 2 matched') as string });
    expect(sent().map(({ reading }) => reading.ok)).toEqual([true, true]);
  });

  test('Parameters are sent as they are', async () => {
    answer(['p1'], []);
    await matched(file('people.ndjson', ndjson(patient('p1'), coverage('p1'))), '--npi', NPI);
    const again = file('request.json', platform.bodies[0]!);
    const ran = await matched(again);
    expect(ran).toMatchObject({ code: 0, stdout: expect.stringContaining('1 of 1 matched') as string });
    expect(JSON.parse(platform.bodies[1]!)).toEqual(JSON.parse(platform.bodies[0]!));
  });

  test.each([
    ['a line that is no JSON', 'x', 'line 1: is no JSON object'],
    ['another type', ndjson({ resourceType: 'Claim' }), 'line 1: is neither a Patient nor a Coverage'],
    ['a Patient without a Coverage', ndjson(patient('p1')), '1 Patients have no Coverage in '],
    ['a Coverage of nobody', ndjson(coverage('p1')), 'line 1: the file has no Patient that this Coverage is of'],
    ['a Patient twice', ndjson(patient('p1'), patient('p1')), 'line 2: there are two Patients with this id'],
    ['nobody', ' ', 'names nobody'],
    ['Parameters without bundles', '{"resourceType":"Parameters"}', 'has no parameter with the name MemberBundle'],
  ])('%s', async (_what, text, fault) => {
    const ran = await matched(file('people.json', text), '--npi', NPI);
    expect(ran).toMatchObject({ code: 2, stderr: expect.stringContaining(fault) as string });
  });
});

import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { PublishReport } from '@provider-access/cli';
import { cliPlatform } from './cli-platform.ts';
import { jsonOf, PACKED_PA } from './pa.ts';
import { follow } from './tutorials.ts';
import { lines, patient, coverage, condition, claim, staff } from './cli-resources.ts';

const NPI = '1234567893';
const OTHER = '1245319599';
const since2020 = ['--since', '2020-01-01T00:00:00Z'];
const { pa, at, platform } = cliPlatform();

const json = <T>(...args: string[]): Promise<T> => jsonOf<T>(pa, ...args);

describe('a payer, two providers, a reviewer and an operator', () => {
  test('the payer publishes a folder; every resource has a row', async () => {
    writeFileSync(at('Patient.ndjson'), lines([patient('m1'), patient('m2')]));
    writeFileSync(
      at('rest.ndjson.gz'),
      gzipSync(
        lines([
          coverage('m1'),
          coverage('m2'),
          { ...condition('c1', 'm1'), asserter: staff('7'), recorder: staff('unknown') },
          condition('c-old', 'm1', '2011-01-01'),
          claim('k1', 'm1'),
          { resourceType: 'Group', id: 'g1', type: 'person', actual: true },
          { resourceType: 'Medication', id: 'med1' },
          { resourceType: 'Organization', id: 'o1', name: 'Clinic' },
          { resourceType: 'Condition', id: 'lost' },
          { resourceType: 'Condition', subject: { reference: 'Patient/m1' } },
        ]),
      ),
    );
    const files = at('files');
    mkdirSync(files);
    writeFileSync(
      at('staff.json'),
      JSON.stringify({
        resourceType: 'Bundle',
        type: 'collection',
        entry: [
          { resource: { resourceType: 'Practitioner', id: 'pr7', identifier: [{ system: 'urn:staff', value: '7' }] } },
        ],
      }),
    );
    for (const name of ['Patient.ndjson', 'rest.ndjson.gz', 'staff.json']) renameSync(at(name), join(files, name));
    const ran = await pa('--json', 'publish', 'files', '--explain', 'explained.ndjson');
    expect(ran.code).toBe(1);
    expect(JSON.parse(ran.stdout)).toMatchObject({
      read: 13,
      accepted: 12,
      outcomes: { recorded: 8, 'before-floor': 1, 'not-served': 2, parked: 1 },
      refused: [{ place: 'rest.ndjson.gz:9', reason: expect.stringContaining('Condition.subject') as string }],
      parked: [{ about: 'Condition/?', reason: 'missing-id' }],
      unresolved: { 'Condition.recorder -> Practitioner': 1 },
    });
    const rows = readFileSync(at('explained.ndjson'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { about: string; outcome: string });
    expect(rows.map((r) => `${r.about} ${r.outcome}`).sort()).toEqual([
      'Claim/k1 not-served',
      'Condition/? parked',
      'Condition/c-old before-floor',
      'Condition/c1 recorded',
      'Coverage/cov-m1 recorded',
      'Coverage/cov-m2 recorded',
      'Group/g1 not-served',
      'Medication/med1 recorded',
      'Organization/o1 recorded',
      'Patient/m1 recorded',
      'Patient/m2 recorded',
      'Practitioner/pr7 recorded',
      'rest.ndjson.gz:9 refused',
    ]);
    const again = await pa('publish', 'files/Patient.ndjson');
    expect(again).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/2 read, 2 accepted \(2 unchanged\), 0 refused/) as string,
    });
  });

  test('a Bundle of urn:uuid comes from standard input', async () => {
    const bundle = {
      resourceType: 'Bundle',
      type: 'collection',
      entry: [
        {
          fullUrl: 'urn:uuid:0000-2',
          resource: { ...condition('x', 'x'), id: undefined, subject: { reference: 'urn:uuid:0000-1' } },
        },
        { fullUrl: 'urn:uuid:0000-1', resource: { ...patient('x'), id: undefined } },
      ],
    };
    const ran = await pa.with({ stdin: JSON.stringify(bundle, null, 2) }, '--json', 'publish', '-');
    expect(JSON.parse(ran.stdout)).toMatchObject({ read: 2, accepted: 2, outcomes: { recorded: 2 } });
  });

  test('a dead letter is listed, shown, replayed with a correction, another discarded', async () => {
    const [letter] = await json<{ id: string; reason: string; eventType: string }[]>('dead-letters', 'list');
    expect(letter).toMatchObject({ reason: 'missing-id', eventType: 'payer.resource-recorded.v1' });
    const shown = await json<{ detail: string; data: { resource: object } }>('dead-letters', 'show', letter!.id);
    expect(shown.data.resource).toMatchObject({ resourceType: 'Condition' });
    // Replayed unchanged, it becomes a dead letter again. The first dead letter stays replayed.
    expect(await pa('dead-letters', 'replay', letter!.id)).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/parked \(missing-id/) as string,
    });
    const [second] = await json<{ id: string }[]>('dead-letters', 'list');
    writeFileSync(at('correction.json'), JSON.stringify({ resource: condition('c2', 'm1') }));
    expect(await pa('dead-letters', 'replay', second!.id, '--with', 'no.json')).toMatchObject({ code: 2 });
    expect(await pa('dead-letters', 'replay', second!.id, '--with', 'correction.json')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/: recorded/) as string,
    });
    expect(await pa('dead-letters', 'replay', second!.id)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('replayed before') as string,
    });

    const event = (type: string): string =>
      JSON.stringify({
        specversion: '1.0',
        id: 'u1',
        source: 's',
        type,
        subject: 'm1',
        time: '2026-01-01T00:00:00Z',
        data: {},
      });
    expect(await pa.with({ stdin: event('payer.weather.v1') }, 'publish', '-')).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('unknown-event-type') as string,
    });
    await pa.with({ stdin: event('payer.attribution-asserted.v1') }, 'publish', '-');
    const [third] = await json<{ id: string; reason: string }[]>('dead-letters', 'list');
    expect(third).toMatchObject({ reason: 'invalid-data' });
    expect(await pa('dead-letters', 'discard', third!.id)).toMatchObject({ code: 2 });
    expect(await pa('dead-letters', 'discard', third!.id, '--reason', 'no such feed')).toMatchObject({ code: 0 });
    expect(await json('dead-letters', 'list')).toEqual([]);
    expect(await json('dead-letters', 'list', '--status', 'discarded')).toHaveLength(1);
    expect(await pa('dead-letters', 'show', 'dl-none')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('no such dead letter') as string,
    });
  });

  let client: string;
  test('the developer makes a key and registers; nothing works before the reviewer approves', async () => {
    for (const out of ['key.json', 'key2.json']) await json('keys', 'new', '--out', out);
    expect(statSync(at('key.json')).mode & 0o777).toBe(0o600);
    expect(await pa('keys', 'new', '--out', 'key.json')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('never overwritten') as string,
    });
    const registered = await json<{ client_id: string }>(
      ...['apps', 'register', '--name', 'Clinic', '--npi', NPI, '--key', 'key.json', '--out', 'app.json'],
    );
    client = registered.client_id;
    expect(statSync(at('app.json')).mode & 0o777).toBe(0o600);
    expect(await json('apps', 'show', 'app.json')).toMatchObject({ client_id: client, status: 'submitted' });
    expect(await pa('token', '--app', 'app.json')).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('not approved yet') as string,
    });
    expect(await json('apps', 'list', '--status', 'submitted', ...since2020)).toMatchObject([{ client_id: client }]);
    expect(await pa('apps', 'approve', client)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('name each NPI and TIN') as string,
    });
    expect(await pa('apps', 'approve', client, '--npi', NPI)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--evidence') as string,
    });
    expect(
      await pa('apps', 'approve', client, '--npi', NPI, '--evidence', 'contract 7', '--reason', 'checked'),
    ).toMatchObject({ code: 1, stderr: expect.stringContaining(`npi ${NPI} is unknown`) as string });
    expect(
      await pa(
        ...['apps', 'approve', client, '--npi', NPI, '--evidence', 'contract 7', '--reason', 'checked'],
        ...['--confirm', NPI],
      ),
    ).toMatchObject({ code: 0, stdout: `${client} is approved\n` });
    expect((await pa('apps', 'show', client)).stdout).toMatch(
      new RegExp(`npi ${NPI} +yes .*contract 7[\\s\\S]*approved +administrator [0-9a-f]{8} +checked`),
    );
    expect(await pa('apps', 'approve', 'c-none', '--npi', NPI, '--evidence', 'contract 7')).toMatchObject({ code: 1 });
    expect(await pa('token', '--app', 'app.json')).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('in the network') as string,
    });
    expect(await pa('network', '--npi', NPI, '--status', 'in-network')).toMatchObject({ code: 0 });
    expect(await pa('token', '--app', 'app.json')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^[^.]+\.[^.]+\.[^.]+\n$/) as string,
    });
    expect(await pa('refusals', '--app', 'app.json')).toMatchObject({ code: 0 });
    // The file names the platform of the registration.
    expect(await pa.with({ env: { PA_SERVER: undefined } }, 'token', '--app', 'app.json')).toMatchObject({ code: 0 });
    await json('apps', 'register', '--name', 'Rejected', '--npi', OTHER, '--key', 'key2.json', '--out', 'other.json');
    const other = (JSON.parse(readFileSync(at('other.json'), 'utf8')) as { client_id: string }).client_id;
    expect(await pa('apps', 'reject', other)).toMatchObject({ code: 2 });
    expect(await pa('apps', 'reject', other, '--reason', 'not in our directory')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('must be one of key-compromised') as string,
    });
    expect(await pa('apps', 'review', other)).toMatchObject({ code: 0, stdout: `${other} is in-review\n` });
    const note = ['--note', 'Nobody answers at this clinic.'];
    expect(await pa('apps', 'reject', other, '--reason', 'identity-not-verified', ...note)).toMatchObject({ code: 0 });
    expect((await pa('apps', 'show', 'other.json')).stdout).toMatch(
      /reason: identity-not-verified\nnote: Nobody answers/,
    );
    expect((await pa('apps', 'report')).stdout).toMatch(/rejected +identity-not-verified +1 +0 +0 +0\n/);
    expect(await pa('token', '--app', 'other.json')).toMatchObject({ code: 4 });
  });

  const groupOf = async (): Promise<{ id: string; quantity: number }> =>
    (await json<{ id: string; quantity: number }[]>('groups', '--app', 'app.json', '--npi', NPI, ...since2020))[0]!;
  test('attributed members are a Group that is exported, whole, by type, and since', async () => {
    expect(await json('groups', '--app', 'app.json')).toEqual([]);
    expect(await pa('attribute', '--npi', NPI, '--member', 'm1', 'm2', '--from', '2024-01-01')).toMatchObject({
      code: 0,
    });
    const group = await groupOf();
    expect(group.quantity).toBe(2);
    const exporting = (out: string): string[] => ['export', '--app', 'app.json', '--group', group.id, '--out', out];
    const whole = await json<{ transactionTime: string; files: { type: string; file: string }[] }>(
      ...exporting('whole'),
    );
    const ids = (type: string): string[] =>
      whole.files
        .filter((f) => f.type === type)
        .flatMap((f) =>
          gunzipSync(readFileSync(at(f.file)))
            .toString('utf8')
            .trim()
            .split('\n'),
        )
        .map((line) => (JSON.parse(line) as { id: string }).id)
        .sort();
    // The practitioner is in another file than the condition that refers to it by an identifier.
    expect([ids('Patient'), ids('Condition'), ids('Coverage'), ids('Practitioner')]).toEqual([
      ['m1', 'm2'],
      ['c1', 'c2'],
      ['cov-m1', 'cov-m2'],
      ['pr7'],
    ]);
    const typed = await json<{ files: { type: string }[] }>(
      ...[...exporting('typed'), '--type', 'Patient,Coverage', '--davinci'],
    );
    expect(typed.files.map((f) => f.type).sort()).toEqual(['Coverage', 'Patient']);
    expect(await pa(...exporting('typed'))).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('holds a finished export') as string,
    });
    expect(await pa(...exporting('bad'), '--type', 'Patent')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('_type') as string,
    });
    expect(await pa('export', '--app', 'app.json', '--group', 'none', '--out', 'none')).toMatchObject({ code: 1 });

    await pa.with({ stdin: lines([condition('c3', 'm2')]) }, 'publish', '-');
    const since = await json<{ files: { type: string }[] }>(...[...exporting('whole'), '--since', 'last']);
    expect(since.files.map((f) => f.type)).toContain('Condition');
    expect(readFileSync(at('whole/export.json'), 'utf8')).toContain(
      `_since=${encodeURIComponent(whole.transactionTime)}`,
    );
  });

  test('an export that was killed goes on where it stopped', async () => {
    const { id } = await groupOf();
    const args = ['export', '--app', 'app.json', '--group', id, '--out', 'killed'];
    // The first progress line comes after the kick-off was accepted and saved.
    expect((await pa.with({ killOn: (stderr) => stderr.includes('export ') }, ...args)).code).toBe(null);
    const { status } = JSON.parse(readFileSync(at('killed/export.json'), 'utf8')) as { status: string };
    const went = await json<{ status: string; files: object[] }>(...args);
    expect(went.status).toBe(status);
    expect(went.files.length).toBe(4);
    expect(readdirSync(at('killed')).filter((f) => f.endsWith('.part'))).toEqual([]);
    // The export is complete, so the command sends no request.
    expect(await json(...args, '--resume')).toEqual(went);
  });

  test('the developer lists the exports, shows one and deletes it', async () => {
    const own = await json<{ id: string; url: string; state: string }[]>('exports', '--app', 'app.json');
    expect(own.map((e) => e.state)).toEqual(['complete', 'complete', 'complete', 'complete']);
    const { status } = JSON.parse(readFileSync(at('killed/export.json'), 'utf8')) as { status: string };
    expect(own[0]!.url).toBe(status);
    expect((await pa('exports', 'show', '--app', 'app.json', own[0]!.id)).stdout).toMatch(/output +Patient +2/);
    expect(await pa('exports', 'cancel', '--app', 'app.json', status)).toMatchObject({ code: 0 });
    expect(await json('exports', '--app', 'app.json')).toEqual(own.slice(1));
    expect(await pa('exports', 'show', '--app', 'app.json', status)).toMatchObject({ code: 1 });
  });

  test('a member opts out: effective at once, explained now and for before, and in no export', async () => {
    const before = new Date().toISOString();
    expect(await json<PublishReport>('opt-out', '--member', 'm2', '--channel', 'phone')).toMatchObject({
      accepted: 1,
      effective: 1,
      outcomes: { recorded: 1 },
    });
    expect(await json('explain', '--client', client, '--member', 'm2')).toMatchObject({
      decision: 'deny',
      reason: 'opted-out',
    });
    expect(await pa('explain', '--client', client, '--member', 'm2', '--at', before)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^Permitted: [^]*; now it is deny: opted-out\./) as string,
    });
    const files = (
      await json<{ files: { type: string; file: string }[] }>(
        ...['export', '--app', 'app.json', '--group', (await groupOf()).id, '--out', 'without'],
      )
    ).files;
    expect(files.map((f) => gunzipSync(readFileSync(at(f.file))).toString('utf8')).join('')).not.toContain(
      'Patient/m2',
    );
    expect(await json<PublishReport>('opt-in', '--member', 'm2')).toMatchObject({ effective: 1 });
    expect(await json('explain', '--client', client, '--member', 'm2')).toMatchObject({ decision: 'permit' });
    expect(await pa('unattribute', '--npi', NPI, '--member', 'm2')).toMatchObject({ code: 0 });
    expect(await json('explain', '--client', client, '--member', 'm2')).toMatchObject({
      decision: 'deny',
      reason: 'not-attributed',
    });
  });

  test('an opt-out of an unknown member is stored with a warning and applies when the member appears', async () => {
    expect(await pa('opt-out', '--member', 'm-late')).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('applies as soon as the member appears') as string,
    });
    await pa.with({ stdin: lines([patient('m-late'), coverage('m-late')]) }, 'publish', '-');
    expect(await pa('attribute', '--npi', NPI, '--member', 'm-late', '--from', '2024-01-01')).toMatchObject({
      code: 0,
    });
    expect(await json('explain', '--client', client, '--member', 'm-late')).toMatchObject({ reason: 'opted-out' });
    expect(await json<PublishReport>('opt-in', '--member', 'm-late')).toMatchObject({ effective: 1 });
    expect(await json('explain', '--client', client, '--member', 'm-late')).toMatchObject({ decision: 'permit' });
  });

  test('lists disclosures, and lists and rebuilds views', async () => {
    const given = await json<
      { client: string; action: string; outcome: string; resources: number; types?: string[] }[]
    >('disclosures', '--member', 'm1');
    expect(given.length).toBeGreaterThan(3);
    // Files of patients had both members, and each of them has one.
    const patients = given.filter(({ action, types }) => action === 'download' && types?.[0] === 'Patient');
    expect([patients.length > 0, new Set(patients.map(({ resources }) => resources))]).toEqual([true, new Set([1])]);
    // `pa attribute` asked whether the member is known. That is a look of the administrator, and no disclosure.
    expect(new Set(given.map((d) => `${d.client} ${d.action === 'explain'}`))).toEqual(new Set([`${client} false`]));
    expect(await json('disclosures', '--member', 'unheard-of')).toEqual([]);
    // As an argument, in pages, and as a page to print.
    expect(await json('disclosures', 'm1', '--limit', '2')).toEqual(given.slice(0, 2));
    const printed = at('accounting.html');
    expect(await pa('disclosures', 'm1', '--html', printed)).toMatchObject({ code: 0 });
    expect(readFileSync(printed, 'utf8')).toContain('Accounting of disclosures');
    // Everything is of today, so nothing is sealed yet.
    expect(await json('audit', 'verify')).toMatchObject({ intact: true, findings: [], seals: [] });
    const ofRecords = async (): Promise<{ view: string; documents: number }> =>
      (await json<Record<string, { view: string; documents: number }[]>>('views', 'list'))['resources']!.find((v) =>
        v.view.startsWith('resources_records'),
      )!;
    const { view, documents } = await ofRecords();
    expect(await pa('views', 'rebuild', view)).toMatchObject({ code: 0, stdout: `rebuilt ${view}\n` });
    expect(await ofRecords()).toMatchObject({ documents });
    expect(await pa('views', 'rollback', view)).toMatchObject({ code: 0, stdout: `rolled back ${view}\n` });
    expect(await ofRecords()).toMatchObject({ documents });
    expect(await json('views', 'abandon', view)).toEqual({ abandoned: false });
    const { code, stderr } = await pa('views', 'rebuild', 'none');
    expect([code, stderr]).toEqual([1, expect.stringContaining('pa views list')]);
  });

  test('a suspended app has no access from then on', async () => {
    expect(await pa('apps', 'suspend', client, '--reason', 'key-compromised')).toMatchObject({ code: 0 });
    expect(await pa('groups', '--app', 'app.json')).toMatchObject({ code: 4 });
  });
});

test("a payer's engineer follows the tutorial word for word, from an own folder to a Group with a member", async () => {
  const { base, dataDir } = platform();
  const { code, stdout, stderr, readableByOthers } = await follow('docs/tutorials/payer.md', {
    cwd: at('tutorial'),
    env: { PA_SERVER: base, DATA_DIR: dataDir },
    program: PACKED_PA,
  });
  expect({ code, stderr, readableByOthers }).toMatchObject({ code: 0, readableByOthers: [] });
  // The Group in its three states: as attributed, after the opt-out, and after the return.
  const members = [...stdout.matchAll(/^\S+\s+(\d+)\s+\S.*\s1003000126$/gm)].map(([, count]) => count);
  expect({ members, stdout }).toMatchObject({ members: ['1', '0', '1'] });
  expect(stdout).toContain('opted-out');
});

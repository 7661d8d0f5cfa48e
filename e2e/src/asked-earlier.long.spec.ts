import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Manifest, type PlatformProcess, startPlatform, TokenSource, Server } from '@provider-access/cli';
import { afterAll, expect, test } from 'vitest';
import { eventually } from '@provider-access/testing';
import { baseCommit, buildOf } from './base-build.ts';
import { seenPayer } from './interrupted.ts';
import { findGroup, http, kickOff, optOut, publishAll, registerApp, sealed, takesEffect, texts } from './road.ts';

/**
 * BASE reads each event of the log as a row of its own. One member in a chunk, so that the export takes a while. All
 * exports of the app run at the same time.
 */
const ENV = { LOG_BLOCKS: 'false', EXPORT_CHUNK_MEMBERS: '1', EXPORT_RUNNING_PER_CLIENT: '20' };
const { payer, organization } = seenPayer({ seed: 'asked', members: 60 });
const folder = mkdtempSync(join(tmpdir(), 'provider-access-asked-'));
const dataDir = join(folder, 'data');
let platform: PlatformProcess | undefined;
afterAll(async () => {
  await platform?.kill();
  rmSync(folder, { recursive: true, force: true });
});

interface Line {
  readonly resourceType: string;
  readonly id?: string;
  readonly member?: readonly { readonly entity: { readonly reference: string } }[];
  readonly parameter?: readonly { readonly valueReference: { readonly reference: string } }[];
}
const linesOf = (files: ReadonlyMap<string, string>): readonly Line[] =>
  [...files.values()].flatMap((text) =>
    text.split('\n').flatMap((line) => (line === '' ? [] : (JSON.parse(line) as Line))),
  );
const patientsIn = (lines: readonly Line[]): readonly string[] =>
  lines.flatMap(({ resourceType, id }) => (resourceType === 'Patient' ? [id!] : [])).toSorted();
const idsIn = (references: readonly string[]): readonly string[] =>
  references.map((reference) => reference.replace(/^Patient\//, '')).toSorted();
/** Members of the lines of Groups. Those who were not matched refer to a contained Patient, and are not here. */
const listedIn = (lines: readonly Line[]): readonly string[] =>
  idsIn(
    lines
      .flatMap(({ member = [] }) => member.map(({ entity }) => entity.reference))
      .filter((reference) => reference.startsWith('Patient/')),
  );
/** Patients whom the headers of blocks name. */
const headedIn = (lines: readonly Line[]): readonly string[] =>
  idsIn(lines.flatMap(({ parameter = [] }) => parameter.map(({ valueReference }) => valueReference.reference)));

interface Parameter {
  readonly name: string;
  readonly valueReference?: { readonly reference: string };
  readonly valueString?: string;
}
interface Row {
  readonly what: string;
  readonly operation: '$export' | '$davinci-data-export' | '$provider-member-match';
  readonly parameter: readonly object[];
  /** Fails unless the lines are those that the request asked for. */
  readonly check: (lines: readonly Line[]) => void;
}
const text = (name: string, valueString: string): Parameter => ({ name, valueString });

const coded = (system: string, code: string): object => ({
  coding: [{ system: `http://terminology.hl7.org/CodeSystem/${system}`, code }],
});
/** The organization attests that it treats this member, whom its system knows as the payer does. */
function bundleOf(id: string): object {
  const known = [...payer.ledger.members()].find(({ member }) => member === id)!;
  const all = [...known.resources.values()].map(({ resource }) => resource);
  const resources = {
    MemberPatient: all.find(({ resourceType }) => resourceType === 'Patient'),
    CoverageToMatch: all.find(({ resourceType }) => resourceType === 'Coverage'),
    Consent: {
      resourceType: 'Consent',
      id: `attested-${id}`,
      status: 'active',
      scope: coded('consentscope', 'patient-privacy'),
      category: [coded('v3-ActCode', 'IDSCL')],
      patient: { reference: `Patient/${id}` },
      dateTime: new Date().toISOString(),
      performer: [{ identifier: { system: 'http://hl7.org/fhir/sid/us-npi', value: organization.npi } }],
      policyRule: { text: 'The provider attests a treatment relationship' },
      provision: { type: 'permit' },
    },
  };
  return { name: 'MemberBundle', part: Object.entries(resources).map(([name, resource]) => ({ name, resource })) };
}

/**
 * What an earlier build would run as an ordinary export of the whole Group. `attested`: whom the organization attests.
 */
const rowsOf = (all: readonly string[], wanted: readonly string[], attested = wanted): readonly Row[] => [
  {
    what: 'some patients',
    operation: '$export',
    parameter: [
      text('_type', 'Patient'),
      ...wanted.map((id) => ({ name: 'patient', valueReference: { reference: `Patient/${id}` } })),
    ],
    check: (lines) => expect(patientsIn(lines)).toEqual(wanted),
  },
  {
    what: 'a member list',
    operation: '$davinci-data-export',
    parameter: [text('exportType', 'hl7.fhir.us.davinci-atr'), text('_type', 'Group,Patient,Coverage')],
    check: (lines) => expect([listedIn(lines), patientsIn(lines)]).toEqual([all, all]),
  },
  {
    what: 'the Group beside its Patients',
    operation: '$export',
    parameter: [text('_type', 'Group,Patient')],
    check: (lines) => expect([listedIn(lines), patientsIn(lines)]).toEqual([all, all]),
  },
  {
    what: 'blocks',
    operation: '$export',
    parameter: [text('_type', 'Patient'), text('organizeOutputBy', 'Patient')],
    check: (lines) => expect([headedIn(lines), patientsIn(lines)]).toEqual([all, all]),
  },
  {
    what: 'a match',
    operation: '$provider-member-match',
    parameter: attested.map(bundleOf),
    check: (lines) => expect(listedIn(lines)).toEqual(wanted),
  },
];

async function ask({ what, operation, parameter }: Row, group: string, token: string): Promise<string> {
  const path = operation === '$provider-member-match' ? operation : `${group}/${operation}`;
  const answer = await http(`${platform!.base}/fhir/Group/${path}`, {
    method: 'POST',
    token,
    headers: { accept: 'application/fhir+json', 'content-type': 'application/fhir+json', prefer: 'respond-async' },
    body: JSON.stringify({ resourceType: 'Parameters', parameter }),
  });
  expect(answer.status, `${what}: ${answer.body.toString('utf8')}`).toBe(202);
  return new URL(String(answer.headers['content-location'])).pathname;
}

test('the build before runs and serves no export of a kind that it does not know, and runs others', async () => {
  const main = join(await buildOf(baseCommit(), (line) => console.info(line)), 'services/standalone/dist/main.js');
  platform = await startPlatform({ dataDir, env: ENV });
  await publishAll(platform, payer.events());
  const { clientId, key, scope, tokens } = await registerApp(platform, {
    ...{ name: 'Asks', npi: organization.npi, tin: organization.tin },
  });
  const { id: group } = await findGroup(platform, await tokens.get(), organization.npi);
  const whole = await kickOff(platform, await tokens.get(), group, '?_type=Patient');
  const all = patientsIn(linesOf(await texts(await sealed(whole, await tokens.get()), await tokens.get())));
  const wanted = all.filter((_, at) => at % 2 === 0);
  expect(wanted.length).toBeGreaterThan(3);
  expect(wanted.length).toBeLessThan(all.length);
  const rows = rowsOf(all, wanted);

  const left = wanted[0]!;
  const complete: { readonly row: Row; readonly manifest: Manifest }[] = [];
  let matched: string | undefined;
  for (const row of rows) {
    const path = await ask(row, group, await tokens.get());
    const manifest = await sealed(`${platform.base}${path}`, await tokens.get());
    const lines = linesOf(await texts(manifest, await tokens.get()));
    row.check(lines);
    if (row.operation === '$provider-member-match') matched = lines[0]!.id;
    complete.push({ row, manifest });
  }
  // The steps of an app are taken oldest first, so this export keeps those after it from ending before the kill.
  await kickOff(platform, await tokens.get(), group);
  const unfinished: { readonly row: Row; readonly path: string }[] = [];
  for (const row of rows) unfinished.push({ row, path: await ask(row, group, await tokens.get()) });
  await platform.kill();

  let returned = 0;
  const onLine = (line: string): void => void (returned += line.includes('will be tried again') ? 1 : 0);
  platform = await startPlatform({ dataDir, main, env: ENV, onLine });
  const tokenOf = () => new TokenSource(new Server(platform!.base), { clientId, key, scope }).get();
  /** Longer than a token lives, where the machine is busy. */
  const patiently = async (url: string): Promise<readonly Line[]> => {
    for (;;)
      try {
        return linesOf(await texts(await sealed(url, await tokenOf()), await tokenOf()));
      } catch (error) {
        if (!String(error).includes('was answered 401')) throw error;
      }
  };
  const other = await kickOff(platform, await tokenOf(), group, '?_type=Patient');
  expect(patientsIn(await patiently(other))).toEqual(all);
  // That build tries the next step of each of these exports, and returns it each time.
  await eventually(() => returned >= 2 * rows.length, { timeout: 240_000 });
  const token = await tokenOf();
  for (const { row, path } of unfinished)
    expect((await http(`${platform.base}${path}`, { token })).status, row.what).toBe(202);
  // An earlier build knows no attestations, so the Group of a match is nobody's for it.
  expect((await http(`${platform.base}/fhir/Group/${matched}`, { token })).status).toBe(404);
  // Who opts out during the roll-out is in no file that the earlier build gives. It cannot read the files of blocks and
  // of the list, because it does not know their rules.
  await takesEffect(platform, optOut(left));
  for (const { row, manifest } of complete)
    for (const { type = 'blocks', url } of manifest.output) {
      const { pathname, search } = new URL(url);
      const { status, body } = await http(`${platform.base}${pathname}${search}`, { token });
      expect(body.toString('utf8'), row.what).not.toContain(left);
      if (type === 'blocks' || type === 'Group') expect(status, `${row.what}: ${type}`).not.toBe(200);
    }
  await platform.stop();

  platform = await startPlatform({ dataDir, env: ENV });
  const without = (ids: readonly string[]): readonly string[] => ids.filter((id) => id !== left);
  const remaining = rowsOf(without(all), without(wanted), wanted);
  for (const [n, { path }] of unfinished.entries()) remaining[n]!.check(await patiently(`${platform.base}${path}`));
}, 1_800_000);

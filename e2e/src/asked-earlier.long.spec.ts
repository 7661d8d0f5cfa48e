import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type PlatformProcess, startPlatform, TokenSource, Server } from '@provider-access/cli';
import { afterAll, expect, test } from 'vitest';
import { eventually } from '@provider-access/testing';
import { baseCommit, buildOf } from './base-build.ts';
import { seenPayer } from './interrupted.ts';
import { findGroup, http, kickOff, publishAll, registerApp, sealed, texts } from './road.ts';

/** BASE reads each event of the log as a row of its own. One member in a chunk, so that the export takes a while. */
const ENV = { LOG_BLOCKS: 'false', EXPORT_CHUNK_MEMBERS: '1' };
const { payer, organization } = seenPayer({ seed: 'asked', members: 60 });
const folder = mkdtempSync(join(tmpdir(), 'provider-access-asked-'));
const dataDir = join(folder, 'data');
let platform: PlatformProcess | undefined;
afterAll(async () => {
  await platform?.kill();
  rmSync(folder, { recursive: true, force: true });
});

const patientsIn = (files: ReadonlyMap<string, string>): readonly string[] =>
  [...(files.get('Patient') ?? '').matchAll(/"resourceType":"Patient","id":"([^"]+)"/g)]
    .map(([, id]) => id!)
    .toSorted();

test('the build before takes no step of an export of some patients, and runs other exports meanwhile', async () => {
  const main = join(await buildOf(baseCommit(), (line) => console.info(line)), 'services/standalone/dist/main.js');
  platform = await startPlatform({ dataDir, env: ENV });
  await publishAll(platform, payer.events());
  const { clientId, key, scope, tokens } = await registerApp(platform, {
    ...{ name: 'Asks', npi: organization.npi, tin: organization.tin },
  });
  const { id: group } = await findGroup(platform, await tokens.get(), organization.npi);
  const whole = await kickOff(platform, await tokens.get(), group, '?_type=Patient');
  const all = patientsIn(await texts(await sealed(whole, await tokens.get()), await tokens.get()));
  const wanted = all.filter((_, at) => at % 2 === 0);
  expect(wanted.length).toBeGreaterThan(3);
  expect(wanted.length).toBeLessThan(all.length);

  const answer = await http(`${platform.base}/fhir/Group/${group}/$export`, {
    method: 'POST',
    token: await tokens.get(),
    headers: { accept: 'application/fhir+json', 'content-type': 'application/fhir+json', prefer: 'respond-async' },
    body: JSON.stringify({
      resourceType: 'Parameters',
      parameter: wanted.map((id) => ({ name: 'patient', valueReference: { reference: `Patient/${id}` } })),
    }),
  });
  await platform.kill();
  expect(answer.status).toBe(202);
  const path = new URL(String(answer.headers['content-location'])).pathname;

  let returned = 0;
  const onLine = (line: string): void => void (returned += line.includes('will be tried again') ? 1 : 0);
  platform = await startPlatform({ dataDir, main, env: ENV, onLine });
  const tokenOf = () => new TokenSource(new Server(platform!.base), { clientId, key, scope }).get();
  const token = await tokenOf();
  const other = await kickOff(platform, token, group, '?_type=Patient');
  expect(patientsIn(await texts(await sealed(other, token), token))).toEqual(all);
  // That build tries the next step of the job, and returns it each time.
  await eventually(() => returned >= 2, { timeout: 120_000 });
  expect((await http(`${platform.base}${path}`, { token })).status).toBe(202);
  await platform.stop();

  platform = await startPlatform({ dataDir, env: ENV });
  const after = await tokenOf();
  const manifest = await sealed(`${platform.base}${path}`, after);
  expect(patientsIn(await texts(manifest, after))).toEqual(wanted);
}, 1_800_000);

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type PlatformProcess, startPlatform, TokenSource, Server } from '@provider-access/cli';
import { afterAll, describe, expect, test } from 'vitest';
import { baseCommit, buildOf } from './base-build.ts';
import { seenPayer } from './interrupted.ts';
import { findGroup, http, json, kickOff, optOut, publishAll, registerApp, sealed, takesEffect, texts } from './road.ts';

/** The first build whose data folders this one must open. */
const FIRST = '93123f062d58c4a1e3ca7754129417e7a06f9e33';

/** `Type/id` of everything that an export of the Group of `npi` gives now. */
async function exported(platform: PlatformProcess, token: string, npi: string): Promise<Set<string>> {
  const { id } = await findGroup(platform, token, npi);
  const files = await texts(await sealed(await kickOff(platform, token, id), token), token);
  return new Set(
    [...files.values()].flatMap((text) =>
      text
        .split('\n')
        .filter(Boolean)
        .map((line) => {
          const { resourceType, id: own } = JSON.parse(line) as { resourceType: string; id: string };
          return `${resourceType}/${own}`;
        }),
    ),
  );
}

describe.each([FIRST, baseCommit()])('a data folder of the build %s', (commit) => {
  const { payer, organization } = seenPayer({ seed: 'folder', members: 10 });
  const folder = mkdtempSync(join(tmpdir(), 'provider-access-folder-'));
  const dataDir = join(folder, 'data');
  let platform: PlatformProcess | undefined;
  afterAll(async () => {
    await platform?.kill();
    rmSync(folder, { recursive: true, force: true });
  });

  test('is opened by this one: the app, its Group and every record are there, and an opt-out holds', async () => {
    const build = await buildOf(commit, (line) => console.info(line));
    const main = join(build, 'services/standalone/dist/main.js');
    platform = await startPlatform({ dataDir, main });
    await publishAll(platform, payer.events());
    const app = await registerApp(platform, { name: 'Kept', npi: organization.npi, tin: organization.tin });
    const before = await exported(platform, await app.tokens.get(), organization.npi);
    const [leaver, stayer, other] = [...before]
      .filter((name) => name.startsWith('Patient/'))
      .map((name) => name.slice(8));
    await takesEffect(platform, optOut(leaver!));
    const without = await exported(platform, await app.tokens.get(), organization.npi);
    expect(before.has(`Patient/${stayer!}`)).toBe(true);
    expect(without.has(`Patient/${leaver!}`)).toBe(false);
    await platform.stop();

    platform = await startPlatform({ dataDir });
    const { clientId, key, scope } = app;
    const tokenOf = ({ base }: PlatformProcess) => new TokenSource(new Server(base), { clientId, key, scope }).get();
    const read = async (member: string) =>
      http(`${platform!.base}/fhir/Patient/${member}`, { token: await tokenOf(platform!) });
    expect(await exported(platform, await tokenOf(platform), organization.npi)).toEqual(without);
    expect((await read(leaver!)).status).toBe(404);
    expect(json<{ id: string }>(await read(stayer!)).id).toBe(stayer);
    if (commit !== baseCommit()) return;

    // One version back: its views have nothing that this build recorded, until its start brings them up to the log.
    await takesEffect(platform, optOut(stayer!));
    await platform.stop();
    // BASE reads each event of the log as a row of its own.
    platform = await startPlatform({ dataDir, env: { LOG_BLOCKS: 'false' } });
    await platform.stop();
    platform = await startPlatform({ dataDir, main });
    expect((await read(stayer!)).status).toBe(404);
    expect(json<{ id: string }>(await read(other!)).id).toBe(other);
  }, 1_800_000);
});

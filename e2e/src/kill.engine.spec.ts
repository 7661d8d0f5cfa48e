import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bulkExport, Server, type BulkResult } from '@provider-access/cli';
import { eventually } from '@provider-access/testing';
import { drawing } from '@provider-access/testing/promises';
import { variant } from '@provider-access/testing/variant';
import { startDeployment, type Deployment } from './deployment.ts';
import type { ServiceName } from './gateway.ts';
import { publishAll, registerApp, type TestApp } from './harness.ts';
import {
  complete,
  holdsExactly,
  openLetters,
  parkedIn,
  PATIENT,
  postStream,
  seenPayer,
  versionsOf,
  WAIT,
  written,
} from './interrupted.ts';
import { findGroup, optOut, tell } from './road.ts';
import { rebuildAll } from './views.ts';

const { kills, seed } = variant;
/** The services that lose a process while events are handled, in turn. */
const WHILE_HANDLING: readonly ServiceName[] = ['resources', 'consent', 'attribution'];
/** The same while an export runs: every other time the service that writes it. */
const WHILE_EXPORTING: readonly ServiceName[] = [
  'export',
  'auth',
  'export',
  'attribution',
  'export',
  'consent',
  'export',
  'resources',
];
/** A member opts out in each third export, right before the kill. */
const leaves = (kill: number): boolean => kill % 3 === 0;
/** A kill may cost a start, a session timeout and the work of a whole export on a busy machine. */
const LONG_MS = 600_000 + kills * 60_000;

describe(`one process after another is killed with -9 (seed ${seed}, ${kills} kills)`, () => {
  const upTo = drawing(seed);
  const { payer, organization } = seenPayer({ seed: 'killed', members: 12 });
  const folder = mkdtempSync(join(tmpdir(), 'provider-access-kill-'));
  const leftOut = new Set<string>();
  let platform: Deployment;
  let app: TestApp;

  beforeAll(async () => {
    platform = await startDeployment({
      dataDir: join(folder, 'data'),
      instances: { resources: 2, export: 2 },
      env: {
        ...PATIENT,
        EXPORT_CHUNK_MEMBERS: '1',
        EXPORT_RUNNING_PER_CLIENT: '100',
        EXPORT_KICK_OFFS_PER_HOUR: '1000',
        EXPORT_POLLS_PER_MINUTE: '1000000',
        EXPORT_LEASE_SECONDS: '2',
      },
    });
    app = await registerApp(platform, { name: 'Killed', npi: organization.npi, tin: organization.tin });
  });
  afterAll(async () => {
    await platform?.kill();
    rmSync(folder, { recursive: true, force: true });
  });

  async function killOne(service: ServiceName, when: string): Promise<void> {
    const candidates = platform.processes().filter((process) => process.service === service);
    console.info(`kill ${service} ${when}`);
    await platform.replace(candidates[upTo(candidates.length)]!);
  }
  /** A client repeats each request that was answered 5xx or broke off while a process was missing. */
  const persistently = <T>(ask: () => Promise<T>): Promise<Exclude<T, false>> =>
    eventually(ask, { ...WAIT, timeout: 480_000 });
  const token = (): Promise<string> => persistently(() => app.tokens.get());
  const exported = (name: string, onAccepted?: (status: string) => void): Promise<BulkResult> =>
    persistently(async () => {
      const group = await findGroup(platform, await app.tokens.get(), organization.npi);
      return bulkExport({
        server: new Server(platform.base),
        token: () => app.tokens.get(),
        group: group.id,
        out: join(folder, name),
        ...(onAccepted !== undefined && { onAccepted }),
      });
    });

  test('intake and projections keep every acknowledged event, once', { timeout: LONG_MS }, async () => {
    let rest = [...payer.events()];
    const count = Math.ceil(kills / 2);
    for (let kill = 0; kill < count; kill += 1) {
      const slice = rest.slice(0, Math.max(1, Math.floor(rest.length / (count + 1 - kill))));
      const service = WHILE_HANDLING[kill % WHILE_HANDLING.length]!;
      const point = 1 + upTo(slice.length);
      let killing: Promise<void> | undefined;
      const { answered } = await postStream(platform, slice, (rows) => {
        if (rows >= point) killing ??= killOne(service, `after ${rows} of ${slice.length} rows`);
      });
      await (killing ?? killOne(service, 'after a stream that broke off'));
      rest = rest.slice(answered);
    }
    const report = await persistently(() => publishAll(platform, rest));
    expect(report.refused).toEqual([]);
    const { files } = await exported('after-intake');
    await holdsExactly(files, payer, organization.npi, leftOut);
    expect(await versionsOf(files, payer, organization.npi)).toEqual([]);
    await eventually(async () => expect(await openLetters(platform)).toEqual(parkedIn(payer)), WAIT);
  });

  test('exports are complete, without members who left while they ran', { timeout: LONG_MS }, async () => {
    const count = Math.floor(kills / 2);
    for (let kill = 0; kill < count; kill += 1) {
      const service = WHILE_EXPORTING[kill % WHILE_EXPORTING.length]!;
      const leaver = leaves(kill) ? organization.visible.find(({ member }) => !leftOut.has(member))?.member : undefined;
      const share = upTo(100) / 100;
      let killing: Promise<void> | undefined;
      const disturb = async (status: string): Promise<void> => {
        const seen = await written(status, await token(), share);
        if (leaver !== undefined) {
          const { status: row } = await persistently(() => tell(platform, optOut(leaver)));
          expect(['effective', 'accepted']).toContain(row);
          leftOut.add(leaver);
        }
        await killOne(service, `at chunk ${seen}${leaver === undefined ? '' : ', when a member has left'}`);
      };
      try {
        const result = await exported(`killed-${kill}`, (status) => {
          killing ??= disturb(status);
          // Its failure is thrown where it is awaited.
          killing.catch(() => undefined);
        });
        await killing;
        if (leaver === undefined) await complete(result, payer, organization.npi, leftOut);
        else {
          // The client may have got the member's file before the opt-out took effect. No later export has it.
          const after = (attempt: number): Promise<BulkResult> => exported(`after-${kill}-${attempt}`);
          let attempts = 0;
          await persistently(async () => complete(await after(attempts++), payer, organization.npi, leftOut));
        }
      } finally {
        // A process that is still starting would outlive a failed test.
        await killing?.catch(() => undefined);
      }
    }
  });

  test('every view equals one built from scratch', { timeout: 600_000 }, async () => {
    const views = await persistently(() => rebuildAll(platform));
    expect(views.filter(({ equal }) => equal !== true)).toEqual([]);
  });
});

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { bulkExport, Server, type BulkResult } from '@provider-access/cli';
import { syntheticPayer } from '@provider-access/synthetic';
import { startDeployment, type Deployment } from './deployment.ts';
import type { ServiceName } from './gateway.ts';
import { publishAll, registerApp, type TestApp } from './harness.ts';
import { complete, holdsExactly, postStream, progressOf, sleep, versionsOf } from './interrupted.ts';
import { AS_OF, findGroup, http, json, optOut, seeded, tell } from './road.ts';
import { rebuildAll } from './views.ts';

const SEED = Number(process.env['E2E_SEED'] ?? Date.now() % 1_000_000);
const KILLS = Number(process.env['E2E_ENGINE_KILLS'] ?? 20);

describe(`one process after another is killed with -9 (again with E2E_SEED=${SEED} E2E_ENGINE_KILLS=${KILLS})`, () => {
  const random = seeded(SEED);
  const upTo = (n: number): number => Math.floor(random() * n);
  const payer = syntheticPayer({ seed: 'killed', members: 12, asOf: AS_OF });
  const organization = payer.providerOrganizations.map((o) => ({ ...o, visible: [...payer.ledger.visibleMembers(o.npi)] })).sort((a, b) => b.visible.length - a.visible.length)[0]!;
  const folder = mkdtempSync(join(tmpdir(), 'provider-access-kill-'));
  const leftOut = new Set<string>();
  let platform: Deployment;
  let app: TestApp;

  beforeAll(async () => {
    platform = await startDeployment({ dataDir: join(folder, 'data'), instances: { resources: 2, export: 2 }, env: { EXPORT_CHUNK_MEMBERS: '1', EXPORT_RUNNING_PER_CLIENT: '100', EXPORT_KICK_OFFS_PER_HOUR: '1000', EXPORT_POLLS_PER_MINUTE: '1000000', EXPORT_LEASE_SECONDS: '2' } });
    app = await registerApp(platform, { name: 'Killed', npi: organization.npi, tin: organization.tin });
  });
  afterAll(async () => {
    await platform?.kill();
    rmSync(folder, { recursive: true, force: true });
  });

  async function killOne(services: readonly ServiceName[], why: string): Promise<void> {
    const candidates = platform.processes().filter((p) => services.includes(p.service));
    const victim = candidates[upTo(candidates.length)]!;
    console.info(`${Math.round(performance.now())} ms: kill ${victim.service} ${why}`);
    await platform.replace(victim);
  }
  /** Whatever is answered with 5xx or broken off while a process is away is asked again, as a client would. */
  async function persistently<T>(ask: () => Promise<T>): Promise<T> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await ask();
      } catch (error) {
        if (attempt >= 60) throw error;
        await sleep(500);
      }
    }
  }
  const exported = (out: string): Promise<BulkResult> => persistently(async () => {
    const server = new Server(platform.base);
    const group = await findGroup(platform, await app.tokens.get(), organization.npi);
    return bulkExport({ server, token: () => app.tokens.get(), group: group.id, out });
  });

  test('intake and projection: whatever was acknowledged is there, once', async () => {
    let rest = [...payer.events()];
    const kills = Math.ceil(KILLS / 2);
    for (let kill = 0; kill < kills; kill += 1) {
      const slice = rest.slice(0, Math.max(1, Math.floor(rest.length / (kills + 1 - kill))));
      const at = 1 + upTo(slice.length);
      let killing: Promise<void> | undefined;
      const answered = await postStream(platform, slice, (count) => {
        if (count >= at) killing ??= killOne(['resources', 'attribution', 'consent'], `after ${count} of ${slice.length} rows`);
      });
      await (killing ?? killOne(['resources', 'attribution', 'consent'], 'after a stream that broke off'));
      rest = rest.slice(answered);
    }
    const report = await persistently(() => publishAll(platform, rest));
    expect(report.refused).toEqual([]);
    const { files } = await exported(join(folder, 'after-intake'));
    await holdsExactly(files, payer, organization.npi, leftOut);
    expect(await versionsOf(files, payer, organization.npi)).toEqual([]);
    const parked = [...payer.ledger.members()].flatMap((m) => m.parked.map((p) => p.event));
    await vi.waitFor(async () => {
      const { deadLetters } = json<{ deadLetters: { event: string }[] }>(await http(`${platform.base}/events/dead-letters?status=open`, { token: platform.payerToken }));
      expect(new Set(deadLetters.map((d) => d.event))).toEqual(new Set(parked));
    }, { timeout: 30_000, interval: 500 });
  }, 900_000);

  test('chunk, seal and download: complete, without whoever left meanwhile', async () => {
    const kills = Math.floor(KILLS / 2);
    for (let kill = 0; kill < kills; kill += 1) {
      const out = join(folder, `killed-${kill}`);
      const group = await persistently(async () => findGroup(platform, await app.tokens.get(), organization.npi));
      const token = await persistently(() => app.tokens.get());
      const share = random();
      let killing: Promise<void> | undefined;
      const services: ServiceName[] = kill % 4 === 3 ? ['auth', 'attribution', 'consent', 'resources'] : ['export'];
      const result = await persistently(() => bulkExport({
        server: new Server(platform.base), token: () => app.tokens.get(), group: group.id, out,
        onAccepted: (status) => {
          killing ??= (async () => {
            for (let asked = 0; asked < 400; asked += 1) {
              const progress = await progressOf(status, token);
              if (progress === 'sealed' || (progress !== undefined && progress.written >= progress.planned * share)) break;
            }
            if (kill % 3 === 1) {
              const leaver = organization.visible.find((m) => !leftOut.has(m.member))?.member;
              if (leaver === undefined) return killOne(services, 'with nobody left to leave');
              const { status: said } = await persistently(() => tell(platform, optOut(leaver)));
              expect(['effective', 'accepted']).toContain(said);
              leftOut.add(leaver);
            }
            await killOne(services, `with ${Math.round(share * 100)} % of the chunks written`);
          })();
        },
      }));
      await killing;
      const left = leftOut.size;
      if (kill % 3 === 1) {
        // The leaver may have been downloaded before the word was effective; nobody gets it from then on.
        await vi.waitFor(async () => complete(await exported(join(folder, `after-${kill}-${Date.now()}`)), payer, organization.npi, leftOut), { timeout: 30_000, interval: 1000 });
      } else await complete(result, payer, organization.npi, leftOut);
      expect(leftOut.size).toBe(left);
    }
  }, 900_000);

  test('every view equals one built from scratch', async () => {
    for (const { view, equal } of await persistently(() => rebuildAll(platform))) expect([view, equal]).toEqual([view, true]);
  }, 300_000);
});

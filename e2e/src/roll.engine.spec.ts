import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { baseBuild, baseCommit } from './base-build.ts';
import { startDeployment, type Deployment } from './deployment.ts';
import { SERVICES } from './gateway.ts';
import { publishAll, registerApp, type TestApp } from './harness.ts';
import { PATIENT, seenPayer } from './interrupted.ts';
import { http } from './road.ts';
import { BEHIND } from './road-exports.ts';
import { RoadLoad } from './road-load.ts';
import { testNothingLost, testRebuilt } from './rolled.ts';

const HERE = join(import.meta.dirname, '../..');
/** As in a cluster with room for all new processes to start at once. */
const TOGETHER = cpus().length >= 4;

/**
 * Old and new processes run side by side, one instance after another, while a payer and a provider continue their work.
 */
describe('a roll-out between two builds', () => {
  const { payer, organization } = seenPayer({ seed: 'rolled', members: 10 });
  const folder = mkdtempSync(join(tmpdir(), 'provider-access-roll-'));
  let base: string;
  let platform: Deployment;
  let app: TestApp;
  let load: RoadLoad;

  beforeAll(async () => {
    base = await baseBuild((line) => console.info(line));
    platform = await startDeployment({
      build: base,
      dataDir: join(folder, 'data'),
      instances: { resources: 2, export: 2 },
      env: {
        ...PATIENT,
        EXPORT_CHUNK_MEMBERS: '1',
        EXPORT_RUNNING_PER_CLIENT: '20',
        EXPORT_KICK_OFFS_PER_HOUR: '100000',
        EXPORT_POLLS_PER_MINUTE: '1000000',
      },
    });
    await publishAll(platform, payer.events());
    app = await registerApp(platform, { name: 'Rolled', npi: organization.npi, tin: organization.tin });
    load = new RoadLoad({ platform, payer, app, npi: organization.npi });
    await load.start();
  }, 1_800_000);
  afterAll(async () => {
    await platform?.kill();
    rmSync(folder, { recursive: true, force: true });
  });

  test('the earlier build takes no variable of this one for a misspelled one of its own', async () => {
    const { misspelled } = (await import(pathToFileURL(join(base, 'libs/config/dist/unknown.js')).href)) as {
      misspelled: (env: Record<string, string>, own: readonly string[]) => string[];
    };
    const names = (build: string): Record<string, readonly string[]> => {
      const services = JSON.parse(readFileSync(join(build, 'docs/configuration.json'), 'utf8')) as Record<
        string,
        { name: string }[]
      >;
      return Object.fromEntries(
        SERVICES.map((service) => [service, services[service]!.map((variable) => variable.name)]),
      );
    };
    const [before, now] = [names(base), names(HERE)];
    for (const service of Object.keys(now))
      expect(
        misspelled(
          Object.fromEntries(
            Object.values(now)
              .flat()
              .map((name) => [name, 'x']),
          ),
          before[service]!,
        ),
        service,
      ).toEqual([]);
  });

  const rolls = (way: string, build: () => string, apply: boolean): void =>
    test(`${way}: no failed request, each instance ends in order`, async () => {
      await load.continues();
      const began = performance.now();
      const retired = await platform.roll(build(), { apply, together: TOGETHER });
      await load.continues();
      console.info(
        `${way}: ${Math.round(performance.now() - began)} ms from ${baseCommit().slice(0, 7)}; ms to be ready and ` +
          `to end: ${retired.map((r) => `${r.service} ${r.readyMs} ${r.ms}`).join(', ')}`,
      );
      expect(retired.filter((r) => r.code !== 0)).toEqual([]);
      expect(load.failed()).toEqual([]);
    }, 900_000);
  /** What is answered about a job that never was. */
  const refused = async (): Promise<string> => {
    const answer = await http(`${platform.base}/fhir/bulk/${'a'.repeat(26)}`, { token: await app.tokens.get() });
    expect(answer.status).toBe(404);
    return answer.body.toString('utf8');
  };
  const rolled = (): { platform: Deployment; load: RoadLoad } => ({ platform, load });

  // If this fails after BASE has changed, BASE asks the stream of a job: delete `BEHIND` and what uses it.
  test('the earlier build says in its own words that it does not know a job', async () => {
    expect(await refused()).toContain(BEHIND);
  });
  rolls('forward', () => HERE, true);
  test('this build says it in other words, so that its 404 for a new job is a failure', async () => {
    expect(await refused()).not.toContain(BEHIND);
  });
  testRebuilt(rolled);
  rolls('back', () => base, false);
  testNothingLost(rolled);
});

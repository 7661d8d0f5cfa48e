import { join } from 'node:path';
import { IMAGE, openCluster, providerAccess, type Cluster } from '@provider-access/cluster';
import { layOut } from '@provider-access/image';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { baseBuild, baseCommit } from '../../base-build.ts';
import { publishAll, registerApp } from '../../harness.ts';
import { RoadLoad } from '../../road-load.ts';
import { seenPayer } from '../../interrupted.ts';
import { testNothingLost, testRebuilt } from '../../rolled.ts';
import { prepareRelease, type Release } from '../release.ts';

const NAME = 'pa-roll';
/** Starting processes and the control plane share a machine. The test is about the roll-out. */
const PATIENT = {
  FACTS_BOUND_MS: 20_000,
  EXPORT_CHUNK_MEMBERS: 1,
  EXPORT_RUNNING_PER_CLIENT: 20,
  EXPORT_KICK_OFFS_PER_HOUR: 100_000,
  EXPORT_POLLS_PER_MINUTE: 1_000_000,
};

/**
 * `helm upgrade` and `helm rollback` between an earlier release and this one, each with its own image and chart, while
 * a payer and a provider work.
 */
describe('rolled out from an earlier release', () => {
  const { payer, organization } = seenPayer({ seed: 'rolled', members: 8 });
  const base = { ...IMAGE, tag: `base-${baseCommit().slice(0, 7)}` };
  let cluster: Cluster;
  let release: Release;
  let load: RoadLoad;

  beforeAll(async () => {
    cluster = await openCluster();
    const build = await baseBuild((line) => console.info(line));
    const rootfs = join(cluster.folder, base.tag);
    layOut({ checkout: build, out: rootfs });
    cluster.images.register(`${base.repository}:${base.tag}`, providerAccess(rootfs));
    const chart = join(build, 'charts/provider-access');
    release = await prepareRelease({ cluster, name: NAME, oneHost: true, chart, values: { config: PATIENT } });
    await release.install({ image: base });
    await publishAll(release, payer.events());
    const app = await registerApp(release, { name: 'Rolled', npi: organization.npi, tin: organization.tin });
    load = new RoadLoad({ platform: release, payer, app, npi: organization.npi });
    await load.start();
  }, 1_800_000);
  afterAll(() => release?.destroy());

  const rolls = (what: string, roll: () => Promise<void>): void =>
    test(`${what}: no failed request`, async () => {
      await load.continues();
      const began = performance.now();
      await roll();
      await load.continues();
      console.info(`${what} in ${Math.round(performance.now() - began)} ms`);
      expect(load.failed()).toEqual([]);
    }, 900_000);
  const rolled = (): { platform: Release; load: RoadLoad } => ({ platform: release, load });

  rolls('upgraded to this release', () => release.upgrade({ image: IMAGE }));
  testRebuilt(rolled);
  rolls('rolled back', () => release.rollback(1));
  testNothingLost(rolled);
});

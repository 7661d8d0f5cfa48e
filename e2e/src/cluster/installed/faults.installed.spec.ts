import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { IMAGE, openCluster, type Cluster } from '@provider-access/cluster';
import { eventually } from '@provider-access/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startLoad } from '../load.ts';
import { prepareRelease, type Release } from '../release.ts';

/** A control plane and a dozen processes share two cores. */
const WAIT = { timeout: 240_000, interval: 250 };
let cluster: Cluster;
let release: Release;
const waiting = async (component: string): Promise<(string | undefined)[]> =>
  (await release.pods(component)).flatMap(({ status }) =>
    (status?.containerStatuses ?? []).map(({ state }) => state?.waiting?.reason),
  );
/** The pods that serve. A roll-out makes others. */
const serving = async (): Promise<string[]> =>
  (await release.pods())
    .filter(({ metadata, status }) => status?.phase === 'Running' && metadata?.deletionTimestamp === undefined)
    .map(({ metadata }) => metadata!.name!)
    .toSorted();

beforeAll(async () => {
  cluster = await openCluster();
  release = await prepareRelease({ cluster, name: 'pa-faults' });
});
afterAll(() => release?.destroy());

describe('a missing Secret', () => {
  test('holds back the pods that need it, says which, and is cured by making it', async () => {
    const { namespace } = release;
    for (const name of ['payer', 'bucket']) await cluster.api.core.deleteNamespacedSecret({ name, namespace });
    const installing = release.install();
    // If it is a volume, the pod is not made. If it is a variable, its container is not.
    await eventually(async () => {
      const { items } = await cluster.api.core.listNamespacedEvent({ namespace });
      expect(items.map(({ reason, message }) => `${reason} ${message}`)).toContainEqual(
        expect.stringMatching(/^FailedMount .*secret "payer" not found/),
      );
      expect(await waiting('export')).toContain('CreateContainerConfigError');
    }, WAIT);
    expect(await waiting('resources')).toContain('ContainerCreating');
    for (const name of ['payer', 'bucket'] as const) await release.makeSecret(name);
    await installing;
    expect(await cluster.helm.list(namespace)).toMatchObject([{ status: 'deployed' }]);
  });
});

describe('a killed pod', () => {
  test('the service goes on with the others, and the container starts again', async () => {
    const [pod] = await release.pods('resources');
    const load = startLoad(release, { reading: true });
    await load.continues();
    process.kill(cluster.processes(pod!.metadata!.uid!)[0]!, 'SIGKILL');
    const now = async () =>
      (await release.pods('resources')).find(({ metadata }) => metadata!.uid === pod!.metadata!.uid)?.status
        ?.containerStatuses?.[0];
    await eventually(
      async () =>
        expect(await now()).toMatchObject({
          restartCount: 1,
          ready: true,
          lastState: { terminated: { exitCode: 137 } },
        }),
      WAIT,
    );
    const { requests, failed } = await load.stop();
    console.log(`a killed pod under load: ${requests} reads, ${failed.length} failed`);
    expect(failed).toEqual([]);
  });

  test('a deleted pod is replaced without a failed request', async () => {
    const [pod] = await release.pods('resources');
    const load = startLoad(release);
    await cluster.api.core.deleteNamespacedPod({ name: pod!.metadata!.name!, namespace: release.namespace });
    await eventually(async () => {
      const pods = await release.pods('resources');
      expect(pods.map(({ metadata }) => metadata!.name)).not.toContain(pod!.metadata!.name);
      expect(pods.filter(({ status }) => status?.containerStatuses?.[0]?.ready)).toHaveLength(2);
    }, WAIT);
    const { requests, failed } = await load.stop();
    console.log(`a deleted pod under load: ${requests} requests, ${failed.length} failed`);
    expect(failed).toEqual([]);
  });
});

describe('an upgrade that cannot work', () => {
  test('if a person must change topics, the job reports it, the upgrade fails and the old pods stay', async () => {
    const before = await serving();
    await expect(release.upgrade({ kafka: { topics: { partitions: 8 } } })).rejects.toThrow(/pre-upgrade|Job|failed/i);
    expect(await serving()).toEqual(before);
    const [job] = (await cluster.api.batch.listNamespacedJob({ namespace: release.namespace })).items;
    expect(job?.status?.conditions?.find(({ type, status }) => type === 'Failed' && status === 'True')).toMatchObject({
      reason: 'PodFailurePolicy',
    });
    expect(await cluster.helm.list(release.namespace)).toMatchObject([{ status: 'failed' }]);
    // The next release that can work succeeds.
    await release.upgrade({ kafka: { topics: { partitions: 4 } } });
    expect(await cluster.helm.list(release.namespace)).toMatchObject([{ status: 'deployed' }]);
  });

  test('an image that is not there: it fails before a pod is replaced', async () => {
    const before = await serving();
    const load = startLoad(release);
    const cancel = new AbortController();
    const upgrading = release.upgrade({ image: { tag: 'nowhere' } }, ['--rollback-on-failure'], cancel.signal).then(
      () => 'worked',
      (error: unknown) => String(error),
    );
    await eventually(async () => {
      const job = (await release.pods('admin')).flatMap(({ status }) =>
        (status?.initContainerStatuses ?? []).map(({ state }) => state?.waiting?.reason),
      );
      expect(job.some((reason) => reason === 'ErrImagePull' || reason === 'ImagePullBackOff')).toBe(true);
    }, WAIT);
    cancel.abort();
    expect(await upgrading).not.toBe('worked');
    expect(await serving()).toEqual(before);
    expect((await load.stop()).failed).toEqual([]);
  });

  test('--rollback-on-failure returns from a version that crashes at its start, without a failed request', async () => {
    const image = cluster.images.find(`${IMAGE.repository}:${IMAGE.tag}`)!;
    const rootfs = join(cluster.folder, 'broken-image');
    cpSync(image.rootfs, rootfs, { recursive: true, verbatimSymlinks: true });
    const entry = join(rootfs, 'app/bin/provider-access');
    const [first, ...rest] = readFileSync(entry, 'utf8').split('\n');
    // Topics and indexes work; only the service fails.
    writeFileSync(entry, [first, "if (process.argv[2] === 'resources') process.exit(1);", ...rest].join('\n'));
    cluster.images.register(`${IMAGE.repository}:broken`, { ...image, rootfs });
    const load = startLoad(release);
    const cancel = new AbortController();
    const upgrade = release.upgrade({ image: { tag: 'broken' } }, ['--rollback-on-failure'], cancel.signal).then(
      () => 'worked',
      (error: unknown) => String(error),
    );
    await eventually(async () => expect(await waiting('resources')).toContain('CrashLoopBackOff'), WAIT);
    cancel.abort();
    expect(await upgrade).toMatch(/rolled back|rollback/i);
    const images = (await cluster.api.apps.listNamespacedDeployment({ namespace: release.namespace })).items.map(
      ({ spec }) => spec!.template.spec!.containers[0]!.image,
    );
    expect(new Set(images)).toEqual(new Set([`${IMAGE.repository}:${IMAGE.tag}`]));
    const { requests, failed } = await load.stop();
    console.log(`a broken version under load: ${requests} requests, ${failed.length} failed`);
    expect(failed).toEqual([]);
    expect(await cluster.helm.list(release.namespace)).toMatchObject([{ status: 'deployed' }]);
  });
});

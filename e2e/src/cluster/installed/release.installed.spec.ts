import { readFileSync, writeFileSync } from 'node:fs';
import { openCluster, orMissing, type Cluster } from '@provider-access/cluster';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { http, json, optIn, tell } from '../../road.ts';
import { startLoad } from '../load.ts';
import { prepareRelease, type Release } from '../release.ts';

const SERVICES = ['auth', 'attribution', 'consent', 'resources', 'export'];
let cluster: Cluster;
let release: Release;
/** Every kind of object of the release that a namespace can hold. */
const left = async (): Promise<string[]> => {
  const { api, config } = { api: cluster.api, config: { namespace: release.namespace } };
  const lists = {
    deployments: api.apps.listNamespacedDeployment(config),
    replicaSets: api.apps.listNamespacedReplicaSet(config),
    pods: api.core.listNamespacedPod(config),
    services: api.core.listNamespacedService(config),
    configMaps: api.core.listNamespacedConfigMap(config),
    accounts: api.core.listNamespacedServiceAccount(config),
    secrets: api.core.listNamespacedSecret(config),
    ingresses: api.networking.listNamespacedIngress(config),
    policies: api.networking.listNamespacedNetworkPolicy(config),
    budgets: api.policy.listNamespacedPodDisruptionBudget(config),
    autoscalers: api.autoscaling.listNamespacedHorizontalPodAutoscaler(config),
    jobs: api.batch.listNamespacedJob(config),
    cronJobs: api.batch.listNamespacedCronJob(config),
  };
  const found = await Promise.all(
    Object.entries(lists).map(async ([kind, list]) =>
      (await list).items.map(({ metadata }) => `${kind}/${metadata!.name}`),
    ),
  );
  return found
    .flat()
    .filter((name) => !['configMaps/kube-root-ca.crt', 'accounts/default'].includes(name))
    .toSorted();
};

beforeAll(async () => {
  cluster = await openCluster();
  release = await prepareRelease({ cluster, name: 'pa-release' });
  await release.install({ services: { auth: { replicas: 2 } } });
});
afterAll(() => release?.destroy());

describe('installed in a namespace under the restricted level', () => {
  test('Helm says deployed, and every Deployment has what it asked for', async () => {
    expect(await cluster.helm.list(release.namespace)).toMatchObject([
      { name: 'pa', status: 'deployed', chart: expect.stringMatching(/^provider-access-/) as string },
    ]);
    const { items } = await cluster.api.apps.listNamespacedDeployment({ namespace: release.namespace });
    expect(items.map(({ metadata }) => metadata!.labels!['app.kubernetes.io/component']).toSorted()).toEqual(
      SERVICES.toSorted(),
    );
    for (const { spec, status } of items) expect(status?.readyReplicas).toBe(spec?.replicas);
  });

  test('the level is real: a pod that would be root is refused', async () => {
    const pod = { metadata: { name: 'root' }, spec: { containers: [{ name: 'x', image: 'x' }] } };
    await expect(cluster.api.core.createNamespacedPod({ namespace: release.namespace, body: pod })).rejects.toThrow(
      /violates PodSecurity/,
    );
  });

  test('processes have the user and the arguments of the chart', async () => {
    for (const pod of (await release.pods()).filter(({ status }) => status?.phase === 'Running')) {
      const [pid] = cluster.processes(pod.metadata!.uid!);
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      expect(status).toMatch(/^Uid:\t10001\t10001\t10001\t10001$/m);
      expect(status).toMatch(/^Gid:\t10001\t/m);
      expect(status).toMatch(/^NoNewPrivs:\t1$/m);
      for (const set of ['Prm', 'Eff', 'Bnd', 'Amb']) expect(status).toMatch(new RegExp(`^Cap${set}:\\t0+$`, 'm'));
      // Not even root could write there.
      for (const path of ['app/x', 'x', 'etc/x', 'usr/x'])
        expect(() => writeFileSync(`/proc/${pid}/root/${path}`, '')).toThrow(/EROFS/);
      writeFileSync(`/proc/${pid}/root/tmp/x`, '');
    }
  });

  test('the public ingress routes what providers use and nothing of payers and operators', async () => {
    const status = async (url: string): Promise<number> => (await http(url)).status;
    expect(await status(`${release.base}/fhir/metadata`)).toBe(200);
    expect(await status(`${release.base}/fhir/.well-known/smart-configuration`)).toBe(200);
    expect(await status(`${release.base}/fhir/Patient/x`)).toBe(401);
    expect(await status(`${release.base}/`)).toBe(200);
    for (const path of ['/events', '/ops/explain', '/ops/views/auth', '/metrics', '/health/ready', '/fhirx', '/x'])
      expect([path, await status(`${release.base}${path}`)]).toEqual([path, 404]);
    expect(
      (
        await http(`${release.internalBase}/events`, {
          method: 'POST',
          headers: { 'content-type': 'application/cloudevents+json' },
          body: '{}',
        })
      ).status,
    ).toBe(401);
    for (const path of ['/fhir/metadata', '/metrics', '/health/ready'])
      expect([path, await status(`${release.internalBase}${path}`)]).toEqual([path, 404]);
    const { jwks_uri: keys } = json<{ jwks_uri: string }>(
      await http(`${release.base}/fhir/.well-known/smart-configuration`),
    );
    expect(keys.startsWith(release.base)).toBe(true);
  });

  test('every pod gives its metrics and says that it is ready', async () => {
    const pods = (await release.pods()).filter(({ status }) => status?.phase === 'Running');
    expect(pods.length).toBeGreaterThanOrEqual(8);
    for (const { metadata, status } of pods) {
      const metrics = await http(`http://${status!.podIP}:8080/metrics`);
      expect([metadata!.name, metrics.status]).toEqual([metadata!.name, 200]);
      expect(metrics.body.toString()).toMatch(/^# TYPE pa_/m);
      expect((await http(`http://${status!.podIP}:8080/health/ready`)).status).toBe(200);
    }
  });

  test('helm test takes every step of a provider and leaves nobody behind', async () => {
    expect(await release.test()).toMatch(/Phase:\s+Succeeded[\s\S]*Phase:\s+Succeeded/);
    const logs = [...cluster.logs(release.namespace)]
      .filter(([name]) => name.includes('test-probe'))
      .map(([, text]) => text)
      .join('\n');
    const member = /\b(probe-[a-z0-9-]+)\b/i.exec(logs)?.[1];
    expect(logs).toMatch(/remov/i);
    if (member !== undefined) {
      const explained = await http(`${release.internalBase}/ops/explain?member=${member}&client=none`, {
        token: release.administratorToken,
      });
      expect(explained.body.toString()).not.toContain('"permit"');
    }
  });
});

describe('other fields of the objects', () => {
  test('the eviction of a pod waits while another of its service is away', async () => {
    const pods = await release.pods('auth');
    const evict = (i: number): Promise<unknown> =>
      cluster.api.core.createNamespacedPodEviction({
        name: pods[i]!.metadata!.name!,
        namespace: release.namespace,
        body: { metadata: { name: pods[i]!.metadata!.name!, namespace: release.namespace } },
      });
    expect(pods).toHaveLength(2);
    await evict(0);
    await expect(evict(1)).rejects.toMatchObject({
      code: 429,
      body: expect.stringContaining('disruption budget') as string,
    });
    await expect
      .poll(async () => (await release.pods('auth')).map(({ metadata }) => metadata!.name))
      .not.toContain(pods[0]!.metadata!.name);
    await expect
      .poll(
        async () =>
          (
            await cluster.api.apps.readNamespacedDeployment({
              name: 'pa-provider-access-auth',
              namespace: release.namespace,
            })
          ).status?.readyReplicas,
      )
      .toBe(2);
  });

  test('policies deny what is not named, and autoscalers name what they scale', async () => {
    const policies = (await cluster.api.networking.listNamespacedNetworkPolicy({ namespace: release.namespace })).items;
    expect(policies.length).toBeGreaterThanOrEqual(SERVICES.length);
    expect(
      policies.every(
        ({ spec }) => spec?.policyTypes?.includes('Ingress') === true || spec?.policyTypes?.includes('Egress') === true,
      ),
    ).toBe(true);
  });
});

describe('upgraded, rolled back, removed', () => {
  test('changed values reach the processes without a failed request, and a rollback takes them back', async () => {
    const load = startLoad(release);
    await release.upgrade({
      config: { FACTS_BOUND_MS: 30_000 },
      services: {
        consent: { autoscaling: { enabled: true, minReplicas: 1, maxReplicas: 3 } },
        attribution: { replicas: 2 },
      },
    });
    const seen = async (name: string): Promise<unknown> =>
      (
        await cluster.api.core.readNamespacedConfigMap({
          name: 'pa-provider-access-resources',
          namespace: release.namespace,
        })
      ).data?.[name];
    expect(await seen('FACTS_BOUND_MS')).toBe('30000');
    expect(
      (await cluster.api.autoscaling.listNamespacedHorizontalPodAutoscaler({ namespace: release.namespace })).items[0]
        ?.spec,
    ).toMatchObject({ maxReplicas: 3, scaleTargetRef: { kind: 'Deployment', name: 'pa-provider-access-consent' } });
    // Helm waits for the new pods, and not until the old ones have ended.
    const pod = (await release.pods('resources')).find(({ metadata }) => metadata?.deletionTimestamp === undefined);
    const environment = readFileSync(`/proc/${cluster.processes(pod!.metadata!.uid!)[0]}/environ`, 'utf8').split('\0');
    expect(environment).toContain('FACTS_BOUND_MS=30000');
    await release.rollback(1);
    expect(await seen('FACTS_BOUND_MS')).toBe('20000');
    await load.continues(200);
    const { requests, repeated, failed } = await load.stop();
    console.log(
      `upgrade and rollback under load: ${requests} requests, ${repeated} to be repeated, ${failed.length} failed`,
    );
    expect(failed.slice(0, 20)).toEqual([]);
  });

  test("only the payer's own objects and the job's last report are left; topics and data stay", async () => {
    expect(
      (await tell({ base: release.internalBase, payerToken: release.payerToken } as never, optIn('stays'))).status,
    ).toMatch(/accepted|effective/);
    await release.uninstall();
    await expect
      .poll(left)
      .toEqual(
        expect.not.arrayContaining([
          expect.stringMatching(
            /^(deployments|replicaSets|services|ingresses|policies|budgets|autoscalers|configMaps|cronJobs)\//,
          ),
        ]) as unknown[],
      );
    // Hooks are not objects of the release; docs/helm.md names them.
    const rest = (await left()).filter((name) => !/^(jobs|pods)\/pa-provider-access-(admin|test)/.test(name));
    expect(rest.filter((name) => !/^pods\//.test(name))).toEqual([
      'secrets/bucket',
      'secrets/payer',
      'secrets/platform',
    ]);
    expect(
      await orMissing(cluster.api.core.readNamespacedPod({ name: 'x', namespace: release.namespace })),
    ).toBeUndefined();
    // Its data stay: the same values find the same topics again, without a change.
    const plans = (): string[] =>
      [...cluster.logs(release.namespace).keys()].filter((name) => /admin-[^/]+\/plan$/.test(name));
    const before = plans();
    await release.install();
    const [after] = plans().filter((name) => !before.includes(name));
    expect(cluster.logs(release.namespace).get(after!)).toMatch(/^All is as declared\.$/m);
  });
});

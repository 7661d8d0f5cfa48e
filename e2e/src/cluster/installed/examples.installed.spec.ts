import { readFileSync } from 'node:fs';
import * as k8s from '@kubernetes/client-node';
import { codeOf, openCluster, type Cluster } from '@provider-access/cluster';
import { eventually } from '@provider-access/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CRD_KINDS, crdFile } from '../../chart/crds.ts';
import { EXAMPLE_NAMES, exampleValues } from '../../chart/examples.ts';
import { objectsOf, template } from '../../chart/helm.ts';
import { faultsOf } from '../apply.ts';

const NAMESPACE = 'examples';
let cluster: Cluster;

beforeAll(async () => {
  cluster = await openCluster();
  await cluster.createNamespace(NAMESPACE);
  // Examples name these; operators make them.
  await cluster.api.config
    .makeApiClient(k8s.SchedulingV1Api)
    .createPriorityClass({ body: { metadata: { name: 'payer-facing' }, value: 1000 } });
  for (const kind of CRD_KINDS) {
    const [definition] = k8s.loadAllYaml(readFileSync(await crdFile(kind), 'utf8')) as k8s.V1CustomResourceDefinition[];
    const extensions = cluster.api.config.makeApiClient(k8s.ApiextensionsV1Api);
    await extensions.createCustomResourceDefinition({ body: definition! }).catch((error: unknown) => {
      if (codeOf(error) !== 409) throw error;
    });
    await eventually(async () =>
      expect(
        (await extensions.readCustomResourceDefinition({ name: definition!.metadata!.name! })).status?.conditions,
      ).toContainEqual(expect.objectContaining({ type: 'Established', status: 'True' })),
    );
  }
});
afterAll(() => cluster?.deleteNamespace(NAMESPACE));

describe('a server-side dry run', () => {
  test.each(EXAMPLE_NAMES)('finds no fault and gives no warning in the example %s', async (name) => {
    const { ok, text, errors } = await template([exampleValues(name)]);
    expect(ok, errors).toBe(true);
    const objects = objectsOf(text);
    expect(objects.length).toBeGreaterThan(30);
    // Without their account, pods are refused.
    for (const { metadata } of objects.filter(({ kind }) => kind === 'ServiceAccount')) {
      await cluster.api.core
        .createNamespacedServiceAccount({ namespace: NAMESPACE, body: { metadata: { name: metadata.name } } })
        .catch((error: unknown) => {
          if (codeOf(error) !== 409) throw error;
        });
    }
    const faults: string[] = [];
    // A new definition is served a moment after it is established.
    for (const object of objects)
      faults.push(
        ...(await eventually(async () => {
          const found = await faultsOf(cluster.api, object, NAMESPACE);
          expect(found.filter((fault) => fault.includes('knows no'))).toEqual([]);
          return found;
        })),
      );
    expect(faults).toEqual([]);
  });

  test('finds an unknown field, a wrong port name, a missing kind and a container that would be root', async () => {
    const service = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'a' },
      spec: { ports: [{ port: 80, targetPort: 'Not_A_Name' }] },
    };
    const deployment = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'b' },
      spec: {
        replicaz: 1,
        selector: { matchLabels: { a: 'b' } },
        template: { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'c' }] } },
      },
    };
    const { replicaz: _, ...spec } = deployment.spec;
    const find = async (object: k8s.KubernetesObject): Promise<string> =>
      (await faultsOf(cluster.api, object, NAMESPACE)).join('\n');
    expect(await find(service)).toMatch(/targetPort/);
    expect(await find(deployment)).toMatch(/replicaz/);
    expect(await find({ ...deployment, spec } as k8s.KubernetesObject)).toMatch(/would violate PodSecurity/);
    expect(await find({ apiVersion: 'v1', kind: 'Sevice', metadata: { name: 'd' } })).toMatch(/knows no Sevice/);
  });
});

import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { apiOf, orMissing, type Api } from './api.ts';
import { startControlPlane } from './control-plane.ts';
import { Helm } from './helm.ts';
import { Images } from './images.ts';
import { startKubelet } from './kubelet/kubelet.ts';
import { assertNamespace } from './namespace.ts';
import { startProxy } from './proxy/proxy.ts';

/** A running cluster, in the view of any process inside its namespace. */
export interface Cluster {
  readonly folder: string;
  readonly kubeconfig: string;
  readonly api: Api;
  readonly helm: Helm;
  readonly images: Images;
  /** A namespace whose pods must fulfil the `restricted` level of Pod Security. */
  createNamespace(name: string): Promise<void>;
  /** Waits until nothing of it is left. */
  deleteNamespace(name: string): Promise<void>;
  /** The output of a namespace's containers, of deleted pods too, by `pod/container`. */
  logs(namespace: string): ReadonlyMap<string, string>;
  /**
   * Events and pods of a namespace, as `kubectl get events` and `kubectl get pods` show them, for the text of a failing
   * test.
   */
  describe(namespace: string): Promise<string>;
  /** Process ids of the first processes of a pod's containers. */
  processes(podUid: string): readonly number[];
}
export interface StartedCluster extends Cluster {
  stop(): Promise<void>;
}

/**
 * Runs control plane, kubelet and proxies in this process, which must be inside the namespace of `tools/cluster/run`,
 * with their data in `folder`.
 */
export async function startCluster(folder: string): Promise<StartedCluster> {
  assertNamespace();
  const problem = (error: unknown): void => console.error(error);
  const place = (name: string): string => {
    mkdirSync(join(folder, name), { recursive: true });
    return join(folder, name);
  };
  const stops: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (const one of stops.toReversed()) await one().catch(problem);
  };
  try {
    const plane = await startControlPlane(place('control-plane'));
    stops.push(plane.stop);
    copyFileSync(plane.kubeconfig, join(folder, 'kubeconfig'));
    const cluster = await openCluster(folder);
    const common = { api: cluster.api, problem };
    const proxy = await startProxy({ ...common, folder: place('proxy') });
    stops.push(proxy.stop);
    const kubelet = await startKubelet({ ...common, images: cluster.images, folder: place('kubelet') });
    stops.push(kubelet.stop);
    return { ...cluster, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The cluster of another process. `tools/cluster/run` names its folder in CLUSTER_FOLDER for its command. */
export async function openCluster(folder = process.env.CLUSTER_FOLDER): Promise<Cluster> {
  if (folder === undefined)
    throw new Error('No cluster runs: `npm run test:long -- cluster`, or `tools/cluster/run <command>`.');
  const kubeconfig = join(folder, 'kubeconfig');
  const api = apiOf(kubeconfig);
  const own = mkdtempSync(join(folder, 'helm-'));
  const logs = (namespace: string): Map<string, string> => {
    const place = join(folder, 'kubelet/logs', namespace);
    const files = existsSync(place)
      ? (readdirSync(place, { recursive: true }) as string[]).filter((name) => name.endsWith('.log'))
      : [];
    return new Map(files.map((name) => [name.slice(0, -4), readFileSync(join(place, name), 'utf8')]));
  };
  return {
    folder,
    kubeconfig,
    api,
    helm: await Helm.open(own, kubeconfig),
    images: new Images(folder),
    logs,
    async createNamespace(name) {
      const level = Object.fromEntries(
        ['enforce', 'warn'].map((mode) => [`pod-security.kubernetes.io/${mode}`, 'restricted']),
      );
      await api.core.createNamespace({ body: { metadata: { name, labels: level } } });
    },
    async deleteNamespace(name) {
      await orMissing(api.core.deleteNamespace({ name }));
      while ((await orMissing(api.core.readNamespace({ name }))) !== undefined)
        await new Promise((resolve) => setTimeout(resolve, 200));
    },
    async describe(namespace) {
      const [pods, events] = await Promise.all([
        api.core.listNamespacedPod({ namespace }),
        api.core.listNamespacedEvent({ namespace }),
      ]);
      const pod = pods.items.map(({ metadata, status }) => {
        const containers = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
        const states = containers.map(({ ready, restartCount, state }) => ({ ready, restartCount, ...state }));
        return `${metadata!.name} ${status?.phase} ${JSON.stringify(states)}`;
      });
      const event = events.items
        .filter(({ type }) => type !== 'Normal')
        .map(
          ({ involvedObject, reason, message }) =>
            `${involvedObject.kind}/${involvedObject.name} ${reason}: ${message}`,
        );
      return [
        ...pod,
        ...event.slice(-30),
        ...[...logs(namespace)].map(
          ([name, text]) => `--- ${name}\n${text.trimEnd().split('\n').slice(-15).join('\n')}`,
        ),
      ].join('\n');
    },
    processes(podUid) {
      const place = join(folder, 'kubelet/pods', podUid, 'containers');
      const files = existsSync(place) ? readdirSync(place).map((name) => join(place, name, 'pid')) : [];
      return files.filter((file) => existsSync(file)).map((file) => Number(readFileSync(file, 'utf8')));
    },
  };
}

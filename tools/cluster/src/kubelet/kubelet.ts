import type { V1Pod } from '@kubernetes/client-node';
import { codeOf, follow, mergePatch, now, type Api } from '../api.ts';
import type { Images } from '../images.ts';
import { NODE_ADDRESS } from '../namespace.ts';
import { PodRun, type KubeletContext } from './pod.ts';

/** Three zones, so that pods can spread over them. */
const NODES = ['node-a', 'node-b', 'node-c'];
const HEARTBEAT_MS = 10_000;
const CAPACITY = { cpu: '16', memory: '32Gi', pods: '100', 'ephemeral-storage': '100Gi' };

export interface Kubelet {
  stop(): Promise<void>;
}

/**
 * The kubelet of all nodes. It runs the pods that the scheduler binds to them as processes of this machine, and reports
 * their state.
 */
export async function startKubelet(options: {
  readonly api: Api;
  readonly images: Images;
  readonly folder: string;
  readonly problem: (error: unknown) => void;
}): Promise<Kubelet> {
  const { api } = options;
  for (const name of NODES) {
    const labels = {
      'kubernetes.io/hostname': name,
      'kubernetes.io/os': 'linux',
      'kubernetes.io/arch': 'amd64',
      'topology.kubernetes.io/zone': `zone-${name.at(-1)}`,
      'topology.kubernetes.io/region': 'tests',
    };
    await api.core.createNode({ body: { metadata: { name, labels } } }).catch((error: unknown) => {
      if (codeOf(error) !== 409) throw error;
    });
  }
  const beat = (): Promise<unknown> =>
    Promise.all(
      NODES.map((name) => {
        const ready = {
          type: 'Ready',
          status: 'True',
          reason: 'KubeletReady',
          message: 'processes',
          lastHeartbeatTime: now(),
          lastTransitionTime: now(),
        };
        return api.core.patchNodeStatus(
          {
            name,
            body: {
              status: {
                capacity: CAPACITY,
                allocatable: CAPACITY,
                addresses: [{ type: 'InternalIP', address: NODE_ADDRESS }],
                conditions: [ready],
              },
            },
          },
          mergePatch,
        );
      }),
    );
  await beat();
  const heart = setInterval(() => void beat().catch(options.problem), HEARTBEAT_MS);

  const event: KubeletContext['event'] = (pod, type, reason, message) => {
    const { name, namespace, uid } = pod.metadata!;
    const body = {
      metadata: { generateName: `${name}.`, namespace: namespace! },
      involvedObject: { apiVersion: 'v1', kind: 'Pod', name, namespace, uid },
      type,
      reason,
      message: message.slice(0, 1000),
      firstTimestamp: now(),
      lastTimestamp: now(),
      count: 1,
      source: { component: 'kubelet', host: pod.spec!.nodeName },
    };
    // A namespace that is being deleted accepts no more events.
    api.core.createNamespacedEvent({ namespace: namespace!, body }).catch(() => undefined);
  };
  const context: KubeletContext = { api, images: options.images, folder: options.folder, event };
  const runs = new Map<string, PodRun>();
  const changed = (pod: V1Pod, removed: boolean): void => {
    const uid = pod.metadata!.uid!;
    if (!NODES.includes(pod.spec?.nodeName ?? '')) return;
    const over = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
    let run = runs.get(uid);
    if (run === undefined && !removed && !over) {
      run = new PodRun(context, pod);
      runs.set(uid, run);
    }
    run?.update(pod);
    const going = removed ? run?.kill() : pod.metadata!.deletionTimestamp !== undefined ? run?.stop() : undefined;
    if (going !== undefined) void going.catch(options.problem).then(() => removed && runs.delete(uid));
  };
  const watched = await follow<V1Pod>(api, '/api/v1/pods', () => api.core.listPodForAllNamespaces(), changed);
  return {
    async stop() {
      clearInterval(heart);
      await watched.stop();
      await Promise.all([...runs.values()].map((run) => run.kill().catch(options.problem)));
    },
  };
}

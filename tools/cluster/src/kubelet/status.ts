import type { V1ContainerState, V1ContainerStatus, V1Pod, V1PodCondition, V1PodStatus } from '@kubernetes/client-node';
import { now } from '../api.ts';
import { NODE_ADDRESS } from '../namespace.ts';

/** A kubelet's knowledge about one container. */
export interface ContainerRecord {
  readonly name: string;
  readonly image: string;
  state: V1ContainerState;
  lastState: V1ContainerState;
  ready: boolean;
  started: boolean;
  restarts: number;
}

export const newRecord = (name: string, image: string): ContainerRecord => ({
  name,
  image,
  state: { waiting: { reason: 'ContainerCreating' } },
  lastState: {},
  ready: false,
  started: false,
  restarts: 0,
});

const statusOf = (record: ContainerRecord): V1ContainerStatus => ({
  name: record.name,
  image: record.image,
  imageID: record.image,
  ready: record.ready,
  started: record.started,
  restartCount: record.restarts,
  state: record.state,
  lastState: record.lastState,
  ...(record.state.running && { containerID: `process://${record.name}` }),
});

const OURS = new Set(['PodReadyToStartContainers', 'Initialized', 'ContainersReady', 'Ready']);

export interface Known {
  readonly startTime: Date;
  readonly address: string | undefined;
  readonly initialized: boolean;
  readonly inits: readonly ContainerRecord[];
  readonly containers: readonly ContainerRecord[];
}

function phaseOf(pod: V1Pod, { inits, initialized, containers }: Known): string {
  const failed = (record: ContainerRecord): boolean => (record.state.terminated?.exitCode ?? 0) !== 0;
  const over = containers.every(({ state }) => state.terminated !== undefined);
  if (!initialized) return pod.spec!.restartPolicy === 'Never' && inits.some(failed) ? 'Failed' : 'Pending';
  if (over && pod.spec!.restartPolicy !== 'Always') return containers.some(failed) ? 'Failed' : 'Succeeded';
  if (over && pod.metadata!.deletionTimestamp !== undefined) return containers.some(failed) ? 'Failed' : 'Succeeded';
  return containers.some(({ state, restarts }) => state.waiting !== undefined && restarts === 0)
    ? 'Pending'
    : 'Running';
}

/** The next status of `pod`. It keeps the conditions of others, and the times of conditions that stay as they were. */
export function podStatus(pod: V1Pod, known: Known): V1PodStatus {
  const phase = phaseOf(pod, known);
  const done = phase === 'Succeeded' || phase === 'Failed';
  const ready = known.containers.every((record) => record.ready) && !done;
  const before = pod.status?.conditions ?? [];
  const condition = (type: string, holds: boolean, reason?: string): V1PodCondition => {
    const status = holds ? 'True' : 'False';
    const earlier = before.find((one) => one.type === type);
    return {
      type,
      status,
      ...(!holds && reason !== undefined && { reason }),
      lastTransitionTime:
        earlier?.status === status && earlier.lastTransitionTime !== undefined ? earlier.lastTransitionTime : now(),
    };
  };
  const unready = done ? 'PodCompleted' : 'ContainersNotReady';
  return {
    phase,
    startTime: known.startTime,
    hostIP: NODE_ADDRESS,
    hostIPs: [{ ip: NODE_ADDRESS }],
    ...(known.address !== undefined && { podIP: known.address, podIPs: [{ ip: known.address }] }),
    conditions: [
      ...before.filter(({ type }) => !OURS.has(type)),
      condition('PodReadyToStartContainers', known.address !== undefined),
      condition('Initialized', known.initialized, 'ContainersNotInitialized'),
      condition('ContainersReady', ready, unready),
      condition('Ready', ready, unready),
    ],
    ...(known.inits.length > 0 && { initContainerStatuses: known.inits.map(statusOf) }),
    containerStatuses: known.containers.map(statusOf),
  };
}

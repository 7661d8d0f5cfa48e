import { describe, expect, it } from 'vitest';
import type { V1Pod } from '@kubernetes/client-node';
import { newRecord, podStatus, type ContainerRecord } from './status.ts';

const pod = (restartPolicy: string, conditions: NonNullable<V1Pod['status']>['conditions'] = []): V1Pod => ({
  metadata: { name: 'p' },
  spec: { restartPolicy, containers: [] },
  status: { conditions },
});
const record = (change: Partial<ContainerRecord>): ContainerRecord => Object.assign(newRecord('c', 'i'), change);
const status = (of: V1Pod, ...containers: ContainerRecord[]) =>
  podStatus(of, {
    startTime: new Date(0),
    address: '10.244.1.2',
    initialized: true,
    inits: [],
    containers,
  });
const running = { running: { startedAt: new Date(0) } };
const ended = (exitCode: number) => ({ terminated: { exitCode } });

describe('the status of a pod', () => {
  it.each([
    ['Always', record({}), 'Pending'],
    ['Always', record({ state: running }), 'Running'],
    ['Always', record({ state: { waiting: { reason: 'CrashLoopBackOff' } }, restarts: 2 }), 'Running'],
    ['Never', record({ state: ended(0) }), 'Succeeded'],
    ['Never', record({ state: ended(2) }), 'Failed'],
    ['Always', record({ state: ended(1) }), 'Running'],
  ])('%s, %j: %s', (policy, container, phase) => {
    expect(status(pod(policy), container).phase).toBe(phase);
  });
  it('is ready when every container is, and keeps when that turned', () => {
    const since = new Date('2026-01-01T00:00:00Z');
    const before = pod('Always', [
      { type: 'Ready', status: 'True', lastTransitionTime: since },
      { type: 'PodScheduled', status: 'True' },
    ]);
    const ready = status(before, record({ state: running, ready: true }));
    expect(ready.conditions).toContainEqual({ type: 'Ready', status: 'True', lastTransitionTime: since });
    expect(ready.conditions).toContainEqual({ type: 'PodScheduled', status: 'True' });
    const not = status(before, record({ state: running, ready: true }), record({ state: running }));
    expect(not.conditions?.find(({ type }) => type === 'Ready')).toMatchObject({
      status: 'False',
      reason: 'ContainersNotReady',
    });
  });
});

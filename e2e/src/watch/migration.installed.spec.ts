import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { V1Job } from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openCluster, type Cluster } from '@provider-access/cluster';
import { prepareRelease, type Release } from '../cluster/release.ts';
import { administer } from '../deployment.ts';
import { TRIAL_MS, tryIt } from './tried.ts';

const NAMESPACE = 'pa-migration';
let folder: string;
let cluster: Cluster;
let release: Release;
let installing: Promise<unknown> | undefined;

/**
 * In kube-state-metrics' form for a job: one series for each value that the condition may have, once the condition
 * exists.
 */
const failedOf = ({ metadata, status }: V1Job): string[] =>
  (status?.conditions ?? [])
    .filter(({ type }) => type === 'Failed')
    .flatMap(({ status: is }) =>
      ['true', 'false', 'unknown'].map(
        (value) =>
          `kube_job_failed{namespace="${metadata!.namespace}",job_name="${metadata!.name}",condition="${value}"} ` +
          `${is.toLowerCase() === value ? 1 : 0}`,
      ),
    );
const jobs = async (): Promise<V1Job[]> => (await cluster.api.batch.listNamespacedJob({ namespace: NAMESPACE })).items;

describe('a fault of the migration', () => {
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'provider-access-migration-'));
    cluster = await openCluster();
    release = await prepareRelease({ cluster, name: NAMESPACE });
  });
  afterAll(async () => {
    await release?.destroy();
    await installing;
    rmSync(folder, { recursive: true, force: true });
  });

  test(
    'the topics that are there have fewer partitions than the chart wants: MigrationFailed',
    async () => {
      // The same topics as the release's.
      writeFileSync(join(folder, 'name'), NAMESPACE);
      await administer({ dataDir: folder, env: { KAFKA_PARTITIONS: '2' } }, 'apply');
      await tryIt(
        {
          folder,
          ready: async () => true,
          sources: () => [
            {
              labels: { instance: 'kube-state-metrics:8080' },
              read: () =>
                jobs().then(
                  (some) => some.flatMap(failedOf).join('\n'),
                  () => undefined,
                ),
            },
          ],
          look: async () => [...cluster.logs(NAMESPACE)].map(([container, text]) => `${container}:\n${text}`),
        },
        {
          source:
            'the job of a release wanted more partitions than the topics have; kube_job_failed is made from the ' +
            'status of the job as kube-state-metrics does it',
          alerts: { MigrationFailed: 20 },
          fault: () => expect(release.install({ kafka: { topics: { partitions: 4 } } })).rejects.toThrow(/pre-install/),
          cure: async () => {
            await release.uninstall();
            // Nobody waits for what comes after the job.
            installing = release.install({ kafka: { topics: { partitions: 2 } } }, [], '40s').catch(() => undefined);
          },
        },
      );
      expect(
        (await jobs()).map(
          ({ status }) =>
            status?.conditions?.some(({ type, status: is }) => type === 'Failed' && is === 'True') ?? false,
        ),
      ).toEqual([false]);
    },
    TRIAL_MS,
  );
});

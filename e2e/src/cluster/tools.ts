import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cached, cacheFolder, cacheKey, has, run } from '@provider-access/testing';

const MODULES = fileURLToPath(new URL('../../cluster/tools/', import.meta.url));

export const KUBERNETES_VERSION = '1.37.2';
const [KUBE_MAJOR, KUBE_MINOR] = KUBERNETES_VERSION.split('.') as [string, string];
const KUBE_VERSION_PACKAGE = 'k8s.io/component-base/version';

/**
 * Why nothing can be built with Go on this machine; undefined when it can. CI skips nothing for this reason: there, its
 * tests fail.
 */
export const noGo = process.env['CI'] === 'true' || has('go', ['version']) ? undefined : '`go` is not on PATH';

interface Recipe {
  /**
   * A Go module of ours under e2e/cluster/tools, for a program that cannot be installed by its path because of
   * replacements.
   */
  readonly module?: string;
  readonly package: string;
  readonly ldflags?: string;
  /** Name of the program if it is not the last part of the package. */
  readonly program?: string;
}

const kube = (name: string): Recipe => ({
  module: 'kube',
  package: `k8s.io/kubernetes/cmd/${name}`,
  ldflags:
    `-X ${KUBE_VERSION_PACKAGE}.gitVersion=v${KUBERNETES_VERSION} -X ` +
    `${KUBE_VERSION_PACKAGE}.gitMajor=${KUBE_MAJOR} -X ${KUBE_VERSION_PACKAGE}.gitMinor=${KUBE_MINOR} -X ` +
    `${KUBE_VERSION_PACKAGE}.gitTreeState=clean`,
});

/** Everything that is built from the Go module proxy, with its version. */
const RECIPES = {
  kubeconform: { package: 'github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0' },
  etcd: { module: 'kube', package: 'go.etcd.io/etcd/server/v3', program: 'etcd' },
  'kube-apiserver': kube('kube-apiserver'),
  'kube-controller-manager': kube('kube-controller-manager'),
  'kube-scheduler': kube('kube-scheduler'),
  'helm-unittest': { module: 'unittest', package: 'github.com/helm-unittest/helm-unittest/cmd/helm-unittest' },
  collector: { module: 'collector', package: '.', program: 'collector' },
} as const satisfies Record<string, Recipe>;

export type Tool = keyof typeof RECIPES;

/**
 * Path of the program. It is built if the cache does not have it (see `cacheFolder`). The cache key is a hash of
 * everything that decides the build: package, flags, go.mod, go.sum, sources and the Go version. Throws if Go is
 * missing or the build fails.
 */
export async function tool(name: Tool, progress?: (line: string) => void): Promise<string> {
  const recipe: Recipe = RECIPES[name];
  const folder = recipe.module === undefined ? undefined : join(MODULES, recipe.module);
  const flags = ['-trimpath', '-ldflags', `-s -w ${recipe.ldflags ?? ''}`.trim()];
  const hash = createHash('sha256').update(JSON.stringify([recipe.package, flags, await goVersion()]));
  for (const file of ['go.mod', 'go.sum', 'main.go', 'telemetry.go']) {
    if (folder !== undefined && existsSync(join(folder, file))) hash.update(readFileSync(join(folder, file)));
  }
  const target = join(cacheFolder(), 'go', cacheKey(name, hash.digest('hex').slice(0, 16)));
  await cached(target, async (made) => {
    progress?.(`building ${name} with go (once)`);
    mkdirSync(made);
    const program = join(made, name);
    const env = { CGO_ENABLED: '0', GOFLAGS: '-mod=readonly' };
    if (folder !== undefined)
      await run('go', ['build', ...flags, '-o', program, recipe.package], { cwd: folder, env, progress });
    else {
      await run('go', ['install', ...flags, recipe.package], { env: { ...env, GOBIN: made }, progress });
      const installed = join(made, recipe.program ?? name);
      if (installed !== program) renameSync(installed, program);
    }
  });
  return join(target, name);
}

async function goVersion(): Promise<string> {
  try {
    return (await run('go', ['env', 'GOVERSION'], { env: { GOTOOLCHAIN: 'local' } })).trim();
  } catch (error) {
    throw new Error(
      'Some programs of the tests are built with Go 1.26 or later, and `go` was not found. Put a Go toolchain on PATH.',
      { cause: error },
    );
  }
}

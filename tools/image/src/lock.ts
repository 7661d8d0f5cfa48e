import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** An entry of package-lock.json: a workspace, a link to one, or an installed package. */
interface LockEntry {
  readonly name?: string;
  readonly version?: string;
  readonly license?: string;
  readonly integrity?: string;
  /** For a link: the folder of the workspace. */
  readonly resolved?: string;
  readonly link?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
}
export type Lock = Readonly<Record<string, LockEntry>>;

/** A package by its place below the checkout. */
export interface Located {
  readonly path: string;
  readonly entry: LockEntry;
  /** Paths of what it depends on. */
  readonly dependsOn: readonly string[];
}
export interface Closure {
  /** Our own packages: folders of workspaces. */
  readonly workspaces: readonly Located[];
  /** Packages of others: folders in node_modules. */
  readonly packages: readonly Located[];
}

export function readLock(checkout: string): Lock {
  const file = join(checkout, 'package-lock.json');
  if (!existsSync(file)) throw new Error(`${checkout} has no package-lock.json: is it a checkout of the repository?`);
  return (JSON.parse(readFileSync(file, 'utf8')) as { packages: Lock }).packages;
}

/** The pages for people. They are no program: auth serves what the build made of them. */
export const PORTAL = 'services/portal';

/** The programs of the image: every service, and `pa`. */
export const runtimeRoots = (lock: Lock): string[] =>
  Object.keys(lock).filter((path) => (/^services\/[^/]+$/.test(path) && path !== PORTAL) || path === 'tools/cli');

/**
 * Everything that `roots` need in production, as `npm ci --omit=dev` would install it for them: dependencies and peers
 * that are not optional; of optional dependencies those that are installed. @throws when one is not in the lock file
 */
export function closureOf(lock: Lock, roots: readonly string[], installed: (path: string) => boolean): Closure {
  const found = new Map<string, Located>();
  const open = [...roots];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    if (found.has(path)) continue;
    const entry = lock[path];
    if (entry === undefined) throw new Error(`package-lock.json does not know ${path}`);
    const dependsOn: string[] = [];
    for (const { name, optional } of wanted(entry)) {
      const at = resolve(lock, path, name);
      if (at === undefined && !optional) throw new Error(`package-lock.json has no ${name}, which ${path} needs`);
      if (at === undefined || (optional && !installed(at))) continue;
      dependsOn.push(at);
    }
    found.set(path, { path, entry, dependsOn: dependsOn.sort() });
    open.push(...dependsOn);
  }
  const all = [...found.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
  return {
    workspaces: all.filter(({ path }) => !inModules(path)),
    packages: all.filter(({ path }) => inModules(path)),
  };
}

const inModules = (path: string): boolean => path.split('/').includes('node_modules');

function wanted(entry: LockEntry): { readonly name: string; readonly optional: boolean }[] {
  const names = (of: Readonly<Record<string, string>> | undefined): string[] => Object.keys(of ?? {});
  const optional = new Set(names(entry.optionalDependencies));
  const needed = [
    ...names(entry.dependencies),
    ...names(entry.peerDependencies).filter((name) => entry.peerDependenciesMeta?.[name]?.optional !== true),
  ];
  return [...new Set([...needed, ...optional])].map((name) => ({ name, optional: optional.has(name) }));
}

/** The place of `name` seen from `path`: the nearest node_modules upwards, links followed. */
function resolve(lock: Lock, path: string, name: string): string | undefined {
  for (let at = path; ; at = at.slice(0, Math.max(0, at.lastIndexOf('/')))) {
    const candidate = `${at === '' ? '' : `${at}/`}node_modules/${name}`;
    const entry = lock[candidate];
    if (entry !== undefined) return entry.link === true ? entry.resolved : candidate;
    if (at === '') return undefined;
  }
}

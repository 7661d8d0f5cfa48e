import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { NODE, sharedObjects } from '../node-runtime.ts';
import type { Piece } from './piece.ts';

/**
 * Licences of the libraries to which Node's binary links, by Debian's names of their packages. Their copyright files
 * hold the texts.
 */
const LICENCES: Readonly<Record<string, string>> = {
  libc6: 'LGPL-2.1-or-later',
  'libstdc++6': 'GPL-3.0-or-later WITH GCC-exception-3.1',
  'libgcc-s1': 'GPL-3.0-or-later WITH GCC-exception-3.1',
  libatomic1: 'GPL-3.0-or-later WITH GCC-exception-3.1',
};
const BY_FILE: readonly (readonly [RegExp, string])[] = [
  [/\/lib(stdc\+\+|gcc_s|atomic)\.so/, 'libstdc++6'],
  [/./, 'libc6'],
];

/** The copied Node, and the packages of the distribution from which its libraries come. */
export function runtimePieces(): Piece[] {
  const system = systemPieces();
  return [{ ...nodePiece(), dependsOn: system.map(({ ref }) => ref) }, ...system];
}

/** The Node that runs this program. */
export function nodePiece(): Piece {
  const { node, ...versions } = process.versions as Readonly<Record<string, string>>;
  const legal = join(dirname(dirname(realpathSync(process.execPath))), 'LICENSE');
  return {
    ref: `/${NODE}`,
    kind: 'node',
    name: 'node',
    version: node!,
    description: 'Node.js',
    licence: 'MIT',
    paths: [`/${NODE}`],
    purl: `pkg:generic/node@${node}`,
    cpe: `cpe:2.3:a:nodejs:node.js:${node}:*:*:*:*:*:*:*`,
    contains: Object.fromEntries(
      // A library without which this Node is built, such as those of QUIC, has an empty version.
      Object.entries(versions).filter(([name, version]) => !NOT_SOFTWARE.has(name) && (version ?? '') !== ''),
    ),
    dependsOn: [],
    texts: existsSync(legal) ? [{ file: 'LICENSE', text: readFileSync(legal, 'utf8') }] : [],
  };
}
/** Entries of `process.versions` that are versions of interfaces and data, and no pieces. */
const NOT_SOFTWARE = new Set(['modules', 'napi', 'unicode', 'cldr', 'tz']);

function systemPieces(): Piece[] {
  const found = new Map<string, { version: string; arch?: string; files: string[] }>();
  for (const file of sharedObjects()) {
    const { name, version, arch } = debianPackage(file) ?? {
      name: BY_FILE.find(([pattern]) => pattern.test(file))![1],
      version: 'unknown',
      arch: undefined,
    };
    const known = found.get(name);
    if (known === undefined) found.set(name, { version, arch, files: [file] });
    else known.files.push(file);
  }
  const distribution = osRelease();
  return [...found]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { version, arch, files }]) => {
      const text = `/usr/share/doc/${name}/copyright`;
      return {
        ref: `system/${name}`,
        kind: 'system' as const,
        name,
        version,
        licence: LICENCES[name] ?? 'unknown',
        paths: files,
        dependsOn: [],
        purl: `pkg:deb/${distribution.id}/${encodeURIComponent(name)}@${encodeURIComponent(version)}${
          arch === undefined ? '' : `?arch=${arch}&distro=${distribution.id}-${distribution.version}`
        }`,
        texts: existsSync(text) ? [{ file: text, text: readFileSync(text, 'utf8') }] : [],
      };
    });
}

/** undefined on a system without dpkg, or if dpkg does not know the file. */
function debianPackage(
  file: string,
): { readonly name: string; readonly version: string; readonly arch: string } | undefined {
  const real = realpathSync(file);
  for (const path of new Set([file, real, real.replace(/^\/usr/, '')])) {
    const owner = spawnSync('dpkg-query', ['--search', path], { encoding: 'utf8' }).stdout?.split(':')[0];
    if (owner === undefined || owner === '') continue;
    const [name, version, arch] = (
      spawnSync('dpkg-query', ['--show', '--showformat=${Package}\t${Version}\t${Architecture}\n', owner], {
        encoding: 'utf8',
      }).stdout.split('\n')[0] ?? ''
    ).split('\t');
    if (name !== undefined && version !== undefined && arch !== undefined) return { name, version, arch };
  }
  return undefined;
}

function osRelease(): { readonly id: string; readonly version: string } {
  const text = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
  const value = (key: string): string => new RegExp(`^${key}="?([^"\n]*)"?$`, 'm').exec(text)?.[1] ?? 'unknown';
  return { id: value('ID'), version: value('VERSION_ID') };
}

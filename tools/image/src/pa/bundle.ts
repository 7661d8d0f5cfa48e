import { readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join, relative } from 'node:path';
import { rolldown } from 'rolldown';
import { commitOf } from '@provider-access/cli/build';
import { readLock } from '../lock.ts';
import { forbidden } from '../papers/licences.ts';
import { npmPieces } from '../papers/npm-pieces.ts';
import type { Piece } from '../papers/piece.ts';

/** The oldest Node that runs the bundle. A test installs the package for it. */
export const OLDEST_NODE = 20;

export interface Bundle {
  readonly version: string;
  readonly commit: string;
  /** `pa` with everything that it imports, as one CommonJS file: a single executable takes no other form. */
  readonly code: string;
  /** The packages of others from which code is in it. */
  readonly pieces: readonly Piece[];
}

/** @throws if a licence is not allowed, or if a part of `pa` was not bundled */
export async function bundlePa(checkout: string): Promise<Bundle> {
  const { version } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')) as { version: string };
  const build = { version, commit: commitOf(checkout) };
  const made = await rolldown({
    cwd: checkout,
    input: 'tools/cli/src/main.ts',
    platform: 'node',
    resolve: { conditionNames: ['@provider-access/source', 'node', 'import', 'default'] },
    transform: { target: `node${OLDEST_NODE}`, define: { PA_BUILD: JSON.stringify(build) } },
    onLog: (level, { message }) => {
      if (level === 'warn') throw new Error(message);
    },
  });
  const { output } = await made.generate({ format: 'cjs', codeSplitting: false, comments: { legal: true } });
  await made.close();
  const [{ code, imports, moduleIds }, ...others] = output;
  const outside = imports.filter((name) => !isBuiltin(name));
  if (others.length > 0 || outside.length > 0) throw new Error(`pa is not one file: ${outside.join(', ')}`);
  const pieces = piecesOf(checkout, moduleIds, version);
  const refused = forbidden(pieces);
  if (refused.length > 0) throw new Error(refused.join('\n'));
  return { ...build, code, pieces };
}

function piecesOf(checkout: string, modules: readonly string[], version: string): Piece[] {
  const lock = readLock(checkout);
  const paths = new Set<string>();
  for (const module of modules) {
    const [path] = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(relative(checkout, module)) ?? [];
    if (path !== undefined) paths.add(path);
  }
  const packages = [...paths].sort().map((path) => {
    const entry = lock[path];
    if (entry === undefined) throw new Error(`package-lock.json does not know ${path}`);
    return { path, entry, dependsOn: [] };
  });
  return npmPieces(checkout, { workspaces: [], packages }, version);
}

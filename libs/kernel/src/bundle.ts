import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** The folder of a bundle, in the folder of the compiled files of its entry. */
export const BUNDLE = 'bundle';
/** The note beside a bundle. It is written last. */
export const NOTE = 'bundle.json';

/** What the build notes of a bundle. Paths are from the root of the checkout, which is three folders above `dist`. */
export interface BundleNote {
  /** The file in the folder of the bundle that has the entry. */
  readonly entry: string;
  /** All files of the bundle. */
  readonly files: readonly string[];
  /** The workspaces that have modules in it. */
  readonly workspaces: readonly string[];
  /** The compiled modules in it. */
  readonly modules: readonly string[];
}

/** The note of the bundle in this folder of compiled files; undefined without one. */
export function noteOf(dist: string): BundleNote | undefined {
  try {
    return JSON.parse(readFileSync(join(dist, BUNDLE, NOTE), 'utf8')) as BundleNote;
  } catch {
    return undefined;
  }
}

/**
 * The entry of the bundle in this folder of compiled files (ADR 0164).
 *
 * @returns undefined without a bundle, or if the compiler has written files of a workspace since: then the modules
 *   themselves are newer. An image has no notes of the compiler, and its bundle was checked when it was placed.
 */
export function bundleOf(dist: string): URL | undefined {
  const note = noteOf(dist);
  if (note === undefined) return undefined;
  const root = join(dist, '../../..');
  const made = statSync(join(dist, BUNDLE, NOTE)).mtimeMs;
  const newer = (workspace: string): boolean => {
    const compiled = statSync(join(root, workspace, 'dist/lib.tsbuildinfo'), { throwIfNoEntry: false });
    return compiled !== undefined && compiled.mtimeMs > made;
  };
  if (note.workspaces.some(newer)) return undefined;
  const missing = note.files.some((file) => !existsSync(join(dist, BUNDLE, file)));
  return missing ? undefined : pathToFileURL(join(dist, BUNDLE, note.entry));
}

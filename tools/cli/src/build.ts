import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Set where `pa` is bundled into one file, the package and the single executable (tools/image/src/pa). */
declare const PA_BUILD: { readonly version: string; readonly commit: string } | undefined;

interface Build {
  readonly version: string;
  readonly commit: string;
  readonly form: 'npm package' | 'executable' | 'image' | 'checkout';
}

/** The commit of a checkout, with `-dirty` after a change that is not committed. Not every copy has git. */
export function commitOf(checkout: string): string {
  try {
    const describe = ['describe', '--always', '--dirty', '--abbrev=8', '--exclude=*'];
    return execFileSync('git', describe, {
      cwd: checkout,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return 'commit unknown';
  }
}

/** Node can tell since 20.16 whether the program is a single executable; before it cannot be one. */
const isExecutable = (): boolean => process.getBuiltinModule?.('node:sea').isSea() === true;

function buildOf(): Build {
  if (typeof PA_BUILD !== 'undefined') return { ...PA_BUILD, form: isExecutable() ? 'executable' : 'npm package' };
  const root = join(import.meta.dirname, '../../..');
  const { version, revision } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    version: string;
    revision?: string;
  };
  // The image has the same files below /app, without git.
  return revision === undefined
    ? { version, commit: commitOf(root), form: 'checkout' }
    : { version, commit: revision, form: 'image' };
}

/** True where `pa` is alone: without the other programs of the repository. */
export const isAlone = (): boolean => typeof PA_BUILD !== 'undefined';

/** What a bug report needs to know, in one line that begins with the version. */
export function buildLine(): string {
  const { version, commit, form } = buildOf();
  return `${version} (${commit}, ${form}, Node ${process.versions.node}, ${process.platform}-${process.arch})`;
}

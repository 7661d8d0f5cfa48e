import { closeSync, lstatSync, openSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { CliError, EXIT } from './output.ts';

/**
 * Opens a file for its owner alone, in place of an earlier one. What somebody else put there cannot lead the content to
 * another file: a symbolic link is refused, and the new file is made beside a hard link's other names.
 * @throws CliError if the file cannot be written
 */
export function openOwn(path: string): number {
  const there = lstatSync(path, { throwIfNoEntry: false });
  try {
    // A terminal, a pipe or /dev/null, also behind a link such as /dev/stdout: it has nothing that could be lost.
    if (there !== undefined && isStream(path)) return openSync(path, 'w');
    refuseLink(path);
    if (there?.isFile() === true) rmSync(path);
    // Fails if somebody was faster and put another file or link here.
    return openSync(path, 'wx', 0o600);
  } catch (error) {
    if (error instanceof CliError) throw error;
    throw new CliError(EXIT.usage, `${path} cannot be written (${(error as NodeJS.ErrnoException).code})`);
  }
}

/** @throws CliError if the path is a link to a file, or to nothing */
export function refuseLink(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true && !isStream(path))
    throw new CliError(
      EXIT.usage,
      `${path} is a symbolic link, which pa does not follow: remove the link, or name another file`,
    );
}

function isStream(path: string): boolean {
  const target = statSync(path, { throwIfNoEntry: false });
  return target !== undefined && !target.isFile() && !target.isDirectory();
}

export function writeOwn(path: string, text: string): void {
  const descriptor = openOwn(path);
  try {
    writeFileSync(descriptor, text);
  } finally {
    closeSync(descriptor);
  }
}

import { readFileSync, statSync } from 'node:fs';
import { ConfigurationError } from './read-config.ts';

/**
 * Bits that let strangers read, or anybody but the owner write. A group may read: so Kubernetes mounts secrets
 * (fsGroup).
 */
const TOO_OPEN = 0o027;

const WHY: Readonly<Record<string, string>> = {
  ENOENT: 'names a file that is not there',
  EACCES: 'names a file that this process may not read',
  EPERM: 'names a file that this process may not read',
  EISDIR: 'names a folder, not a file',
};
const because = (variable: string, error: unknown): ConfigurationError =>
  new ConfigurationError(
    `${variable}: ${WHY[(error as NodeJS.ErrnoException).code ?? ''] ?? 'names a file that cannot be read'}`,
  );

/**
 * The content of a secret file without white space around it. Read anew each time it is needed, so that a file that was
 * replaced is used from then on.
 * @throws ConfigurationError naming the variable, never the content or the path: absent, unreadable, empty, or open to
 * others
 */
export function readSecretFile(variable: string, file: string): string {
  let text: string;
  try {
    const found = statSync(file);
    if (found.isDirectory()) throw Object.assign(new Error('a folder'), { code: 'EISDIR' });
    if (process.platform !== 'win32' && (found.mode & TOO_OPEN) !== 0)
      throw new ConfigurationError(
        `${variable}: names a file that others may read or that its group may write; give it mode 0400, 0440, 0600 ` +
          'or 0640',
      );
    text = readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw error instanceof ConfigurationError ? error : because(variable, error);
  }
  if (text === '') throw new ConfigurationError(`${variable}: names a file that is empty`);
  return text;
}

/** The content of a file that is no secret (a CA certificate). @throws ConfigurationError naming the variable */
export function readPublicFile(variable: string, file: string): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw because(variable, error);
  }
  if (text.trim() === '') throw new ConfigurationError(`${variable}: names a file that is empty`);
  return text;
}

/** The faults of a file as a list of sentences, for checks that collect them. */
export function faultsOfFile(
  variable: string,
  file: string | undefined,
  read: (variable: string, file: string) => unknown = readSecretFile,
): readonly string[] {
  if (file === undefined) return [];
  try {
    read(variable, file);
    return [];
  } catch (error) {
    if (error instanceof ConfigurationError) return [error.message];
    throw error;
  }
}

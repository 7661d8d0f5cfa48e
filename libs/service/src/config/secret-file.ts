import { readFileSync, statSync } from 'node:fs';
import { z } from 'zod';
import { ConfigurationError } from './read-config.ts';
import { path } from './values.ts';

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

/** Why a file cannot be used, in words that follow the name of its variable. They quote neither content nor path. */
export class FileFault extends Error {}
const because = (error: unknown): FileFault =>
  error instanceof FileFault
    ? error
    : new FileFault(WHY[(error as NodeJS.ErrnoException).code ?? ''] ?? 'names a file that cannot be read');

/**
 * The content of a secret file without white space around it.
 * @throws FileFault: absent, unreadable, empty, or open to others
 */
export function secretOf(file: string): string {
  let text: string;
  try {
    const found = statSync(file);
    if (found.isDirectory()) throw new FileFault(WHY['EISDIR']);
    if (process.platform !== 'win32' && (found.mode & TOO_OPEN) !== 0)
      throw new FileFault(
        'names a file that others may read or that its group may write; give it mode 0400, 0440, 0600 or 0640',
      );
    text = readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw because(error);
  }
  if (text === '') throw new FileFault('names a file that is empty');
  return text;
}

/** The content of a file that is no secret (a CA certificate). @throws FileFault */
export function publicOf(file: string): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw because(error);
  }
  if (text.trim() === '') throw new FileFault('names a file that is empty');
  return text;
}

/** Reads the file of a variable. @throws ConfigurationError */
export function readFileOf<T>(variable: string, file: string, read: (file: string) => T): T {
  try {
    return read(file);
  } catch (error) {
    throw error instanceof FileFault ? new ConfigurationError(`${variable}: ${error.message}`) : error;
  }
}
/** Reads the file anew each time, so that a file that was replaced is used. @throws ConfigurationError */
export const readSecretFile = (variable: string, file: string): string => readFileOf(variable, file, secretOf);

/** A variable with the path of a file, as what `read` makes of the file. A fault is reported with wrong values. */
export const fileAs = <T>(read: (file: string) => T) =>
  path.transform((file, context): T => {
    try {
      return read(file);
    } catch (error) {
      if (!(error instanceof FileFault)) throw error;
      context.addIssue({ code: 'custom', message: error.message });
      return z.NEVER;
    }
  });
/** A variable with the path of a file that `read` can use. */
export const fileFor = (read: (file: string) => unknown) => fileAs((file) => (read(file), file));
export const secretFile = fileFor(secretOf);
export const publicFile = fileFor(publicOf);

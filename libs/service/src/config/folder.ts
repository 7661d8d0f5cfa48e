import { accessSync, constants } from 'node:fs';
import { makeFolder } from '@provider-access/kernel/folders';
import { ConfigurationError } from './read-config.ts';

const WHY: Readonly<Record<string, string>> = {
  ENOTDIR: 'is a file, or is below a file',
  EEXIST: 'is a file, or is below a file',
  EACCES: 'may not be written by this process',
  EPERM: 'may not be written by this process',
  EROFS: 'is on a file system that is read-only',
  ENOSPC: 'is on a disk that is full',
};

/**
 * Creates the folder that a variable names, unless it is there, and checks that the process may write to it.
 * @throws ConfigurationError naming the variable
 */
export function writableFolder(variable: string, path: string): void {
  try {
    makeFolder(path, 0o700);
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    const why = WHY[(error as NodeJS.ErrnoException).code ?? ''] ?? 'cannot be created there';
    throw new ConfigurationError(`${variable}: the folder ${path} ${why}; name a folder that this process may write`);
  }
}

import { makeFolder } from '@provider-access/kernel/folders';
import { CliError, EXIT } from '../output.ts';

/** Creates a folder that the user named, and those above it. @throws CliError if it cannot be created */
export function ownFolder(path: string, mode?: number): void {
  try {
    makeFolder(path, mode);
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    throw new CliError(EXIT.usage, `the folder ${path} cannot be created (${code}): name one that you may write`);
  }
}

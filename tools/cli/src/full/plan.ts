import {
  ABSENT_HEADER,
  absentLine,
  type FullFile as WholeFile,
  type Plan,
  planOf as planOfFile,
} from '@provider-access/full-files';
import type { Server } from '../client/server.ts';
import { fileAt, inCli } from '../import/file-faults.ts';
import { ownLines } from '../import/row-files.ts';
import { Held } from './held.ts';

/** A full file, with the files that belong to it. */
export interface FullFile extends Omit<WholeFile, 'absent' | 'ends'> {
  /** Where the opt-outs go that the file lacks, and whose end nobody has confirmed. Default: nowhere. */
  readonly absentFile?: string;
  /** Such a file, in which a person has confirmed the end of some. */
  readonly ends?: string;
}
export interface Platform {
  readonly server: Server;
  readonly token: string;
}

/**
 * Compares a full file with what the platform holds of its source, and asks the platform what the difference would
 * change. It publishes nothing. Close the plan: it has files.
 * @throws CliError if the file is cut, empty, faulty or older than the last one
 */
export function planOf(
  { absentFile, ends, ...file }: FullFile,
  { server, token }: Platform,
  onProgress?: (text: string) => void,
): Promise<Plan> {
  return inCli(async () => {
    const absent = absentFile === undefined ? undefined : ownLines(absentFile);
    try {
      return await planOfFile(
        {
          ...file,
          ...(ends !== undefined && { ends: fileAt(ends) }),
          absent: (one) => {
            if (absent?.written === false) absent.add(ABSENT_HEADER);
            absent?.add(absentLine(one));
          },
        },
        new Held(server, token, file),
        onProgress,
      );
    } finally {
      absent?.end();
    }
  });
}

import { createWriteStream, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { CliError, EXIT } from '../output.ts';

const TAR = /\.(tar|tar\.gz|tgz)$/i;
const ZIP = /\.zip$/i;
export const isArchive = (path: string): boolean => TAR.test(path) || ZIP.test(path);
/** Notes of a Mac about a file, which have the name of the file and are none of its content. */
const isNote = (path: string): boolean => path.startsWith('__MACOSX/') || basename(path).startsWith('._');

export interface Unpacked {
  readonly folder: string;
  remove(): void;
}

/**
 * Unpacks the files of an archive whose names `wanted` takes. Files of a publication are read twice and in another
 * order than they are packed, so they are unpacked first: into a temporary folder for its owner alone, which goes when
 * the process ends at the latest. @throws CliError if the archive cannot be read to its end
 */
export async function unpack(archive: string, wanted: (name: string) => boolean): Promise<Unpacked> {
  const folder = mkdtempSync(join(tmpdir(), 'pa-publish-'));
  const remove = (): void => {
    process.off('exit', remove);
    rmSync(folder, { recursive: true, force: true });
  };
  process.on('exit', remove);
  const takes = (name: string): boolean => !isNote(name) && wanted(name);
  try {
    // Most commands read no archive, so they do not pay for loading these packages.
    if (ZIP.test(archive)) await unzip(archive, folder, takes);
    else
      await (
        await import('tar')
      ).x({
        file: archive,
        cwd: folder,
        strict: true,
        // Links could lead out of the folder.
        filter: (path, entry) => takes(path) && 'type' in entry && ['File', 'OldFile'].includes(entry.type),
        fmode: 0o600,
        dmode: 0o700,
      });
  } catch (error) {
    remove();
    throw new CliError(EXIT.usage, `${archive} cannot be unpacked: ${(error as Error).message}`);
  }
  return { folder, remove };
}

async function unzip(archive: string, folder: string, takes: (name: string) => boolean): Promise<void> {
  const { openPromise } = await import('yauzl');
  const zip = await openPromise(archive);
  try {
    // yauzl refuses names that lead out of the folder.
    for await (const entry of zip.eachEntry()) {
      if (!takes(entry.fileName)) continue;
      const file = join(folder, entry.fileName);
      mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
      await pipeline(await zip.openReadStreamPromise(entry), createWriteStream(file, { mode: 0o600 }));
    }
  } finally {
    zip.close();
  }
}

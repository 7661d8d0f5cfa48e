import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import { place } from './files.ts';

/** The place of Node in the image. */
export const NODE = 'usr/local/bin/node';

/** The shared libraries that this process has loaded, with the loader that Node's binary names. */
export function sharedObjects(): string[] {
  const report = process.report as NodeJS.ProcessReport & { excludeNetwork: boolean };
  // Without this option it looks up a name for every open connection.
  report.excludeNetwork = true;
  const { sharedObjects } = report.getReport() as unknown as { sharedObjects: string[] };
  return sharedObjects
    .filter((path) => path.startsWith('/') && !path.endsWith('.node') && !/^\/(dev|proc)\//.test(path))
    .sort();
}

/**
 * The Node that runs this program, with the libraries that it links to. The image needs nothing else of a distribution,
 * not even a shell.
 */
export function placeNode(root: string): void {
  place(realpathSync(process.execPath), join(root, NODE), 'program');
  for (const path of sharedObjects()) place(realpathSync(path), join(root, path), 'program');
}

import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { write } from './files.ts';

/** Who the image runs as: a number outside any distribution's, so that it is nobody on a host. */
export const UID = 10001;
/**
 * Where a container runtime mounts what is the kernel's: in a file system that is read-only the folders must be there.
 */
const MOUNTED = ['dev', 'proc', 'sys'];
/** All that is written to. */
export const WRITTEN = ['data', 'tmp'];

/** What programs expect of a root file system, and the folders that are written to. */
export function placeRootFiles(root: string): void {
  write(
    join(root, 'etc/passwd'),
    `root:x:0:0:root:/:/sbin/nologin\nprovider-access:x:${UID}:${UID}:provider-access:/tmp:/sbin/nologin\n`,
  );
  write(join(root, 'etc/group'), `root:x:0:\nprovider-access:x:${UID}:\n`);
  write(join(root, 'etc/nsswitch.conf'), 'passwd: files\ngroup: files\nhosts: files dns\n');
  for (const folder of MOUNTED) mkdirSync(join(root, folder));
  // As /tmp is in any system: each user has what is its own, whichever user the image is told to run as.
  for (const folder of WRITTEN) {
    mkdirSync(join(root, folder));
    chmodSync(join(root, folder), 0o1777);
  }
}

import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { write } from './files.ts';

/** The user of the image: a number that no distribution uses, so that it is nobody on a host. */
export const UID = 10001;
/** Folders where a container runtime mounts filesystems of the kernel. In a read-only filesystem they must exist. */
const MOUNTED = ['dev', 'proc', 'sys'];
/** The only folders that the programs write to. */
export const WRITTEN = ['data', 'tmp'];

/** The files that programs expect of a root filesystem, and the folders that they write to. */
export function placeRootFiles(root: string): void {
  write(
    join(root, 'etc/passwd'),
    `root:x:0:0:root:/:/sbin/nologin\nprovider-access:x:${UID}:${UID}:provider-access:/tmp:/sbin/nologin\n`,
  );
  write(join(root, 'etc/group'), `root:x:0:\nprovider-access:x:${UID}:\n`);
  write(join(root, 'etc/nsswitch.conf'), 'passwd: files\ngroup: files\nhosts: files dns\n');
  for (const folder of MOUNTED) mkdirSync(join(root, folder));
  // As on any system: each user owns what that user creates, whichever user runs the image.
  for (const folder of WRITTEN) {
    mkdirSync(join(root, folder));
    chmodSync(join(root, folder), 0o1777);
  }
}

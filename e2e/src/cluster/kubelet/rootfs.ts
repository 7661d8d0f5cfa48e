import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { V1SecurityContext } from '@kubernetes/client-node';
import { DNS_ADDRESS } from '../namespace.ts';
import type { Image } from '../images.ts';

/** What an image of Debian would bring; an image that has one of these itself keeps its own. */
const SYSTEM = ['bin', 'lib', 'lib64', 'sbin', 'usr'];
const DEVICES = ['full', 'null', 'random', 'urandom', 'zero'];

export interface Mount { readonly source: string; readonly target: string; readonly readOnly: boolean; readonly file: boolean }
export interface User { readonly uid: number; readonly gid: number; readonly groups: readonly number[] }

export const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** Names and addresses as a kubelet writes them, in a folder that becomes the container's /etc. */
export function writeEtc(folder: string, pod: { readonly name: string; readonly namespace: string; readonly address: string }, user: User): void {
  mkdirSync(folder, { recursive: true });
  const write = (name: string, text: string): void => writeFileSync(join(folder, name), text, { mode: 0o644 });
  write('hosts', `127.0.0.1 localhost\n${pod.address} ${pod.name}\n`);
  write('hostname', `${pod.name}\n`);
  write('resolv.conf', `nameserver ${DNS_ADDRESS}\nsearch ${pod.namespace}.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5 timeout:2\n`);
  write('nsswitch.conf', 'passwd: files\ngroup: files\nhosts: files dns\n');
  write('passwd', `root:x:0:0:root:/root:/usr/sbin/nologin\n${user.uid === 0 ? '' : `app:x:${user.uid}:${user.gid}::/:/usr/sbin/nologin\n`}`);
  write('group', `root:x:0:\n${user.gid === 0 ? '' : `app:x:${user.gid}:\n`}`);
  write('os-release', readFileSync('/etc/os-release', 'utf8'));
  mkdirSync(join(folder, 'ssl'), { recursive: true });
}

/**
 * A shell script for a mount and process namespace of its own: lays out the container's root from binds, makes it read-only
 * where the pod says so, says `made` on descriptor 3 and becomes `command` with the user, groups and capabilities given.
 */
export function containerScript(options: {
  readonly root: string; readonly etc: string; readonly image: Image; readonly mounts: readonly Mount[]; readonly user: User; readonly security: V1SecurityContext; readonly workingDir: string; readonly command: readonly string[];
}): string {
  const { root, image } = options;
  const lines = ['set -e', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'mount --make-rprivate /', `mount -t tmpfs -o size=16m,mode=755 tmpfs ${quote(root)}`, `cd ${quote(root)}`];
  const bind = (source: string, target: string, readOnly: boolean): void => {
    lines.push(`mount --bind ${quote(source)} ${quote(target)}`);
    if (readOnly) lines.push(`mount -o remount,bind,ro ${quote(target)}`);
  };
  const own = readdirSync(image.rootfs).filter((name) => !['dev', 'etc', 'proc', 'sys'].includes(name));
  const places = [...own.map((name) => [image.rootfs, name] as const), ...SYSTEM.filter((name) => !own.includes(name) && existsSync(`/${name}`)).map((name) => ['/', name] as const)];
  for (const [from, name] of places) {
    const path = join(from, name);
    const kind = lstatSync(path);
    if (kind.isSymbolicLink()) lines.push(`ln -s ${quote(readlinkSync(path))} ${quote(name)}`);
    else if (kind.isDirectory()) {
      lines.push(`mkdir ${quote(name)}`);
      // Whatever the pod says: the files of an image are shared by its containers.
      bind(path, name, true);
    }
  }
  lines.push('mkdir -p proc dev etc', 'mount -t proc proc proc', 'mount -t tmpfs -o size=64k,mode=755 tmpfs dev');
  for (const device of DEVICES) lines.push(`: > dev/${device}`, `mount --bind /dev/${device} dev/${device}`);
  lines.push('ln -s /proc/self/fd dev/fd', 'ln -s /proc/self/fd/1 dev/stdout', 'ln -s /proc/self/fd/2 dev/stderr');
  bind(options.etc, 'etc', false);
  bind('/etc/ssl', 'etc/ssl', true);
  lines.push('mount -o remount,bind,ro etc');
  // Outer before inner.
  for (const mount of options.mounts.toSorted((a, b) => a.target.length - b.target.length)) {
    const target = mount.target.replace(/^\/+/, '');
    lines.push(mount.file ? `mkdir -p ${quote(join(target, '..'))}; [ -e ${quote(target)} ] || : > ${quote(target)}` : `mkdir -p ${quote(target)}`);
    bind(mount.source, target, mount.readOnly);
  }
  if (options.security.readOnlyRootFilesystem === true) lines.push('mount -o remount,ro .');
  lines.push('echo made >&3', 'exec 3>&-', `exec chroot . env -C ${quote(options.workingDir)} ${[...privileges(options.user, options.security), ...options.command].map(quote).join(' ')}`);
  return lines.join('\n');
}

/** The command that becomes another user without a way back. */
export function privileges(user: User, security: V1SecurityContext): string[] {
  const dropAll = security.capabilities?.drop?.includes('ALL') === true;
  return [
    'setpriv', `--reuid=${user.uid}`, `--regid=${user.gid}`, ...(user.groups.length > 0 ? [`--groups=${user.groups.join(',')}`] : ['--clear-groups']), '--inh-caps=-all',
    ...(dropAll ? ['--bounding-set=-all'] : []), ...(security.allowPrivilegeEscalation === false ? ['--no-new-privs'] : []),
  ];
}

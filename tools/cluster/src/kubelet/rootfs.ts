import { cpSync, existsSync, lstatSync, mkdirSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { V1SecurityContext } from '@kubernetes/client-node';
import { DNS_ADDRESS } from '../namespace.ts';
import type { Image } from '../images.ts';

/** Folders that an image without a system gets from this machine, as if it were built on Debian. */
const SYSTEM = ['bin', 'lib', 'lib64', 'sbin', 'usr'];
const DEVICES = ['full', 'null', 'random', 'urandom', 'zero'];

export interface Mount {
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
  readonly file: boolean;
}
export interface User {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
}

/** Programs of this machine by their full path, because PATH is the container's. */
export const program = (name: string): string =>
  ['/usr/bin', '/usr/sbin', '/bin', '/sbin'].map((folder) => join(folder, name)).find((path) => existsSync(path)) ??
  name;
export const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** The image's /etc with the names and addresses that a kubelet writes, in a folder for the container. */
export function writeEtc(
  folder: string,
  image: Image,
  pod: { readonly name: string; readonly namespace: string; readonly address: string },
): void {
  mkdirSync(folder, { recursive: true });
  const write = (name: string, text: string): void => writeFileSync(join(folder, name), text, { mode: 0o644 });
  const own = join(image.rootfs, 'etc');
  if (existsSync(own)) cpSync(own, folder, { recursive: true });
  else write('nsswitch.conf', 'hosts: files dns\n');
  write('hosts', `127.0.0.1 localhost\n${pod.address} ${pod.name}\n`);
  write('hostname', `${pod.name}\n`);
  write(
    'resolv.conf',
    `nameserver ${DNS_ADDRESS}\nsearch ${pod.namespace}.svc.cluster.local svc.cluster.local cluster.local\noptions ` +
      'ndots:5 timeout:2\n',
  );
}

/**
 * A shell script for a mount and process namespace of its own. It builds the container's root from bind mounts, makes
 * it read-only if the pod says so, and writes `made` to descriptor 3. Then it becomes `command` with the given user,
 * groups and capabilities.
 */
export function containerScript(options: {
  readonly root: string;
  readonly etc: string;
  readonly image: Image;
  readonly mounts: readonly Mount[];
  readonly user: User;
  readonly security: V1SecurityContext;
  readonly command: readonly string[];
}): string {
  const { root, image } = options;
  const lines = [
    'set -e',
    'own=$PATH',
    'PATH=/usr/sbin:/usr/bin:/sbin:/bin',
    'mount --make-rprivate /',
    `mount -t tmpfs -o size=16m,mode=755 tmpfs ${quote(root)}`,
    `cd ${quote(root)}`,
  ];
  const bind = (source: string, target: string, readOnly: boolean): void => {
    lines.push(`mount --bind ${quote(source)} ${quote(target)}`);
    if (readOnly) lines.push(`mount -o remount,bind,ro ${quote(target)}`);
  };
  const own = readdirSync(image.rootfs).filter((name) => !['dev', 'etc', 'proc', 'sys'].includes(name));
  const system = SYSTEM.some((name) => own.includes(name)) ? [] : SYSTEM.filter((name) => existsSync(`/${name}`));
  const places = [...own.map((name) => [image.rootfs, name] as const), ...system.map((name) => ['/', name] as const)];
  for (const [from, name] of places) {
    const path = join(from, name);
    const kind = lstatSync(path);
    if (kind.isSymbolicLink()) lines.push(`ln -s ${quote(readlinkSync(path))} ${quote(name)}`);
    else if (kind.isDirectory()) {
      lines.push(`mkdir ${quote(name)}`);
      // Whatever the pod says, because containers of an image share its files.
      bind(path, name, true);
    }
  }
  lines.push('mkdir -p proc dev etc', 'mount -t proc proc proc', 'mount -t tmpfs -o size=64k,mode=755 tmpfs dev');
  for (const device of DEVICES) lines.push(`: > dev/${device}`, `mount --bind /dev/${device} dev/${device}`);
  lines.push('ln -s /proc/self/fd dev/fd', 'ln -s /proc/self/fd/1 dev/stdout', 'ln -s /proc/self/fd/2 dev/stderr');
  bind(options.etc, 'etc', false);
  // Outer mounts come before inner ones.
  for (const mount of options.mounts.toSorted((a, b) => a.target.length - b.target.length)) {
    const target = mount.target.replace(/^\/+/, '');
    lines.push(
      mount.file
        ? `mkdir -p ${quote(join(target, '..'))}; [ -e ${quote(target)} ] || : > ${quote(target)}`
        : `mkdir -p ${quote(target)}`,
    );
    bind(mount.source, target, mount.readOnly);
  }
  if (options.security.readOnlyRootFilesystem === true)
    lines.push('mount -o remount,bind,ro etc', 'mount -o remount,ro .');
  lines.push(
    'echo made >&3',
    'exec 3>&-',
    `PATH=$own exec ${inContainer(root, options.user, options.security, options.command).map(quote).join(' ')}`,
  );
  return lines.join('\n');
}

/**
 * The command that becomes `command` in `root` as another user, without a way back. An image has no tools, so this
 * machine's chroot changes the user. Until then root keeps only the three capabilities that chroot needs.
 */
export function inContainer(
  root: string,
  user: User,
  security: V1SecurityContext,
  command: readonly string[],
): string[] {
  // Inheritable ones first, because a capability outside the bounding set cannot become inheritable.
  const inherited =
    security.capabilities?.drop?.includes('ALL') === true
      ? [program('setpriv'), '--inh-caps=-all,+sys_chroot,+setuid,+setgid']
      : [];
  const restrictions = [
    ...(inherited.length > 0 ? ['--bounding-set=-all'] : []),
    ...(security.allowPrivilegeEscalation === false ? ['--no-new-privs'] : []),
  ];
  return [
    ...inherited,
    ...(restrictions.length > 0 ? [program('setpriv'), ...restrictions] : []),
    program('chroot'),
    `--userspec=${user.uid}:${user.gid}`,
    `--groups=${user.groups.join(',')}`,
    root,
    ...command,
  ];
}

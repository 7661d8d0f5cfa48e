import { spawnSync } from 'node:child_process';
import { chownSync, existsSync, lchownSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { launch } from '@provider-access/cli';
import { UID } from '@provider-access/image';
import type { Started } from '../deployment.ts';

/**
 * Does what a container runtime does with `restricted` pod security, by util-linux: own mount, process and IPC
 * namespaces, the image's root read-only without devices and set-uid, /tmp in memory, one data folder, uid 10001
 * without groups, capabilities or new privileges. The bounding set keeps what chroot needs until the uid changes. Then
 * it is empty, and no_new_privs stays.
 */
const SCRIPT = `
root=$1 data=$2; shift 2
setpriv=$(command -v setpriv) chroot=$(command -v chroot)
mount --make-rprivate /
mount --bind "$root" "$root"
mount -o remount,bind,ro,nosuid,nodev "$root"
mount --bind "$data" "$root/data"
mount -o remount,bind,nosuid,nodev,noexec "$root/data"
mount -t tmpfs -o mode=1777,nosuid,nodev,noexec,size=64m tmp "$root/tmp"
mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
mount -t tmpfs -o mode=755,nosuid,noexec dev "$root/dev"
for device in null zero random urandom; do
  : > "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
mount -o remount,ro,nosuid,noexec "$root/dev"
export PATH=/app/bin:/usr/local/bin HOME=/tmp
cd "$root/tmp"
exec "$setpriv" --no-new-privs --inh-caps=-all --bounding-set=-all,+sys_chroot,+setuid,+setgid \\
  "$chroot" --userspec=${UID}:${UID} --groups= "$root" "$@"`;
const NAMESPACES = ['--mount', '--pid', '--ipc', '--uts', '--fork', '--kill-child'];

/** Why this machine cannot do it; undefined if it can. */
export function notConfinable(): string | undefined {
  if (process.platform !== 'linux') return 'needs Linux';
  if (process.getuid?.() !== 0) return 'needs root';
  if (
    spawnSync('unshare', [...NAMESPACES, 'sh', '-c', 'mount --make-rprivate / && command -v setpriv chroot'], {
      stdio: 'ignore',
    }).status !== 0
  )
    return 'needs unshare, mount, setpriv and chroot, and may not be forbidden namespaces';
  return undefined;
}

/** `child` is `unshare`. The role's process is its only child. */
export interface Confined extends Started {
  /** Role and arguments. */
  readonly args: readonly string[];
  /**
   * Ends it at once, whether it runs or is still being confined. Killing only `unshare` would leave it running, because
   * a change of user clears the signal at the parent's death.
   */
  kill(): void;
}

/** Starts `provider-access <args>` from the root filesystem. `data` becomes /data and belongs to the user. */
export function confine(
  root: string,
  options: {
    readonly args: readonly string[];
    readonly env?: Readonly<Record<string, string>>;
    readonly data: string;
    readonly onLine?: (line: string) => void;
    readonly program?: string;
  },
): Confined {
  give(options.data);
  // PATH is for the script; the program gets its own.
  const env = { ...options.env, PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin' };
  const command = ['sh', '-ec', SCRIPT, 'sh', root, options.data, options.program ?? '/app/bin/provider-access'];
  const launched = launch('unshare', [...NAMESPACES, ...command, ...options.args], { env, onLine: options.onLine });
  const { child, output } = launched;
  const pid = (): number => {
    const inner = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim();
    if (inner === '') throw new Error(`nothing runs: ${output.slice(-5).join(' | ')}`);
    return Number(inner);
  };
  return {
    ...launched,
    args: options.args,
    pid,
    signal: (name) => void process.kill(pid(), name),
    kill() {
      try {
        process.kill(pid(), 'SIGKILL');
      } catch {
        child.kill('SIGKILL');
      }
    },
  };
}

/** Gives a folder and its content to the user. */
function give(folder: string): void {
  if (!existsSync(folder)) return;
  chownSync(folder, UID, UID);
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (lstatSync(path).isDirectory()) give(path);
    else lchownSync(path, UID, UID);
  }
}

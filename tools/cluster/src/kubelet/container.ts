import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { V1Container, V1LifecycleHandler, V1Pod, V1SecurityContext } from '@kubernetes/client-node';
import type { Image } from '../images.ts';
import { httpGet, type Target } from './probes.ts';
import { containerScript, inContainer, program, writeEtc, type Mount, type User } from './rootfs.ts';
import type { Sandbox } from './sandbox.ts';
import { ConfigError, expand } from './values.ts';

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** A running container. Its first process is process 1 of a namespace of its own, and all its processes end with it. */
export interface Running {
  readonly pid: number;
  readonly startedAt: Date;
  /** As in a shell: 128 + n for signal n. */
  readonly exited: Promise<number>;
  readonly target: Target;
  /** preStop, SIGTERM, and SIGKILL after `graceSeconds`. */
  stop(graceSeconds: number): Promise<void>;
}

/**
 * The user of a container, from its own context, the pod's, or the image's. @throws ConfigError if it would be root and
 * must not
 */
function userOf(pod: V1Pod, security: V1SecurityContext, image: Image): User {
  const shared = pod.spec!.securityContext ?? {};
  const [uid, gid] = (image.user ?? '0:0').split(':').map(Number);
  const user = {
    uid: security.runAsUser ?? shared.runAsUser ?? uid ?? 0,
    gid: security.runAsGroup ?? shared.runAsGroup ?? gid ?? 0,
  };
  if ((security.runAsNonRoot ?? shared.runAsNonRoot) === true && user.uid === 0)
    throw new ConfigError('container has runAsNonRoot and image will run as root');
  return {
    ...user,
    groups: [
      ...new Set([...(shared.fsGroup === undefined ? [] : [shared.fsGroup]), ...(shared.supplementalGroups ?? [])]),
    ],
  };
}

export interface ContainerOptions {
  readonly pod: V1Pod;
  readonly container: V1Container;
  readonly image: Image;
  readonly env: Readonly<Record<string, string>>;
  readonly mounts: readonly Mount[];
  readonly sandbox: Sandbox;
  /** The log of this container while it runs. */
  readonly folder: string;
  readonly logFile: string;
}

export async function startContainer(options: ContainerOptions): Promise<Running> {
  const { pod, container, image, sandbox, folder } = options;
  const security: V1SecurityContext = container.securityContext ?? {};
  const user = userOf(pod, security, image);
  const env = { PATH, HOSTNAME: pod.metadata!.name!, ...image.env, ...options.env };
  const words = container.command ?? [
    ...image.entrypoint,
    ...(container.args === undefined ? (image.command ?? []) : []),
  ];
  const command = [...words, ...(container.args ?? [])].map((word) => expand(word, env));
  const root = join(folder, 'root');
  const etc = join(folder, 'etc');
  mkdirSync(root, { recursive: true });
  writeEtc(etc, image, { name: pod.metadata!.name!, namespace: pod.metadata!.namespace!, address: sandbox.address });
  const script = containerScript({ root, etc, image, mounts: options.mounts, user, security, command });
  mkdirSync(dirname(options.logFile), { recursive: true });
  const log = openSync(options.logFile, 'a');
  // The first child of the outer shell is process 1 of the new namespace. (`unshare --fork` loses the signal that ended
  // its child.) It is in a group of its own, so that Ctrl+C of this process does not end containers before their pod is
  // deleted.
  const outer = spawn(
    program('nsenter'),
    [
      `--net=${sandbox.network}`,
      program('unshare'),
      '--mount',
      '--pid',
      program('sh'),
      '-c',
      `${program('sh')} -c "$1" & wait $!`,
      'sh',
      script,
    ],
    { env, cwd: '/', detached: true, stdio: ['ignore', log, log, 'pipe'] },
  );
  closeSync(log);
  const startedAt = new Date();
  const ended = new Promise<number>((resolve) => {
    outer.once('error', () => resolve(127));
    outer.once('exit', (code, signal) => resolve(code ?? 128 + (SIGNALS[signal ?? ''] ?? 9)));
  });
  let over = false;
  const exited = ended.then((code) => {
    over = true;
    rmSync(join(folder, 'pid'), { force: true });
    return code;
  });
  await Promise.race([once(outer.stdio[3] as NodeJS.ReadableStream, 'data'), exited]);
  const pid = over
    ? -1
    : Number(readFileSync(`/proc/${outer.pid}/task/${outer.pid}/children`, 'utf8').trim().split(' ')[0] || -1);
  if (pid > 0) writeFileSync(join(folder, 'pid'), String(pid));

  const exec = (words_: readonly string[], timeoutMs: number): Promise<number> =>
    new Promise((resolve) => {
      const args = ['--target', String(pid), '--mount', '--pid', '--net', ...inContainer(root, user, security, words_)];
      execFile(program('nsenter'), args, { env, timeout: timeoutMs, killSignal: 'SIGKILL' }, (error) =>
        resolve(error === null ? 0 : typeof error.code === 'number' ? error.code : 124),
      );
    });
  const target: Target = { address: sandbox.address, container, exec };
  const signal = (name: NodeJS.Signals): void => {
    if (over || pid < 0) return;
    try {
      process.kill(pid, name);
    } catch {
      // It ended by itself.
    }
  };
  return {
    pid,
    startedAt,
    exited,
    target,
    async stop(graceSeconds) {
      const until = Date.now() + graceSeconds * 1000;
      const left = (): number => Math.max(0, until - Date.now());
      const within = async (what: Promise<unknown>): Promise<void> => {
        const over_ = new AbortController();
        await Promise.race([what, exited, sleep(left(), undefined, { signal: over_.signal }).catch(() => undefined)]);
        over_.abort();
      };
      if (container.lifecycle?.preStop && graceSeconds > 0)
        await within(runHook(container.lifecycle.preStop, target, left()));
      signal('SIGTERM');
      await within(exited);
      signal('SIGKILL');
      if (pid < 0) outer.kill('SIGKILL');
      await exited;
    },
  };
}

const SIGNALS: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGILL: 4,
  SIGABRT: 6,
  SIGBUS: 7,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGPIPE: 13,
  SIGTERM: 15,
};

async function runHook(hook: V1LifecycleHandler, target: Target, leftMs: number): Promise<void> {
  if (hook.sleep) await sleep(hook.sleep.seconds * 1000, undefined, { ref: false });
  else if (hook.exec) await target.exec(hook.exec.command ?? [], leftMs);
  else if (hook.httpGet) await httpGet(target, hook.httpGet, leftMs);
}

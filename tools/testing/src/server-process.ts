import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

export interface ServerCommand {
  /** Its name in errors, for example `Kafka broker 1`. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** Its stdout and stderr are appended here. */
  readonly logFile: string;
  /** Removed if the parent dies without stopping the server. */
  readonly temporary?: string;
  /** True: it outlives this process (`e2e/engines/up`). Otherwise it ends with this process, in every case. */
  readonly detached?: boolean;
}

/**
 * A server in a process group of its own, with a watchdog: a shell that reads a pipe whose other end this process
 * holds. When this process ends for any reason, kill -9 included, the system closes the pipe. Then the shell kills the
 * server and removes its temporary folder. A line in the pipe dismisses the watchdog.
 */
export class ServerProcess {
  readonly pid: number;
  readonly #command: ServerCommand;
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  #alive = true;

  private constructor(command: ServerCommand, child: ChildProcess) {
    this.#command = command;
    this.#child = child;
    this.pid = child.pid ?? -1;
    const watchdog = command.detached || child.pid === undefined ? undefined : watch(child.pid, command.temporary);
    this.#exited = new Promise((resolve) => {
      const end = () => {
        this.#alive = false;
        watchdog?.stdin?.end('dismissed\n');
        resolve();
      };
      child.once('exit', end);
      child.once('error', end);
    });
    child.unref();
  }

  static start(command: ServerCommand): ServerProcess {
    const log = openSync(command.logFile, 'a');
    try {
      const child = spawn(command.command, [...command.args], {
        detached: true,
        stdio: ['ignore', log, log],
        env: { ...process.env, ...command.env },
      });
      return new ServerProcess(command, child);
    } finally {
      closeSync(log);
    }
  }

  get alive(): boolean {
    return this.#alive;
  }

  /**
   * Resolves when `ready` does. Throws an Error with the end of its log if it exits before, or takes longer than
   * `timeoutMs`.
   */
  async ready(ready: () => Promise<boolean> | boolean, timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      if (!this.#alive) throw new Error(`${this.#command.name} ended while it started:\n${this.logTail()}`);
      if (await ready()) return;
      if (performance.now() > deadline) {
        await this.kill();
        throw new Error(`${this.#command.name} was not ready after ${timeoutMs} ms:\n${this.logTail()}`);
      }
      await sleep(25);
    }
  }

  /** The last 30 lines of its log. */
  logTail(): string {
    return existsSync(this.#command.logFile)
      ? readFileSync(this.#command.logFile, 'utf8').trimEnd().split('\n').slice(-30).join('\n')
      : '(no log)';
  }

  /** A server alone does not keep this process running, but waiting for its end must. */
  #hold(): void {
    if (this.#alive) this.#child.ref();
  }

  /** kill -9; resolves when it is gone. */
  async kill(): Promise<void> {
    this.#hold();
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  /** SIGTERM, and kill -9 if it still runs after `graceMs`. Resolves when it has ended. */
  async stop(graceMs = 10_000): Promise<void> {
    this.#hold();
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), graceMs);
    await this.#exited;
    clearTimeout(timer);
  }
}

const WATCHDOG = `trap '' INT TERM HUP QUIT
read -r line && exit 0
kill -9 "$1" 2>/dev/null
[ -z "$2" ] && exit 0
sleep 0.2
rm -rf -- "$2" || { sleep 1; rm -rf -- "$2"; }`;

function watch(pid: number, temporary: string | undefined): ChildProcess {
  const watchdog = spawn('/bin/sh', ['-c', WATCHDOG, 'watchdog', String(pid), temporary ?? ''], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  watchdog.on('error', () => undefined);
  watchdog.stdin.on('error', () => undefined);
  watchdog.unref();
  (watchdog.stdin as unknown as { unref?: () => void }).unref?.();
  return watchdog;
}

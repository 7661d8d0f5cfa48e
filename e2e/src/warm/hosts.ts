import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { TestProject } from 'vitest/node';
import { PLATFORM_FLAGS } from '@provider-access/cli';

/**
 * Processes that run the program of `npm start` again and again (`main.mjs`). A new process loads 1,500 modules for two
 * CPU-seconds, and then runs cold code. A platform has a process for itself while it runs, with its own environment,
 * folder and output. A process that was killed, or ended with a fault, runs no other one.
 *
 * The workers of vitest share them. A worker opens a socket for each platform (`client.ts`) and sends an `Order` as a
 * line, then signals. Each line that comes back is a `Told`.
 */
export type Order = { readonly env: NodeJS.ProcessEnv } | { readonly signal: 'SIGTERM' | 'SIGKILL' };
export type Told =
  | { readonly pid: number }
  | { readonly line: string }
  /** 0 when the platform ended and its process lives; otherwise how the process ended. */
  | { readonly ended: number | string };

declare module 'vitest' {
  interface ProvidedContext {
    /** The socket where warm processes are. */
    warm?: string;
  }
}

const MAIN = join(import.meta.dirname, 'main.mjs');

class Host {
  readonly child: ChildProcess;
  onLine: (line: string) => void = () => undefined;
  onEnd: (how: number | string) => void = () => undefined;
  readonly closed: Promise<unknown>;

  constructor(env: NodeJS.ProcessEnv) {
    this.child = fork(MAIN, [], { env, execArgv: [...PLATFORM_FLAGS], stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
    for (const stream of [this.child.stdout!, this.child.stderr!])
      createInterface({ input: stream }).on('line', (line) => this.onLine(line));
    this.closed = once(this.child, 'close').then(([code, signal]: (number | string | null)[]) =>
      this.onEnd(code ?? signal ?? 'unknown'),
    );
  }
  get alive(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }
}

/** Runs one platform for a socket. @returns its process if that can run another one */
function serve(socket: Socket, take: (env: NodeJS.ProcessEnv) => Host, giveBack: (host: Host) => void): void {
  const tell = (told: Told): void => void (socket.writable && socket.write(`${JSON.stringify(told)}\n`));
  let host: Host | undefined;
  let over = false;
  const begin = (env: NodeJS.ProcessEnv): void => {
    const running = (host = take(env));
    const ended = `the platform ended ${randomUUID()}`;
    const end = (how: number | string): void => {
      over = true;
      [running.onLine, running.onEnd] = [() => undefined, () => undefined];
      if (running.alive) giveBack(running);
      tell({ ended: how });
      socket.end();
    };
    running.onEnd = end;
    running.onLine = (line) => (line === ended ? end(0) : tell({ line }));
    running.child.send({ env, ended });
    tell({ pid: running.child.pid! });
  };
  socket.on('error', () => undefined);
  // A worker that is gone needs its platform no longer.
  socket.on('close', () => over || host?.child.kill('SIGKILL'));
  createInterface({ input: socket }).on('line', (line) => {
    const order = JSON.parse(line) as Order;
    if ('env' in order) begin(order.env);
    else if (over || host === undefined) return;
    else if (order.signal === 'SIGTERM') host.child.send({});
    else host.child.kill('SIGKILL');
  });
}

/** @public vitest calls it by name */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = mkdtempSync(join(tmpdir(), 'provider-access-warm-'));
  const hosts: Host[] = [];
  const idle: Host[] = [];
  const take = (env: NodeJS.ProcessEnv): Host => {
    for (let host = idle.pop(); host !== undefined; host = idle.pop()) if (host.alive) return host;
    const host = new Host(env);
    hosts.push(host);
    return host;
  };
  const server = createServer((socket) => serve(socket, take, (host) => idle.push(host)));
  const path = join(folder, 'socket');
  await once(server.listen(path), 'listening');
  project.provide('warm', path);
  return async () => {
    server.close();
    // Their CPU time counts as that of the tests, because this process waits for them.
    for (const host of hosts) if (host.alive) host.child.disconnect();
    await Promise.all(hosts.map((host) => host.closed));
    rmSync(folder, { recursive: true, force: true });
  };
}

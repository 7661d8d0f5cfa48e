import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { environment } from '../deployment.ts';
import { openGateway, type Gateway, type ServiceName } from '../gateway.ts';

/** A role of the image as a process, with the times of its start in ms since it was spawned. */
export interface Role {
  readonly child: ChildProcess;
  readonly base: string;
  readonly listening: number;
  readonly live: number;
  readonly ready: number;
}

const PATIENCE_MS = 120_000;
const LOOK_MS = 10;

/**
 * Starts a role from the image's root filesystem and waits until it is ready. Throws if it ends, or takes longer than
 * two minutes.
 */
export async function startRole(
  root: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Role> {
  const began = performance.now();
  const since = (): number => performance.now() - began;
  const child = spawn(join(root, 'usr/local/bin/node'), [join(root, 'app/bin/provider-access'), ...args], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output: string[] = [];
  let listening = 0;
  const base = await new Promise<string>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr])
      createInterface({ input: stream }).on('line', (line) => {
        output.push(line);
        const url = /listening on (http:\/\/\S+?)(?: after|$)/.exec(line)?.[1];
        if (url === undefined) return;
        listening = since();
        resolve(url);
      });
    child.once('exit', (code) =>
      reject(new Error(`${args.join(' ')} ended at its start (${code}): ${output.slice(-5).join(' | ')}`)),
    );
  });
  const answered = async (path: string): Promise<number> => {
    for (;;) {
      const answer = await fetch(`${base}${path}`).catch(() => undefined);
      await answer?.arrayBuffer();
      if (answer?.status === 200) return since();
      if (since() > PATIENCE_MS)
        throw new Error(
          `${args.join(' ')} was not ready within ${PATIENCE_MS / 1000} s: ${output.slice(-5).join(' | ')}`,
        );
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  };
  const live = await answered('/health/live');
  return { child, base, listening, live, ready: await answered('/health/ready') };
}

/** @returns ms from SIGTERM to its end @throws if it does not end with 0 */
export async function stopRole({ child }: Role): Promise<number> {
  const began = performance.now();
  const code = new Promise<number | null>((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const ended = await code;
  if (ended !== 0) throw new Error(`a role ended with ${ended} after SIGTERM`);
  return performance.now() - began;
}

/** What five services of the image share: gateways in front of them, secrets, and the names of topics and database. */
export interface Frame {
  readonly gateway: Gateway;
  readonly dataDir: string;
  envOf(service: ServiceName | 'admin'): Readonly<Record<string, string>>;
  route(bases: Readonly<Record<ServiceName, readonly string[]>>): void;
  close(): Promise<void>;
}

export async function openFrame(
  dataDir: string,
  engines: Readonly<Record<string, string>>,
  more: Readonly<Record<string, string>>,
): Promise<Frame> {
  mkdirSync(dataDir, { recursive: true });
  const gateway = await openGateway();
  const env = environment({ dataDir, env: { ...engines, ...more } }, gateway.base);
  return {
    gateway,
    dataDir,
    envOf: () => env,
    route: (bases) => gateway.route(bases),
    close: () => gateway.close(),
  };
}

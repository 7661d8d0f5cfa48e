import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import {
  baseOf,
  memoryOf,
  platformEnvironment,
  platformTokens,
  type PlatformPlace,
  type PlatformProcess,
} from '@provider-access/cli';
import type { Order, Told } from './hosts.ts';

export interface WarmOptions extends PlatformPlace {
  readonly onLine?: ((line: string) => void) | undefined;
}
/** Only a process that hangs takes so long. */
const START_MS = 300_000;
/** The last lines that are kept. */
const LINES = 1000;

const warm = new WeakSet<PlatformProcess>();
/** True if the process serves another platform after `stop`. */
export const isWarm = (platform: PlatformProcess): boolean => warm.has(platform);

/** Like `startPlatform` of `pa`, in one of the warm processes behind the socket. */
export async function startWarm(socketFile: string, options: WarmOptions): Promise<PlatformProcess> {
  const socket = connect(socketFile);
  const order = (one: Order): void => void (socket.writable && socket.write(`${JSON.stringify(one)}\n`));
  const output: string[] = [];
  const listening = Promise.withResolvers<string>();
  const ended = Promise.withResolvers<number | string>();
  let pid = 0;
  const hear = (told: Told): void => {
    if ('pid' in told) pid = told.pid;
    else if ('ended' in told) ended.resolve(told.ended);
    else {
      output.push(told.line);
      if (output.length > LINES) output.shift();
      options.onLine?.(told.line);
      const url = /listening on (http:\/\/\S+)/.exec(told.line)?.[1];
      if (url !== undefined) listening.resolve(url);
    }
  };
  socket.on('error', () => undefined).on('close', () => ended.resolve('unknown'));
  createInterface({ input: socket }).on('line', (line) => hear(JSON.parse(line) as Told));
  order({ env: platformEnvironment(options) });
  const process = { output, listening: listening.promise, ended: ended.promise };
  const base = await baseOf(process, 'the platform', START_MS, () => order({ signal: 'SIGKILL' }));
  const end = async (signal: 'SIGTERM' | 'SIGKILL'): Promise<void> => {
    order({ signal });
    await ended.promise;
  };
  const platform: PlatformProcess = {
    base,
    dataDir: options.dataDir,
    pid,
    ...platformTokens(options.dataDir),
    ended: ended.promise,
    memory: () => memoryOf(pid),
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
  };
  warm.add(platform);
  return platform;
}

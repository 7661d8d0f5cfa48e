import { setFlagsFromString } from 'node:v8';
import type { Worker } from 'node:worker_threads';

const FLAG = '--max-semi-space-size';
/** V8's young generation has three semi-spaces. */
const SEMI_SPACES = 3;

/** The semi-space of all heaps in MB, if the process was started with V8's flag, as `npm start` does. */
export function semiSpaceOf(
  args: readonly string[] = [...process.execArgv, process.env['NODE_OPTIONS'] ?? ''],
): number | undefined {
  const given = /--max[-_]semi[-_]space[-_]size=(\d+)/.exec(args.join(' '))?.[1];
  return given === undefined ? undefined : Number(given);
}

/**
 * Starts a thread with a larger young generation than V8's flag permits, which would override the `resourceLimits` of
 * the thread. V8 reads the flag when the thread makes its heap, so the flag has another value until the thread runs. A
 * heap that exists does not change.
 * @param youngMb the whole young generation of the thread, MB; undefined for that of the process
 * @param givenMb what the flag of the process says, MB; undefined without the flag, where `resourceLimits` decide
 */
export function withYoungGeneration(
  youngMb: number | undefined,
  givenMb: number | undefined,
  start: () => Worker,
): Worker {
  if (youngMb === undefined || givenMb === undefined || youngMb <= givenMb * SEMI_SPACES) return start();
  setFlagsFromString(`${FLAG}=${Math.floor(youngMb / SEMI_SPACES)}`);
  const worker = start();
  const restore = (): void => setFlagsFromString(`${FLAG}=${givenMb}`);
  worker.once('online', restore);
  worker.once('exit', restore);
  return worker;
}

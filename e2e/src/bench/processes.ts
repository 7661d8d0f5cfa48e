import { readFileSync } from 'node:fs';
import { memoryOf } from '@provider-access/cli';

/** Figures of processes from Linux; zero elsewhere. */
export interface Watched {
  readonly name: string;
  readonly pid: number;
}

const read = (file: string): string => {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
};
/** The processes of Kafka and of the MongoDB-compatible server among those that `startEngines` started. */
export const engineProcesses = (pids: readonly number[]): Watched[] =>
  pids
    .map((pid) => ({ pid, name: ENGINES[read(`/proc/${pid}/comm`).trim()] ?? 'MongoDB-compatible' }))
    .filter(({ name }) => name !== 'S3');
const ENGINES: Readonly<Record<string, string>> = { java: 'Kafka', node: 'S3', weed: 'S3' };
/** CPU seconds since its start, of all its threads; clock ticks are 10 ms. */
export function cpuOf(pid: number): number {
  const fields = read(`/proc/${pid}/stat`).split(') ').at(-1)!.split(' ');
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / 100;
}

export interface Memory {
  readonly sum: number;
  readonly max: number;
  readonly each: Readonly<Record<string, number>>;
}

/**
 * Samples the memory of processes four times a second. MB: the peak of their sum, of the largest, and of the largest
 * for each name.
 */
export function watchMemory(processes: readonly Watched[]): () => Memory {
  const each: Record<string, number> = {};
  let sum = 0;
  const timer = setInterval(() => {
    let now = 0;
    for (const { name, pid } of processes) {
      const mb = memoryOf(pid) / 1e6;
      each[name] = Math.max(each[name] ?? 0, mb);
      now += mb;
    }
    sum = Math.max(sum, now);
  }, 250);
  return () => {
    clearInterval(timer);
    return { sum, max: Math.max(...Object.values(each)), each };
  };
}

/** CPU seconds by name, since this call. */
export function watchCpu(processes: readonly Watched[]): () => Record<string, number> {
  const began = new Map(processes.map(({ pid }) => [pid, cpuOf(pid)]));
  return () => {
    const spent: Record<string, number> = {};
    for (const { name, pid } of processes) spent[name] = (spent[name] ?? 0) + cpuOf(pid) - began.get(pid)!;
    return spent;
  };
}

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const ROOT = join(import.meta.dirname, '../../..');

/** The rates of the engines alone. A script of each library measures them in a process of its own. */
export interface Raw {
  /** kafkajs, records of 1 KB, 500 a call, four partitions, awaited. */
  readonly produce: number;
  readonly consume: number;
  /** Both at the same time, until the last is consumed and committed. */
  readonly loop: number;
  /** Unordered bulkWrite of 250 by one writer, documents of 1 KB, two indexes. */
  readonly inserts: number;
  readonly upserts: number;
  readonly finds: number;
}

/** @throws if a script fails; the message has the end of its output */
async function figuresOf(script: string, env: NodeJS.ProcessEnv, ...args: string[]): Promise<Record<string, number>> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [
      '--conditions=@provider-access/source',
      '--disable-warning=TimeoutNegativeWarning',
      join(ROOT, script),
      ...args,
      '--json',
    ],
    { env, maxBuffer: 1 << 24 },
  );
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as Record<string, number>;
}

/** On the same engines as the platform. */
export async function measureRaw(engines: Readonly<Record<string, string>>, small: boolean): Promise<Raw> {
  const { NODE_OPTIONS: _options, ...inherited } = process.env;
  const env = { ...inherited, ...engines };
  const kafka = await figuresOf('tools/proofs/src/bench/kafka/log.ts', env, small ? '10000' : '40000', '--bare');
  const mongo = await figuresOf('tools/proofs/src/bench/mongo/driver.ts', env, small ? '1000' : '4000');
  return {
    produce: kafka['append, bare']!,
    consume: kafka['consume, bare']!,
    loop: kafka['produce and consume loop, bare']!,
    inserts: mongo['bulkWrite of inserts']!,
    upserts: mongo['bulkWrite of upserts']!,
    finds: mongo['findOne by _id']!,
  };
}

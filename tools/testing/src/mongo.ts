import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildSecantus } from './fetch-secantus.ts';
import { answers, freePort, LOOPBACK } from './ports.ts';
import { ServerProcess } from './server-process.ts';

export interface MongoOptions {
  /** Data folder; a temporary one, removed by `stop`, when it is not given. */
  readonly storage?: string;
  /** False: acknowledges writes before they are on disk, so that kill -9 loses some. Default true. */
  readonly sync?: boolean;
  /** The server outlives this process. */
  readonly detached?: boolean;
  readonly progress?: (line: string) => void;
}

export interface Mongo {
  readonly uri: string;
  readonly port: number;
  readonly storage: string;
  /** undefined while it does not run. */
  readonly pid: number | undefined;
  /** kill -9. */
  kill(): Promise<void>;
  /** Starts it again on its data and port. */
  start(): Promise<void>;
  /** Ends it and removes a temporary data folder. */
  stop(): Promise<void>;
}

/**
 * A MongoDB-compatible server (SecantusDB, a set of one node) on a loopback port. It serves when this resolves, and it
 * knows `failCommand`. docs/testing-environments.md says how it differs from a mongod.
 */
export async function startMongo(options: MongoOptions = {}): Promise<Mongo> {
  const { command, args, env } = await buildSecantus(options.progress);
  const storage = options.storage ?? mkdtempSync(join(tmpdir(), 'provider-access-mongo-'));
  mkdirSync(storage, { recursive: true });
  const port = await freePort();
  const flags = [
    '--host',
    LOOPBACK,
    '--port',
    String(port),
    '--storage-path',
    join(storage, 'data'),
    '--enable-test-commands',
    '--cache-size',
    '1G',
    '--log-level',
    'WARNING',
    ...(options.sync === false ? [] : ['--sync-on-commit']),
  ];
  let server: ServerProcess | undefined;
  const start = async () => {
    if (server?.alive) throw new Error('The MongoDB-compatible server already runs.');
    server = ServerProcess.start({
      name: 'The MongoDB-compatible server',
      command,
      args: [...args, ...flags],
      env,
      logFile: join(storage, 'server.log'),
      temporary: options.storage === undefined ? storage : undefined,
      detached: options.detached,
    });
    await server.ready(() => answers(port), 60_000);
  };
  await start();
  return {
    uri: `mongodb://${LOOPBACK}:${port}/?directConnection=true`,
    port,
    storage,
    get pid() {
      return server?.alive ? server.pid : undefined;
    },
    kill: async () => server?.kill(),
    start,
    stop: async () => {
      await server?.stop();
      if (options.storage === undefined) rmSync(storage, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

let shared: Promise<Mongo> | undefined;

/** The server of MONGODB_URI if that is set, else one for this process, which starts at the first call. */
export async function sharedMongo(): Promise<{ uri: string }> {
  const given = process.env.MONGODB_URI;
  if (given) return { uri: given };
  shared ??= startMongo();
  return shared;
}

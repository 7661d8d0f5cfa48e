import { join } from 'node:path';
import type { Blobs } from '@provider-access/engines/blob';
import { openFsBlobs, removeUnfinished, RESERVE_BYTES } from '@provider-access/engines/blob/fs';
import type { EventLog } from '@provider-access/engines/log';
import type { State } from '@provider-access/engines/state';
import type { Views } from '@provider-access/engines/views';
import { decidedBy, PA_REGISTRY, type Service } from '@provider-access/events';
import {
  type FilesEnv,
  filesOptions,
  type KafkaEnv,
  kafkaFaults,
  kafkaOptions,
  type MongoEnv,
  mongoFaults,
  mongoOptions,
  type ProcessEnv,
} from '@provider-access/service/config';
import type { Logger } from '@provider-access/service/observability';
import { type DiskRoom, watchRoom } from './disk-room.ts';

/** The variables that choose and configure the engines of a process. */
export interface EngineEnv extends Partial<ProcessEnv>, Partial<FilesEnv> {
  /** The folder of the embedded engine. */
  readonly DATA_DIR?: string;
  readonly MIN_FREE_BYTES?: number;
  readonly LOG_BLOCKS?: boolean;
}

/** Opens the ports of a process, again at each attempt of its start. A port rejects while its engine is unreachable. */
interface Ports {
  log(): Promise<EventLog>;
  views(): Promise<Views>;
  state(log: EventLog): Promise<State>;
  /** For services that have files. */
  blobs?(): Promise<Blobs>;
  /** The disk under the files, if it is a disk of this machine. */
  readonly room?: DiskRoom;
}

type Port = 'log' | 'views' | 'state';

/** Everything that a wiring knows of an engine. */
interface Engine {
  /** Its name for operators. */
  readonly title: string;
  /** Its name in traces: `messaging.system` and `db.system.name`. */
  readonly system: string;
  readonly ports: readonly Port[];
  readonly isChosen: (env: EngineEnv) => boolean;
  /** Variables that contradict another, and files that cannot be used: one sentence each. */
  readonly faults: (env: EngineEnv) => readonly string[];
  /**
   * Opening a port imports the engine's client, so that a process loads only the clients of its own engines.
   * @throws ConfigurationError naming each variable that contradicts another
   */
  readonly open: (env: EngineEnv, service: Service | 'standalone', logger: Logger) => Partial<Ports>;
  /** A cheap request that rejects while the engine is unreachable. */
  readonly probe: (ports: { readonly log: EventLog; readonly state: State }, service: string) => Promise<unknown>;
  /** Reads continue without the engine as long as the facts are fresh, so the process stays ready for so long. */
  readonly mayBeAway: boolean;
  /** Whether the engine runs outside the process: other processes use it too, and a start waits for it. */
  readonly isRemote: boolean;
}

/**
 * The engines by name, which is also their name in readiness and in the label `engine` of metrics. A process opens each
 * port with the first engine that its variables choose. Kafka and MongoDB come last and are always chosen, so that a
 * missing variable of theirs is named ("Add an engine" in CONTRIBUTING.md).
 */
export const ENGINES = {
  embedded: {
    title: 'the data folder',
    system: 'sqlite',
    ports: ['log', 'views', 'state'],
    isChosen: (env) => env.DATA_DIR !== undefined,
    faults: () => [],
    open: ({ DATA_DIR: folder = '', MIN_FREE_BYTES: minBytes = 0, LOG_BLOCKS: blocks = true }) => {
      const file = (name: string): string => join(folder, name);
      const own = (name: string) => ({ file: file(name), backgroundCheckpoints: true });
      const root = file('files');
      return {
        log: async () => {
          const { openEmbeddedLog } = await import('@provider-access/engines/log/embedded');
          return openEmbeddedLog({ ...own('log.db'), blocks });
        },
        views: async () => (await import('@provider-access/engines/views/embedded')).openEmbeddedViews(own('views.db')),
        state: async (log) => {
          const { openEmbeddedState } = await import('@provider-access/engines/state/embedded');
          return openEmbeddedState({ file: file('state.db'), log, soleOwner: true });
        },
        blobs: async () => {
          await removeUnfinished({ root });
          // Exports stop earlier than readiness ends, so that their files never use the space that opt-outs need.
          return openFsBlobs({ root, reserveBytes: minBytes + RESERVE_BYTES });
        },
        room: watchRoom({ folder: 'data', path: folder, setting: 'MIN_FREE_BYTES', minBytes }),
      };
    },
    probe: ({ log }) => log.head([PA_REGISTRY]),
    mayBeAway: false,
    isRemote: false,
  },
  kafka: {
    title: 'Kafka',
    system: 'kafka',
    ports: ['log'],
    isChosen: () => true,
    faults: (env) => kafkaFaults(env as KafkaEnv),
    open: (env, service, logger) => {
      const options = { ...kafkaOptions(env as KafkaEnv, service), logger };
      return { log: async () => (await import('@provider-access/engines/log/kafka')).openKafkaLog(options) };
    },
    probe: ({ log }) => log.head([PA_REGISTRY]),
    mayBeAway: true,
    isRemote: true,
  },
  mongodb: {
    title: 'MongoDB',
    system: 'mongodb',
    ports: ['views', 'state'],
    isChosen: () => true,
    faults: (env) => mongoFaults(env as MongoEnv),
    open: (env, service, logger) => {
      const options = mongoOptions(env as MongoEnv, service);
      // Instances agree with majority reads, whatever views use. A service relays decisions to the topics it may write.
      const agreed = { ...options, readConcern: 'majority' as const, logger, relayTopics: decidedBy(service) };
      return {
        views: async () => (await import('@provider-access/engines/views/mongo')).openMongoViews(options),
        state: async (log) => (await import('@provider-access/engines/state/mongo')).openMongoState({ ...agreed, log }),
      };
    },
    probe: ({ state }, service) => state.claims.get('health', service),
    mayBeAway: false,
    isRemote: true,
  },
} satisfies Record<string, Engine>;
export type EngineName = keyof typeof ENGINES;

export interface Engines extends Ports {
  /** The engine behind each port. */
  readonly names: Readonly<Record<Port, EngineName>>;
}

function chosenBy(env: EngineEnv): Readonly<Record<Port, EngineName>> {
  const names = Object.keys(ENGINES) as EngineName[];
  const of = (port: Port): EngineName =>
    names.find((name) => (ENGINES[name].ports as readonly Port[]).includes(port) && ENGINES[name].isChosen(env))!;
  return { log: of('log'), views: of('views'), state: of('state') };
}

/** What is wrong with the variables of the engines of a process, one sentence each. */
export const engineFaults = (env: EngineEnv): readonly string[] =>
  [...new Set(Object.values(chosenBy(env)))].flatMap((name) => ENGINES[name].faults(env));

/**
 * The engines of a process as its environment names them.
 * @param filesEnv the settings of the store of files, for a service that has files
 * @throws ConfigurationError
 */
export function openEngines(
  service: Service | 'standalone',
  env: EngineEnv,
  filesEnv: FilesEnv | undefined,
  logger: Logger,
): Engines {
  const names = chosenBy(env);
  const of = (port: Port): Partial<Ports> => ENGINES[names[port]].open(env, service, logger);
  const { log, ...files } = of('log');
  return {
    ...(filesEnv && openFiles(filesEnv, logger)),
    ...files,
    log: log!,
    views: of('views').views!,
    state: of('state').state!,
    names,
  };
}

/** A folder that several processes share, or a bucket. */
function openFiles(env: FilesEnv, logger: Logger): Pick<Ports, 'blobs' | 'room'> {
  const store = filesOptions(env);
  let isTidied = false;
  return {
    blobs: async () => {
      const blobs =
        store.kind === 'fs'
          ? openFsBlobs(store)
          : (await import('@provider-access/engines/blob/s3')).openS3Blobs(store);
      // A start that waits for an engine opens the store again.
      if (!isTidied) (await import('./tidy.ts')).tidy(store, logger);
      isTidied = true;
      return blobs;
    },
    ...(store.kind === 'fs' && {
      room: watchRoom({ folder: 'files', path: store.root, setting: 'FILES_DIR', minBytes: RESERVE_BYTES }),
    }),
  };
}

import type { EventLog } from '@provider-access/engines/log';
import { openMemoryLog } from '@provider-access/engines/log/memory';
import type { Secret, SigningKeys } from '@provider-access/smart';
import { openEmbeddedState } from '@provider-access/engines/state/embedded';
import { type EnginePorts, PlatformProcess } from './platform-process.ts';
import type { Recorder } from './recorder.ts';
import type { Stores } from './stores.ts';

/** A clock that the test sets. */
export class ManualClock {
  ms: number;
  constructor(ms: number) {
    this.ms = ms;
  }
  now(): number {
    return this.ms;
  }
}

/** A running process of the platform, and the state of its consumer groups. */
export interface Running {
  readonly process: PlatformProcess;
  readonly log: EventLog;
  /** True when every consumer group has committed everything in its topics. */
  idle(): boolean;
  /** The consumer groups that lag, with their offsets. */
  behind(): readonly string[];
  stop(): Promise<void>;
}
export interface StartOptions {
  readonly stores: Stores;
  readonly clock: ManualClock;
  readonly keys: Secret<SigningKeys>;
  /** Copies the stores around each change. */
  readonly recorder?: Recorder<unknown>;
  /** The standalone releases the leases of the process before it. Separate processes wait for their expiry. */
  readonly soleOwner?: boolean;
}

export async function startProcess({
  stores,
  clock,
  keys,
  recorder,
  soleOwner = false,
}: StartOptions): Promise<Running> {
  const now = (): number => clock.now();
  const memory = openMemoryLog({ data: stores.log });
  const groups = groupsOf(memory);
  const log = recorder?.log(memory) ?? memory;
  const state = openEmbeddedState({ file: stores.state.file, log, now, soleOwner });
  const ports: EnginePorts = {
    log,
    clock,
    views: recorder?.views ?? stores.views,
    state: recorder?.state(state) ?? state,
    blobs: recorder?.blobs ?? stores.blobs,
  };
  const process = await PlatformProcess.start(ports, keys);
  const behindOf = (group: string, topic: string): readonly string[] =>
    stores.log.store.head(topic).flatMap((length, p) => {
      const next = stores.log.store.committed(group, topic, p) ?? 0;
      return next === length ? [] : [`${group} has committed ${next} of ${length} in ${topic}/${p}`];
    });
  const behind = (): readonly string[] => groups.flatMap(({ group, topic }) => behindOf(group, topic));
  return {
    process,
    log,
    idle: () => behind().length === 0,
    behind,
    async stop() {
      await process.stop();
      await state.close();
      await log.close();
    },
  };
}

/** The consumer groups that the process joins, with their topics. */
function groupsOf(log: EventLog): readonly { readonly group: string; readonly topic: string }[] {
  const groups: { group: string; topic: string }[] = [];
  const subscribe = log.subscribe.bind(log);
  log.subscribe = (options) => {
    groups.push(...options.topics.map((topic) => ({ group: options.group, topic })));
    return subscribe(options);
  };
  return groups;
}

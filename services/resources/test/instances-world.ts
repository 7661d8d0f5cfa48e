import { expect } from 'vitest';
import { PA_RECORD_VERSIONS, PA_RECORDS, encodeEvent, fromStructured, PAYER_TOPICS } from '@provider-access/events';
import { SHARED, records, type RecordPart, RecordsReader, VersionsReader } from '@provider-access/records';
import { ProjectionSet, type Views } from '@provider-access/engines/views';
import { PROJECTIONS } from '../src/projections/index.ts';
import { receipts } from '../src/projections/receipts.ts';
import { EngineUnavailable, type EventLog } from '@provider-access/engines/log';
import { openMemoryLog } from '@provider-access/engines/log/memory';
import { systemClock } from '@provider-access/service/http';
import { Metrics, silentLogger } from '@provider-access/service/observability';
import { openMemoryState } from '@provider-access/engines/state/memory';
import { openMemoryViews } from '@provider-access/engines/views/memory';
import { AttachmentStore } from '../src/attachments/attachment-store.ts';
import { RESOURCES_DEFAULTS } from '../src/config.ts';
import { CurrentVersions } from '../src/intake/current-versions.ts';
import { eventOf, readEvent } from '../src/reading/read-event.ts';
import { RecordIntake } from '../src/intake/record-intake.ts';
import { recordStages } from '../src/intake/record-stages.ts';
import { event } from './harness.ts';

export const RECEIPT = 'r-property';
export const PARTITIONS = 2;
export const MEMBERS = ['m0', 'm1', 'm2', 'm3'];
const START = Date.UTC(2025, 5, 1);

export interface Given {
  readonly member: string;
  readonly id: number;
  readonly time: number;
  readonly text: number;
  readonly kind: 'accept' | 'delete' | 'shared' | 'contested';
}

/**
 * The fate of a batch: committed; killed after its outputs; handled by a zombie whose appends arrive late; or repeated
 * after the answer of an append was lost.
 */
export type Fate = 'commit' | 'killed' | 'zombie' | 'lost-answer';

export interface Step {
  readonly topic: number;
  readonly partition: number;
  readonly instance: number;
  readonly size: number;
  readonly fate: Fate;
}

/** A process with its own memory over the shared engines. */
export class Instance {
  readonly intake: RecordIntake;
  #gate: Promise<void> | undefined;
  #open: (() => void) | undefined;
  constructor(
    log: EventLog,
    reader: RecordsReader,
    state: ReturnType<typeof openMemoryState>,
    mergedWith: (member: string) => Promise<readonly string[]> = async () => [],
  ) {
    const late = new Proxy(log, {
      get: (target, name: keyof EventLog) =>
        name === 'append'
          ? async (topic: string, list: Parameters<EventLog['append']>[1]) => (
              await this.#gate,
              target.append(topic, list)
            )
          : (target[name] as (...args: unknown[]) => unknown).bind(target),
    });
    // As on a store that processes share: their claims are there and not in the memory of one of them.
    const shared = { ...state, bridging: state.claims };
    const ports = { log: late, state: shared, clock: systemClock, logger: silentLogger, metrics: new Metrics() };
    const members = {
      get: async (member: string) => ({ _id: member, members: { mergedWith: await mergedWith(member) } }),
      getMany: async (ids: readonly string[]) => ids.map(() => undefined),
    };
    const current = new CurrentVersions(late, reader);
    this.intake = new RecordIntake({
      ports,
      current,
      stages: recordStages({
        ports,
        reader,
        members,
        current,
        attachments: new AttachmentStore(undefined),
        ledger: { started: async () => undefined },
        config: RESOURCES_DEFAULTS,
      }),
      rules: { ...RESOURCES_DEFAULTS, attachmentsAbove: undefined },
      factsPassed: async () => true,
      reading: {
        read: async (list, options) => list.map((record) => eventOf(record, readEvent(record, options))),
      },
    });
  }
  hold(): void {
    this.#gate = new Promise((resolve) => {
      this.#open = resolve;
    });
  }
  release(): void {
    this.#open?.();
    this.#gate = undefined;
  }
}

export class World {
  readonly log = openMemoryLog({ partitions: PARTITIONS });
  readonly views: Views = openMemoryViews();
  readonly state = openMemoryState();
  readonly reader = new RecordsReader(this.views);
  readonly versions = new VersionsReader(this.views);
  readonly projections = new ProjectionSet({ log: this.log, views: this.views, projections: PROJECTIONS });
  readonly committed: Record<string, number> = {};
  readonly #owners = new Map<string, Instance>();
  readonly instances: Instance[] = [];
  readonly zombies: { instance: Instance; running: Promise<void> }[] = [];

  async start(): Promise<this> {
    await this.projections.start();
    this.instances.push(this.instance(), this.instance());
    return this;
  }
  instance(mergedWith?: (member: string) => Promise<readonly string[]>): Instance {
    return new Instance(this.log, this.reader, this.state, mergedWith);
  }
  async stop(): Promise<void> {
    for (const { instance } of this.zombies) instance.release();
    await Promise.all(this.zombies.map((z) => z.running));
    await this.projections.stop();
    await this.log.close();
  }
  async publish(topic: string, input: Parameters<typeof event>[0]): Promise<void> {
    const read = fromStructured(event(input));
    if (!read.ok) throw new Error(read.detail);
    await this.log.append(topic, [encodeEvent({ ...read.event, extensions: { pareceipt: RECEIPT } })]);
  }
  /** Lets an instance handle the next batch of a partition. False when there is no batch. */
  async step({ topic: t, partition, instance: which, size, fate }: Step): Promise<boolean> {
    const topic = PAYER_TOPICS[t]!;
    const key = `${topic}/${partition}`;
    const list = await this.log.read(topic, partition, this.committed[key] ?? 0, size);
    if (list.length === 0) return false;
    const instance = this.instances[which]!;
    if (this.#owners.get(key) !== instance) instance.intake.assigned();
    this.#owners.set(key, instance);
    const batch = { topic, partition, records: list };
    if (fate === 'zombie') {
      instance.hold();
      this.zombies.push({
        instance,
        running: instance.intake.handle(batch).catch((error: unknown) => {
          if (!(error instanceof EngineUnavailable)) throw error;
        }),
      });
      this.#replace(which);
      return true;
    }
    if (fate === 'lost-answer') this.log.faults.loseAnswers = 1;
    await instance.intake.handle(batch).catch((error: unknown) => {
      if (!(error instanceof EngineUnavailable)) throw error;
      fate = 'killed';
    });
    this.log.faults.loseAnswers = 0;
    if (fate === 'killed') this.#replace(which);
    else this.committed[key] = list.at(-1)!.offset + 1;
    return true;
  }
  /** Replaces an instance that the group takes for dead. Its partitions go to others. */
  #replace(which: number): void {
    for (const [key, owner] of this.#owners) if (owner === this.instances[which]) this.#owners.delete(key);
    this.instances[which] = this.instance();
  }
  async drain(): Promise<void> {
    for (const topic of [0, 1])
      for (let partition = 0; partition < PARTITIONS; partition++)
        while (await this.step({ topic, partition, instance: 0, size: 3, fate: 'commit' }));
    for (const view of [this.reader.views.records, this.views.reader(receipts)])
      expect(await view.waitFor(await this.log.head([PA_RECORDS]), 60_000)).toBe(true);
    expect(await this.versions.view.waitFor(await this.log.head([PA_RECORD_VERSIONS]), 60_000)).toBe(true);
  }
  async all(): Promise<RecordPart[]> {
    const found: RecordPart[] = [];
    for (const member of [...MEMBERS, SHARED])
      for await (const document of this.views.reader(records).scan({ index: 'by_type', equals: [member] }))
        found.push(document['record'] as RecordPart);
    return found;
  }
}

export const time = (t: number): string => new Date(START + t * 1000).toISOString();

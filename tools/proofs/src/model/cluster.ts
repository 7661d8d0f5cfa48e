import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Blobs } from '@provider-access/engines/blob';
import type { Position } from '@provider-access/engines/log';
import { MemoryData, openMemoryLog } from '@provider-access/engines/log/memory';
import { Facts, Parties, type PresenceOptions } from '@provider-access/facts';
import { createServiceApp, type ServicePorts } from '@provider-access/service/http';
import { Metrics, silentLogger } from '@provider-access/service/observability';
import { type Answer, type Call, request } from '@provider-access/process/testing';
import type { Service } from '@provider-access/events';
import type { Secret, SigningKeys } from '@provider-access/smart';
import { openMemoryState } from '@provider-access/engines/state/memory';
import { openMemoryViews } from '@provider-access/engines/views/memory';
import { serviceOf } from '@provider-access/standalone/route-table';
import { mapBlobs } from '../kill-points/blobs.ts';
import { PUBLIC_URL, secretsOf, type Tested, testedServices } from '../kill-points/platform-process.ts';
import { type Joined, Life, mortalBlobs, mortalLog, mortalState, mortalViews } from './mortal.ts';

const MODULES = ['attribution', 'consent', 'resources', 'export', 'auth'] as const satisfies readonly Service[];
/** Instances of each module. */
const INSTANCES = 2;
const PARTITIONS = 3;
/** A batch that failed more often counts as stuck. */
const ATTEMPTS = 5;
/** Longer than any lease. */
const DEAD_FOR_SURE_MS = 40_000;

/** A module, as a process of its own would run it. Its clock differs from the clock of the engines. */
export class Instance {
  readonly life = new Life();
  readonly name: Service;
  readonly index: number;
  /** ms by which its clock is ahead of the clock of the engines; negative if it is behind. */
  skewMs = 0;
  app: NestFastifyApplication | undefined;
  readonly closing: (() => Promise<unknown>)[] = [];

  constructor(name: Service, index: number) {
    this.name = name;
    this.index = index;
  }

  /** Where its facts about parties stand. */
  get position(): Position {
    return (this.facts?.parties ?? this.app?.get(Parties, { strict: false }))?.position() ?? {};
  }
  get facts(): Facts | undefined {
    return this.name === 'auth' ? undefined : this.app?.get(Facts, { strict: false });
  }
  async request(url: string, call: Call): Promise<Answer | undefined> {
    const { app } = this;
    if (app === undefined) return undefined;
    const answer = await this.life
      .whileAlive(() => request(app, url, call))
      .catch((error: unknown) => {
        if (this.life.alive) throw error;
        return undefined;
      });
    return this.life.alive ? answer : undefined;
  }
  async stop(): Promise<void> {
    for (const close of this.closing.splice(0).reverse()) await close().catch(() => undefined);
  }
}

/** The presence of running instances. Removes a dead instance at once, so that no test waits for its expiry. */
class PresenceBoard {
  readonly groups = new Map<string, Map<string, { readonly life: Life; readonly data: unknown }>>();

  of(life: Life): PresenceOptions['port'] {
    const group = (name: string): Map<string, { readonly life: Life; readonly data: unknown }> => {
      if (!this.groups.has(name)) this.groups.set(name, new Map());
      return this.groups.get(name)!;
    };
    return {
      announce: async (name, holder, data) => {
        life.check();
        group(name).set(holder, { life, data: structuredClone(data) });
      },
      leave: async (name, holder) => {
        life.check();
        group(name).delete(holder);
      },
      list: async (name) =>
        [...group(name)]
          .filter(([, { life: other }]) => other.alive)
          .map(([holder, { data }]) => ({ holder, data, expiresAt: Infinity })),
    };
  }
}

/**
 * Two instances of each of the five modules over in-memory engines. The engines have one clock, and each instance has a
 * clock of its own. A kill drops an instance and its memory. Its writes in the engines stay.
 */
export class Cluster {
  /** The clock of the engines, ms since the epoch. */
  now: number;
  readonly data = new MemoryData({ partitions: PARTITIONS, now: () => this.now });
  readonly instances: Instance[] = [];
  readonly #services: ReturnType<typeof testedServices>;
  readonly #secrets: ReturnType<typeof secretsOf>;
  readonly #broker;
  readonly #state;
  readonly #views = openMemoryViews({ shared: true, now: () => this.now });
  readonly #blobs: Blobs;
  readonly #joined: Joined = { groups: new Map(), failures: new Map(), held: new Map(), follows: [] };
  readonly #present = new PresenceBoard();
  readonly #dying: Promise<void>[] = [];
  #started = 0;

  private constructor(now: number, keys: Secret<SigningKeys>, tested: Tested, blobs: Blobs) {
    this.now = now;
    this.#blobs = blobs;
    this.#services = testedServices(tested);
    this.#secrets = secretsOf(keys);
    this.#broker = this.#connect();
    this.#state = openMemoryState({ log: this.#broker, now: () => this.now });
  }
  static async start(
    now: number,
    keys: Secret<SigningKeys>,
    tested: Tested,
    blobs = mapBlobs(new Map()),
  ): Promise<Cluster> {
    const cluster = new Cluster(now, keys, tested, blobs);
    for (const name of MODULES) for (let i = 0; i < INSTANCES; i++) await cluster.#start(name, i);
    return cluster;
  }
  #connect() {
    return openMemoryLog({ data: this.data });
  }
  /** The log for appends of the payer's own systems. */
  get log(): ReturnType<typeof openMemoryLog> {
    return this.#broker;
  }

  of(name: Service): readonly Instance[] {
    return this.instances.filter((i) => i.name === name && i.life.alive);
  }
  /** Sends a request to this instance, or to the other one if it is dead. Undefined if it died before the answer. */
  async request(target: string, call: Call = {}, index = 0): Promise<Answer | undefined> {
    const url = target.startsWith(PUBLIC_URL) ? target.slice(PUBLIC_URL.length) : target;
    return this.#one(serviceOf(url)!, index)?.request(url, call);
  }
  #one(name: Service, index: number): Instance | undefined {
    const living = this.of(name);
    return living.find((i) => i.index === index) ?? living[0];
  }

  /** Advances all clocks. Each instance then polls the log, as it does within a second. */
  async pass(ms: number): Promise<void> {
    this.now += ms;
    await this.look();
  }
  async look(): Promise<void> {
    await Promise.all(this.instances.map((i) => (i.life.alive ? i.facts?.freshness.poll() : undefined)));
  }

  /** Keeps records of a topic from a group. @returns a function that hands them over */
  hold(group: string, topic: string): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    const key = `${group} ${topic}`;
    this.#joined.held.set(key, promise);
    return () => {
      this.#joined.held.delete(key);
      resolve();
    };
  }

  /** Starts a new instance for each dead one. */
  async replaceTheDead(): Promise<boolean> {
    const dead = this.instances.filter((i) => !i.life.alive);
    for (const instance of dead) {
      this.instances.splice(this.instances.indexOf(instance), 1);
      this.#dying.push(instance.stop());
    }
    if (dead.length === 0) return false;
    this.now += DEAD_FOR_SURE_MS;
    for (const { name, index } of dead) await this.#start(name, index);
    await this.look();
    return true;
  }

  /**
   * A batch that no process can handle, so that it stops its partition. A failed append makes a batch fail only once.
   */
  standing(): string | undefined {
    return [...this.#joined.failures].find(([, times]) => times > ATTEMPTS)?.[0];
  }
  /** The groups and followers that have not read everything yet. */
  behind(): readonly string[] {
    const { store } = this.data;
    const groups = [...this.#joined.groups.values()].flatMap(({ group, topic }) =>
      store
        .head(topic)
        .flatMap((end, p) => ((store.committed(group, topic, p) ?? 0) < end ? [`${group} ${topic}/${p}`] : [])),
    );
    const follows = this.#joined.follows
      .filter(({ life }) => life.alive)
      .flatMap(({ following, topics }) => {
        const position = following.position();
        return topics.flatMap((topic) =>
          store
            .head(topic)
            .flatMap((end, p) => ((position[topic]?.[p] ?? 0) < end ? [`a follower ${topic}/${p}`] : [])),
        );
      });
    return [...groups, ...follows];
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#dying, ...this.instances.map((i) => i.stop())]);
    await this.#state.close();
    await this.#broker.close();
  }

  async #start(name: Service, index: number): Promise<void> {
    const instance = new Instance(name, index);
    const { life } = instance;
    const own = this.#connect();
    instance.closing.push(() => own.close());
    const log = mortalLog(own, this.#broker, life, this.#joined);
    const ports: ServicePorts = {
      log,
      views: mortalViews(this.#views, life),
      state: mortalState(this.#state, life),
      clock: { now: () => this.now + instance.skewMs },
      logger: silentLogger,
      metrics: new Metrics({ enabled: false }),
    };
    const presence: PresenceOptions = {
      port: this.#present.of(life),
      holder: `${name}-${(this.#started += 1)}`,
      everyMs: 50,
    };
    instance.app = await createServiceApp(
      await this.#services
        .find((service) => service.name === name)!
        .register({
          ...this.#secrets,
          ports,
          presence,
          blobs: mortalBlobs(this.#blobs, life),
        }),
      { name, ports },
    );
    instance.closing.push(() => instance.app!.close());
    this.instances.push(instance);
  }
}

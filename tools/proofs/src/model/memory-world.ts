import { type DomainEvent, encodeEvent, PAYER_MEMBER_EVENTS } from '@provider-access/events';
import type { Blobs } from '@provider-access/engines/blob';
import type { LogRecord } from '@provider-access/engines/log';
import { type Secret, type SigningKeys, TokenIssuer } from '@provider-access/smart';
import { eventually } from '@provider-access/testing';
import {
  type Answer,
  type Call,
  type Disturbance,
  type Gate,
  PRACTICES,
  PROVIDERS,
  World,
} from '@provider-access/testing/promises';
import { ADMINISTRATOR_TOKEN, PAYER_TOKEN, PUBLIC_URL, type Tested } from '../kill-points/platform-process.ts';
import { Cluster, type Instance } from './cluster.ts';

const MINUTE = 60_000;
const STARTS = Date.parse('2026-01-31T00:00:00Z');
/** ms until a new token is requested. A token lives for five minutes, and clocks differ by one minute. */
const TOKEN_MS = 120_000;
/** Steps after which a doomed instance dies at the latest. */
const DOOMED_STEPS = 2;

interface WorldOptions extends Tested {
  /** Each read takes a millisecond, so that no statement after it has the time of its audit entry. */
  readonly ticking?: boolean;
  readonly blobs?: Blobs;
}

/** Two instances of each module in this process. The test sets the clock. */
export class MemoryWorld extends World {
  readonly completeAtOnce = true;
  override readonly holdsUntilNotice: boolean;
  readonly attachmentBytes = 1500;
  protected readonly payerToken = PAYER_TOKEN;
  protected readonly administratorToken = ADMINISTRATOR_TOKEN;
  readonly #cluster: Cluster;
  readonly #tokens: TokenIssuer;
  readonly #held = new Map<string, { readonly until: number; readonly token: Promise<string> }>();
  #ticking = false;
  #doomed: { readonly module: string; left: number } | undefined;

  private constructor(cluster: Cluster, keys: Secret<SigningKeys>, holdsUntilNotice: boolean) {
    super();
    this.holdsUntilNotice = holdsUntilNotice;
    this.#cluster = cluster;
    this.#tokens = new TokenIssuer({
      key: () => keys.current[0]!,
      publicUrl: PUBLIC_URL,
      clock: { now: () => cluster.now },
    });
  }
  static async start(keys: Secret<SigningKeys>, options: WorldOptions = {}): Promise<MemoryWorld> {
    const { ticking = false, blobs, ...tested } = options;
    const cluster = await Cluster.start(STARTS, keys, tested, blobs);
    const world = new MemoryWorld(cluster, keys, tested.holdsUntilNotice === true);
    world.#ticking = ticking;
    await world.openPractices();
    return world;
  }
  stop(): Promise<void> {
    return this.#cluster.stop();
  }

  get instances(): readonly Instance[] {
    return this.#cluster.instances;
  }
  get now(): number {
    return this.#cluster.now;
  }
  /** What the platform has appended to one of its topics since it started. */
  recorded(topic: string): readonly LogRecord[] {
    return this.#cluster.data.records(topic).flat();
  }
  /** Keeps records of a topic from a group, such as a view. @returns a function that hands them over */
  hold(group: string, topic: string): () => void {
    return this.#cluster.hold(group, topic);
  }
  skews(): readonly number[] {
    return this.#cluster.instances.map(({ skewMs }) => skewMs);
  }
  async request(url: string, call?: Call, via?: number): Promise<Answer | undefined> {
    const answer = await this.#cluster.request(url, call, via);
    if (this.#ticking && url.includes('/fhir/')) this.#cluster.now += 1;
    return answer;
  }
  protected again(): Promise<void> {
    return this.#cluster.look();
  }
  async append(event: DomainEvent): Promise<void> {
    await this.#cluster.log.append(PAYER_MEMBER_EVENTS, [encodeEvent(event)]);
  }
  token(client: number): Promise<string> {
    const { id, approvals } = this.clients[client]!;
    const key = `${id} ${approvals}`;
    const held = this.#held.get(key);
    const { now } = this;
    if (held !== undefined && now < held.until) return held.token;
    const token = this.#tokens.issue(id, 'system/*.rs', approvals).then((issued) => issued.token);
    this.#held.set(key, { until: now + TOKEN_MS, token });
    return token;
  }
  async gates(client: number, members: readonly string[]): Promise<readonly Gate[]> {
    const { id } = this.clients[client]!;
    const found: Gate[] = [];
    for (const { name, index, facts } of this.#cluster.instances) {
      // It answers nobody about a member, and does not have the setting.
      if (name === 'consent' && this.holdsUntilNotice) continue;
      const decisions = await facts?.access.decideMany(id, { kind: 'read' }, members).catch(() => []);
      const permits = members.filter((_, i) => decisions?.[i]?.permit === true);
      found.push({ where: `${name} ${index}`, permits });
    }
    return found;
  }
  async group(client: number, contract: string): Promise<string | undefined> {
    const { npi } = PROVIDERS[PRACTICES[client]!];
    for (const { headers, value } of this.#cluster.data.records('pa.groups').flat()) {
      if (headers['ce_type'] !== 'pa.group-opened.v1') continue;
      const data = JSON.parse(Buffer.from(value).toString());
      if (data.contract === contract && data.providers.some((p: string) => p.endsWith(npi)))
        return data.group as string;
    }
    return undefined;
  }
  async caughtUp(): Promise<void> {
    await eventually(() => this.standing() !== undefined || this.#cluster.behind().length === 0, {
      what: 'every instance has read everything',
      interval: 10,
    }).catch((error: unknown) => {
      throw new Error(this.#cluster.behind().join(', '), { cause: error });
    });
    this.goesOn();
  }
  protected override standing(): string | undefined {
    return this.#cluster.standing();
  }

  async disturb(what: Disturbance): Promise<void> {
    switch (what.op) {
      case 'kill': {
        const there = this.#cluster.of(what.module);
        if (there.length < 2 || this.#doomed !== undefined) break;
        there.find(({ index }) => index === what.instance)!.life.dieAt(what.changes, what.side);
        this.#doomed = { module: what.module, left: DOOMED_STEPS };
        break;
      }
      case 'partial append':
        for (const { life } of this.#cluster.of(what.module)) life.partialAppends = 1;
        break;
      case 'clock':
        for (const instance of this.#cluster.of(what.module))
          if (instance.index === what.instance) instance.skewMs = what.seconds * 1000;
        await this.#cluster.look();
        break;
      case 'time passes':
        await this.#cluster.pass(what.minutes * MINUTE);
        break;
      case 'rebuild':
        await this.rebuild(what);
        break;
      case 'roll-out':
        throw new Error('there is one build in this process');
    }
  }
  /** Ends a doomed instance whose time is over, and replaces dead instances. */
  async afterwards(): Promise<void> {
    if (this.#doomed !== undefined && (this.#doomed.left -= 1) < 0) {
      for (const { life, name } of this.#cluster.instances) if (name === this.#doomed.module && life.doomed) life.die();
      this.#doomed = undefined;
    }
    await this.#cluster.replaceTheDead();
  }
  async calm(lead: number): Promise<void> {
    this.#doomed = undefined;
    for (const { life } of this.#cluster.instances) if (life.doomed) life.die();
    for (const instance of this.#cluster.instances) instance.skewMs = 0;
    await this.#cluster.replaceTheDead();
    await this.#cluster.pass(lead + MINUTE);
  }
  /** Advances the clock a little, so that failed work is tried again. */
  async work(): Promise<void> {
    this.#cluster.now += 10;
  }
  async rest(): Promise<void> {
    for (const { life } of this.#cluster.instances) life.partialAppends = 0;
    await this.#cluster.pass(180 * MINUTE);
  }
}

import { randomUUID } from 'node:crypto';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import {
  deadLetterTopic,
  type DomainEvent,
  encodeEvent,
  PA_ATTRIBUTION,
  PA_CONSENT,
  PA_MEMBERS,
  PA_PROVIDERS,
  PA_REGISTRY,
  PAYER_MEMBER_EVENTS,
  PAYER_PROVIDER_EVENTS,
} from '@provider-access/events';
import { type Batch, Derivation, type NewRecord, partitionFor, type Subscription } from '@provider-access/engines/log';
import { openMemoryLog } from '@provider-access/engines/log/memory';
import { EventLogTransport } from '@provider-access/engines/log/transport';
import { Facts, FACTS_PROJECTIONS } from '@provider-access/facts';
import { instant } from '@provider-access/kernel';
import { createServiceApp, type ServicePorts } from '@provider-access/service/http';
import { Metrics, silentLogger } from '@provider-access/service/observability';
import { PayerDays } from '@provider-access/domain/pdex/days';
import type { State } from '@provider-access/engines/state';
import { openMemoryState } from '@provider-access/engines/state/memory';
import { ProjectionSet } from '@provider-access/engines/views';
import { openMemoryViews } from '@provider-access/engines/views/memory';
import { consentConfig, consentSettings, ConsentModule } from '../src/index.ts';
import type { ConsentConfig } from '../src/config.ts';

export const START = Date.UTC(2026, 5, 1, 12);
const NPI = '1000000001';

/** The service on memory engines, with a stand-in for attribution: the views, and members that one client may see. */
export class Harness {
  now = START;
  readonly log = openMemoryLog({ now: () => this.now });
  readonly state = openMemoryState({ log: this.log, now: () => this.now });
  /**
   * Calls of the state store (`streams.load NAME`) and documents that were written into the members' facts, since the
   * test emptied this list.
   */
  readonly calls: string[] = [];
  readonly written: unknown[] = [];
  readonly ports: ServicePorts = {
    log: this.log,
    views: this.views(),
    state: this.counted(),
    clock: { now: () => this.now },
    logger: silentLogger,
    metrics: new Metrics(),
  };
  readonly transport = new EventLogTransport({ log: this.log });
  readonly facts = new Facts({ log: this.log, views: this.ports.views, clock: this.ports.clock });
  readonly projections = new ProjectionSet({ log: this.log, views: this.ports.views, projections: FACTS_PROJECTIONS });
  app!: NestFastifyApplication;
  private attribution!: Subscription;
  private providers!: Subscription;

  /** `days` is how dates of events are read. Most tests are about something else, so a day is a UTC day. */
  async start(config: Partial<ConsentConfig> = {}, days = new PayerDays(['UTC'])): Promise<this> {
    await this.projections.start();
    const progress = (topic: string) => {
      const derivation = new Derivation({
        log: this.log,
        deriver: 'attribution',
        progressTopic: topic,
        now: () => this.now,
      });
      return (batch: Batch): Promise<void> => derivation.complete(batch, { outputs: [], outcomes: [] });
    };
    this.attribution = await this.log.subscribe({
      group: 'attribution-intake',
      topics: [PAYER_MEMBER_EVENTS],
      handle: progress(PA_ATTRIBUTION),
    });
    this.providers = await this.log.subscribe({
      group: 'attribution-providers',
      topics: [PAYER_PROVIDER_EVENTS],
      handle: progress(PA_PROVIDERS),
    });
    const at = '2025-01-01T00:00:00.000Z';
    await this.ours(PA_REGISTRY, 'pa.app-registered.v1', 'c1', {
      client: 'c1',
      name: 'c1',
      scope: '',
      contacts: [],
      npis: [],
      tins: [],
      registrationTokenHash: 'x',
      registeredAt: at,
    });
    await this.ours(PA_REGISTRY, 'pa.app-approved.v1', 'c1', {
      client: 'c1',
      providers: [`npi|${NPI}`],
      scope: '',
      by: 'test',
    });
    await this.ours(PA_PROVIDERS, 'pa.network-status-recorded.v1', `npi|${NPI}`, {
      provider: `npi|${NPI}`,
      status: 'in-network',
      from: at,
      businessTime: at,
    });
    this.app = await createServiceApp(
      ConsentModule.register({
        ports: this.ports,
        config: { ...consentConfig(consentSettings.parse({})), ...config },
        days,
      }),
      { name: 'consent', logger: silentLogger, metrics: this.ports.metrics, strategy: this.transport },
    );
    await this.app.startAllMicroservices();
    await this.facts.start();
    return this;
  }
  async stop(): Promise<void> {
    await this.facts.stop();
    await this.app.close();
    await Promise.all([this.attribution.stop(), this.providers.stop(), this.projections.stop()]);
    await this.log.close();
    await this.state.close();
  }

  /** The events that attribution would have published about a covered and attributed member. */
  async member(member: string, source = 'urn:payer'): Promise<void> {
    const from = '2025-01-01T00:00:00.000Z';
    await this.ours(
      PA_MEMBERS,
      'pa.coverage-changed.v1',
      member,
      { member, coverageId: 'c', from, businessTime: from, sequence: 0 },
      source,
    );
    await this.ours(
      PA_ATTRIBUTION,
      'pa.member-attributed.v1',
      member,
      { member, group: 'g1', providers: [`npi|${NPI}`], from, businessTime: from },
      source,
    );
    if (!(await this.facts.reader.waitFor(await this.log.head([PA_MEMBERS, PA_ATTRIBUTION]), 60_000)))
      throw new Error('the facts did not pass the events about the member');
  }
  private async ours(topic: string, type: string, subject: string, data: unknown, source = 'urn:payer'): Promise<void> {
    await this.log.append(topic, [
      encodeEvent({
        id: randomUUID(),
        source: 'urn:test',
        type,
        time: '2025-01-01T00:00:00.000Z',
        subject,
        data,
        extensions: { pasource: source },
      }),
    ]);
  }

  /** Appends payer events, one after another, and waits until the facts have passed them. */
  async publish(...events: readonly DomainEvent[]): Promise<void> {
    for (const event of events) await this.log.append(PAYER_MEMBER_EVENTS, [encodeEvent(event)]);
    await this.passed();
  }
  /**
   * What an operator does: publishes the event with the hint of a replay, and the dead-letter topic names its place.
   */
  async replay(deadLetter: string, event: DomainEvent, parkedOn: string = PAYER_MEMBER_EVENTS): Promise<void> {
    const record = encodeEvent({ ...event, extensions: { ...event.extensions, pareplayof: deadLetter } });
    const [{ partition, offset }] = (await this.log.append(PAYER_MEMBER_EVENTS, [record])) as [
      { partition: number; offset: number },
    ];
    const place = { topic: PAYER_MEMBER_EVENTS, partition, offset };
    await this.note('replayed', deadLetter, { corrected: true, event: event.id, place }, parkedOn);
    await this.passed();
  }
  discard(deadLetter: string, parkedOn: string = PAYER_MEMBER_EVENTS): Promise<void> {
    return this.note('discarded', deadLetter, { reason: 'test' }, parkedOn);
  }
  private async note(
    what: 'replayed' | 'discarded',
    deadLetter: string,
    data: object,
    parkedOn: string,
  ): Promise<void> {
    const at = instant(this.now);
    const event = {
      id: randomUUID(),
      source: 'urn:provider-access:resources',
      type: `pa.dead-letter-${what}.v1`,
      time: at,
      subject: deadLetter,
      data: { deadLetter, by: 'payer', at, ...data },
    };
    await this.log.append(deadLetterTopic(parkedOn), [encodeEvent(event)]);
  }
  async publishRaw(record: NewRecord): Promise<void> {
    await this.log.append(PAYER_MEMBER_EVENTS, [record]);
    await this.passed();
  }
  async passed(): Promise<void> {
    if (
      !(await this.facts.access.waitForPayer(await this.log.head([PAYER_MEMBER_EVENTS, PAYER_PROVIDER_EVENTS]), 60_000))
    )
      throw new Error('the facts did not pass the events');
    const ours = await this.log.head([PA_CONSENT]);
    for (const facts of [this.facts.reader, this.facts.parties])
      if (!(await facts.waitFor(ours, 60_000))) throw new Error('the facts did not pass what the intake derived');
    await this.facts.freshness.poll();
  }
  async verdict(member: string): Promise<string> {
    const decision = await this.facts.access.decide('c1', { kind: 'read' }, member);
    return decision.permit ? 'permit' : decision.reason;
  }
  private counted(): State {
    const counting = <T extends object>(port: T, name: string): T =>
      new Proxy(port, {
        get: (target, method) => {
          const value: unknown = Reflect.get(target, method, target);
          if (typeof value !== 'function') return value;
          return (...args: unknown[]): unknown => {
            this.calls.push(`${name}.${String(method)} ${String(args[0])}`);
            return Reflect.apply(value, target, args) as unknown;
          };
        },
      });
    return {
      ...this.state,
      streams: counting(this.state.streams, 'streams'),
      claims: counting(this.state.claims, 'claims'),
    };
  }
  private views(): ServicePorts['views'] {
    const views = openMemoryViews();
    const apply = views.store.apply.bind(views.store);
    views.store.apply = (projection, build, ops, ...rest) => {
      if (projection.name === 'members') this.written.push(...ops.map(({ value }) => value));
      return apply(projection, build, ops, ...rest);
    };
    return views;
  }
  /** An id with this prefix whose member events are in another partition than those of `of`. */
  async elsewhere(of: string, prefix: string): Promise<string> {
    const count = await this.log.partitions(PAYER_MEMBER_EVENTS);
    for (let i = 0; ; i++) if (partitionFor(`${prefix}${i}`, count) !== partitionFor(of, count)) return `${prefix}${i}`;
  }
}

/**
 * How many events the tests of one file may create. Each is a millisecond later than the one before, and none may reach
 * START: the intake would take it for an event of the future and make a dead letter of it.
 */
const MOST_EVENTS = 3_600_000;
let n = 0;
export const payerEvent = (
  type: string,
  subject: string | undefined,
  data: unknown,
  more: Partial<DomainEvent> = {},
): DomainEvent => {
  if (++n > MOST_EVENTS) throw new Error('the next event would lie in the future: raise MOST_EVENTS');
  return {
    id: `e-${n}`,
    source: 'urn:payer',
    type,
    time: instant(START - MOST_EVENTS + n),
    data,
    ...(subject !== undefined && { subject }),
    ...more,
  };
};
export const optedOut = (member: string, more: Partial<DomainEvent> = {}): DomainEvent =>
  payerEvent('payer.member-opted-out.v1', member, {}, more);
export const optedIn = (member: string, more: Partial<DomainEvent> = {}): DomainEvent =>
  payerEvent('payer.member-opted-in.v1', member, {}, more);
export const merged = (survivor: string, retired: string, more: Partial<DomainEvent> = {}): DomainEvent =>
  payerEvent('payer.members-merged.v1', survivor, { from: retired }, more);

const concept = (system: string, code: string): object => ({
  coding: [{ system: `http://terminology.hl7.org/CodeSystem/${system}`, code }],
});
/** A FHIR Consent that denies, in the form of the opt-out example of PDex 2.2. `over` replaces elements. */
export const denyingConsent = (member: string | undefined, over: object = {}): object => ({
  resourceType: 'Consent',
  id: 'c1',
  status: 'active',
  scope: concept('consentscope', 'patient-privacy'),
  category: [concept('v3-ActCode', 'IDSCL')],
  ...(member !== undefined && { patient: { reference: `Patient/${member}` } }),
  provision: { type: 'deny', period: { start: '2024-06-11' } },
  ...over,
});

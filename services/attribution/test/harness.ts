import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import {
  deadLetterTopic,
  type DomainEvent,
  encodeEvent,
  PA_CONSENT,
  PA_REGISTRY,
  PAYER_MEMBER_EVENTS,
  PAYER_PROVIDER_EVENTS,
  type ProviderKey,
} from '@provider-access/events';
import { Derivation, type NewRecord, type Position, type Subscription } from '@provider-access/engines/log';
import { openMemoryLog } from '@provider-access/engines/log/memory';
import { EventLogTransport } from '@provider-access/engines/log/transport';
import { Facts } from '@provider-access/facts';
import { instant } from '@provider-access/kernel';
import { createServiceApp, type ServicePorts } from '@provider-access/service/http';
import { Metrics, silentLogger } from '@provider-access/service/observability';
import { PayerDays } from '@provider-access/domain/pdex/days';
import { SigningKeys, StaticTokens, TokenIssuer } from '@provider-access/smart';
import type { State } from '@provider-access/engines/state';
import { openMemoryState } from '@provider-access/engines/state/memory';
import { openMemoryViews } from '@provider-access/engines/views/memory';
import { AttributionModule, attributionConfig, attributionSettings } from '../src/index.ts';
import type { AttributionConfig } from '../src/config.ts';

export const START = Date.UTC(2026, 5, 1, 12);
export const ADMIN = 'administrator-token-of-the-tests-0123456789';
export const NPI = '1000000001';
export const OTHER_NPI = '1000000002';

/** The service on memory engines, with a clock that stands still, and a stand-in for consent's progress. */
export class Harness {
  now = START;
  readonly log = openMemoryLog({ now: () => this.now });
  readonly state = openMemoryState({ log: this.log, now: () => this.now });
  /** Calls of the state store since the test emptied this list. */
  readonly statements: string[] = [];
  readonly ports: ServicePorts = {
    log: this.log,
    views: openMemoryViews(),
    state: countedState(this.state, this.statements),
    clock: { now: () => this.now },
    logger: silentLogger,
    metrics: new Metrics(),
  };
  readonly transport = new EventLogTransport({ log: this.log });
  app!: NestFastifyApplication;
  facts!: Facts;
  private folder!: string;
  private tokens!: TokenIssuer;
  private consent: Subscription | undefined;

  /** `days` is how dates of events are read. Most tests are about something else, so a day is a UTC day. */
  async start(config: Partial<AttributionConfig> = {}, days = new PayerDays(['UTC'])): Promise<this> {
    this.folder = await mkdtemp(join(tmpdir(), 'attribution-'));
    const { first } = await SigningKeys.open(join(this.folder, 'keys.json'));
    this.tokens = new TokenIssuer({ key: () => first, publicUrl: 'https://pa.example', clock: this.ports.clock });
    await this.log.append(PA_REGISTRY, [
      encodeEvent({
        id: 'k',
        source: 'urn:provider-access:auth',
        type: 'pa.signing-key-published.v1',
        time: instant(this.now),
        subject: first.kid,
        data: { kid: first.kid, jwk: first.publicJwk },
      }),
    ]);
    const module = AttributionModule.register({
      ports: this.ports,
      config: { ...attributionConfig(attributionSettings.parse({ PUBLIC_URL: 'https://pa.example' })), ...config },
      staticTokens: new StaticTokens({ administrator: ADMIN }),
      days,
    });
    this.app = await createServiceApp(module, {
      name: 'attribution',
      logger: silentLogger,
      metrics: this.ports.metrics,
      strategy: this.transport,
    });
    await this.app.startAllMicroservices();
    this.facts = this.app.get(Facts);
    await this.startConsent();
    return this;
  }
  async stop(): Promise<void> {
    await this.stopConsent();
    await this.app.close();
    await this.log.close();
    await this.state.close();
    await rm(this.folder, { recursive: true });
  }
  async startConsent(): Promise<void> {
    const derivation = new Derivation({ log: this.log, deriver: 'consent', progressTopic: PA_CONSENT });
    this.consent = await this.log.subscribe({
      group: 'consent-intake',
      topics: [PAYER_MEMBER_EVENTS],
      handle: (batch) => derivation.complete(batch, { outputs: [], outcomes: [] }),
    });
  }
  async stopConsent(): Promise<void> {
    await this.consent?.stop();
    this.consent = undefined;
  }

  /** Appends payer events and waits until the facts have passed them. */
  async publish(...events: readonly DomainEvent[]): Promise<void> {
    await this.append(...events);
    if (!(await this.facts.access.waitForPayer(await this.payerHead(), 60_000)))
      throw new Error('the facts did not pass the events');
  }
  async append(...events: readonly DomainEvent[]): Promise<void> {
    for (const event of events)
      await this.log.append(event.type.includes('network') ? PAYER_PROVIDER_EVENTS : PAYER_MEMBER_EVENTS, [
        encodeEvent(event),
      ]);
  }
  /**
   * What an operator does: publishes the event with the hint of a replay, and the dead-letter topic names its place.
   */
  async replay(deadLetter: string, event: DomainEvent, parkedOn: string = PAYER_MEMBER_EVENTS): Promise<void> {
    const topic = event.type.includes('network') ? PAYER_PROVIDER_EVENTS : PAYER_MEMBER_EVENTS;
    const record = encodeEvent({ ...event, extensions: { ...event.extensions, pareplayof: deadLetter } });
    const [{ partition, offset }] = (await this.log.append(topic, [record])) as [{ partition: number; offset: number }];
    const data = {
      deadLetter,
      by: 'payer',
      corrected: true,
      event: event.id,
      at: instant(this.now),
      place: { topic, partition, offset },
    };
    const note = {
      id: randomUUID(),
      source: 'urn:provider-access:resources',
      type: 'pa.dead-letter-replayed.v1',
      time: data.at,
      subject: deadLetter,
      data,
    };
    await this.log.append(deadLetterTopic(parkedOn), [encodeEvent(note)]);
    if (!(await this.facts.access.waitForPayer(await this.payerHead(), 60_000)))
      throw new Error('the facts did not pass the events');
  }
  async appendRaw(record: NewRecord): Promise<void> {
    await this.log.append(PAYER_MEMBER_EVENTS, [record]);
    await this.facts.access.waitForPayer(await this.payerHead(), 60_000);
  }
  payerHead(): Promise<Position> {
    return this.log.head([PAYER_MEMBER_EVENTS, PAYER_PROVIDER_EVENTS]);
  }
  /** The events that consent would have published. */
  async consentSays(type: string, member: string | undefined, data: Record<string, unknown>): Promise<void> {
    const event: DomainEvent = {
      id: randomUUID(),
      source: 'urn:provider-access:consent',
      type,
      time: instant(this.now),
      data: { ...data, ...(member !== undefined && { member }) },
      ...(member !== undefined && { subject: member }),
      extensions: { pasource: 'urn:payer' },
    };
    await this.log.append(PA_CONSENT, [encodeEvent(event, { key: member ?? 'source' })]);
    await this.settle();
  }
  /** Waits until all our records in the log have been read. */
  async settle(): Promise<void> {
    const head = await this.log.head(['pa.members', 'pa.attribution', PA_CONSENT]);
    if (!(await this.facts.reader.waitFor(head, 60_000))) throw new Error('the view did not pass');
    await this.facts.parties.waitFor(
      await this.log.head(['pa.registry', 'pa.providers', 'pa.attribution', PA_CONSENT]),
      60_000,
    );
    await this.facts.freshness.poll();
  }

  /** An approved app, bound to providers; returns the header of its token. */
  async app1(
    client: string,
    providers: readonly ProviderKey[],
    scope = 'system/Group.rs',
  ): Promise<{ authorization: string }> {
    const at = instant(this.now);
    const event = (type: string, data: unknown): NewRecord =>
      encodeEvent({ id: randomUUID(), source: 'urn:provider-access:auth', type, time: at, subject: client, data });
    await this.log.append(PA_REGISTRY, [
      event('pa.app-registered.v1', {
        client,
        name: client,
        scope,
        contacts: [],
        npis: [],
        tins: [],
        registrationTokenHash: 'x',
        registeredAt: at,
      }),
      event('pa.app-approved.v1', { client, providers, scope, by: 'test' }),
    ]);
    await this.settle();
    return { authorization: `Bearer ${(await this.tokens.issue(client, scope)).token}` };
  }
  get(url: string, headers: Record<string, string>) {
    return this.app.inject({ method: 'GET', url, headers });
  }
  /** Moves the clock, and confirms the facts at the new time if possible. */
  async advance(ms: number): Promise<void> {
    this.now += ms;
    await this.facts.freshness.poll();
  }
}

/** The same state; it records calls of streams and claims. */
function countedState<S extends State>(state: S, calls: string[]): S {
  const counting = <T extends object>(port: T, name: string): T =>
    new Proxy(port, {
      get: (target, method) => {
        const value: unknown = Reflect.get(target, method, target);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]): unknown => {
          calls.push(`${name}.${String(method)}`);
          return Reflect.apply(value, target, args) as unknown;
        };
      },
    });
  return { ...state, streams: counting(state.streams, 'streams'), claims: counting(state.claims, 'claims') };
}

let n = 0;
export const payerEvent = (
  type: string,
  subject: string | undefined,
  data: unknown,
  more: Partial<DomainEvent> = {},
): DomainEvent => ({
  id: `e-${++n}`,
  source: 'urn:payer',
  type,
  time: instant(START - 60_000),
  data,
  ...(subject !== undefined && { subject }),
  ...more,
});
export const enrolled = (member: string): DomainEvent =>
  payerEvent('payer.member-enrolled.v1', member, { coverageId: `cov-${member}`, from: '2025-01-01' });
export const attributed = (member: string, npi = NPI): DomainEvent =>
  payerEvent('payer.attribution-asserted.v1', member, { provider: { npi }, from: '2025-01-01' });
export const inNetwork = (npi = NPI, status = 'in-network'): DomainEvent =>
  payerEvent('payer.network-status-changed.v1', npi, { npi, status, from: '2025-01-01' });

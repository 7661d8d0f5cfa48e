import { randomUUID } from 'node:crypto';
import type { DynamicModule } from '@nestjs/common';
import {
  type DomainEvent,
  encodeEvent,
  PA_ATTESTATIONS,
  PA_ATTRIBUTION,
  PA_CONSENT,
  PA_GROUPS,
  PAYER_MEMBER_EVENTS,
  type ProviderKey,
} from '@provider-access/events';
import type { NewRecord, Subscription } from '@provider-access/engines/log';
import { attested, groups, matchedGroups, memberships } from '@provider-access/facts';
import { instant } from '@provider-access/kernel';
import { PayerDays } from '@provider-access/domain/pdex/days';
import {
  appendFacts,
  linesSet,
  approvedApp,
  IntakeHarness,
  issuerOf,
  payerEvent,
  standIn,
} from '@provider-access/process/testing';
import { createServiceApp } from '@provider-access/service/http';
import { StaticTokens, type TokenIssuer } from '@provider-access/smart';
import { AttributionModule } from '../src/attribution.module.ts';
import { attributionConfig, type AttributionConfig, attributionSettings } from '../src/config.ts';

export { payerEvent, START } from '@provider-access/process/testing';

const PUBLIC_URL = 'https://pa.example';
export const ADMIN = 'administrator-token-of-the-tests-0123456789';
export const PAYER = 'payer-token-of-the-tests-0123456789-abcdef';
export const NPI = '1000000001';
export const OTHER_NPI = '1000000002';

/** The service on memory engines, with a clock that stands still, and a stand-in for consent's progress. */
export class Harness extends IntakeHarness {
  #tokens!: TokenIssuer;
  #consent: Subscription | undefined;

  /** `days` is how dates of events are read. Most tests are about something else, so a day is a UTC day. */
  async start(config: Partial<AttributionConfig> = {}, days = new PayerDays(['UTC'])): Promise<this> {
    this.#tokens = await issuerOf(this.log, PUBLIC_URL, this.ports.clock);
    await this.run('attribution', this.#module(config, days));
    await this.startConsent();
    return this;
  }
  #module(config: Partial<AttributionConfig>, days = new PayerDays(['UTC']), ports = this.ports): DynamicModule {
    return AttributionModule.register(
      { ports, staticTokens: new StaticTokens({ administrator: ADMIN, payer: PAYER }), days },
      { ...attributionConfig(attributionSettings.parse({ PUBLIC_URL })), ...config },
    );
  }
  /** Starts another process of the service over the same engines. Close it before this harness. */
  another(config: Partial<AttributionConfig> = {}, ports = this.ports): ReturnType<typeof createServiceApp> {
    return createServiceApp(this.#module(config, undefined, ports), { name: 'attribution', ports });
  }
  override async stop(): Promise<void> {
    await this.stopConsent();
    await super.stop();
  }
  async startConsent(): Promise<void> {
    this.#consent = await standIn(this.log, 'consent', PAYER_MEMBER_EVENTS, PA_CONSENT);
  }
  async stopConsent(): Promise<void> {
    await this.#consent?.stop();
    this.#consent = undefined;
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
  /** What a match would have appended. */
  async attests(...records: readonly NewRecord[]): Promise<void> {
    await this.log.append(PA_ATTESTATIONS, records);
    const head = await this.log.head([PA_ATTESTATIONS]);
    for (const view of [attested, matchedGroups])
      if (!(await this.views.reader(view).waitFor(head, 60_000))) throw new Error('the view did not pass');
    await this.settle();
  }
  /**
   * Waits also for the views of Groups and of their members: they read what attribution derived, each at its own pace,
   * and a list that a test reads too early lacks members.
   */
  override async passed(): Promise<void> {
    await super.passed();
    for (const [view, topic] of [
      [groups, PA_GROUPS],
      [memberships, PA_ATTRIBUTION],
    ] as const)
      if (!(await this.views.reader(view).waitFor(await this.log.head([topic]), 60_000)))
        throw new Error(`the view ${view.name} did not pass`);
  }
  /** Waits until all our records in the log have been read. */
  async settle(): Promise<void> {
    const head = await this.log.head(['pa.members', 'pa.attribution', PA_CONSENT, PA_ATTESTATIONS]);
    if (!(await this.facts.reader.waitFor(head, 60_000))) throw new Error('the view did not pass');
    await this.facts.parties.waitFor(
      await this.log.head([
        'pa.registry',
        'pa.providers',
        'pa.directory',
        'pa.attribution',
        PA_CONSENT,
        PA_ATTESTATIONS,
      ]),
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
    await appendFacts(this.log, approvedApp(client, providers, scope, instant(this.now)));
    await this.settle();
    return this.token(client, scope);
  }
  /** Sets a table of lines: plans with the instants of their start. */
  async lines(plans: Readonly<Record<string, string | undefined>>): Promise<void> {
    await appendFacts(this.log, [linesSet(1, plans, instant(this.now))]);
    await this.settle();
  }
  /** The header of a new token, because a token ends after five minutes of the clock. */
  async token(client: string, scope = 'system/Group.rs', approvals = 1): Promise<{ authorization: string }> {
    return { authorization: `Bearer ${(await this.#tokens.issue(client, scope, approvals)).token}` };
  }
  get(url: string, headers: Record<string, string>, method: 'GET' | 'HEAD' = 'GET') {
    return this.app.inject({ method, url, headers });
  }
  /** Moves the clock, and confirms the facts at the new time if possible. */
  async advance(ms: number): Promise<void> {
    this.now += ms;
    await this.facts.freshness.poll();
  }
}

export const enrolled = (member: string): DomainEvent =>
  payerEvent('payer.member-enrolled.v1', member, { coverageId: `cov-${member}`, from: '2025-01-01' });
export const attributed = (member: string, npi = NPI): DomainEvent =>
  payerEvent('payer.attribution-asserted.v1', member, { provider: { npi }, from: '2025-01-01' });
export const inNetwork = (npi = NPI, status = 'in-network'): DomainEvent =>
  payerEvent('payer.network-status-changed.v1', npi, { npi, status, from: '2025-01-01' });
/** Enrolments and attributions of members to the provider `NPI`. */
export const panel = (...members: readonly string[]): DomainEvent[] =>
  members.flatMap((member) => [enrolled(member), attributed(member)]);
/** A Coverage of the member `m1` by this payer, whose id is that of its enrolment. */
export const coverageOf = (elements: object, more: Partial<DomainEvent> = {}): DomainEvent =>
  payerEvent(
    'payer.resource-recorded.v1',
    'm1',
    {
      resource: {
        resourceType: 'Coverage',
        id: 'cov-m1',
        status: 'active',
        beneficiary: { reference: 'Patient/m1' },
        payor: [{ reference: 'Organization/payer' }],
        period: { start: '2024' },
        ...elements,
      },
    },
    more,
  );

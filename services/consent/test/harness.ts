import {
  type DomainEvent,
  PA_ATTRIBUTION,
  PA_CONSENT,
  PA_PROVIDERS,
  PAYER_MEMBER_EVENTS,
  PAYER_PROVIDER_EVENTS,
} from '@provider-access/events';
import { partitionFor, type Subscription } from '@provider-access/engines/log';
import { FACTS_PROJECTIONS } from '@provider-access/facts';
import { PayerDays } from '@provider-access/domain/pdex/days';
import {
  appendFacts,
  approvedApp,
  attributed,
  covered,
  inNetwork,
  IntakeHarness,
  payerEvent,
  standIn,
} from '@provider-access/process/testing';
import { ProjectionSet } from '@provider-access/engines/views';
import { consentConfig, type ConsentConfig, consentSettings } from '../src/config.ts';
import { ConsentModule } from '../src/consent.module.ts';

export { payerEvent, START } from '@provider-access/process/testing';

const NPI = 'npi|1000000001';

/** The service on memory engines, with a stand-in for attribution: the views, and members that one client may see. */
export class Harness extends IntakeHarness {
  /** Documents that were written into the members' facts, since the test emptied this list. */
  readonly written: unknown[] = [];
  readonly #projections = new ProjectionSet({
    log: this.log,
    views: this.views,
    projections: FACTS_PROJECTIONS,
  });
  #attribution: Subscription[] = [];

  /** `days` is how dates of events are read. Most tests are about something else, so a day is a UTC day. */
  async start(config: Partial<ConsentConfig> = {}, days = new PayerDays(['UTC'])): Promise<this> {
    const { store } = this.views;
    const apply = store.apply.bind(store);
    store.apply = (projection, build, ops, ...rest) => {
      if (projection.name === 'members') this.written.push(...ops.map(({ value }) => value));
      return apply(projection, build, ops, ...rest);
    };
    await this.#projections.start();
    this.#attribution = [
      await standIn(this.log, 'attribution', PAYER_MEMBER_EVENTS, PA_ATTRIBUTION),
      await standIn(this.log, 'attribution', PAYER_PROVIDER_EVENTS, PA_PROVIDERS),
    ];
    await appendFacts(this.log, [...approvedApp('c1', [NPI]), inNetwork(NPI)]);
    await this.run(
      'consent',
      ConsentModule.register({ ports: this.ports, days }, { ...consentConfig(consentSettings.parse({})), ...config }),
    );
    return this;
  }
  override async stop(): Promise<void> {
    await Promise.all([...this.#attribution, this.#projections].map((part) => part.stop()));
    await super.stop();
  }

  /** The events that attribution would have published about a covered and attributed member. */
  async member(member: string, source?: string): Promise<void> {
    const facts = [covered(member), attributed(member, NPI)];
    await appendFacts(this.log, facts, source);
    if (!(await this.facts.reader.waitFor(await this.log.head(facts.map(({ topic }) => topic)), 60_000)))
      throw new Error('the facts did not pass the events about the member');
  }
  override async passed(): Promise<void> {
    await super.passed();
    const ours = await this.log.head([PA_CONSENT]);
    for (const facts of [this.facts.reader, this.facts.parties])
      if (!(await facts.waitFor(ours, 60_000))) throw new Error('the facts did not pass what the intake derived');
    await this.facts.freshness.poll();
  }
  async verdict(member: string): Promise<string> {
    const decision = await this.facts.access.decide('c1', { kind: 'read' }, member);
    return decision.permit ? 'permit' : decision.reason;
  }
  /** An id with this prefix whose member events are in another partition than those of `of`. */
  async elsewhere(of: string, prefix: string): Promise<string> {
    const count = await this.log.partitions(PAYER_MEMBER_EVENTS);
    for (let i = 0; ; i++) if (partitionFor(`${prefix}${i}`, count) !== partitionFor(of, count)) return `${prefix}${i}`;
  }
}

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

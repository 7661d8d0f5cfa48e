import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import {
  encodeEvent,
  PA_ATTRIBUTION,
  PA_CONSENT,
  PA_GROUPS,
  PA_PROVIDERS,
  PA_RECORDS,
  PA_REGISTRY,
  PAYER_MEMBER_EVENTS,
  PAYER_PROVIDER_EVENTS,
  PROGRESS_TYPE,
  type ProviderKey,
} from '@provider-access/events';
import type { EventLog, NewRecord } from '@provider-access/engines/log';
import {
  approval,
  approvedApp,
  attributed,
  covered,
  type Fact,
  inNetwork,
  linesSet,
  LONG_AGO,
  optedOut,
  planned,
} from '@provider-access/process/testing';
import type { LinesFact } from '@provider-access/domain/access';
import { RECALLED } from '@provider-access/domain/pdex/labels';
import { attested, Facts, groups, matchedGroups, memberships } from '@provider-access/facts';
import { memberFacts } from '@provider-access/facts/views';
import type { Clock } from '@provider-access/kernel';
import { labelled, recordId, records } from '@provider-access/records';
import type { Views } from '@provider-access/engines/views';

export const NPI = 'npi|1234567893';
export const GROUP = 'g-one';
export const ALL = 'system/*.rs';
/** The suffix that `derivedEventId` adds for the payer's source, which is the same for all events of the tests. */
const ONE_SOURCE = 'urn-payer0';

/** Appends the events that the other services would derive from the payer's events. */
export abstract class Publisher {
  log!: EventLog;
  clock: Clock & { offset: number } = {
    offset: 0,
    now() {
      return Date.now() + this.offset;
    },
  };
  protected app!: NestFastifyApplication;
  protected views!: Views;
  #sequence = 0;

  /** Appends our events and waits until every view that reads them has passed them. */
  async append(
    topic: string,
    events: readonly { type: string; subject: string; data: unknown; key?: string; at?: string }[],
  ): Promise<void> {
    const at = new Date(this.clock.now()).toISOString();
    const encoded: NewRecord[] = events.map((e) =>
      encodeEvent(
        {
          id: `e${process.hrtime.bigint()}-${this.#sequence++}~${ONE_SOURCE}`,
          source: 'urn:test',
          type: e.type,
          time: e.at ?? at,
          subject: e.subject,
          data: e.data,
          extensions: { pasource: 'urn:payer' },
        },
        { key: e.key ?? e.subject, partitionKey: e.subject },
      ),
    );
    await this.log.append(topic, encoded);
    const head = await this.log.head([topic]);
    for (const projection of [memberFacts, memberships, groups, attested, matchedGroups, records, labelled]) {
      if (topic in projection.topics && !(await this.views.reader(projection).waitFor(head, 60_000)))
        throw new Error(`${projection.name} did not pass ${topic}`);
    }
    // Clients and the network are in the memory of the process. Wait, so that the next request knows them.
    if (
      [PA_REGISTRY, PA_PROVIDERS].includes(topic) &&
      !(await this.app.get(Facts, { strict: false }).parties.waitFor(head, 60_000))
    )
      throw new Error(`the parties did not pass ${topic}`);
  }
  async #facts(...facts: readonly Fact[]): Promise<void> {
    for (const [topic, events] of Map.groupBy(facts, (fact) => fact.topic)) await this.append(topic, events);
  }
  /** Appends a payer event without its derived events, so that the facts are behind until `derived` is called. */
  async published(): Promise<void> {
    const record = encodeEvent(
      { id: `p${this.#sequence++}`, source: 'urn:payer', type: 'payer.member-changed.v1', time: LONG_AGO, data: {} },
      { key: 'm', partitionKey: 'm' },
    );
    await this.log.append(PAYER_MEMBER_EVENTS, [record]);
  }
  /** Appends the progress of every intake up to the present heads of the payer's topics. */
  async derived(): Promise<void> {
    for (const [topic, derivers] of [
      [PAYER_MEMBER_EVENTS, { attribution: PA_ATTRIBUTION, consent: PA_CONSENT, resources: PA_RECORDS }],
      [PAYER_PROVIDER_EVENTS, { attribution: PA_PROVIDERS, resources: PA_RECORDS }],
    ] as const) {
      const heads = (await this.log.head([topic]))[topic] ?? [];
      for (const [deriver, to] of Object.entries(derivers)) {
        await this.append(
          to,
          heads.map((next, partition) => ({
            type: PROGRESS_TYPE,
            subject: deriver,
            key: `progress/${deriver}/${topic}/${partition}`,
            data: { deriver, topic, partition, next },
          })),
        );
      }
    }
  }
  /** Moves the clock, and confirms the facts of the first process at the new time. */
  async advance(ms: number): Promise<void> {
    this.clock.offset += ms;
    await this.app.get(Facts, { strict: false }).freshness.poll();
  }
  /** How often each client was approved, if more than once. */
  protected readonly approvals = new Map<string, number>();
  client(client: string, provider = NPI): Promise<void> {
    return this.#facts(...approvedApp(client, [provider]), inNetwork(provider));
  }
  /** Tokens from now on are of this approval. */
  approve(client: string, provider = NPI): Promise<void> {
    this.approvals.set(client, (this.approvals.get(client) ?? 1) + 1);
    return this.#facts(approval(client, [provider]));
  }
  suspend(client: string): Promise<void> {
    return this.append(PA_REGISTRY, [
      { type: 'pa.app-suspended.v1', subject: client, data: { client, by: 'test', reason: 'attack-observed' } },
    ]);
  }
  /**
   * Ends the binding of the client, at `to` (ms since the epoch) or now, as auth records it (APPS.md P1, P4). Tokens
   * from now on are of this decision.
   */
  async endBinding(client: string, to = this.clock.now(), provider: ProviderKey = NPI): Promise<void> {
    const { parties } = this.app.get(Facts, { strict: false });
    const { from } = parties.client(client)!.bindings.findLast((binding) => binding.provider === provider)!;
    const end = { provider, from, to: new Date(to).toISOString(), by: 'test', reason: 'contract-ended' };
    this.approvals.set(client, (this.approvals.get(client) ?? 1) + 1);
    const data = { client, providers: [], scope: 'system/*.rs', by: 'test', bindings: [end], ended: provider };
    await this.append(PA_REGISTRY, [{ type: 'pa.app-approved.v1', subject: client, data }]);
  }
  async group(group = GROUP, provider = NPI): Promise<void> {
    await this.append(PA_GROUPS, [
      { type: 'pa.group-opened.v1', subject: group, data: { group, providers: [provider], openedAt: LONG_AGO } },
    ]);
  }
  /** Covers members and attributes them since `from`. */
  async members(
    members: readonly string[],
    { group = GROUP, provider = NPI, from = LONG_AGO }: { group?: string; provider?: string; from?: string } = {},
  ): Promise<void> {
    await this.#facts(
      ...members.map((member) => covered(member)),
      ...members.map((member) => attributed(member, provider, group, from)),
    );
  }
  /** Ends the attribution of a member to a provider now. */
  async unattribute(member: string, { provider }: { provider: string }): Promise<void> {
    const at = new Date(this.clock.now()).toISOString();
    const data = { member, providers: [provider], to: at, businessTime: at };
    await this.append(PA_ATTRIBUTION, [{ type: 'pa.attribution-ended.v1', subject: member, at, data }]);
  }
  /** Attributes a member who has no coverage. */
  attributedOnly(member: string): Promise<void> {
    return this.#facts(attributed(member, NPI, GROUP, LONG_AGO));
  }
  /** Denies a member because of a dead letter. */
  held(member: string): Promise<void> {
    const data = { member, source: 'urn:payer', deadLetter: `dl-${member}`, eventType: 'payer.member-enrolled.v1' };
    return this.append(PA_CONSENT, [{ type: 'pa.access-held.v1', subject: member, data }]);
  }
  #tables = 0;
  /** Sets a table of lines of business: plans with the instants of their start. */
  setLines(plans: Readonly<Record<string, string | undefined>>): Promise<void> {
    return this.#facts(linesSet((this.#tables += 1), plans, new Date(this.clock.now()).toISOString()));
  }
  /** The tables that the first process knows. */
  tables(): readonly LinesFact[] {
    return this.app.get(Facts, { strict: false }).parties.lines();
  }
  /** Tells the plans of coverages. */
  plans(member: string, plans: Readonly<Record<string, string>>): Promise<void> {
    const at = new Date(this.clock.now()).toISOString();
    return this.#facts(...Object.entries(plans).map(([coverage, plan]) => planned(member, coverage, plan, at)));
  }
  optOut(member: string): Promise<void> {
    return this.#facts(optedOut(member, new Date(this.clock.now() - 1).toISOString()));
  }
  async optIn(member: string): Promise<void> {
    const at = new Date(this.clock.now()).toISOString();
    await this.append(PA_CONSENT, [
      { type: 'pa.opted-in.v1', subject: member, data: { member, effective: at, businessTime: at, setBy: 'member' } },
    ]);
  }
  async resources(
    list: readonly {
      member: string;
      type: string;
      id: string;
      references?: readonly string[];
      /** `Type/id` of the targets of a Provenance. */
      targets?: readonly string[];
      text?: string;
      /** The whole resource. Default: one with `text`. */
      resource?: object;
      at?: string;
      version?: number;
      /** Security labels, `system|code`. */
      labels?: readonly string[];
      /** Whether an earlier release accepted the resource, which did not write the labels beside the line. */
      former?: boolean;
      /** When an earlier version was recalled. */
      recalled?: string;
    }[],
  ): Promise<void> {
    await this.append(
      PA_RECORDS,
      list.map(
        ({ member, type, id, references = [], text = '', at = LONG_AGO, version = 1, labels = [], ...rest }) => ({
          type: 'pa.record-accepted.v1',
          subject: member,
          key: recordId(member, type, id),
          at,
          data: {
            member,
            type,
            id,
            versionId: version,
            lastUpdated: at,
            businessTime: at,
            sequence: 0,
            contentHash: text,
            references,
            tokens: [],
            ...(rest.recalled !== undefined && { recalled: rest.recalled }),
            ...(rest.former !== true && { labels, ...(rest.targets !== undefined && { targets: rest.targets }) }),
            line: JSON.stringify(
              rest.resource ?? {
                resourceType: type,
                id,
                ...(labels.length > 0 && { meta: { security: labels.map(codingOf) } }),
                ...(rest.targets !== undefined && { target: rest.targets.map((reference) => ({ reference })) }),
                text,
              },
            ),
          },
        }),
      ),
    );
  }
  /** A version of the Consent by which the member permits the release of resources with a label. */
  async consent(member: string, label: string, version: number, status = 'active'): Promise<void> {
    const at = new Date(this.clock.now()).toISOString();
    const line = JSON.stringify({
      resourceType: 'Consent',
      id: `${member}-labels`,
      status,
      scope: {
        coding: [{ system: 'http://terminology.hl7.org/CodeSystem/consentscope', code: 'patient-privacy' }],
      },
      provision: { type: 'permit', securityLabel: [codingOf(label)] },
    });
    await this.append(PA_RECORDS, [
      {
        type: 'pa.record-accepted.v1',
        subject: member,
        key: recordId(member, 'Consent', `${member}-labels`),
        data: {
          ...{ member, type: 'Consent', id: `${member}-labels`, versionId: version, lastUpdated: at, businessTime: at },
          ...{ sequence: version, contentHash: status, references: [], tokens: [], labels: [], line },
        },
      },
    ]);
  }
  /** Recalls a resource. Returns the instant. */
  async recall(member: string, type: string, id: string, version = 2): Promise<string> {
    const recalled = new Date(this.clock.now()).toISOString();
    await this.deleted(member, type, id, { reason: 'entered-in-error', labels: [RECALLED], version, recalled });
    return recalled;
  }
  async deleted(
    member: string,
    type: string,
    id: string,
    {
      reason = 'deleted',
      labels,
      targets,
      coverages,
      version = 2,
      recalled,
    }: Partial<Record<'labels' | 'targets' | 'coverages', readonly string[]>> & {
      reason?: string;
      version?: number;
      recalled?: string;
    } = {},
  ): Promise<void> {
    const at = new Date(this.clock.now()).toISOString();
    await this.append(PA_RECORDS, [
      {
        type: 'pa.record-deleted.v1',
        subject: member,
        key: recordId(member, type, id),
        data: {
          member,
          type,
          id,
          versionId: version,
          lastUpdated: at,
          businessTime: at,
          sequence: 0,
          recalled,
          reason,
          labels,
          targets,
          coverages,
        },
      },
    ]);
  }
}

function codingOf(label: string): object {
  const [system, code] = label.split('|');
  return { system, code };
}

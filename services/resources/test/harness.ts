import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import {
  PA_ATTRIBUTION,
  PA_AUDIT,
  PA_CONSENT,
  PA_GROUPS,
  PA_PROVIDERS,
  PAYER_MEMBER_EVENTS,
  PAYER_PROVIDER_EVENTS,
  PAYER_EVENTS,
  type PayerEventType,
  textOf,
  toStructured,
} from '@provider-access/events';
import type { ProfilePolicy } from '@provider-access/domain/pdex/feeds';
import type { CodeList, LabelPolicy } from '@provider-access/domain/pdex/labels';
import type { Blobs } from '@provider-access/engines/blob';
import { openFsBlobs } from '@provider-access/engines/blob/fs';
import type { Batch, EventLog, OutcomeRow, Subscription } from '@provider-access/engines/log';
import { openMemoryLog } from '@provider-access/engines/log/memory';
import { Facts, FACTS_PROJECTIONS } from '@provider-access/facts';
import { createServiceApp, type ServicePorts } from '@provider-access/service/http';
import { derivedRecord } from '@provider-access/intake';
import {
  appendFacts,
  approvedApp,
  attributed,
  type Call,
  covered,
  type Fact,
  inNetwork,
  issuerOf,
  optedOut,
  request,
  standIn,
} from '@provider-access/process/testing';
import { Metrics, silentLogger } from '@provider-access/service/observability';
import { RecordsReader } from '@provider-access/records';
import { newSecret, openKeys, StaticTokens, type TokenIssuer } from '@provider-access/smart';
import type { State } from '@provider-access/engines/state';
import { openMemoryState } from '@provider-access/engines/state/memory';
import { ProjectionSet, type Views } from '@provider-access/engines/views';
import { openMemoryViews } from '@provider-access/engines/views/memory';
import { ResourcesModule } from '../src/resources.module.ts';

const PUBLIC_URL = 'https://pa.example.org';
const NPI = 'npi|1234567893';
const groupOf = (provider: string): string => provider.replace('|', '-');
/** The result of JSON.parse: tests read answers without declaring their types. */
export type Loose = ReturnType<typeof JSON.parse>;
export interface Answer {
  readonly status: number;
  readonly headers: Record<string, unknown>;
  readonly text: string;
  readonly bytes: Buffer;
  json<T = Loose>(): T;
}

export interface HouseOptions {
  readonly log?: EventLog;
  readonly views?: Views;
  readonly state?: State;
  readonly boundMs?: number;
  readonly folder?: string;
  readonly levelsSince?: number;
  readonly labels?: LabelPolicy;
  /** Default: the built-in list. */
  readonly codeLists?: readonly CodeList[];
  /** Bytes. Without it, the service has no file store. */
  readonly attachmentsAbove?: number;
  /** Wraps the file store. */
  readonly blobs?: (blobs: Blobs) => Blobs;
  readonly profiles?: ProfilePolicy;
  readonly sandbox?: true;
}

/**
 * The resources service as a runner starts it. Stand-ins for the intakes of attribution and consent report progress and
 * derive nothing. Tests write facts directly into the topics of those services.
 */
export class House {
  readonly payerToken = newSecret();
  readonly administratorToken = newSecret();
  readonly portalToken = newSecret();
  readonly log: EventLog;
  readonly views: Views;
  readonly state: State;
  readonly records: RecordsReader;
  readonly blobs: Blobs;
  app!: NestFastifyApplication;
  #tokens!: TokenIssuer;
  readonly #folder: string;
  #others!: Record<'attribution' | 'consent', readonly Subscription[]>;
  readonly #facts: ProjectionSet;

  private constructor(options: HouseOptions) {
    this.#folder = options.folder ?? mkdtempSync(join(tmpdir(), 'pa-resources-'));
    this.log = options.log ?? openMemoryLog();
    this.views = options.views ?? openMemoryViews();
    this.state = options.state ?? openMemoryState();
    this.records = new RecordsReader(this.views);
    const blobs = openFsBlobs({ root: this.#folder, reserveBytes: 0 });
    this.blobs = options.blobs?.(blobs) ?? blobs;
    this.#facts = new ProjectionSet({ log: this.log, views: this.views, projections: FACTS_PROJECTIONS });
  }

  static async open(options: HouseOptions = {}): Promise<House> {
    const house = new House(options);
    const { log, views, state, payerToken: payer, administratorToken: administrator, portalToken } = house;
    const clock = { now: () => Date.now() };
    house.#tokens = await issuerOf(log, PUBLIC_URL, clock);
    await house.#facts.start();
    house.#others = {
      attribution: [
        await standIn(log, 'attribution', PAYER_MEMBER_EVENTS, PA_ATTRIBUTION, (batch) => derive('attribution', batch)),
        await standIn(log, 'attribution', PAYER_PROVIDER_EVENTS, PA_PROVIDERS, (batch) => derive('attribution', batch)),
      ],
      consent: [await standIn(log, 'consent', PAYER_MEMBER_EVENTS, PA_CONSENT, (batch) => derive('consent', batch))],
    };
    const file = join(house.#folder, 'page-key');
    const ports: ServicePorts = { log, views, state, clock, logger: silentLogger, metrics: new Metrics() };
    const module = ResourcesModule.register({
      ports,
      config: {
        publicUrl: PUBLIC_URL,
        boundMs: options.boundMs ?? 20_000,
        pollMs: 20,
        levelsSince: options.levelsSince,
        ...(options.labels !== undefined && { labels: options.labels }),
        ...(options.codeLists !== undefined && { codeLists: options.codeLists }),
        ...(options.attachmentsAbove !== undefined && { attachmentsAbove: options.attachmentsAbove }),
        ...(options.profiles !== undefined && { profiles: options.profiles }),
        ...(options.sandbox === true && { sandbox: true }),
      },
      staticTokens: new StaticTokens({ payer, administrator, 'member-portal': portalToken }),
      ...(options.attachmentsAbove !== undefined && { blobs: house.blobs }),
      pageKeys: await openKeys({ role: 'page links', file, create: true, everyMs: 0 }),
    });
    house.app = await createServiceApp(module, { name: 'resources', ports });
    return house;
  }

  async close(): Promise<void> {
    await this.app.close();
    await this.stopIntake('attribution');
    await this.stopIntake('consent');
    await this.#facts.stop();
    await this.views.close();
    await this.state.close();
    await this.log.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Stops a stand-in and publishes an event that it does not handle any more, so that the facts grow old. */
  async ageFacts(name: 'attribution' | 'consent'): Promise<void> {
    await this.stopIntake(name);
    const event = {
      specversion: '1.0',
      id: 'x',
      source: '/p',
      type: 'payer.member-changed.v1',
      subject: 'm1',
      data: {},
    };
    await this.call('POST', '/events', {
      token: this.payerToken,
      headers: { 'content-type': 'application/x-ndjson' },
      body: JSON.stringify({ ...event, time: '2025-01-01T00:00:00Z' }),
    });
  }

  /** Stops a stand-in for another service. */
  async stopIntake(name: 'attribution' | 'consent'): Promise<void> {
    await Promise.all(this.#others[name].map((intake) => intake.stop()));
  }

  async call(
    method: 'GET' | 'POST' | 'HEAD',
    url: string,
    { body, ...call }: Omit<Call, 'method' | 'body'> & { body?: string | object } = {},
  ): Promise<Answer> {
    const json = typeof body === 'object';
    const {
      status,
      headers,
      body: text,
      bytes,
    } = await request(this.app, url, {
      ...call,
      method,
      headers: { ...(json && { 'content-type': 'application/json' }), ...call.headers },
      body: json ? JSON.stringify(body) : body,
    });
    return { status, headers, text, bytes, json: () => JSON.parse(text) as never };
  }

  /** Publishes events as NDJSON; resolves with rows, summary and, once all are handled, the receipt. */
  async publish(events: readonly (EventInput | string)[]): Promise<{ rows: Loose[]; summary: Loose; receipt: Loose }> {
    const body = events.map((e) => (typeof e === 'string' ? e : JSON.stringify(event(e)))).join('\n');
    const answer = await this.call('POST', '/events', {
      token: this.payerToken,
      headers: { 'content-type': 'application/x-ndjson' },
      body,
    });
    if (answer.status !== 200) throw new Error(`publish: ${answer.status} ${answer.text}`);
    const lines = answer.text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Loose);
    const { summary } = lines.pop();
    const receipt =
      summary.accepted + summary.effective === 0
        ? undefined
        : (await this.call('GET', `/events/receipts/${summary.receipt}?wait=10`, { token: this.payerToken })).json();
    return { rows: lines, summary, receipt };
  }

  /** Waits until the records views have passed everything that is in the log. */
  async settled(): Promise<void> {
    const inbound = await this.log.head([PAYER_MEMBER_EVENTS, PAYER_PROVIDER_EVENTS]);
    for (const view of Object.values(this.records.views))
      if (!(await view.waitFor(inbound, 10_000, ['resources']))) throw new Error('the views did not settle');
  }

  /** What `pa.audit` has, in the order of each partition. */
  async audited(): Promise<readonly Loose[]> {
    const { [PA_AUDIT]: head } = await this.log.head([PA_AUDIT]);
    const all = await Promise.all(head!.map((end, partition) => this.log.read(PA_AUDIT, partition, 0, end)));
    return all.flat().map((record) => JSON.parse(textOf(record)) as Loose);
  }

  async token(client: string, scope = 'system/*.rs'): Promise<string> {
    return (await this.#tokens.issue(client, scope, 1)).token;
  }

  /** Registers and approves a client for a provider that is in network. */
  approve(client: string, provider = NPI): Promise<void> {
    const opened = { group: groupOf(provider), providers: [provider], openedAt: '2020-01-01T00:00:00.000Z' };
    return this.#append(...approvedApp(client, [provider]), inNetwork(provider), {
      topic: PA_GROUPS,
      type: 'pa.group-opened.v1',
      subject: opened.group,
      data: opened,
    });
  }
  /** Covers a member and attributes it to the provider. */
  attribute(member: string, provider = NPI): Promise<void> {
    return this.#append(covered(member), attributed(member, provider, groupOf(provider)));
  }
  optOut(member: string): Promise<void> {
    return this.#append(optedOut(member, '2024-06-01T00:00:00.000Z'));
  }
  /** Appends what other services derived, and waits until the facts have it. */
  derived(...facts: readonly Fact[]): Promise<void> {
    return this.#append(...facts);
  }

  async #append(...facts: readonly Fact[]): Promise<void> {
    await appendFacts(this.log, facts, '/payer');
    const topics = ['pa.registry', PA_PROVIDERS, 'pa.members', PA_ATTRIBUTION, PA_CONSENT, PA_GROUPS];
    const head = await this.log.head(topics);
    const parties = this.app.get(Facts).parties;
    const { [PA_PROVIDERS]: providers, 'pa.registry': registry } = head;
    for (const projection of FACTS_PROJECTIONS)
      await this.views
        .reader(projection)
        .waitFor(Object.fromEntries(Object.keys(projection.topics).map((topic) => [topic, head[topic] ?? []])), 60_000);
    await parties.waitFor({ [PA_PROVIDERS]: providers!, 'pa.registry': registry! }, 60_000);
  }
}

/** What a service would derive from its own events: outcomes, and from global opt-outs what consent publishes. */
const derive = (name: 'attribution' | 'consent', batch: Batch) => ({
  outputs: [{ topic: PA_CONSENT, records: name === 'consent' ? optOutsOf(batch) : [] }],
  outcomes: batch.records
    .filter((r) => PAYER_EVENTS[r.headers['ce_type'] as PayerEventType].owner === name)
    .map(({ headers: h }): OutcomeRow => ({ event: h['ce_id']!, outcome: 'recorded', receipt: h['ce_pareceipt'] })),
});

/** The events that the consent service would derive from global opt-outs. */
const optOutsOf = ({ records }: Batch) =>
  records
    .filter((r) => /^payer\.member-opted-out\.v[12]$/.test(r.headers['ce_type']!))
    .map(({ headers }) => {
      const { ce_id: id, ce_source: source, ce_subject: subject, ce_time: time } = headers as Record<string, string>;
      const data = { member: subject, scope: 'global', effective: time, businessTime: time, setBy: 'member' };
      return derivedRecord({
        deriver: 'consent',
        type: 'pa.opted-out.v1',
        subject: subject!,
        cause: { id: id!, source: source! },
        at: time!,
        data,
      });
    });

export interface EventInput {
  readonly id?: string;
  readonly type?: string;
  readonly subject?: string | undefined;
  readonly time?: string;
  readonly source?: string;
  readonly data?: unknown;
  readonly resource?: object;
  readonly sequence?: number;
}
let count = 0;
/** A structured CloudEvent; with `resource` a payer.resource-recorded.v1. */
export function event(input: EventInput): Record<string, unknown> {
  count += 1;
  return toStructured({
    id: input.id ?? `e${count}`,
    source: input.source ?? '/payer',
    type: input.type ?? 'payer.resource-recorded.v1',
    time: input.time ?? '2025-01-01T00:00:00Z',
    ...('subject' in input ? (input.subject === undefined ? {} : { subject: input.subject }) : { subject: 'm1' }),
    data: input.data ?? { resource: input.resource, ...(input.sequence !== undefined && { sequence: input.sequence }) },
  });
}
export const condition = (member: string, id: string, extra: object = {}): object => ({
  resourceType: 'Condition',
  id,
  subject: { reference: `Patient/${member}` },
  code: { text: 'asthma' },
  recordedDate: '2024-03-01',
  clinicalStatus: { coding: [{ code: 'active' }] },
  ...extra,
});
export const patient = (member: string): object => ({
  resourceType: 'Patient',
  id: member,
  name: [{ family: 'Test' }],
});

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import {
  encodeEvent,
  PA_ATTRIBUTION,
  PA_CONSENT,
  PA_PROVIDERS,
  PAYER_MEMBER_EVENTS,
  PAYER_PROVIDER_EVENTS,
  PAYER_EVENTS,
  type PayerEventType,
  toStructured,
} from '@provider-access/events';
import {
  type Batch,
  Derivation,
  type EventLog,
  type OutcomeRow,
  type Subscription,
} from '@provider-access/engines/log';
import { openMemoryLog } from '@provider-access/engines/log/memory';
import { EventLogTransport } from '@provider-access/engines/log/transport';
import { Facts, FACTS_PROJECTIONS } from '@provider-access/facts';
import { createServiceApp, type ServicePorts } from '@provider-access/service/http';
import { derivedRecord } from '@provider-access/intake';
import { Metrics, silentLogger } from '@provider-access/service/observability';
import { recordsReader, type RecordsReader } from '@provider-access/facts/records';
import { newSecret, openKeys, SigningKeys, StaticTokens, TokenIssuer } from '@provider-access/smart';
import type { State } from '@provider-access/engines/state';
import { openMemoryState } from '@provider-access/engines/state/memory';
import { ProjectionSet, type Views } from '@provider-access/engines/views';
import { openMemoryViews } from '@provider-access/engines/views/memory';
import { ResourcesModule } from '../src/resources.module.ts';

const PUBLIC_URL = 'https://pa.example.org';
const NPI = 'npi|1234567893';
/** The result of JSON.parse: tests read answers without declaring their types. */
export type Loose = ReturnType<typeof JSON.parse>;
export interface Answer {
  readonly status: number;
  readonly headers: Record<string, unknown>;
  readonly text: string;
  json<T = Loose>(): T;
}

export interface HouseOptions {
  readonly log?: EventLog;
  readonly views?: Views;
  readonly state?: State;
  readonly boundMs?: number;
  readonly folder?: string;
  readonly maxRecords?: number;
  readonly levelsSince?: number;
}

/**
 * The resources service as a runner starts it. Stand-ins for the intakes of attribution and consent report progress and
 * derive nothing. Tests write facts directly into the topics of those services.
 */
export class House {
  readonly app: NestFastifyApplication;
  readonly log: EventLog;
  readonly views: Views;
  readonly state: State;
  readonly records: RecordsReader;
  readonly payerToken: string;
  readonly administratorToken: string;
  private readonly tokens: TokenIssuer;
  private readonly folder: string;
  private readonly others: Subscription[];
  private readonly facts: ProjectionSet;

  private constructor(
    parts: Pick<House, 'app' | 'log' | 'views' | 'state' | 'payerToken' | 'administratorToken'> & {
      tokens: TokenIssuer;
      folder: string;
      others: Subscription[];
      facts: ProjectionSet;
    },
  ) {
    this.app = parts.app;
    this.log = parts.log;
    this.views = parts.views;
    this.state = parts.state;
    this.records = recordsReader(parts.views);
    this.payerToken = parts.payerToken;
    this.administratorToken = parts.administratorToken;
    this.tokens = parts.tokens;
    this.folder = parts.folder;
    this.others = parts.others;
    this.facts = parts.facts;
  }

  static async open(options: HouseOptions = {}): Promise<House> {
    const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'pa-resources-'));
    const log = options.log ?? openMemoryLog();
    const views = options.views ?? openMemoryViews();
    const state = options.state ?? openMemoryState();
    const clock = { now: () => Date.now() };
    const config = {
      publicUrl: PUBLIC_URL,
      boundMs: options.boundMs ?? 20_000,
      pollMs: 20,
      levelsSince: options.levelsSince,
    };
    const file = (name: string): string => join(folder, name);
    const payerToken = newSecret();
    const administratorToken = newSecret();
    const { first } = await SigningKeys.open(file('token-signing.json'));
    await log.append('pa.registry', [
      encodeEvent({
        id: 'k',
        source: 'urn:provider-access:auth',
        type: 'pa.signing-key-published.v1',
        time: new Date().toISOString(),
        subject: first.kid,
        data: { kid: first.kid, jwk: first.publicJwk },
      }),
    ]);
    const staticTokens = new StaticTokens({ payer: payerToken, administrator: administratorToken });
    const pageKeys = await openKeys({ role: 'page links', file: file('page-key'), create: true, everyMs: 0 });
    const facts = new ProjectionSet({ log, views, projections: FACTS_PROJECTIONS });
    await facts.start();
    const others = await standIns(log);
    const ports: ServicePorts = { log, views, state, clock, logger: silentLogger, metrics: new Metrics() };
    const app = await createServiceApp(
      ResourcesModule.register({
        ports,
        config,
        staticTokens,
        pageKeys,
      }),
      { name: 'resources', logger: silentLogger, metrics: ports.metrics, strategy: new EventLogTransport({ log }) },
    );
    await app.startAllMicroservices();
    return new House({
      app,
      log,
      views,
      state,
      payerToken,
      administratorToken,
      tokens: new TokenIssuer({ key: () => first, publicUrl: PUBLIC_URL, clock }),
      folder,
      others,
      facts,
    });
  }

  async close(): Promise<void> {
    await this.app.close();
    await Promise.all(this.others.map((s) => s.stop()));
    await this.facts.stop();
    await this.views.close();
    await this.state.close();
    await this.log.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Stops a stand-in, so that the facts grow old. */
  async stopIntake(name: 'attribution' | 'consent'): Promise<void> {
    await Promise.all(
      this.others
        .filter((s) => Object.keys(s.position()).length > 0 && (s as { name?: string }).name === name)
        .map((s) => s.stop()),
    );
  }

  async call(
    method: 'GET' | 'POST' | 'HEAD',
    url: string,
    options: { token?: string; headers?: Record<string, string>; body?: string | object } = {},
  ): Promise<Answer> {
    const answer = await this.app
      .getHttpAdapter()
      .getInstance()
      .inject({
        method,
        url,
        headers: {
          ...(options.token !== undefined && { authorization: `Bearer ${options.token}` }),
          ...options.headers,
        },
        ...(options.body !== undefined && { payload: options.body as string }),
      });
    return {
      status: answer.statusCode,
      headers: answer.headers,
      text: answer.payload,
      json: () => JSON.parse(answer.payload) as never,
    };
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
    const { records, locators } = this.records.views;
    const inbound = await this.log.head([PAYER_MEMBER_EVENTS, PAYER_PROVIDER_EVENTS]);
    for (const view of [records, locators])
      if (!(await view.waitFor(inbound, 10_000, ['resources']))) throw new Error('the views did not settle');
  }

  async token(client: string, scope = 'system/*.rs'): Promise<string> {
    return (await this.tokens.issue(client, scope, Date.now())).token;
  }

  /** Registers and approves a client for a provider that is in network. */
  async approve(client: string, provider = NPI): Promise<void> {
    const at = '2024-01-01T00:00:00.000Z';
    await this.fact('pa.registry', 'pa.app-registered.v1', client, {
      client,
      name: client,
      scope: 'system/*.rs',
      contacts: [],
      npis: [],
      tins: [],
      registrationTokenHash: '',
      registeredAt: at,
    });
    await this.fact('pa.registry', 'pa.app-approved.v1', client, {
      client,
      providers: [provider],
      scope: 'system/*.rs',
      by: 'test',
    });
    await this.fact(PA_PROVIDERS, 'pa.network-status-recorded.v1', provider, {
      provider,
      status: 'in-network',
      from: at,
      businessTime: at,
    });
    await this.factsPassed();
  }

  /** Covers a member and attributes it to the provider. */
  async attribute(member: string, provider = NPI): Promise<void> {
    const at = '2024-01-01T00:00:00.000Z';
    await this.fact('pa.members', 'pa.coverage-changed.v1', member, {
      member,
      coverageId: 'cov',
      from: at,
      businessTime: at,
      sequence: 0,
    });
    await this.fact(PA_ATTRIBUTION, 'pa.member-attributed.v1', member, {
      member,
      group: 'g1',
      providers: [provider],
      from: at,
      businessTime: at,
    });
    await this.factsPassed();
  }
  async optOut(member: string): Promise<void> {
    const at = '2024-06-01T00:00:00.000Z';
    await this.fact(PA_CONSENT, 'pa.opted-out.v1', member, {
      member,
      scope: 'global',
      effective: at,
      businessTime: at,
      setBy: 'member',
    });
    await this.factsPassed();
  }

  private async factsPassed(): Promise<void> {
    const topics = ['pa.registry', PA_PROVIDERS, 'pa.members', PA_ATTRIBUTION, PA_CONSENT];
    const head = await this.log.head(topics);
    const parties = this.app.get(Facts).parties;
    const { [PA_PROVIDERS]: providers, 'pa.registry': registry, ...members } = head;
    await this.views.reader(FACTS_PROJECTIONS[0]!).waitFor(members, 60_000);
    await parties.waitFor({ [PA_PROVIDERS]: providers!, 'pa.registry': registry! }, 60_000);
  }

  private n = 0;
  private async fact(topic: string, type: string, subject: string, data: object): Promise<void> {
    this.n += 1;
    await this.log.append(topic, [
      encodeEvent({
        id: `f${this.n}`,
        source: '/test',
        type,
        time: '2024-01-01T00:00:00.000Z',
        subject,
        data,
        extensions: { pasource: '/payer' },
      }),
    ]);
  }
}

async function standIns(log: EventLog): Promise<Subscription[]> {
  const make = async (
    name: 'attribution' | 'consent',
    topics: readonly string[],
    progressTopic: (topic: string) => string,
  ): Promise<Subscription> => {
    const handle = async (batch: Batch): Promise<void> => {
      const outcomes: OutcomeRow[] = batch.records
        .filter((r) => PAYER_EVENTS[r.headers['ce_type'] as PayerEventType].owner === name)
        .map((r) => ({ event: r.headers['ce_id']!, outcome: 'recorded', receipt: r.headers['ce_pareceipt'] }));
      await new Derivation({ log, deriver: name, progressTopic: progressTopic(batch.topic) }).complete(batch, {
        outputs: [{ topic: PA_CONSENT, records: name === 'consent' ? optOutsOf(batch) : [] }],
        outcomes,
      });
    };
    return Object.assign(await log.subscribe({ group: `${name}-intake`, topics, handle }), { name });
  };
  return [
    await make('attribution', [PAYER_MEMBER_EVENTS, PAYER_PROVIDER_EVENTS], (topic) =>
      topic === PAYER_MEMBER_EVENTS ? PA_ATTRIBUTION : PA_PROVIDERS,
    ),
    await make('consent', [PAYER_MEMBER_EVENTS], () => PA_CONSENT),
  ];
}

/** The events that the consent service would derive from global opt-outs. */
const optOutsOf = ({ records }: Batch) =>
  records
    .filter((r) => r.headers['ce_type'] === 'payer.member-opted-out.v1')
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

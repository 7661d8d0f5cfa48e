import { randomUUID } from 'node:crypto';
import { request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { toStructured, type DomainEvent } from '@provider-access/events';
import {
  itemOf,
  publish,
  registerOwn,
  Server,
  type Item,
  type Manifest,
  type OwnApp,
  type PlatformProcess,
  type PublishReport,
} from '@provider-access/cli';
import { eventually } from '@provider-access/testing';

/** The requests of a payer's and a provider's systems, one at a time, so that a test can act between any two. */

/** The present of the synthetic payers here: behind any machine's clock. */
export const AS_OF = '2026-01-31T00:00:00.000Z';

/** The data about a platform that a request needs, wherever the platform runs. */
export type Served = Pick<PlatformProcess, 'base' | 'payerToken' | 'administratorToken'>;

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}
export interface HttpCall {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  readonly token?: string;
}

/** The raw response: not decoded, without a connection pool, without following redirects. */
export function open(url: string, call: HttpCall = {}): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = { ...call.headers, ...(call.token !== undefined && { authorization: `Bearer ${call.token}` }) };
    request(url, { method: call.method ?? 'GET', headers, agent: false }, resolve)
      .on('error', reject)
      .end(call.body);
  });
}

/** Attempts of a client. Specs about outages check each answer and do not change these. */
const attempts = { unavailable: 1, group: 1 };
/**
 * Lets a client repeat what may be right on a busy machine: a read that is answered "503, repeat the request"
 * (`unavailable`), and a search for a Group that does not find it yet (`group`; the standalone shows it at once).
 * `freshPlatform` sets both.
 */
export const repeatReads = (more: Partial<typeof attempts>): void => void Object.assign(attempts, more);
const repeatable = ({ method = 'GET' }: HttpCall): boolean => method === 'GET' || method === 'HEAD';

export async function http(
  url: string,
  call: HttpCall = {},
  asked = repeatable(call) ? attempts.unavailable : 1,
): Promise<HttpAnswer> {
  const response = await open(url, call);
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const after = response.headers['retry-after'];
  if (response.statusCode === 503 && after !== undefined && asked > 1) {
    await pause(1000 * Number(after));
    return http(url, call, asked - 1);
  }
  return { status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) };
}

export const json = <T>(answer: HttpAnswer): T => JSON.parse(answer.body.toString('utf8')) as T;

/** An event of the payer with the current time. */
export const payerEvent = (type: string, member: string, data: unknown): DomainEvent => ({
  id: randomUUID(),
  source: 'urn:example:payer',
  type,
  time: new Date().toISOString(),
  subject: member,
  data,
});
export const optOut = (member: string, data: Record<string, unknown> = { scope: 'global' }): DomainEvent =>
  payerEvent('payer.member-opted-out.v1', member, { setBy: 'member', ...data });
export const optIn = (member: string): DomainEvent =>
  payerEvent('payer.member-opted-in.v1', member, { setBy: 'member' });

export interface EventRow {
  readonly index: number;
  readonly id?: string;
  readonly status: 'accepted' | 'effective' | 'scheduled' | 'superseded' | 'held' | 'parked' | 'refused';
  readonly reason?: string;
  readonly receipt: string;
  readonly from?: string;
  readonly by?: string;
  readonly deadLetter?: string;
  readonly denies?: string;
}

export interface ViewStatus {
  readonly view: string;
  readonly position: { readonly topics: Positions };
  readonly head: Positions;
  readonly failure?: string;
}
type Positions = Readonly<Record<string, readonly number[]>>;

/**
 * Waits until every view of intake has passed the current heads of its topics. Disclosures do not count, because reads
 * write them, and neither does a view that cannot advance.
 */
export async function viewsCaughtUp(platform: Served, patienceMs = 600_000): Promise<void> {
  const server = new Server(platform.base);
  const until = Date.now() + patienceMs;
  const look = async (service: string): Promise<readonly ViewStatus[]> => {
    const { views } = await server.json<{ views: ViewStatus[] }>(`/ops/views/${service}`, {
      token: platform.administratorToken,
    });
    return views.filter(({ view }) => !view.startsWith('audit_'));
  };
  await Promise.all(
    ['resources', 'attribution'].map(async (service) => {
      let now = await look(service);
      const targets = new Map(now.map(({ view, head }) => [view, head]));
      const behind = (): boolean =>
        now.some(
          ({ view, position, failure }) =>
            failure === undefined &&
            Object.entries(targets.get(view) ?? {}).some(([topic, offsets]) =>
              offsets.some((offset, partition) => (position.topics[topic]?.[partition] ?? 0) < offset),
            ),
        );
      // A look asks the engines several times for each view.
      for (let waitMs = 25; behind(); waitMs = Math.min(2 * waitMs, 400)) {
        if (Date.now() > until) throw new Error(`the views of ${service} did not catch up`);
        await pause(waitMs);
        now = await look(service);
      }
    }),
  );
}

/** Publishes, and waits until every event is handled and visible. */
export async function publishAll(platform: Served, events: Iterable<DomainEvent>): Promise<PublishReport> {
  const items = function* (): Iterable<Item> {
    for (const event of events) yield itemOf(event);
  };
  const report = await publishItems(platform, items());
  await viewsCaughtUp(platform);
  return report;
}
export const publishItems = (
  { base, payerToken }: Served,
  items: Iterable<Item>,
  onProgress?: (report: PublishReport) => void,
): Promise<PublishReport> =>
  // Only a stuck intake takes so long.
  publish(items, {
    server: new Server(base),
    token: payerToken,
    patienceMs: 600_000,
    ...(onProgress && { onProgress }),
  });

/** One event, in structured mode. */
export async function tell(platform: Served, event: DomainEvent): Promise<EventRow> {
  const answer = await http(`${platform.base}/events`, {
    method: 'POST',
    token: platform.payerToken,
    headers: { 'content-type': 'application/cloudevents+json' },
    body: JSON.stringify(toStructured(event)),
  });
  return json<EventRow>(answer);
}

/**
 * Publishes an event that changes access, and waits until it is effective. A busy platform answers `accepted` after
 * five seconds, and the effect comes later. The same event again changes nothing, and is then answered `effective`.
 */
export async function takesEffect(platform: Served, event: DomainEvent): Promise<void> {
  await eventually(async () => {
    const { status, reason } = await tell(platform, event);
    if (status !== 'effective') throw new Error(`${event.type} is ${status} ${reason ?? ''}`);
  });
}

export type TestApp = OwnApp;

/** Registers an app with a new key, and approves it unless the caller declines. */
export const registerApp = (
  platform: Served,
  { approve, ...app }: { name: string; npi: string; tin?: string; scope?: string; approve?: boolean },
): Promise<OwnApp> =>
  registerOwn(new Server(platform.base), platform.administratorToken, {
    ...app,
    contact: 'mailto:developer@clinic.example',
    ...(approve !== false && { approval: 'test' }),
  });

/** Ends the binding of an app to an NPI, from now on. Resolves when no process decides by it any more. */
export const endBinding = async (platform: Served, client: string, npi: string): Promise<void> =>
  void (await new Server(platform.base).post(
    `/auth/clients/${client}/bindings/${encodeURIComponent(`npi|${npi}`)}/end`,
    { reason: 'contract-ended' },
    { token: platform.administratorToken },
  ));

export interface GroupResource {
  readonly id: string;
  readonly quantity?: number;
  readonly member?: readonly { readonly entity: { readonly reference?: string } }[];
}

/**
 * The Group of a provider, as its own app finds it. On separate processes that is a moment after its events were
 * handled.
 */
export async function findGroup(
  platform: Served,
  token: string,
  npi: string,
  looks = attempts.group,
): Promise<GroupResource> {
  const answer = await http(
    `${platform.base}/fhir/Group?identifier=${encodeURIComponent(`http://hl7.org/fhir/sid/us-npi|${npi}`)}`,
    { token },
  );
  const group = json<{ entry?: { resource: GroupResource }[] }>(answer).entry?.[0]?.resource;
  if (group !== undefined) return group;
  if (looks === 1) throw new Error(`no Group of that NPI (${answer.status})`);
  await pause(1000);
  return findGroup(platform, token, npi, looks - 1);
}

/** @returns the status URL */
export async function kickOff(platform: Served, token: string, group: string, query = ''): Promise<string> {
  const answer = await http(`${platform.base}/fhir/Group/${group}/$export${query}`, {
    token,
    headers: { accept: 'application/fhir+json', prefer: 'respond-async' },
  });
  const location = answer.headers['content-location'];
  if (answer.status !== 202 || typeof location !== 'string')
    throw new Error(`the kick-off was answered ${answer.status}: ${answer.body.toString('utf8')}`);
  return location;
}

/** Polls until the export is sealed. A poll costs the platform as much as a read, so later ones wait longer. */
export async function sealed(status: string, token: string): Promise<Manifest> {
  for (let waitMs = 25; ; waitMs = Math.min(2 * waitMs, 200)) {
    const answer = await http(status, { token });
    if (answer.status === 200) return json<Manifest>(answer);
    if (answer.status === 429) {
      // A busy machine needs longer than a minute of polls.
      await pause(Number(answer.headers['retry-after']) * 1000);
      continue;
    }
    if (answer.status !== 202)
      throw new Error(`the status was answered ${answer.status}: ${answer.body.toString('utf8')}`);
    await pause(waitMs);
  }
}

/** All output files as text, by type. */
export async function texts(manifest: Manifest, token: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const { type, url } of manifest.output) {
    const answer = await http(url, { token });
    if (answer.status !== 200) throw new Error(`a file of ${type} was answered ${answer.status}`);
    found.set(type, (found.get(type) ?? '') + answer.body.toString('utf8'));
  }
  return found;
}

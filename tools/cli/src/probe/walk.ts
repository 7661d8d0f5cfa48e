import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { DomainEvent } from '@provider-access/events';
import type { FhirResource } from '@provider-access/fhir';
import { findMoney } from '@provider-access/domain/pdex';
import { type Manifest, readManifest } from '../client/manifest.ts';
import { publish } from '../client/publish.ts';
import type { Server } from '../client/server.ts';
import { groupsTarget, itemOf, postEvent, type GroupRow } from '../client/steps.ts';
import type { TokenSource } from '../client/token.ts';
import { CliError, EXIT } from '../output.ts';
import { event, freshClaim, marksOf, probeResources, strangerOf, type ProbeWorld } from './content.ts';
import { ProbeFault, Walk, type ProbeReport, type StepResult } from './report.ts';

export interface ProbeClient {
  readonly clientId: string;
  readonly tokens: TokenSource;
}
export interface WalkOptions {
  /** The address by which providers reach the platform. */
  readonly server: Server;
  /** The address of `/events`. */
  readonly internal: Server;
  readonly world: ProbeWorld;
  /** Needed for `publish` and `optOut`. */
  readonly payerToken?: () => string;
  readonly publish: boolean;
  readonly optOut: boolean;
  /** A Group of another client. Without one, an id that does not exist; both must get the same answer. */
  readonly foreignGroup?: string | undefined;
  /** ms for each step. */
  readonly timeoutMs: number;
  /** ms for the export to complete. */
  readonly exportTimeoutMs: number;
  /** A new event may take a moment to become visible, so a query is repeated within the time of the step. */
  readonly patient: boolean;
  readonly client: () => ProbeClient;
  /** Runs before the steps and makes what they need. */
  readonly prepare?: (() => Promise<string>) | undefined;
  /** Runs after them, also if they failed. */
  readonly remove?: (() => Promise<string>) | undefined;
  readonly onStep?: (result: StepResult) => void;
}

const POLL_MS = 250;
const fault = (message: string): never => {
  throw new ProbeFault(message);
};

/**
 * Publishes the probe's events and waits until intake has handled all of them. @throws CliError if one was refused or
 * became a dead letter
 */
export async function publishAll(internal: Server, token: string, events: readonly DomainEvent[]): Promise<number> {
  const items = events.map((e) => ({ ...itemOf(e), about: e.type }));
  const report = await publish(items, { server: internal, token });
  const [refused] = report.refused;
  if (refused !== undefined) fault(`an event was refused: ${refused.reason}`);
  if ((report.outcomes['parked'] ?? 0) > 0)
    fault(`an event was parked: ${report.parked[0]?.about} ${report.parked[0]?.reason}`);
  if ((report.outcomes['pending'] ?? 0) > 0) fault(`${report.outcomes['pending']} events are not handled yet`);
  return report.accepted;
}

/** The steps of a provider with a synthetic member. Each method is a step and returns its finding. */
class Road {
  readonly #o: WalkOptions;
  #group: GroupRow | undefined;
  #status: string | undefined;
  #manifest: Manifest | undefined;
  readonly #mark = randomUUID();
  #published = false;
  constructor(options: WalkOptions) {
    this.#o = options;
  }

  #token(): Promise<string> {
    return this.#o.client().tokens.get();
  }
  #payerToken(): string {
    return this.#o.payerToken?.() ?? fault('this step needs the payer token');
  }
  async #get(target: string, accept: readonly number[] = []): Promise<{ status: number; text: string }> {
    return this.#o.server.call(target, {
      token: await this.#token(),
      accept,
      headers: { accept: 'application/fhir+json' },
    });
  }
  /** Repeats a failing attempt within the time of the step. */
  async #eventually<T>(until: number, what: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await what();
      } catch (error) {
        if (!this.#o.patient || Date.now() + POLL_MS >= until) throw error;
        await delay(POLL_MS);
      }
    }
  }

  async discovery(): Promise<string> {
    const smart = await this.#o.server.json<{ token_endpoint?: unknown; capabilities?: readonly string[] }>(
      '/fhir/.well-known/smart-configuration',
    );
    if (
      typeof smart.token_endpoint !== 'string' ||
      smart.capabilities?.includes('client-confidential-asymmetric') !== true
    )
      fault('the SMART configuration has no token endpoint for backend services');
    const metadata = await this.#o.server.json<{ resourceType?: unknown; fhirVersion?: unknown }>('/fhir/metadata');
    if (metadata.resourceType !== 'CapabilityStatement') fault('/fhir/metadata is no CapabilityStatement');
    return `FHIR ${String(metadata.fhirVersion)}`;
  }
  async getToken(): Promise<string> {
    await this.#token();
    return `of ${this.#o.client().clientId}`;
  }
  findGroup(until: number): Promise<string> {
    return this.#eventually(until, async () => {
      const bundle = JSON.parse((await this.#get(groupsTarget(this.#o.world.npi))).text) as {
        entry?: { resource: GroupRow }[];
      };
      const group = bundle.entry?.[0]?.resource ?? fault(`no Group is found by NPI ${this.#o.world.npi}`);
      if ((group.quantity ?? 0) < 1)
        fault('the Group is empty: the synthetic member is not in it (opted out, or no longer attributed?)');
      this.#group = group;
      return `Group/${group.id}, ${group.quantity} member${group.quantity === 1 ? '' : 's'}`;
    });
  }
  readMember(until: number): Promise<string> {
    return this.#eventually(until, async () => {
      const { member } = this.#o.world;
      const { status, text } = await this.#get(`/fhir/Patient/${member}`, [404]);
      if (status === 404)
        fault('the synthetic member cannot be seen (opted out, not attributed, or its Patient is not there)');
      this.#compare([JSON.parse(text) as FhirResource], probeResources(this.#o.world).slice(0, 1), 'the read');
      return 'as published';
    });
  }
  search(until: number): Promise<string> {
    return this.#eventually(until, async () => {
      const bundle = JSON.parse(
        (await this.#get(`/fhir/ExplanationOfBenefit?patient=${this.#o.world.member}`)).text,
      ) as {
        entry?: { resource: FhirResource }[];
      };
      const found = (bundle.entry ?? []).map((e) => e.resource);
      this.#compare(
        found,
        probeResources(this.#o.world).filter((r) => r.resourceType === 'ExplanationOfBenefit'),
        'the search',
      );
      return `${found.length} ExplanationOfBenefit, no money`;
    });
  }
  /** Publishes a claim now, and waits until the provider's app sees it. */
  async publish(until: number): Promise<string> {
    const { world, internal } = this.#o;
    const at = new Date().toISOString();
    const claim = freshClaim(world, this.#mark, at);
    const started = performance.now();
    await publishAll(internal, this.#payerToken(), [
      event('payer.resource-recorded.v1', world.member, { resource: claim }, at),
    ]);
    for (;;) {
      const { status, text } = await this.#get(`/fhir/ExplanationOfBenefit/${claim.id}`, [404]);
      if (status === 200 && marksOf(JSON.parse(text) as FhirResource).includes(this.#mark)) break;
      if (Date.now() + POLL_MS >= until) fault('what was published is not visible yet');
      await delay(POLL_MS);
    }
    this.#published = true;
    return `visible after ${Math.round(performance.now() - started)} ms`;
  }
  async kickOff(): Promise<string> {
    const { headers } = await this.#o.server.call(`/fhir/Group/${encodeURIComponent(this.#group!.id)}/$export`, {
      // Each version of Bulk Data but the first takes a POST, and the fourth takes nothing else.
      method: 'POST',
      token: await this.#token(),
      headers: {
        accept: 'application/fhir+json',
        'content-type': 'application/fhir+json',
        prefer: 'respond-async',
      },
      body: JSON.stringify({ resourceType: 'Parameters' }),
    });
    this.#status = headers.get('content-location') ?? fault('the kick-off was answered without Content-Location');
    return `job ${this.#status.slice(this.#status.lastIndexOf('/') + 1)}`;
  }
  /** True after an export was kicked off. */
  get exported(): boolean {
    return this.#status !== undefined;
  }
  async complete(until: number): Promise<string> {
    let progress = 'accepted';
    for (;;) {
      const answer = await this.#o.server.call(this.#status!, {
        token: await this.#token(),
        headers: { accept: 'application/json' },
        accept: [202, 429, 503],
      });
      if (answer.status === 200) {
        this.#manifest = readManifest(answer.text);
        return `${this.#manifest.output.length} files`;
      }
      progress = answer.headers.get('x-progress') ?? progress;
      const seconds = Number(answer.headers.get('retry-after') ?? '1');
      const wait = Math.min(Math.max(Number.isFinite(seconds) ? seconds : 1, 0.2), 10) * 1000;
      if (Date.now() + wait >= until) fault(`the export is not complete (${progress})`);
      await delay(wait);
    }
  }
  async download(): Promise<string> {
    const manifest = this.#manifest!;
    if (manifest.error.length > 0) fault('the manifest lists error files');
    const found: FhirResource[] = [];
    for (const file of manifest.output) {
      const { text } = await this.#o.server.call(file.url, {
        token: await this.#token(),
        headers: { accept: 'application/fhir+ndjson' },
      });
      const lines = text.split('\n').filter((line) => line !== '');
      if (file.count !== undefined && file.count !== lines.length)
        fault(`a file of ${file.type} has ${lines.length} lines, the manifest says ${file.count}`);
      for (const line of lines) found.push(JSON.parse(line) as FhirResource);
    }
    const { world } = this.#o;
    const fresh = this.#published ? [freshClaim(world, this.#mark, new Date().toISOString())] : [];
    this.#compare(found, [...probeResources(world), ...fresh], 'the export');
    if (found.some((r) => r.id === strangerOf(world))) fault('the export holds a member who is not attributed');
    return `${found.length} resources, no money`;
  }
  /** Everything expected is there, with the published mark, and nothing holds money. */
  #compare(found: readonly FhirResource[], expected: readonly FhirResource[], where: string): void {
    const money = found.find((r) => findMoney(r).length > 0);
    if (money !== undefined) fault(`${money.resourceType} in ${where} holds money`);
    for (const wanted of expected) {
      const there = found.find((r) => r.resourceType === wanted.resourceType && r.id === wanted.id);
      if (there === undefined) fault(`${wanted.resourceType}/${wanted.id} is not in ${where}`);
      const missing = marksOf(wanted).find((mark) => !marksOf(there!).includes(mark));
      if (missing !== undefined)
        fault(`${wanted.resourceType}/${wanted.id} in ${where} is not the version that was published`);
    }
  }
  /** A resource that the app may not see gets the answer of an unknown one, to the byte. */
  async foreign(): Promise<string> {
    const unknown = await this.#get(`/fhir/Patient/${randomUUID()}`, [404]);
    const stranger = await this.#get(`/fhir/Patient/${strangerOf(this.#o.world)}`, [404]);
    if (unknown.status !== 404 || stranger.status !== 404)
      fault(`a member of somebody else was answered ${stranger.status}`);
    if (unknown.text !== stranger.text) fault('a member of somebody else and an unknown one can be told apart');
    const group = await this.#get(`/fhir/Group/${encodeURIComponent(this.#o.foreignGroup ?? randomUUID())}`, [404]);
    if (group.status !== 404) fault(`a Group of somebody else was answered ${group.status}`);
    return 'refused, and not to be told from unknown';
  }
  async optOut(until: number): Promise<string> {
    const { world } = this.#o;
    let ms: number;
    try {
      ms = await this.#consent('payer.member-opted-out.v1', { scope: 'global', setBy: 'member', channel: 'probe' });
      if ((await this.#get(`/fhir/Patient/${world.member}`, [404])).status !== 404)
        fault('the member is still seen after an opt-out that was answered effective');
    } finally {
      await this.#consent('payer.member-opted-in.v1', { setBy: 'member', channel: 'probe' });
    }
    for (;;) {
      if ((await this.#get(`/fhir/Patient/${world.member}`, [404])).status === 200)
        return `effective after ${Math.round(ms)} ms, and back`;
      if (Date.now() + POLL_MS >= until) fault('the member is not seen again after opting back in');
      await delay(POLL_MS);
    }
  }
  async #consent(
    type: 'payer.member-opted-out.v1' | 'payer.member-opted-in.v1',
    data: Record<string, unknown>,
  ): Promise<number> {
    const published = event(type, this.#o.world.member, data, new Date().toISOString());
    const { status, ms } = await postEvent(this.#o.internal, this.#payerToken(), published);
    if (status !== 'effective') fault(`${type} was answered ${status}, not effective`);
    return ms;
  }
  /** Deletes the files of the probe's export at once. */
  async cleanUp(): Promise<string> {
    if (this.#status === undefined) return 'nothing was left';
    await this.#o.server.call(this.#status, { method: 'DELETE', token: await this.#token(), accept: [404] });
    return 'export removed';
  }
}

/** Runs the steps. Never throws: failures are in the report. */
export async function walk(options: WalkOptions): Promise<ProbeReport> {
  const road = new Road(options);
  const walking = new Walk(options.onStep);
  const { timeoutMs, prepare, remove } = options;
  if (prepare !== undefined) await walking.step('prepare', timeoutMs, prepare);
  await walking.step('discovery', timeoutMs, () => road.discovery());
  await walking.step('token', timeoutMs, () => road.getToken());
  await walking.step('group', timeoutMs, (until) => road.findGroup(until));
  await walking.step('member', timeoutMs, (until) => road.readMember(until));
  await walking.step('search', timeoutMs, (until) => road.search(until));
  if (options.publish) await walking.step('publish', timeoutMs, (until) => road.publish(until));
  await walking.step('kick-off', timeoutMs, () => road.kickOff());
  await walking.step('status', options.exportTimeoutMs, (until) => road.complete(until));
  await walking.step('download', timeoutMs, () => road.download());
  await walking.step('foreign', timeoutMs, () => road.foreign());
  if (options.optOut) await walking.step('opt-out', timeoutMs, (until) => road.optOut(until));
  // Runs after any failure, because the files of an export would stay for days.
  if (walking.failed === undefined || road.exported)
    await walking.step('clean-up', timeoutMs, () => road.cleanUp(), true);
  if (remove !== undefined) await walking.step('remove', timeoutMs, remove, true);
  return walking.report();
}

/** Reports the outcome to the platform, so that a process exports it as metrics. @throws CliError */
export async function tell(ops: Server, token: string, report: ProbeReport): Promise<void> {
  const { at, ok, failed, steps } = report;
  const answer = await ops.call('/ops/probe', {
    method: 'POST',
    token,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      at,
      ok,
      ...(failed !== undefined && { failed }),
      steps: steps.map(({ step, ok: good, ms }) => ({ step, ok: good, ms })),
    }),
  });
  if (answer.status >= 300) throw new CliError(EXIT.unavailable, `the report was answered ${answer.status}`);
}

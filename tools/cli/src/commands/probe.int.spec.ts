import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { PROBE_STEPS, type ProbeStep } from '@provider-access/events';
import type { ProbeReport } from '../probe/report.ts';
import { run } from '../program.ts';

/**
 * Runs `pa probe` against a platform that this file imitates in the same process, so that a test can break each request
 * of the probe. e2e/src/probe.e2e.spec.ts runs `pa probe` as a process against the real platform.
 */

type Json = Record<string, unknown>;
interface Resource extends Json {
  readonly resourceType: string;
  readonly id: string;
}
interface Event {
  readonly type: string;
  readonly subject: string;
  readonly data: { readonly resource?: Resource; readonly resourceType?: string; readonly id?: string };
}
type Send = (status: number, content?: unknown, headers?: Record<string, string>) => void;

const PAYER = 'p'.repeat(43);
const ADMINISTRATOR = 'a'.repeat(43);
const MEMBER = 'pa-probe';

/** The part of the platform that one probe uses. It shares no code with the probe or with the services. */
class ImitatedPlatform {
  readonly passed: string[] = [];
  /** Answers these requests with 500. */
  broken: RegExp | undefined;
  /** Shows members who are not attributed, as a faulty platform might. */
  leaks = false;
  readonly reports: Json[] = [];
  readonly clients = new Map<string, 'submitted' | 'approved' | 'revoked'>();
  readonly #resources = new Map<string, { readonly member: string; readonly resource: Resource }>();
  readonly #attributed = new Set<string>();
  readonly #optedOut = new Set<string>();
  readonly #jobs = new Set<string>();
  readonly #http: Server = createServer((request, response) => void this.#serve(request, response));

  listen(): Promise<void> {
    return new Promise((resolve) => this.#http.listen(0, '127.0.0.1', resolve));
  }
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#http.close(() => resolve());
      this.#http.closeAllConnections();
    });
  }
  get base(): string {
    return `http://127.0.0.1:${(this.#http.address() as AddressInfo).port}`;
  }
  get openJobs(): number {
    return this.#jobs.size;
  }
  /** Removes one resource without an event, as a faulty platform might. */
  lose(about: string): void {
    this.#resources.delete(about);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    const asked = `${request.method} ${request.url}`;
    this.passed.push(asked);
    const send: Send = (status, content = '', headers = {}) => {
      response.writeHead(status, headers).end(typeof content === 'string' ? content : JSON.stringify(content));
    };
    if (this.broken?.test(asked) === true) return send(500);
    const url = new URL(request.url!, this.base);
    const token = request.headers.authorization?.replace('Bearer ', '');
    const { pathname } = url;
    const payer = /^\/events(\/|$)/.test(pathname);
    const operator = /^\/(ops|auth\/clients)\//.test(pathname);
    if ((payer && token !== PAYER) || (operator && token !== ADMINISTRATOR)) return send(401);
    if (payer) return this.#events(pathname, body, request, send);
    if (operator) return this.#operate(pathname, body, send);
    if (pathname.startsWith('/auth/')) return this.#authorize(pathname, body, send);
    if (pathname === '/fhir/metadata') return send(200, { resourceType: 'CapabilityStatement', fhirVersion: '4.0.1' });
    if (pathname === '/fhir/.well-known/smart-configuration') {
      return send(200, { token_endpoint: `${this.base}/auth/token`, capabilities: ['client-confidential-asymmetric'] });
    }
    return this.clients.get(String(token)) === 'approved' ? this.#fhir(request.method!, pathname, send) : send(401);
  }

  #authorize(path: string, body: string, send: Send): void {
    if (path === '/auth/register') {
      const client = `c-${String(this.clients.size).padStart(32, '0')}`;
      this.clients.set(client, 'submitted');
      return send(201, { client_id: client });
    }
    const assertion = new URLSearchParams(body).get('client_assertion')!.split('.')[1]!;
    const { sub } = JSON.parse(Buffer.from(assertion, 'base64url').toString('utf8')) as { sub: string };
    // The access token names its client, so that no table of tokens is needed.
    if (this.clients.get(sub) !== 'approved') return send(401, { error: 'invalid_client' });
    return send(200, { access_token: sub, expires_in: 300, scope: 'system/*.rs' });
  }

  #operate(path: string, body: string, send: Send): void {
    if (path === '/ops/probe') {
      this.reports.push(JSON.parse(body) as Json);
      return send(204);
    }
    // A client of an earlier release names no identifiers. Then the approval covers what the app claims.
    const shown = /^\/auth\/clients\/([^/]+)$/.exec(path);
    if (shown !== null) return send(200, { client_id: shown[1] });
    if (path === '/ops/explain') return send(404, {});
    const [, client, what] = /^\/auth\/clients\/([^/]+)\/(approve|revoke)$/.exec(path)!;
    this.clients.set(client!, what === 'approve' ? 'approved' : 'revoked');
    return send(200, {});
  }

  /** A receipt is named by the number of its events, so that no table of receipts is needed. */
  #events(path: string, body: string, request: IncomingMessage, send: Send): void {
    const receipt = /^\/events\/receipts\/(\d+)$/.exec(path)?.[1];
    if (receipt !== undefined) {
      const count = Number(receipt);
      return send(200, { receipt, expected: count, handled: count, counts: { recorded: count }, items: [] });
    }
    const events = body
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Event);
    for (const event of events) this.#take(event);
    const single = request.headers['content-type'] === 'application/cloudevents+json';
    if (single) return send(200, { status: 'effective', receipt: '1' });
    const rows = events.map((_, index) => ({ index, status: 'accepted', receipt: String(events.length) }));
    return send(200, rows.map((row) => JSON.stringify(row)).join('\n'));
  }
  #take({ type, subject, data }: Event): void {
    const { resource } = data;
    const about = `${(resource ?? data).resourceType}/${(resource ?? data).id}`;
    if (resource !== undefined) this.#resources.set(about, { member: subject, resource });
    if (type === 'payer.resource-deleted.v1') this.#resources.delete(about);
    if (type === 'payer.attribution-asserted.v1') this.#attributed.add(subject);
    if (type === 'payer.attribution-ended.v1') this.#attributed.delete(subject);
    if (type.startsWith('payer.member-opted-out.')) this.#optedOut.add(subject);
    if (type.startsWith('payer.member-opted-in.')) this.#optedOut.delete(subject);
  }

  #sees(member: string): boolean {
    return this.#attributed.has(member) && !this.#optedOut.has(member);
  }
  /** The resources that a provider gets, without money. */
  #visible(type?: string): Resource[] {
    const leaks = this.leaks && type === 'Patient';
    return [...this.#resources.values()]
      .filter(({ member }) => leaks || this.#sees(member))
      .filter(({ resource }) => type === undefined || resource.resourceType === type)
      .map(({ resource: { total: _total, payment: _payment, item, ...rest } }) => {
        const lines = (item as Json[] | undefined)?.map(({ adjudication: _adjudication, ...line }) => line);
        return { ...rest, ...(lines !== undefined && { item: lines }) } as Resource;
      });
  }
  #fhir(method: string, path: string, send: Send): void {
    const [, , type, id, more] = path.split('/') as [string, string, string, string?, string?];
    if (type === 'bulk') return this.#bulk(method, id!, more, send);
    if (type === 'Group' && more === '$export') {
      const job = `job${this.passed.length}`;
      this.#jobs.add(job);
      return send(202, undefined, { 'content-location': `${this.base}/fhir/bulk/${job}` });
    }
    const quantity = [...this.#attributed].filter((member) => this.#sees(member)).length;
    const found = type === 'Group' ? [{ resourceType: 'Group', id: 'g1', quantity }] : this.#visible(type);
    if (id === undefined) return send(200, { resourceType: 'Bundle', entry: found.map((resource) => ({ resource })) });
    const one = found.find((resource) => resource.id === id);
    if (one !== undefined) return send(200, one);
    return send(404, { resourceType: 'OperationOutcome', issue: [{ severity: 'error', code: 'not-found' }] });
  }
  #bulk(method: string, job: string, file: string | undefined, send: Send): void {
    if (!this.#jobs.has(job)) return send(404);
    if (method === 'DELETE') {
      this.#jobs.delete(job);
      return send(202);
    }
    const files = Map.groupBy(this.#visible(), ({ resourceType }) => resourceType);
    if (file !== undefined)
      return send(
        200,
        files
          .get(file)!
          .map((resource) => JSON.stringify(resource))
          .join('\n'),
      );
    const status = `${this.base}/fhir/bulk/${job}`;
    const output = [...files].map(([type, of]) => ({ type, url: `${status}/${type}`, count: of.length }));
    return send(200, { output, error: [] });
  }
}

describe('pa probe', () => {
  const folder = mkdtempSync(join(tmpdir(), 'provider-access-probe-'));
  const app = join(folder, 'app.json');
  let platform: ImitatedPlatform;
  let stdout = '';
  let stderr = '';

  interface Ran {
    readonly code: number;
    readonly report: ProbeReport;
    readonly stderr: string;
  }
  async function probe(...args: string[]): Promise<Ran> {
    [stdout, stderr] = ['', ''];
    process.exitCode = undefined;
    const code = await run(['--server', platform.base, '--json', 'probe', ...args]);
    process.exitCode = undefined;
    if (stdout === '') throw new Error(stderr);
    return { code, report: JSON.parse(stdout) as ProbeReport, stderr };
  }
  const walk = (...args: string[]): Promise<Ran> => probe('--app', app, ...args);
  const steps = ({ report }: Ran): string[] => report.steps.map(({ step }) => step);
  const ALL: readonly ProbeStep[] = PROBE_STEPS.filter((step) => step !== 'prepare' && step !== 'remove');

  beforeEach(async () => {
    platform = new ImitatedPlatform();
    await platform.listen();
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => ((stdout += String(text)), true));
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => ((stderr += String(text)), true));
    vi.stubEnv('PA_PAYER_TOKEN', PAYER);
    vi.stubEnv('PA_ADMINISTRATOR_TOKEN', ADMINISTRATOR);
    // Each test starts from the set-up that `pa probe setup` makes.
    expect(await run(['--server', platform.base, '--json', 'probe', 'setup', '--out', folder])).toBe(0);
    platform.passed.length = 0;
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    vi.unstubAllEnvs();
    await platform.close();
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('takes every step of a provider, in order, and reports it', async () => {
    const ran = await walk('--publish', '--opt-out', '--report');
    expect(ran).toMatchObject({ code: 0, report: { ok: true } });
    expect(steps(ran)).toEqual(ALL);
    expect(steps(await walk())).toEqual(ALL.filter((step) => step !== 'publish' && step !== 'opt-out'));
    expect(platform.openJobs).toBe(0);
    expect(platform.reports).toMatchObject([{ ok: true, steps: ALL.map((step) => ({ step, ok: true })) }]);
  });

  /** The request that gets a 500, by method and target. */
  test.each<[step: ProbeStep, request: RegExp, args?: string]>([
    ['prepare', /^POST \/events$/, '--temporary'],
    ['discovery', /^GET \/fhir\/\.well-known\/smart-configuration$/],
    ['discovery', /^GET \/fhir\/metadata$/],
    ['token', /^POST \/auth\/token$/],
    ['group', /^GET \/fhir\/Group\?/],
    ['member', /^GET \/fhir\/Patient\/pa-probe$/],
    ['search', /^GET \/fhir\/ExplanationOfBenefit\?/],
    ['publish', /^POST \/events$/, '--publish'],
    ['kick-off', /^POST \/fhir\/Group\/[^/]+\/\$export/],
    ['status', /^GET \/fhir\/bulk\/[^/]+$/],
    ['download', /^GET \/fhir\/bulk\/[^/]+\/[^/]+$/],
    ['foreign', /^GET \/fhir\/Patient\/pa-probe-stranger$/],
    ['opt-out', /^POST \/events$/, '--opt-out'],
    ['clean-up', /^DELETE \/fhir\/bulk\/[^/]+$/],
    ['remove', /^POST \/auth\/clients\/[^/]+\/revoke$/, '--temporary'],
  ])('names the step %s when the platform answers 500 to %s', async (step, request, args) => {
    platform.broken = request;
    const ran = await (args === '--temporary' ? probe(args) : walk(...(args === undefined ? [] : [args])));
    expect(ran).toMatchObject({ code: 1, report: { ok: false, failed: step } });
    expect(ran.report.steps.find(({ ok }) => !ok)).toMatchObject({ step, detail: 'the server answered 500' });
    expect(ran.stderr).toMatch(new RegExp(`^FAILED {2}${step} `, 'm'));
    // The probe runs the steps before the broken one and none after it. It still removes what it made.
    const begun = step === 'remove' || ALL.indexOf(step) > ALL.indexOf('kick-off');
    const until = step === 'prepare' ? [] : step === 'remove' ? ALL : ALL.slice(0, ALL.indexOf(step) + 1);
    const left = until.filter((one) => (one !== 'publish' && one !== 'opt-out') || args === `--${one}`);
    if (begun && !until.includes('clean-up')) left.push('clean-up');
    expect(steps(ran)).toEqual(args === '--temporary' ? ['prepare', ...left, 'remove'] : left);
    expect(platform.passed.filter((one) => one.startsWith('DELETE /fhir/bulk/'))).toHaveLength(begun ? 1 : 0);
    expect(platform.openJobs).toBe(step === 'clean-up' ? 1 : 0);
    platform.broken = undefined;
    expect(await walk()).toMatchObject({ code: 0, report: { ok: true } });
  });

  test('search: names a claim that the platform no longer has', async () => {
    platform.lose(`ExplanationOfBenefit/${MEMBER}-claim`);
    const ran = await walk();
    expect(ran).toMatchObject({ code: 1, report: { failed: 'search' } });
    expect(ran.report.steps.at(-1)!.detail).toBe(`ExplanationOfBenefit/${MEMBER}-claim is not in the search`);
  });

  test('foreign: notices that a member of somebody else can be read', async () => {
    platform.leaks = true;
    const ran = await walk();
    expect(ran).toMatchObject({ code: 1, report: { failed: 'foreign' } });
    expect(ran.report.steps.find(({ ok }) => !ok)!.detail).toBe('a member of somebody else was answered 200');
  });

  test('publish: stops at a wrong payer token', async () => {
    vi.stubEnv('PA_PAYER_TOKEN', 'x'.repeat(43));
    const ran = await walk('--publish');
    expect(ran).toMatchObject({ code: 1, report: { failed: 'publish' } });
    expect(steps(ran)).toEqual(['discovery', 'token', 'group', 'member', 'search', 'publish']);
  });

  test('token: stops when the client is revoked', async () => {
    for (const client of platform.clients.keys()) platform.clients.set(client, 'revoked');
    expect(await walk()).toMatchObject({ code: 1, report: { ok: false, failed: 'token' } });
  });

  test('opt-out: notices that the member cannot be seen', async () => {
    expect(await run(['--server', platform.base, '--json', 'opt-out', '--member', MEMBER])).toBe(0);
    const ran = await walk();
    expect(ran).toMatchObject({ code: 1, report: { failed: 'group' } });
    expect(ran.report.steps.at(-1)!.detail).toContain('opted out');
  });
});

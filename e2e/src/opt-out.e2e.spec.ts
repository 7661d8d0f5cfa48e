import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { constants, gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Manifest, PlatformProcess } from '@provider-access/cli';
import { syntheticPayer, type MemberLedger } from '@provider-access/synthetic';
import { freshPlatform, publishAll, registerApp, slowly, type TestApp } from './harness.ts';
import { AS_OF, ASSERTION_TYPE, clientAssertion, findGroup, form, http, json, kickOff, open, optIn, optOut, payerEvent, sealed, tell, texts, type GroupResource } from './road.ts';

/** 2 MB that do not compress well: so many of them fill every buffer between the platform and a client that does not read. */
const DOCUMENT_BYTES = 1_600_000;
const documentOf = (member: string): unknown => ({
  resource: {
    resourceType: 'DocumentReference', id: `${member}-large`, status: 'current', type: { text: 'Scan' }, subject: { reference: `Patient/${member}` }, date: '2024-05-01T10:00:00Z',
    content: [{ attachment: { contentType: 'application/octet-stream', data: randomBytes(DOCUMENT_BYTES).toString('base64') } }],
  },
});

describe('an opt-out against everything that runs', () => {
  const payer = syntheticPayer({ seed: '1', members: 25, asOf: AS_OF });
  const byMembers = payer.providerOrganizations.map((o) => ({ ...o, visible: [...payer.ledger.visibleMembers(o.npi)] })).sort((a, b) => b.visible.length - a.visible.length);
  const organization = byMembers[0]!;
  let fresh: Awaited<ReturnType<typeof freshPlatform>>;
  let platform: PlatformProcess;
  let app: TestApp;
  let token: string;
  let group: GroupResource;
  /** Every test takes its own members and leaves the others alone. */
  const untouched = [...organization.visible];
  const take = (wanted: (m: MemberLedger) => boolean = () => true): string => untouched.splice(untouched.findIndex((m) => wanted(m)), 1)[0]!.member;

  beforeAll(async () => {
    fresh = await freshPlatform({ env: { EXPORT_RUNNING_PER_CLIENT: '100', EXPORT_POLLS_PER_MINUTE: '1000000' } });
    platform = fresh.platform();
    const report = await publishAll(platform, payer.events());
    expect(report.outcomes).toMatchObject(Object.fromEntries(Object.entries(payer.ledger.summary().outcomes).filter(([, n]) => n > 0)));
    app = await registerApp(platform, { name: 'Sees', npi: organization.npi, tin: organization.tin });
    token = await app.tokens.get();
    group = await findGroup(platform, token, organization.npi);
  });
  afterAll(() => fresh?.dispose());
  beforeEach(async () => {
    token = await app.tokens.get();
  });

  let large: Promise<void> | undefined;
  /** A large document of everybody, from when one is needed. */
  const largeDocuments = (): Promise<void> => (large ??= handled(...organization.visible.map((m) => payerEvent('payer.resource-recorded.v1', m.member, documentOf(m.member)))));
  const read = (member: string, as = token): Promise<number> => http(`${platform.base}/fhir/Patient/${member}`, { token: as }).then((a) => a.status);
  const exported = async (query = ''): Promise<{ manifest: Manifest; files: Map<string, string> }> => {
    const manifest = await sealed(await kickOff(platform, token, group.id, query), token);
    return { manifest, files: await texts(manifest, token) };
  };
  const everything = (files: Map<string, string>): string => [...files.values()].join('');
  /** Everybody's files but `member`'s lines. Ids of a member's resources begin with the member's id. */
  const linesOf = (text: string, member: string): string[] => text.split('\n').filter((line) => line.includes(member));
  const countOf = (manifest: Manifest, type: string): number => manifest.output.filter((f) => f.type === type).reduce((n, f) => n + (f.count ?? 0), 0);
  const leave = async (member: string): Promise<void> => expect((await tell(platform, optOut(member))).status).toBe('effective');
  /** Afterwards, so that the tests that follow have files large enough. */
  const back = async (member: string): Promise<void> => expect((await tell(platform, optIn(member))).status).toBe('effective');
  const handled = async (...events: Parameters<typeof publishAll>[1] extends Iterable<infer E> ? E[] : never): Promise<void> => expect((await publishAll(platform, events)).outcomes).toEqual({ recorded: events.length });

  test('before an export: in no file and not in the Group; back again, _since has everything of theirs', async () => {
    const member = take();
    const before = await exported();
    const theirs = linesOf(everything(before.files), member).sort();
    expect(theirs.length).toBe(payer.ledger.member(Number(member.slice(2))).resources.size);
    const members = async (): Promise<(string | undefined)[]> => (await findGroup(platform, token, organization.npi)).member?.map((m) => m.entity.reference) ?? [];
    expect(await members()).toContain(`Patient/${member}`);

    await leave(member);
    expect(await members()).not.toContain(`Patient/${member}`);
    expect((await findGroup(platform, token, organization.npi)).quantity).toBe(organization.visible.length - 1);
    const without = await exported();
    expect(everything(without.files)).not.toContain(member);

    expect((await tell(platform, optIn(member))).status).toBe('effective');
    expect(await members()).toContain(`Patient/${member}`);
    const delta = await exported(`?_since=${encodeURIComponent(without.manifest.transactionTime)}`);
    expect(linesOf(everything(delta.files), member).sort()).toEqual(theirs);
    for (const other of untouched) expect(delta.files.get('Patient') ?? '').not.toContain(`"${other.member}"`);
  });

  test('between kick-off and seal: in no file', async () => {
    const member = take();
    const status = await kickOff(platform, token, group.id);
    await leave(member);
    const manifest = await sealed(status, token);
    const files = await texts(manifest, token);
    expect(everything(files)).not.toContain(member);
    for (const [type, text] of files) expect(text.split('\n').length - 1).toBe(countOf(manifest, type));
    await back(member);
  });

  test('after seal, before the download: counts, lengths and bytes without them, the rest byte for byte', async () => {
    const member = take();
    const status = await kickOff(platform, token, group.id);
    const before = await sealed(status, token);
    const filesBefore = await texts(before, token);
    const eob = before.output.find((f) => f.type === 'ExplanationOfBenefit' && linesOf(filesBefore.get('ExplanationOfBenefit')!, member).length > 0)!;
    const head = await http(eob.url, { token, method: 'HEAD' });

    await leave(member);
    const after = await sealed(status, token);
    const filesAfter = await texts(after, token);
    expect(after.transactionTime).toBe(before.transactionTime);
    for (const [type, text] of filesBefore) {
      const lost = linesOf(text, member).length;
      // What is not of a member may go with its last referrer.
      if (!['Organization', 'Practitioner', 'PractitionerRole', 'Location', 'Medication'].includes(type)) {
        expect(countOf(before, type) - countOf(after, type), type).toBe(lost);
        expect(filesAfter.get(type) ?? '', type).toBe(text.split('\n').filter((line) => !line.includes(member)).join('\n'));
      }
    }
    expect(everything(filesAfter)).not.toContain(member);
    const headAfter = await http(eob.url, { token, method: 'HEAD' });
    expect(Number(headAfter.headers['content-length'])).toBeLessThan(Number(head.headers['content-length']));
    expect(headAfter.headers.etag).not.toBe(head.headers.etag);
    // A client that goes on with what it had begun gets the whole new file, never a mixture.
    const resumed = await http(eob.url, { token, headers: { range: 'bytes=10-', 'if-range': head.headers.etag! } });
    expect(resumed.status).toBe(200);
    expect(resumed.body.toString()).not.toContain(member);
    await back(member);
  });

  /** Reads what there is until the end or the cut. */
  async function drain(response: IncomingMessage, into: Buffer[]): Promise<boolean> {
    const ended = new Promise<void>((resolve) => response.once('end', resolve).once('close', resolve).once('error', () => resolve()));
    response.on('data', (chunk: Buffer) => into.push(chunk));
    response.resume();
    await ended;
    return response.complete;
  }
  /** Opens a file, takes its first bytes, and does not read on. */
  async function begun(url: string, headers: Record<string, string>): Promise<{ response: IncomingMessage; chunks: Buffer[] }> {
    const response = await open(slowly(platform, url), { token, headers });
    expect(response.statusCode).toBe(200);
    const [chunk] = (await once(response, 'data')) as [Buffer];
    response.pause();
    response.removeAllListeners('data');
    return { response, chunks: [chunk] };
  }

  test.each(['identity', 'gzip'] as const)('during a slow download (%s): the connection is cut before a byte of theirs', async (coding) => {
    await largeDocuments();
    const status = await kickOff(platform, token, group.id, '?_type=DocumentReference');
    const manifest = await sealed(status, token);
    const file = manifest.output.find((f) => f.type === 'DocumentReference')!;
    const whole = await http(file.url, { token, headers: { 'accept-encoding': coding } });
    const text = (coding === 'gzip' ? gunzipSync(whole.body) : whole.body).toString();
    const large = text.split('\n').map((line) => /"id":"(m-\d+)-large"/.exec(line)?.[1]).filter((m) => m !== undefined);
    const last = large.at(-1)!;
    expect(large.length).toBeGreaterThanOrEqual(4);
    const { response, chunks } = await begun(file.url, { 'accept-encoding': coding });
    await leave(last);
    const complete = await drain(response, chunks);
    const got = Buffer.concat(chunks);
    expect(complete).toBe(false);
    expect(got.equals(whole.body.subarray(0, got.length))).toBe(true);
    const plain = coding === 'gzip' ? gunzipSync(got, { finishFlush: constants.Z_SYNC_FLUSH }) : got;
    expect(plain.length).toBeLessThan(text.length);
    expect(plain.includes(last)).toBe(false);
    // Asked again, the file is whole, and without them.
    const again = await http(file.url, { token, headers: { 'accept-encoding': coding } });
    expect((coding === 'gzip' ? gunzipSync(again.body) : again.body).toString()).toBe(text.split('\n').filter((l) => !l.includes(last)).join('\n'));
    await back(last);
  });

  test('reads, searches and every next page: as if there had never been such a member', async () => {
    const member = take((m) => (m.perType['Observation'] ?? 0) > 4);
    const page = await http(`${platform.base}/fhir/Observation?patient=${member}&_count=2`, { token });
    const next = json<{ link: { relation: string; url: string }[] }>(page).link.find((l) => l.relation === 'next')!.url;
    expect(json<{ entry: unknown[] }>(await http(next, { token })).entry).toHaveLength(2);
    const one = json<{ entry: { resource: { id: string } }[] }>(page).entry[0]!.resource.id;
    expect(await read(member)).toBe(200);

    await leave(member);
    expect(json<{ entry?: unknown[]; link: { relation: string }[] }>(await http(next, { token }))).not.toHaveProperty('entry.0');
    for (const [denied, unknown] of [[`Patient/${member}`, 'Patient/m-999999'], [`Observation/${one}`, 'Observation/m-999999-obs-1'], [`Observation?patient=${member}&_count=2`, 'Observation?patient=m-999999&_count=2'], [`Patient?_id=${member}`, 'Patient?_id=m-999999']] as const) {
      const [a, b] = await Promise.all([denied, unknown].map((path) => http(`${platform.base}/fhir/${path}`, { token })));
      expect(a!.status, denied).toBe(b!.status);
      expect(a!.body.toString().replaceAll(member, 'm-999999').replaceAll(one, 'm-999999-obs-1')).toBe(b!.body.toString());
      expect({ ...a!.headers, date: '' }).toEqual({ ...b!.headers, date: '' });
    }
    await back(member);
  });

  test('one that cannot be read denies until it is discarded, another until it is replayed corrected', async () => {
    const member = take();
    const unreadable = async (): Promise<string> => {
      const event = payerEvent('payer.member-opted-out.v1', member, { scope: 42 });
      await tell(platform, event);
      await vi.waitFor(async () => expect(await read(member)).toBe(404), { timeout: 10_000 });
      return vi.waitFor(async () => {
        const { deadLetters } = json<{ deadLetters: { id: string; event: string }[] }>(await http(`${platform.base}/events/dead-letters?status=open`, { token: platform.payerToken }));
        const letter = deadLetters.find((d) => d.event === event.id);
        expect(letter).toBeDefined();
        return letter!.id;
      }, { timeout: 10_000 });
    };
    const resolve = async (id: string, how: string, body: unknown): Promise<number> =>
      (await http(`${platform.base}/events/dead-letters/${id}/${how}`, { method: 'POST', token: platform.payerToken, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })).status;

    const first = await unreadable();
    expect(await resolve(first, 'discard', {})).toBe(400);
    expect(await read(member)).toBe(404);
    expect(await resolve(first, 'discard', { reason: 'sent by mistake' })).toBe(200);
    await vi.waitFor(async () => expect(await read(member)).toBe(200), { timeout: 10_000 });

    const second = await unreadable();
    expect(await resolve(second, 'replay', { scope: 'global', setBy: 'member' })).toBe(202);
    await vi.waitFor(async () => {
      const explained = json<{ now: { decision: string; reason?: string } }>(await http(`${platform.base}/ops/explain?client=${app.clientId}&member=${member}`, { token: platform.administratorToken }));
      expect(explained.now).toEqual({ decision: 'deny', reason: 'opted-out' });
    }, { timeout: 10_000 });
    expect(await read(member)).toBe(404);
    expect((await tell(platform, optIn(member))).status).toBe('effective');
    expect(await read(member)).toBe(200);
  });

  test('of one provider only: the other one still sees', async () => {
    const shared = untouched.find((m) => m.visibleTo.length > 1)!;
    take((m) => m === shared);
    const otherNpi = shared.visibleTo.find((npi) => npi !== organization.npi)!;
    const other = await registerApp(platform, { name: 'The other', npi: otherNpi });
    const otherToken = await other.tokens.get();
    expect([await read(shared.member), await read(shared.member, otherToken)]).toEqual([200, 200]);
    expect((await tell(platform, optOut(shared.member, { scope: 'provider-specific', targets: [{ npi: organization.npi }] }))).status).toBe('effective');
    expect([await read(shared.member), await read(shared.member, otherToken)]).toEqual([404, 200]);
    expect((await findGroup(platform, token, organization.npi)).member?.map((m) => m.entity.reference)).not.toContain(`Patient/${shared.member}`);
    expect((await findGroup(platform, otherToken, otherNpi)).member?.map((m) => m.entity.reference)).toContain(`Patient/${shared.member}`);
  });

  test('an attribution or a coverage that ends takes members out of reads and of files that are sealed', async () => {
    const [unattributed, uncovered] = [take(), take()];
    const status = await kickOff(platform, token, group.id, '?_type=Patient');
    const before = countOf(await sealed(status, token), 'Patient');
    expect([await read(unattributed), await read(uncovered)]).toEqual([200, 200]);
    const yesterday = new Date(Date.now() - 86_400_000).toISOString().slice(0, 10);
    await handled(payerEvent('payer.attribution-ended.v1', unattributed, { provider: { npi: organization.npi, tin: organization.tin, contract: organization.contract }, to: yesterday }));
    await handled(payerEvent('payer.member-terminated.v1', uncovered, { to: yesterday }));
    await vi.waitFor(async () => expect([await read(unattributed), await read(uncovered)]).toEqual([404, 404]), { timeout: 10_000 });
    const after = await sealed(status, token);
    expect(countOf(after, 'Patient')).toBe(before - 2);
    const text = everything(await texts(after, token));
    expect(text).not.toContain(unattributed);
    expect(text).not.toContain(uncovered);
  });

  test('an app that is suspended: its token is dead, its export and files are closed, its download is cut', async () => {
    await largeDocuments();
    const status = await kickOff(platform, token, group.id, '?_type=DocumentReference,Patient');
    const manifest = await sealed(status, token);
    const large = manifest.output.find((f) => f.type === 'DocumentReference')!;
    const { response, chunks } = await begun(large.url, { 'accept-encoding': 'identity' });
    const size = Number(response.headers['content-length']);
    const running = await kickOff(platform, token, group.id);
    const answer = await http(`${platform.base}/auth/clients/${app.clientId}/suspend`, { method: 'POST', token: platform.administratorToken, headers: { 'content-type': 'application/json' }, body: '{"reason":"test"}' });
    expect(answer.status).toBe(200);
    for (const url of [status, running, large.url, `${platform.base}/fhir/Group`, `${platform.base}/fhir/Patient?_id=m-000001`]) {
      const refused = await http(url, { token });
      expect(refused.status, url).toBe(401);
      expect(refused.headers['www-authenticate']).toContain('invalid_token');
    }
    const exchange = await http(`${platform.base}/auth/token`, form({ grant_type: 'client_credentials', scope: app.scope, client_assertion_type: ASSERTION_TYPE, client_assertion: clientAssertion(app, `${platform.base}/auth/token`) }));
    expect([400, 401]).toContain(exchange.status);
    expect(await drain(response, chunks)).toBe(false);
    expect(Buffer.concat(chunks).length).toBeLessThan(size);
  });
});

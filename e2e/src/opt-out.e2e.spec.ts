import { randomBytes, randomInt } from 'node:crypto';
import { constants, gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { toStructured } from '@provider-access/events';
import type { Manifest, PlatformProcess } from '@provider-access/cli';
import { npiOf, type MemberLedger } from '@provider-access/synthetic';
import { eventually, tokenRequest } from '@provider-access/testing';
import { freshPlatform, instancesOf, registerApp, type TestApp } from './harness.ts';
import { largest, memberOf, publishTaken } from './payers.ts';
import {
  endBinding,
  findGroup,
  http,
  json,
  kickOff,
  optIn,
  optOut,
  payerEvent,
  sealed,
  takesEffect,
  tell,
  texts,
  type GroupResource,
} from './road.ts';
import { begun, begunAt, drain, largeDocumentOf } from './slow-download.ts';
import { LIMITS, sharedPayer } from './world/context.ts';

const run = randomBytes(4).toString('hex');
describe('an opt-out against everything that runs', () => {
  const payer = sharedPayer();
  const organization = largest(payer);
  /**
   * An organization of this run. Its members have a large document each, and fit into one chunk, so that one file has
   * all of them.
   */
  const scans = npiOf(randomInt(1e8));
  let fresh: Awaited<ReturnType<typeof freshPlatform>>;
  let platform: PlatformProcess;
  let app: TestApp;
  let token: string;
  let group: GroupResource;
  /** Every test takes its own members and does not touch the others. */
  const untouched = [...organization.visible];
  const take = (wanted: (m: MemberLedger) => boolean = () => true): string =>
    untouched.splice(
      untouched.findIndex((m) => wanted(m)),
      1,
    )[0]!.member;

  beforeAll(async () => {
    fresh = await freshPlatform({ env: LIMITS, shared: payer });
    platform = fresh.platform();
    app = await registerApp(platform, { name: 'Sees', npi: organization.npi, tin: organization.tin });
    token = await app.tokens.get();
    group = await findGroup(platform, token, organization.npi);
  });
  afterAll(() => fresh?.dispose());
  beforeEach(async () => {
    token = await app.tokens.get();
  });

  let opened: Promise<{ scansApp: TestApp; scansGroup: GroupResource }> | undefined;
  /** The organization with the large documents, made when the first test needs it. */
  const withScans = (): Promise<{ scansApp: TestApp; scansGroup: GroupResource }> =>
    (opened ??= (async () => {
      const members = Array.from({ length: 5 }, (_, i) => `m-scan-${run}-${i}`);
      await publishTaken(
        platform,
        payerEvent('payer.network-status-changed.v1', scans, { npi: scans, status: 'in-network', from: '2020-01-01' }),
        ...members.flatMap((m) => memberOf(m, { npi: scans }, largeDocumentOf(m))),
      );
      const scansApp = await registerApp(platform, { name: 'Scans', npi: scans });
      return { scansApp, scansGroup: await findGroup(platform, await scansApp.tokens.get(), scans) };
    })());
  const read = (member: string, as = token): Promise<number> =>
    http(`${platform.base}/fhir/Patient/${member}`, { token: as }).then((a) => a.status);
  const exported = async (query = ''): Promise<{ manifest: Manifest; files: Map<string, string> }> => {
    const manifest = await sealed(await kickOff(platform, token, group.id, query), token);
    return { manifest, files: await texts(manifest, token) };
  };
  const everything = (files: Map<string, string>): string => [...files.values()].join('');
  /** Everybody's files, without `member`'s lines. Ids of a member's resources begin with the member's id. */
  const linesOf = (text: string, member: string): string[] => text.split('\n').filter((line) => line.includes(member));
  const countOf = (manifest: Manifest, type: string): number =>
    manifest.output.filter((f) => f.type === type).reduce((n, f) => n + (f.count ?? 0), 0);
  const leave = (member: string): Promise<void> => takesEffect(platform, optOut(member));
  /** Opts the member in again afterwards, so that later tests have files of the same size. */
  const back = (member: string): Promise<void> => takesEffect(platform, optIn(member));

  test('N1 before an export: in no file and no Group; back again, _since has everything of theirs', async () => {
    const member = take();
    const before = await exported();
    const theirs = linesOf(everything(before.files), member).sort();
    expect(theirs.length).toBe(payer.ledger.member(Number(member.slice(2))).resources.size);
    const members = async (): Promise<(string | undefined)[]> =>
      (await findGroup(platform, token, organization.npi)).member?.map((m) => m.entity.reference) ?? [];
    expect(await members()).toContain(`Patient/${member}`);

    await leave(member);
    expect(await members()).not.toContain(`Patient/${member}`);
    expect((await findGroup(platform, token, organization.npi)).quantity).toBe(organization.visible.length - 1);
    const without = await exported();
    expect(everything(without.files)).not.toContain(member);

    await takesEffect(platform, optIn(member));
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
    const eob = before.output.find(
      (f) => f.type === 'ExplanationOfBenefit' && linesOf(filesBefore.get('ExplanationOfBenefit')!, member).length > 0,
    )!;
    const head = await http(eob.url, { token, method: 'HEAD' });

    await leave(member);
    const after = await sealed(status, token);
    const filesAfter = await texts(after, token);
    expect(after.transactionTime).toBe(before.transactionTime);
    for (const [type, text] of filesBefore) {
      const lost = linesOf(text, member).length;
      // A resource without a member may disappear with its last referrer.
      if (!['Organization', 'Practitioner', 'PractitionerRole', 'Location', 'Medication'].includes(type)) {
        expect(countOf(before, type) - countOf(after, type), type).toBe(lost);
        expect(filesAfter.get(type) ?? '', type).toBe(
          text
            .split('\n')
            .filter((line) => !line.includes(member))
            .join('\n'),
        );
      }
    }
    expect(everything(filesAfter)).not.toContain(member);
    const headAfter = await http(eob.url, { token, method: 'HEAD' });
    expect(Number(headAfter.headers['content-length'])).toBeLessThan(Number(head.headers['content-length']));
    expect(headAfter.headers.etag).not.toBe(head.headers.etag);
    // A client that continues a download gets the whole new file, never a mixture.
    const resumed = await http(eob.url, { token, headers: { range: 'bytes=10-', 'if-range': head.headers.etag! } });
    expect(resumed.status).toBe(200);
    expect(resumed.body.toString()).not.toContain(member);
    await back(member);
  });

  test.each(['identity', 'gzip'] as const)(
    'during a slow download (%s): the connection is cut before a byte of theirs',
    async (coding) => {
      const { scansApp, scansGroup } = await withScans();
      const as = await scansApp.tokens.get();
      const status = await kickOff(platform, as, scansGroup.id, '?_type=DocumentReference');
      const manifest = await sealed(status, as);
      const file = manifest.output.find((f) => f.type === 'DocumentReference')!;
      const whole = await http(file.url, { token: as, headers: { 'accept-encoding': coding } });
      const text = (coding === 'gzip' ? gunzipSync(whole.body) : whole.body).toString();
      const large = text
        .split('\n')
        .map((line) => /"id":"([\w-]+)-large"/.exec(line)?.[1])
        .filter((m) => m !== undefined);
      const last = large.at(-1)!;
      expect(large.length).toBeGreaterThanOrEqual(4);
      const { response, chunks } = await begun(platform, file.url, as, { 'accept-encoding': coding });
      await leave(last);
      const complete = await drain(response, chunks);
      const got = Buffer.concat(chunks);
      expect(complete).toBe(false);
      expect(got.equals(whole.body.subarray(0, got.length))).toBe(true);
      const plain = coding === 'gzip' ? gunzipSync(got, { finishFlush: constants.Z_SYNC_FLUSH }) : got;
      expect(plain.length).toBeLessThan(text.length);
      expect(plain.includes(last)).toBe(false);
      // At the next request the file is whole, and without that member.
      const again = await http(file.url, { token: as, headers: { 'accept-encoding': coding } });
      expect((coding === 'gzip' ? gunzipSync(again.body) : again.body).toString()).toBe(
        text
          .split('\n')
          .filter((l) => !l.includes(last))
          .join('\n'),
      );
      await back(last);
    },
  );

  test('N1 at once in reads, searches and every next page: as if there had never been such a member', async () => {
    const member = take((m) => (m.perType['Observation'] ?? 0) > 4);
    const page = await http(`${platform.base}/fhir/Observation?patient=${member}&_count=2`, { token });
    const next = json<{ link: { relation: string; url: string }[] }>(page).link.find((l) => l.relation === 'next')!.url;
    expect(json<{ entry: unknown[] }>(await http(next, { token })).entry).toHaveLength(2);
    const one = json<{ entry: { resource: { id: string } }[] }>(page).entry[0]!.resource.id;
    expect(await read(member)).toBe(200);

    await leave(member);
    expect(json<{ entry?: unknown[]; link: { relation: string }[] }>(await http(next, { token }))).not.toHaveProperty(
      'entry.0',
    );
    for (const [denied, unknown] of [
      [`Patient/${member}`, 'Patient/m-999999'],
      [`Observation/${one}`, 'Observation/m-999999-obs-1'],
      [`Observation?patient=${member}&_count=2`, 'Observation?patient=m-999999&_count=2'],
      [`Patient?_id=${member}`, 'Patient?_id=m-999999'],
    ] as const) {
      const [a, b] = await Promise.all(
        [denied, unknown].map((path) => http(`${platform.base}/fhir/${path}`, { token })),
      );
      expect(a!.status, denied).toBe(b!.status);
      expect(a!.body.toString().replaceAll(member, 'm-999999').replaceAll(one, 'm-999999-obs-1')).toBe(
        b!.body.toString(),
      );
      expect({ ...a!.headers, date: '' }).toEqual({ ...b!.headers, date: '' });
    }
    await back(member);
  });

  test('one that cannot be read denies until it is discarded, another until it is replayed corrected', async () => {
    const member = take();
    const unreadable = async (): Promise<string> => {
      const event = payerEvent('payer.member-opted-out.v1', member, { scope: 42 });
      await tell(platform, event);
      await eventually(async () => (await read(member)) === 404);
      return eventually(async () => {
        const { deadLetters } = json<{ deadLetters: { id: string; event: string }[] }>(
          await http(`${platform.base}/events/dead-letters?status=open`, { token: platform.payerToken }),
        );
        return deadLetters.find((d) => d.event === event.id)?.id ?? false;
      });
    };
    const resolve = async (id: string, how: string, body: unknown): Promise<number> =>
      (
        await http(`${platform.base}/events/dead-letters/${id}/${how}`, {
          method: 'POST',
          token: platform.payerToken,
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(body),
        })
      ).status;

    const first = await unreadable();
    expect(await resolve(first, 'discard', {})).toBe(400);
    expect(await read(member)).toBe(404);
    expect(await resolve(first, 'discard', { reason: 'sent by mistake' })).toBe(200);
    await eventually(async () => (await read(member)) === 200);

    const second = await unreadable();
    // A replay about another member, or of another type, would leave this member denied for ever.
    for (const other of [optOut('m-000001'), optIn(member)])
      expect(await resolve(second, 'replay', toStructured(other))).toBe(400);
    expect(await read(member)).toBe(404);
    expect(await resolve(second, 'replay', { scope: 'global', setBy: 'member' })).toBe(202);
    await eventually(async () => {
      const explained = json<{ now: { decision: string; reason?: string } }>(
        await http(`${platform.base}/ops/explain?client=${app.clientId}&member=${member}`, {
          token: platform.administratorToken,
        }),
      );
      expect(explained.now).toEqual({ decision: 'deny', reason: 'opted-out' });
    });
    expect(await read(member)).toBe(404);
    await takesEffect(platform, optIn(member));
    expect(await read(member)).toBe(200);
  });

  test('sent as a FHIR Consent', async () => {
    const member = take();
    const code = (system: string, value: string) => ({
      coding: [{ system: `http://terminology.hl7.org/CodeSystem/${system}`, code: value }],
    });
    const consent = (type: string) =>
      payerEvent('payer.resource-recorded.v1', member, {
        resource: {
          resourceType: 'Consent',
          id: `consent-${member}`,
          status: 'active',
          scope: code('consentscope', 'patient-privacy'),
          category: [code('v3-ActCode', 'IDSCL')],
          patient: { reference: `Patient/${member}` },
          policyRule: code('consentpolicycodes', 'cric'),
          provision: { type, period: { start: '2020-01-01' } },
        },
      });
    await takesEffect(platform, consent('deny'));
    expect(await read(member)).toBe(404);
    // A Consent that permits ends nothing. Only an opt-in does.
    expect(await tell(platform, consent('permit'))).toMatchObject({ status: 'accepted' });
    expect(await read(member)).toBe(404);
    await back(member);
    expect(await read(member)).toBe(200);
  });

  test('of one provider only: the other one still sees', async () => {
    const shared = untouched.find((m) => m.visibleTo.length > 1)!;
    take((m) => m === shared);
    const otherNpi = shared.visibleTo.find((npi) => npi !== organization.npi)!;
    const other = await registerApp(platform, { name: 'The other', npi: otherNpi });
    const otherToken = await other.tokens.get();
    expect([await read(shared.member), await read(shared.member, otherToken)]).toEqual([200, 200]);
    await takesEffect(
      platform,
      optOut(shared.member, { scope: 'provider-specific', targets: [{ npi: organization.npi }] }),
    );
    expect([await read(shared.member), await read(shared.member, otherToken)]).toEqual([404, 200]);
    expect((await findGroup(platform, token, organization.npi)).member?.map((m) => m.entity.reference)).not.toContain(
      `Patient/${shared.member}`,
    );
    expect((await findGroup(platform, otherToken, otherNpi)).member?.map((m) => m.entity.reference)).toContain(
      `Patient/${shared.member}`,
    );
    await back(shared.member);
    expect(await read(shared.member)).toBe(200);
  });

  test('an attribution or a coverage that ends takes members out of reads and of files that are sealed', async () => {
    const provider = { npi: organization.npi, tin: organization.tin, contract: organization.contract };
    const [unattributed, uncovered] = [`m-unattributed-${run}`, `m-uncovered-${run}`];
    await publishTaken(platform, ...memberOf(unattributed, provider), ...memberOf(uncovered, provider));
    await eventually(async () => expect([await read(unattributed), await read(uncovered)]).toEqual([200, 200]));
    const status = await kickOff(platform, token, group.id, '?_type=Patient');
    const before = countOf(await sealed(status, token), 'Patient');
    const yesterday = new Date(Date.now() - 86_400_000).toISOString().slice(0, 10);
    await publishTaken(platform, payerEvent('payer.attribution-ended.v1', unattributed, { provider, to: yesterday }));
    await publishTaken(platform, payerEvent('payer.member-terminated.v1', uncovered, { to: yesterday }));
    await eventually(async () => expect([await read(unattributed), await read(uncovered)]).toEqual([404, 404]));
    const after = await sealed(status, token);
    expect(countOf(after, 'Patient')).toBe(before - 2);
    const text = everything(await texts(after, token));
    expect(text).not.toContain(unattributed);
    expect(text).not.toContain(uncovered);
  });

  test('P3 the end of a binding cuts the downloads that run by it, on each process of export', async () => {
    const { scansGroup } = await withScans();
    const bound = await registerApp(platform, { name: 'Bound to scans', npi: scans });
    const as = await bound.tokens.get();
    const status = await kickOff(platform, as, scansGroup.id, '?_type=DocumentReference');
    const { url } = (await sealed(status, as)).output[0]!;
    const running = await Promise.all(
      instancesOf(platform, 'export').map((base) =>
        begunAt(base + url.slice(platform.base.length), as, { 'accept-encoding': 'identity' }),
      ),
    );
    await endBinding(platform, bound.clientId, scans);
    for (const { response, chunks } of running) {
      expect(await drain(response, chunks)).toBe(false);
      expect(Buffer.concat(chunks).length).toBeLessThan(Number(response.headers['content-length']));
    }
    expect((await http(url, { token: as })).status).toBe(401);
  });

  test('suspending an app ends its token, its export, its files and its running download', async () => {
    const { scansApp, scansGroup } = await withScans();
    const as = await scansApp.tokens.get();
    const status = await kickOff(platform, as, scansGroup.id, '?_type=DocumentReference,Patient');
    const manifest = await sealed(status, as);
    const large = manifest.output.find((f) => f.type === 'DocumentReference')!;
    const { response, chunks } = await begun(platform, large.url, as, { 'accept-encoding': 'identity' });
    const size = Number(response.headers['content-length']);
    const running = await kickOff(platform, as, scansGroup.id);
    const answer = await http(`${platform.base}/auth/clients/${scansApp.clientId}/suspend`, {
      method: 'POST',
      token: platform.administratorToken,
      headers: { 'content-type': 'application/json' },
      body: '{"reason":"attack-observed"}',
    });
    expect(answer.status).toBe(200);
    for (const url of [
      status,
      running,
      large.url,
      `${platform.base}/fhir/Group`,
      `${platform.base}/fhir/Patient?_id=m-000001`,
    ]) {
      const refused = await http(url, { token: as });
      expect(refused.status, url).toBe(401);
      expect(refused.headers['www-authenticate']).toContain('invalid_token');
    }
    const exchanged = await http(`${platform.base}/auth/token`, tokenRequest(scansApp, platform.base));
    expect([400, 401]).toContain(exchanged.status);
    expect(await drain(response, chunks)).toBe(false);
    expect(Buffer.concat(chunks).length).toBeLessThan(size);
  });
});

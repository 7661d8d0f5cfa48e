import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PlatformProcess } from '@provider-access/cli';
import { eventually } from '@provider-access/testing';
import { freshPlatform, registerApp, type TestApp } from './harness.ts';
import { byMembers } from './payers.ts';
import {
  findGroup,
  http,
  type HttpAnswer,
  json,
  kickOff,
  open,
  optOut,
  payerEvent,
  publishAll,
  sealed,
  takesEffect,
  texts,
} from './road.ts';
import { LIMITS, sharedPayer } from './world/context.ts';

interface DocumentReference {
  readonly id: string;
  readonly content: readonly [{ readonly attachment: { readonly url: string; readonly size: number; hash: string } }];
}
interface Bundle {
  readonly entry?: readonly { readonly resource: DocumentReference }[];
}
/** The largest that fits into an event of 4 MiB. */
const NOTE = randomBytes(3_100_000);
const CARE = { start: '2024-05-01', end: '2024-05-02' };

describe('notes of a member', () => {
  const payer = sharedPayer();
  const [organization, another] = byMembers(payer);
  const mine = organization!.visible.map(({ member }) => member);
  const theirs = new Set(another!.visible.map(({ member }) => member));
  const members = mine.filter((member) => !theirs.has(member));
  let fresh: Awaited<ReturnType<typeof freshPlatform>>;
  let platform: PlatformProcess;
  let app: TestApp;
  let token: string;
  const note = (member: string, id: string, bytes: Buffer, extra: object = {}) =>
    payerEvent('payer.resource-recorded.v1', member, {
      resource: {
        resourceType: 'DocumentReference',
        id,
        status: 'current',
        type: { coding: [{ system: 'http://loinc.org', code: '11506-3' }] },
        subject: { reference: `Patient/${member}` },
        context: { period: CARE },
        content: [{ attachment: { contentType: 'text/html', data: bytes.toString('base64'), size: 1, title: 'Note' } }],
        ...extra,
      },
    });
  const get = (url: string, headers: Record<string, string> = {}, as = token): Promise<HttpAnswer> =>
    http(url.startsWith('http') ? url : `${platform.base}/fhir/${url}`, { token: as, headers });
  /** Of the note of a member; waits until it can be read. */
  async function noteOf(member: string, id: string): Promise<DocumentReference> {
    const found = await eventually(
      async () => {
        const query = `patient=${member}&start=${CARE.start}&type=${encodeURIComponent('http://loinc.org|11506-3')}`;
        const bundle = json<Bundle>(await get(`DocumentReference/$docref?${query}`));
        const resource = bundle.entry?.map((entry) => entry.resource).find((one) => one.id === id);
        if (resource === undefined) throw new Error('the note is not there yet');
        return resource;
      },
      { what: 'the note is found', timeout: 60_000 },
    );
    return found;
  }

  beforeAll(async () => {
    fresh = await freshPlatform({ env: LIMITS, shared: payer });
    platform = fresh.platform();
    app = await registerApp(platform, { name: 'Notes', npi: organization!.npi, tin: organization!.tin });
    token = await app.tokens.get();
  }, 600_000);
  afterAll(() => fresh?.dispose());

  test('are found by $docref, read by ranges, exported with their URL, and end with an opt-out', async () => {
    const member = members[0]!;
    const id = `${member}-note`;
    await publishAll(platform, [note(member, id, NOTE)]);
    const { attachment } = (await noteOf(member, id)).content[0];
    expect(attachment).toEqual({
      contentType: 'text/html',
      url: expect.stringContaining('/fhir/Binary/'),
      size: NOTE.length,
      hash: createHash('sha1').update(NOTE).digest('base64'),
      title: 'Note',
    });
    expect(attachment.url.startsWith(`${platform.base}/`)).toBe(true);

    const parts: Buffer[] = [];
    for (let at = 0; at < NOTE.length; at += 1_000_000) {
      const part = await get(attachment.url, { range: `bytes=${at}-${at + 999_999}` });
      expect(part.status).toBe(206);
      expect(part.headers).toMatchObject({ 'content-disposition': 'attachment', 'x-content-type-options': 'nosniff' });
      parts.push(part.body);
    }
    expect(Buffer.concat(parts).equals(NOTE)).toBe(true);
    const binary = json<{ data: string }>(await get(attachment.url, { accept: 'application/fhir+json' }));
    expect(Buffer.from(binary.data, 'base64').equals(NOTE)).toBe(true);

    const group = await findGroup(platform, token, organization!.npi);
    const manifest = await sealed(await kickOff(platform, token, group.id, '?_type=DocumentReference'), token);
    const lines = [...(await texts(manifest, token)).values()].join('').split('\n');
    const exported = JSON.parse(lines.find((line) => line.includes(`"${id}"`))!) as DocumentReference;
    expect(exported.content[0].attachment).toEqual(attachment);

    // Another app, whose provider does not see the member.
    const other = await registerApp(platform, { name: 'Other', npi: another!.npi, tin: another!.tin });
    const foreign = await get(attachment.url, {}, await other.tokens.get());
    const unknown = await get(`Binary/${'0'.repeat(64)}`);
    expect([foreign.status, foreign.body.toString()]).toEqual([404, unknown.body.toString()]);

    // The member opts out while a slow client has taken the first bytes.
    const slow = await open(attachment.url, { token });
    expect(slow.statusCode).toBe(200);
    const [first] = (await once(slow, 'data')) as [Buffer];
    slow.pause();
    await takesEffect(platform, optOut(member));
    const gone = await get(attachment.url);
    expect([gone.status, gone.body.toString()]).toEqual([404, unknown.body.toString()]);
    expect((await get(attachment.url, { range: 'bytes=1000000-' })).status).toBe(404);
    // What the kernel had taken before may still arrive, and never bytes that are not of the note.
    slow.destroy();
    expect(NOTE.subarray(0, first.length).equals(first)).toBe(true);
  }, 300_000);

  test('go with a label, and an old version stays readable', async () => {
    const member = members[1]!;
    const id = `${member}-note`;
    await publishAll(platform, [note(member, id, NOTE.subarray(0, 2_000_000))]);
    const old = (await noteOf(member, id)).content[0].attachment.url;
    await publishAll(platform, [note(member, id, NOTE.subarray(1_000_000))]);
    await eventually(async () => expect((await noteOf(member, id)).content[0].attachment.url).not.toBe(old), {
      what: 'the new version is read',
      timeout: 60_000,
    });
    const now = (await noteOf(member, id)).content[0].attachment.url;
    expect(json<DocumentReference>(await get(`DocumentReference/${id}/_history/1`)).content[0].attachment.url).toBe(
      old,
    );
    expect((await get(old)).body).toHaveLength(2_000_000);
    expect((await get(now)).body).toHaveLength(2_100_000);
    const security = [{ system: 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality', code: 'R' }];
    await publishAll(platform, [note(member, id, NOTE.subarray(1_000_000), { meta: { security } })]);
    const unknown = await get(`Binary/${'0'.repeat(64)}`);
    await eventually(
      async () => {
        const answer = await get(now);
        expect([answer.status, answer.body.toString()]).toEqual([404, unknown.body.toString()]);
      },
      { what: 'the label withholds the content', timeout: 60_000 },
    );
    expect((await get(old)).status).toBe(404);
  }, 300_000);

  // N2 and N4: the label is in an element of its own, and comes after an export of the note and of its Provenance.
  test('leave reads, Provenances and files of exports with a label, and a near miss of one is counted', async () => {
    const member = members[4]!;
    const [open, hidden, origin] = ['open', 'hidden', 'origin'].map((name) => `${member}-${name}`) as [
      string,
      string,
      string,
    ];
    const provenance = payerEvent('payer.resource-recorded.v1', member, {
      resource: {
        ...{ resourceType: 'Provenance', id: origin, recorded: '2025-06-01T00:00:00Z' },
        target: [{ reference: `DocumentReference/${hidden}` }],
        agent: [{ who: { display: 'clinic' } }],
      },
    });
    const content = NOTE.subarray(0, 2_000_000);
    await publishAll(platform, [note(member, open, content), note(member, hidden, content), provenance]);
    const { url } = (await noteOf(member, hidden)).content[0].attachment;
    await eventually(async () => (await get(`Provenance/${origin}`)).status === 200, {
      what: 'the Provenance is there',
    });
    expect((await get(url)).body.equals(content)).toBe(true);
    const group = await findGroup(platform, token, organization!.npi);
    const status = await kickOff(platform, token, group.id, '?_type=DocumentReference,Provenance');
    const linesOf = async (manifest: Awaited<ReturnType<typeof sealed>>): Promise<string[]> =>
      [...(await texts(manifest, token)).values()].flatMap((text) => text.split('\n').filter((line) => line !== ''));
    const before = await linesOf(await sealed(status, token));
    expect(before.filter((line) => line.includes(`"${hidden}"`) || line.includes(`"${origin}"`))).toHaveLength(2);

    const coding = [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: '42 CFR Part 2' }];
    const report = await publishAll(platform, [
      note(member, hidden, content, { securityLabel: [{ coding }] }),
      note(member, open, content, {
        meta: { security: [{ system: 'https://payer.example/labels', code: 'part-two' }] },
      }),
    ]);
    expect(report.unknownLabels).toEqual({ 'https://payer.example/labels|part-two': 1 });
    await eventually(async () => (await get(`DocumentReference/${hidden}`)).status === 404, {
      what: 'the label counts',
    });
    for (const [path, unknown] of [
      [`DocumentReference/${hidden}`, 'DocumentReference/nobody'],
      [`DocumentReference/${hidden}/_history`, 'DocumentReference/nobody/_history'],
      [`Provenance/${origin}`, 'Provenance/nobody'],
      [url, `Binary/${'0'.repeat(64)}`],
    ] as const) {
      const [one, other] = [await get(path), await get(unknown)];
      expect([path, one.status, one.body.toString()]).toEqual([path, other.status, other.body.toString()]);
    }
    // The view that tells downloads of labels may follow a moment later.
    await eventually(
      async () => {
        const manifest = await sealed(status, token);
        const after = await linesOf(manifest);
        expect(after).toEqual(before.filter((line) => !line.includes(`"${hidden}"`) && !line.includes(`"${origin}"`)));
        expect(manifest.output.reduce((sum, { count = 0 }) => sum + count, 0)).toBe(after.length);
      },
      { what: 'the files follow', timeout: 60_000 },
    );
  }, 300_000);

  test('with a URL in the place of content: the payer learns that it leads nowhere', async () => {
    const member = members[3]!;
    const id = `${member}-linked`;
    const urls = ['/Binary/1-note', `${platform.base}/fhir/Binary/1-note`, 'https://documents.payer.example/1-note'];
    const content = urls.map((url) => ({ attachment: { contentType: 'text/plain', url } }));
    const binary = { resourceType: 'Binary', id: '1-note', contentType: 'text/plain', data: 'bm90ZQ==' };
    const report = await publishAll(platform, [
      note(member, id, Buffer.alloc(0), { content }),
      payerEvent('payer.resource-recorded.v1', member, { resource: binary }),
    ]);
    expect(report.outcomes).toEqual({ recorded: 1, 'not-served': 1 });
    expect(report.dangling.notServed).toEqual({ 'DocumentReference.content.attachment -> Binary': 2 });
    expect((await noteOf(member, id)).content.map(({ attachment }) => attachment.url)).toEqual(urls);
    expect((await get(urls[1]!)).status).toBe(404);
  }, 300_000);

  test('survive a restart', async () => {
    const member = members[2]!;
    await publishAll(platform, [note(member, `${member}-note`, NOTE)]);
    const { url } = (await noteOf(member, `${member}-note`)).content[0].attachment;
    await fresh.restart('kill');
    platform = fresh.platform();
    await eventually(async () => expect((await get(url)).body.equals(NOTE)).toBe(true), {
      what: 'the content is read after the restart',
      timeout: 120_000,
    });
  }, 300_000);
});

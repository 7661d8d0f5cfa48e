import { createHash } from 'node:crypto';
import { get } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { Access } from '@provider-access/facts';
import { eventually } from '@provider-access/testing';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Gate, interfered } from './faults.ts';
import { type ManifestBody, Platform } from './harness.ts';

const OTHER = 'npi|1987654321';
const MEMBERS = Array.from({ length: 4 }, (_, i) => `m${i}`);
let platform: Platform;
afterEach(() => platform?.dispose());

async function start(...[config, wrap]: Parameters<typeof Platform.start>): Promise<void> {
  platform = await Platform.start(config, wrap);
  await platform.client('c1');
  await platform.group();
  await platform.members(MEMBERS);
  await platform.resources(MEMBERS.map((member) => ({ member, type: 'Patient', id: member, text: 'x'.repeat(500) })));
}
const patients = ({ output }: ManifestBody): string => output.find(({ type }) => type === 'Patient')!.url;

describe('the members of a file', () => {
  afterEach(() => void vi.restoreAllMocks());
  it.each([
    ['once, if nothing has changed when the first byte leaves', 0, 1],
    ['again, if the decision is older than it may be', 51, 2],
  ])('are decided %s', async (_when, ms, times) => {
    await start();
    const url = patients(await platform.manifest(await platform.kickOff()));
    let now = performance.now();
    vi.spyOn(performance, 'now').mockImplementation(() => (now += ms));
    const decided = vi.spyOn(Access.prototype, 'ofRequest');
    expect((await (await platform.fetch(url)).text()).split('\n')).toHaveLength(MEMBERS.length + 1);
    expect(decided).toHaveBeenCalledTimes(times);
  });
});

describe('a Range without If-Range (E73)', () => {
  const range = (at: number): { headers: Record<string, string> } => ({ headers: { range: `bytes=${at}-` } });

  it.each(['identity', 'gzip'])('resumes a file that is as it was sealed (%s)', async (coding) => {
    await start();
    const url = patients(await platform.manifest(await platform.kickOff()));
    const accept = { 'accept-encoding': coding };
    const lines = await (await platform.fetch(url, { headers: accept })).text();
    // fetch decodes gzip, and a part of it cannot be decoded. So the length tells.
    const first = await platform.fetch(url, { headers: accept, method: 'HEAD' });
    const length = Number(first.headers.get('content-length'));
    const rest = await platform.fetch(url, { headers: { ...accept, range: 'bytes=10-' } });
    expect([rest.status, rest.headers.get('content-range')]).toEqual([206, `bytes 10-${length - 1}/${length}`]);
    if (coding === 'identity') expect(await rest.text()).toBe(lines.slice(10));
    else await rest.body!.cancel();
    expect(rest.headers.get('etag')).toBe(first.headers.get('etag'));
  });

  it('gets the whole file after an opt-out, and If-Range with the new ETag still resumes', async () => {
    await start();
    const url = patients(await platform.manifest(await platform.kickOff()));
    const before = await platform.fetch(url);
    await before.text();
    await platform.optOut('m2');
    const after = await platform.fetch(url, range(20));
    expect(after.status).toBe(200);
    const text = await after.text();
    expect(text).not.toContain('"m2"');
    const etag = after.headers.get('etag')!;
    const strict = await platform.fetch(url, { headers: { range: 'bytes=20-', 'if-range': etag } });
    expect([strict.status, await strict.text()]).toEqual([206, text.slice(20)]);
    const old = await platform.fetch(url, { headers: { range: 'bytes=20-', 'if-range': before.headers.get('etag')! } });
    expect([old.status, await old.text()]).toEqual([200, text]);
  });

  it('gets the whole file after an opt-in, if a process has sent the client the shorter one', async () => {
    await start();
    const other = await platform.another();
    const url = patients(await platform.manifest(await platform.kickOff()));
    const whole = await (await platform.fetch(url)).text();
    await platform.optOut('m1');
    await platform.optIn('m1');
    // Nothing was sent meanwhile, so what the client has is a part of this file.
    const unseen = await platform.fetch(url, range(700));
    expect([unseen.status, await unseen.text()]).toEqual([206, whole.slice(700)]);
    await platform.optOut('m1');
    await (await platform.fetch(url)).text();
    await platform.optIn('m1');
    const headers = {
      authorization: `Bearer ${await platform.token()}`,
      'accept-encoding': 'identity',
      range: 'bytes=700-',
    };
    for (const base of [other.url, platform.url]) {
      const answer = await eventually(async () => {
        const found = await fetch(url.replace('http://test', base), { headers });
        const text = await found.text();
        expect(text).toContain('"m1"');
        return { status: found.status, text };
      });
      expect(answer).toEqual({ status: 200, text: whole });
    }
  });

  it('resumes a file from which the seal dropped a member', async () => {
    const gate = new Gate();
    await start({}, (blobs) =>
      interfered(blobs, (action, name) => (action === 'put' && name.endsWith('chunk.json') ? gate.pass() : undefined)),
    );
    const job = await platform.kickOff();
    await gate.reached;
    await platform.optOut('m0');
    gate.letThrough();
    const url = patients(await platform.manifest(job));
    const whole = await (await platform.fetch(url)).text();
    expect(whole).not.toContain('"m0"');
    const rest = await platform.fetch(url, range(33));
    expect([rest.status, await rest.text()]).toEqual([206, whole.slice(33)]);
  });
});

describe('checksums in the manifest (E71)', () => {
  interface Checked extends ManifestBody {
    readonly extension: {
      readonly checksums: {
        readonly note: string;
        readonly contentEncoding: string;
        readonly files: readonly { readonly url: string; readonly size: number; readonly sha256: string }[];
      };
    };
  }
  const checked = async (job: string): Promise<Checked['extension']['checksums']> =>
    ((await platform.manifest(job)) as Checked).extension.checksums;
  /** The bytes as they are sent. */
  async function sent(url: string): Promise<Buffer> {
    const headers = { authorization: `Bearer ${await platform.token()}`, 'accept-encoding': 'gzip' };
    return new Promise((resolve, reject) => {
      get(url.replace('http://test', platform.url), { headers }, (answer) => {
        expect(answer.headers['content-encoding']).toBe('gzip');
        void answer.toArray().then((chunks: Buffer[]) => resolve(Buffer.concat(chunks)), reject);
      }).once('error', reject);
    });
  }

  it('have size and SHA-256 of each file as gzip, and leave out a file that has changed', async () => {
    await start({ chunkMembers: 2, partLimits: { resources: 3, plain: 1e6, segment: 1000, stretch: 1200 } });
    await platform.resources(
      MEMBERS.flatMap((member) =>
        Array.from({ length: 4 }, (_, i) => ({
          member,
          type: 'Observation',
          id: `${member}-${i}`,
          text: 'y'.repeat(400),
        })),
      ),
    );
    const job = await platform.kickOff();
    const { output, error } = await platform.manifest(job);
    const { note, contentEncoding, files } = await checked(job);
    expect(contentEncoding).toBe('gzip');
    expect(note).toContain('opt-out');
    expect(files.map(({ url }) => url).toSorted()).toEqual([...output, ...error].map(({ url }) => url).toSorted());
    expect(files.length).toBeGreaterThan(4);
    const changed = new Set<string>();
    for (const { url, size, sha256 } of files) {
      const bytes = await sent(url);
      expect([size, sha256]).toEqual([bytes.length, createHash('sha256').update(bytes).digest('hex')]);
      if (gunzipSync(bytes).toString().includes('"m3')) changed.add(url);
    }

    expect(changed.size).toBeGreaterThan(1);
    await platform.optOut('m3');
    const later = await checked(job);
    expect(later.files).toEqual(files.filter(({ url }) => !changed.has(url)));
    for (const { url, sha256 } of later.files)
      expect(
        createHash('sha256')
          .update(await sent(url))
          .digest('hex'),
      ).toBe(sha256);
    await platform.optIn('m3');
    expect((await checked(job)).files).toEqual(files);
  });
});

describe('parallel downloads of an app (E74)', () => {
  const fields = (answer: Response): (string | null)[] =>
    ['ratelimit-policy', 'ratelimit', 'retry-after'].map((name) => answer.headers.get(name));
  const POLICY = '"downloads";q=10;qu="concurrent-requests"';

  it('are at most 10 in all processes, then 429; another app neither waits nor learns of it', async () => {
    const gate = new Gate();
    let holds = false;
    let waiting = 0;
    const wrap: Parameters<typeof Platform.start>[1] = (blobs) =>
      interfered(blobs, (action, name) => {
        if (!holds || action !== 'range' || !name.includes('Patient')) return;
        waiting += 1;
        return gate.pass();
      });
    await start({}, wrap);
    const other = await platform.another({}, wrap);
    await platform.client('c2', OTHER);
    await platform.group('g-other', OTHER);
    await platform.members(['n0'], { group: 'g-other', provider: OTHER });
    await platform.resources([{ member: 'n0', type: 'Patient', id: 'n0' }]);
    const theirs = { token: await platform.token('c2') };
    const quiet = await platform.kickOff('', { ...theirs, group: 'g-other' });
    const theirUrl = await eventually(async () => {
      const answer = await platform.fetch(quiet, theirs);
      expect(answer.status).toBe(200);
      return patients((await answer.json()) as ManifestBody);
    });
    const url = patients(await platform.manifest(await platform.kickOff()));
    const token = await platform.token();
    const download = (base: string, method = 'GET'): Promise<Response> =>
      fetch(url.replace('http://test', base), { method, headers: { authorization: `Bearer ${token}` } });
    const alone = await platform.fetch(theirUrl, theirs);
    const alonesText = await alone.text();
    expect(fields(alone)).toEqual([POLICY, '"downloads";r=9', null]);

    holds = true;
    const running = Array.from({ length: 10 }, (_, i) => download([platform.url, other.url][i % 2]!));
    await eventually(() => expect(waiting).toBe(10));
    for (const base of [platform.url, other.url]) {
      const refused = await download(base);
      expect([refused.status, ...fields(refused)]).toEqual([429, POLICY, '"downloads";r=0;t=5', '5']);
      const outcome = (await refused.json()) as { issue: { code: string; diagnostics: string }[] };
      expect(outcome.issue[0]).toMatchObject({ code: 'throttled' });
      expect((await download(base, 'HEAD')).status).toBe(200);
    }
    holds = false;
    const meanwhile = await platform.fetch(theirUrl, theirs);
    expect([meanwhile.status, ...fields(meanwhile)]).toEqual([200, ...fields(alone)]);
    expect(await meanwhile.text()).toBe(alonesText);

    gate.letThrough();
    for (const answer of await Promise.all(running)) {
      expect(answer.status).toBe(200);
      expect((await answer.text()).trim().split('\n')).toHaveLength(4);
    }
    await eventually(async () =>
      expect(fields(await drained(download(platform.url)))).toEqual([POLICY, '"downloads";r=9', null]),
    );
  });

  it('give their places back after every kind of answer, and when a process died with them', async () => {
    await start({ downloadsPerClient: 1 });
    const manifest = await platform.manifest(await platform.kickOff());
    const url = patients(manifest);
    const tag = (await drained(platform.fetch(url))).headers.get('etag')!;
    const statuses: number[] = [];
    for (const [path, headers] of [
      [url, { 'if-none-match': tag }],
      [url, { range: 'bytes=999999-', 'if-range': tag }],
      [url.replace('Patient', 'Coverage'), {}],
      [url, { range: 'bytes=5-9' }],
      [url, {}],
    ] as const)
      await eventually(async () => {
        const { status } = await drained(platform.fetch(path, { headers }));
        expect(status).not.toBe(429);
        statuses.push(status);
      });
    expect(statuses).toEqual([304, 416, 404, 206, 200]);
    // Another process took the place and died.
    await eventually(async () =>
      expect(await platform.state.briefLeases.acquire('export-download/c1/0', 'dead', 60_000)).toBeDefined(),
    );
    expect((await platform.fetch(url)).status).toBe(429);
    await platform.advance(60_001);
    expect((await drained(platform.fetch(url))).status).toBe(200);
  });
});

async function drained(answer: Promise<Response>): Promise<Response> {
  const found = await answer;
  await found.arrayBuffer();
  return found;
}

import { randomBytes } from 'node:crypto';
import { afterEach, expect, it, vi } from 'vitest';
import { Audit } from '@provider-access/audit';
import { type Disclosure, PA_AUDIT, PA_EXPORTS } from '@provider-access/events';
import { eventually } from '@provider-access/testing';
import { DownloadNotes } from '@provider-access/jobs';
import { GROUP, Platform } from './harness.ts';

const HOUR = 3_600_000;
let platform: Platform;
afterEach(() => {
  vi.restoreAllMocks();
  return platform.dispose();
});

/** m1 has three observations, m2 has one. They are incompressible, so that a range hits a known member. */
async function populated(config: Parameters<typeof Platform.start>[0] = {}): Promise<void> {
  platform = await Platform.start(config);
  // Start at half past, so that no test passes the end of an hour.
  await platform.advance((1.5 * HOUR - (Date.now() % HOUR)) % HOUR);
  await platform.client('c1');
  await platform.client('c2');
  await platform.group();
  await platform.members(['m1', 'm2']);
  const text = (): string => randomBytes(3000).toString('base64');
  await platform.resources([
    ...[1, 2, 3].map((n) => ({ member: 'm1', type: 'Observation', id: `m1-${n}`, text: text() })),
    { member: 'm2', type: 'Observation', id: 'm2-1', text: text() },
  ]);
}
const downloads = async (): Promise<Disclosure[]> =>
  (await platform.events('pa.audit'))
    .map(({ data }) => data as Disclosure)
    .filter(({ action }) => action === 'download');
const fileOf = async (job: string): Promise<string> => (await platform.manifest(job)).output[0]!.url;

it('counts the resources of each member in a file, not those of the request', async () => {
  await populated();
  const job = await platform.kickOff('?_type=Observation');
  await (await platform.fetch(await fileOf(job))).text();
  expect(await downloads()).toMatchObject([
    {
      client: 'c1',
      outcome: 'released',
      members: ['m1', 'm2'],
      perMember: [3, 1],
      resources: 4,
      group: GROUP,
      types: ['Observation'],
    },
  ]);
});

it('names the members whose bytes a range has, each once an hour however many ranges follow', async () => {
  await populated();
  const url = await fileOf(await platform.kickOff('?_type=Observation'));
  const whole = await platform.fetch(url, { method: 'HEAD' });
  const [etag, length] = [whole.headers.get('etag')!, Number(whole.headers.get('content-length'))];
  const byteAt = async (at: number): Promise<[number, number]> => {
    const answer = await platform.fetch(url, { headers: { range: `bytes=${at}-${at}`, 'if-range': etag } });
    return [answer.status, (await answer.arrayBuffer()).byteLength];
  };
  for (let i = 0; i < 20; i++) expect(await byteAt(i)).toEqual([206, 1]);
  expect((await downloads()).map(({ members, perMember }) => [members, perMember])).toEqual([[['m1'], [3]]]);
  for (let i = 1; i <= 20; i++) expect(await byteAt(length - i)).toEqual([206, 1]);
  await (await platform.fetch(url)).text();
  expect((await downloads()).map(({ members, perMember }) => [members, perMember])).toEqual([
    [['m1'], [3]],
    [['m2'], [1]],
  ]);
  await platform.advance(HOUR);
  expect(await byteAt(0)).toEqual([206, 1]);
  expect((await downloads()).map(({ members }) => members)).toEqual([['m1'], ['m2'], ['m1']]);
});

it('notes how much of a file left once a minute, with the number of requests', async () => {
  const ended = vi.spyOn(DownloadNotes.prototype, 'ended');
  await populated();
  const url = await fileOf(await platform.kickOff('?_type=Observation'));
  const notes = async (): Promise<unknown[][]> =>
    (await platform.events('pa.exports'))
      .filter(({ type }) => type === 'pa.export-downloaded.v1')
      .map(({ data }) => [data['bytes'], data['complete'], data['count']]);
  const whole = (await (await platform.fetch(url)).arrayBuffer()).byteLength;
  await expect.poll(notes).toEqual([[whole, true, undefined]]);
  const etag = (await platform.fetch(url, { method: 'HEAD' })).headers.get('etag')!;
  for (let i = 0; i < 50; i++)
    await (await platform.fetch(url, { headers: { range: `bytes=${i}-${i}`, 'if-range': etag } })).arrayBuffer();
  await expect.poll(() => ended.mock.calls.length).toBe(51);
  // The counts are published at the end of the minute, or of the process.
  await platform.main.app.close();
  expect(await notes()).toEqual([
    [whole, true, undefined],
    [50, true, 50],
  ]);
});

it('shares an append of the audit among files that begin at once, before their answers, and one of notes', async () => {
  await populated();
  const types = ['Condition', 'Encounter', 'Goal', 'Immunization', 'Observation', 'Procedure'];
  await platform.resources(types.map((type) => ({ member: 'm1', type, id: 'x' })));
  const { output } = await platform.manifest(await platform.kickOff());
  expect(output.map(({ type }) => type).toSorted()).toEqual(types);
  const released = vi.spyOn(Audit.prototype, 'release');
  const append = platform.log.append.bind(platform.log);
  const appends: string[] = [];
  let answered = 0;
  vi.spyOn(platform.log, 'append').mockImplementation(async (topic, records) => {
    appends.push(topic);
    // The first append lasts until every file has been decided.
    if (topic === PA_AUDIT && appends.filter((one) => one === PA_AUDIT).length === 1) {
      await eventually(() => released.mock.calls.length === types.length);
      expect(answered).toBe(0);
    }
    return append(topic, records);
  });
  await Promise.all(
    output.map(async ({ url }) => {
      const response = await platform.fetch(url);
      answered += 1;
      await response.text();
    }),
  );
  expect((await downloads()).flatMap((entry) => entry.types)).toHaveLength(types.length);
  expect(appends.filter((topic) => topic === PA_AUDIT).length).toBeLessThanOrEqual(2);
  const notes = async (): Promise<number> =>
    (await platform.events('pa.exports')).filter(({ type }) => type === 'pa.export-downloaded.v1').length;
  await expect.poll(notes).toBe(types.length);
  expect(appends.filter((topic) => topic === PA_EXPORTS).length).toBeLessThan(types.length);
});

it('records what another process releases, which knows nothing of the first', async () => {
  await populated();
  const url = await fileOf(await platform.kickOff('?_type=Observation'));
  await (await platform.fetch(url)).text();
  const other = await platform.another();
  await (
    await fetch(other.url + url.replace('http://test', ''), {
      headers: { authorization: `Bearer ${await platform.token()}` },
    })
  ).text();
  expect((await downloads()).map(({ members }) => members)).toEqual([
    ['m1', 'm2'],
    ['m1', 'm2'],
  ]);
});

it(
  'keeps so many bytes for a client: the next export waits until one is deleted or expires, and other clients do ' +
    'not',
  async () => {
    // An observation has about 12 KB compressed.
    await populated({ keptBytesPerClient: 20_000, keepMs: 10 * HOUR, graceMs: 0 });
    const kickOff = (token?: string): Promise<Response> =>
      platform.fetch(`/fhir/Group/${GROUP}/$export`, token === undefined ? {} : { token });
    const first = await platform.kickOff();
    await platform.manifest(first);
    await platform.advance(HOUR);
    const second = await platform.kickOff();
    await platform.manifest(second);

    const refused = await kickOff();
    expect(refused.status).toBe(429);
    // The first export expires ten hours after its seal, of which one has passed.
    const seconds = Number(refused.headers.get('retry-after'));
    expect(seconds).toBeGreaterThan(8.9 * 3600);
    expect(seconds).toBeLessThanOrEqual(9 * 3600);
    const outcome = (await refused.json()) as {
      resourceType: string;
      issue: { code: string; diagnostics?: string; details?: { text: string } }[];
    };
    expect([outcome.resourceType, outcome.issue[0]!.code, JSON.stringify(outcome)]).toEqual([
      'OperationOutcome',
      'throttled',
      expect.stringContaining('Delete one that you no longer need') as string,
    ]);

    expect((await kickOff(await platform.token('c2'))).status).toBe(202);
    expect((await platform.fetch(second, { method: 'DELETE' })).status).toBe(202);
    expect((await kickOff()).status).toBe(202);
  },
);

it('has room again when an export has expired', async () => {
  await populated({ keptBytesPerClient: 1000, keepMs: 10 * HOUR, graceMs: 0 });
  await platform.manifest(await platform.kickOff());
  expect((await platform.fetch(`/fhir/Group/${GROUP}/$export`)).status).toBe(429);
  platform.clock.offset += 10 * HOUR;
  await expect.poll(async () => (await platform.fetch(`/fhir/Group/${GROUP}/$export`)).status).toBe(202);
});

it('counts what the seal wrote, and the process that comes after knows it', async () => {
  platform = await Platform.start({ keptBytesPerClient: 2000 }, undefined, 'embedded');
  await platform.client('c1');
  await platform.group();
  await platform.members(['m1']);
  await platform.resources([
    { member: 'm1', type: 'Patient', id: 'm1', references: ['Organization/large'] },
    { member: 'shared', type: 'Organization', id: 'large', text: randomBytes(3000).toString('base64') },
  ]);
  await platform.manifest(await platform.kickOff());
  expect((await platform.fetch(`/fhir/Group/${GROUP}/$export`)).status).toBe(429);
  await platform.restart({ keptBytesPerClient: 2000 });
  expect((await platform.fetch(`/fhir/Group/${GROUP}/$export`)).status).toBe(429);
});

it('records what it refuses to a client: a scope, a parameter, a body and a file', async () => {
  await populated();
  const url = await fileOf(await platform.kickOff('?_type=Observation'));
  const narrow = await platform.token('c2', 'system/Group.rs system/Patient.rs');
  const kickOff = (query: string, more: Parameters<Platform['fetch']>[1] = {}): Promise<Response> =>
    platform.fetch(`/fhir/Group/${GROUP}/$export${query}`, more);
  const post = { method: 'POST', headers: { 'content-type': 'application/fhir+json' } };
  const statuses = [
    await kickOff('', { token: await platform.token('c2', 'system/Patient.rs') }),
    await kickOff('?_type=Observation', { token: narrow }),
    await kickOff('?_since=then'),
    await kickOff('', { ...post, body: '{' }),
    await kickOff('', { ...post, body: '{"resourceType":"Patient"}' }),
    await platform.fetch(url, { token: await platform.token('c1', 'system/Group.rs system/Patient.rs') }),
  ].map(({ status }) => status);
  expect(statuses).toEqual([403, 403, 400, 400, 400, 403]);
  const entries = (await platform.events('pa.audit'))
    .map(
      ({ data: { at: _at, agent: _agent, purpose: _purpose, query: _query, ...entry } }) =>
        entry as unknown as Disclosure,
    )
    .filter(({ outcome }) => outcome === 'refused');
  const common = { outcome: 'refused', members: [], resources: 0, count: 1 };
  const exported = { ...common, action: 'export-requested', types: ['Group'] };
  expect(entries).toHaveLength(4);
  expect(entries).toEqual(
    expect.arrayContaining([
      { ...exported, client: 'c2', reason: 'insufficient-scope' },
      { ...exported, client: 'c1', reason: 'invalid-value' },
      { ...exported, client: 'c1', reason: 'invalid-request' },
      { ...common, client: 'c1', action: 'download', reason: 'insufficient-scope' },
    ]),
  );
});

it('records each attempt on an export of another client, and on one that never was', async () => {
  await populated();
  const job = await platform.kickOff('?_type=Observation');
  const [url, id] = [await fileOf(job), job.split('/').at(-1)!];
  const answers = new Set<string>();
  /** What the audit has of it. */
  const attempt = async (method: string, path: string, token?: string): Promise<unknown[]> => {
    const before = new Set((await downloads()).map(({ at }) => at));
    await platform.advance(1);
    const answer = await platform.fetch(path, { method, ...(token !== undefined && { token }) });
    const text = await answer.text();
    answers.add(JSON.stringify([method === 'HEAD', answer.status, answer.headers.get('content-type'), text]));
    return (await downloads())
      .filter(({ at }) => !before.has(at))
      .map((entry) => [entry.client, entry.outcome, entry.reason, entry.job, entry.group, entry.file, entry.members]);
  };
  const other = await platform.token('c2');
  const never = `/fhir/bulk/${'a'.repeat(26)}`;
  const foreign = [['c2', 'refused', 'export-of-another', id, GROUP, undefined, []]];
  const unknown = [['c2', 'refused', 'export-unknown', undefined, undefined, undefined, []]];
  for (const method of ['GET', 'HEAD', 'DELETE']) {
    expect(await attempt(method, job, other)).toEqual(foreign);
    for (const path of [never, '/fhir/bulk/Jane-Doe']) expect(await attempt(method, path, other)).toEqual(unknown);
  }
  for (const method of ['GET', 'HEAD']) {
    expect(await attempt(method, url, other)).toEqual(foreign);
    expect(await attempt(method, `${never}/Observation-0-0.ndjson`, other)).toEqual(unknown);
  }
  // The client's own: a file that is not in it, then everything of an export that it deleted.
  const own = (reason: string): unknown[] => [['c1', 'refused', reason, id, GROUP, undefined, []]];
  expect(await attempt('GET', `${job}/Jane-Doe.ndjson`)).toEqual(own('export-file-unknown'));
  expect((await platform.fetch(job, { method: 'DELETE' })).status).toBe(202);
  for (const path of [job, url]) expect(await attempt('GET', path)).toEqual(own('export-gone'));
  // One answer for everything, without a body for HEAD.
  expect([...answers].map((text) => text.slice(0, 11)).toSorted()).toEqual(['[false,404,', '[true,404,"']);
  expect(JSON.stringify(await downloads())).not.toContain('Jane');
});

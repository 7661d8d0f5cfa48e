import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DomainEvent } from '@provider-access/events';
import { signingKeysIn } from '@provider-access/process/testing';
import { fixedSecret, type Secret, type SigningKeys, TokenIssuer } from '@provider-access/smart';
import { eventually } from '@provider-access/testing';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { ADMINISTRATOR_TOKEN, type Answer, PUBLIC_URL } from './kill-points/platform-process.ts';
import { NOON, type Json, json, iso, TwoProcesses } from './two-processes.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const NPI = '1234567893';
/** A text that only resources of this member contain. */
const mark = (member: string): string => `text-of-${member}`;

let keys: Secret<SigningKeys>;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'clocks-'));
  keys = fixedSecret(await signingKeysIn(join(folder, 'keys.json')));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

let events = 0;
const event = (both: TwoProcesses, type: string, subject: string, data: unknown): DomainEvent => ({
  id: `e-${(events += 1)}`,
  source: 'urn:example:payer',
  type,
  // The payer's clock is right.
  time: iso(both.clocks.one.steady()),
  subject,
  data,
});

interface App {
  readonly token: string;
  readonly group: string;
}
/** The URLs that an app has when access to a member ends: the next page of a search, and the files of an export. */
interface Seen {
  readonly nextPage: string;
  readonly files: readonly string[];
}

/** ms by which the clock of the second process is ahead of the first one, before and after it is moved. */
const CLOCKS: readonly (readonly [string, number, number])[] = [
  ['is right', 0, 0],
  ['is a minute behind', -MINUTE, -MINUTE],
  ['is a minute ahead', MINUTE, MINUTE],
  ['steps back by an hour', 0, -HOUR],
  ['is a minute ahead and steps back by an hour', MINUTE, MINUTE - HOUR],
];
/** Ways to end access by requests to the first process. */
const ENDINGS: readonly (readonly [string, (both: TwoProcesses, member: string) => Promise<void>])[] = [
  [
    'an opt-out',
    async (both, member) => {
      const answer = await both.publish(event(both, 'payer.member-opted-out.v1', member, { scope: 'global' }));
      expect(answer.status).toBe('effective');
    },
  ],
  [
    'an opt-out that cannot be read',
    async (both, member) => {
      const answer = await both.publish(
        event(both, 'payer.member-opted-out.v1', member, { effectiveFrom: '2026-02-30' }),
      );
      expect(answer).toMatchObject({ status: 'parked', denies: 'member' });
    },
  ],
  [
    'the end of the coverage',
    async (both, member) => {
      await both.publish(event(both, 'payer.member-terminated.v1', member, { to: iso(both.clocks.one.now()) }));
      await gone(both, 'one', member);
    },
  ],
  [
    'the end of the attribution',
    async (both, member) => {
      const data = { provider: { npi: NPI }, to: iso(both.clocks.one.now()) };
      await both.publish(event(both, 'payer.attribution-ended.v1', member, data));
      await gone(both, 'one', member);
    },
  ],
];

let app: App;
let both: TwoProcesses;
let suspended: string;

async function gone(platform: TwoProcesses, which: 'one' | 'two', member: string): Promise<void> {
  await eventually(
    async () => {
      await platform.look();
      return (await platform.once(which, `/fhir/Patient/${member}`, { token: app.token })).status === 404;
    },
    { what: `${member} is gone from ${which}` },
  );
}

async function joined(platform: TwoProcesses, member: string): Promise<void> {
  const record = (resource: object): DomainEvent => event(platform, 'payer.resource-recorded.v1', member, { resource });
  const observation = (n: number): object => ({
    resourceType: 'Observation',
    id: `${member}-${n}`,
    status: 'final',
    code: { text: mark(member) },
    subject: { reference: `Patient/${member}` },
    effectiveDateTime: '2024-02-03',
  });
  await platform.publish(
    event(platform, 'payer.member-enrolled.v1', member, { coverageId: `c-${member}`, from: '2020-01-01' }),
    event(platform, 'payer.attribution-asserted.v1', member, { provider: { npi: NPI }, from: '2020-01-01' }),
    record({ resourceType: 'Patient', id: member, name: [{ text: mark(member) }] }),
    ...[1, 2, 3].map((n) => record(observation(n))),
  );
}

/** @returns the id of the app */
async function approvedApp(platform: TwoProcesses, name: string, sharedWith: readonly string[] = []): Promise<string> {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'k1', alg: 'ES384', use: 'sig' };
  const metadata = {
    client_name: name,
    jwks: { keys: [jwk] },
    scope: 'system/*.rs',
    contacts: ['mailto:a@b.example'],
    npi: NPI,
  };
  const post = (url: string, body: unknown): Promise<Answer> =>
    platform.ask('one', url, {
      method: 'POST',
      token: ADMINISTRATOR_TOKEN,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  const client: string = json(await post('/auth/register', metadata)).client_id;
  const identifiers = [{ npi: NPI, evidence: 'a test' }];
  const approved = await post(`/auth/clients/${client}/approve`, { identifiers, sharedWith, confirm: [NPI] });
  expect(approved.status, approved.body).toBe(200);
  return client;
}
async function tokenOf(platform: TwoProcesses, client: string): Promise<string> {
  const issuer = new TokenIssuer({ key: () => keys.current[0]!, publicUrl: PUBLIC_URL, clock: platform.clocks.one });
  return (await issuer.issue(client, 'system/*.rs', 1)).token;
}

async function texts(platform: TwoProcesses, files: readonly string[], token: string): Promise<string> {
  return (await Promise.all(files.map((file) => platform.ask('two', file, { token }))))
    .map(({ body }) => body)
    .join('');
}

/** Lets the app see the member on the second process: by a read, a search page and a complete export. */
async function seen(platform: TwoProcesses, member: string, { token, group }: App): Promise<Seen> {
  const search = `/fhir/Observation?patient=${member}&_count=1`;
  const nextPage = await eventually(
    async () => {
      await platform.look();
      const page = json(await platform.ask('two', search, { token }));
      return (page.link?.find((link: Json) => link.relation === 'next')?.url ?? false) as string | false;
    },
    { what: `the second process shows ${member}, a page at a time` },
  );
  expect((await platform.ask('two', `/fhir/Patient/${member}`, { token })).body).toContain(mark(member));
  const kickOff = { token, headers: { prefer: 'respond-async' } };
  const accepted = await platform.ask('two', `/fhir/Group/${group}/$export?_type=Patient`, kickOff);
  const status = String(accepted.headers['content-location']);
  const manifest = await eventually(
    async () => {
      // A repeated step of the export waits for some milliseconds of a clock that only the test moves.
      platform.pass(100);
      await platform.look();
      const answer = await platform.ask('two', status, { token });
      return answer.status === 200 && json(answer);
    },
    { what: 'the export is complete' },
  );
  const files: string[] = manifest.output.map((file: Json) => file.url);
  expect(await texts(platform, files, token)).toContain(mark(member));
  return { nextPage, files };
}

describe.each(CLOCKS)('when the clock of the second process %s', (_how, before, after) => {
  beforeAll(async () => {
    both = await TwoProcesses.start(keys);
    const client = await approvedApp(both, 'An app');
    suspended = await approvedApp(both, 'Another app', [client]);
    both.clocks.one.ms = both.clocks.two.ms = NOON;
    await both.publish(
      event(both, 'payer.network-status-changed.v1', NPI, { npi: NPI, status: 'in-network', from: '2020-01-01' }),
    );
    await joined(both, 'stays');
    const token = await tokenOf(both, client);
    const search = `/fhir/Group?identifier=${encodeURIComponent(`http://hl7.org/fhir/sid/us-npi|${NPI}`)}`;
    const group = await eventually(
      async () => {
        await both.look();
        return (json(await both.ask('one', search, { token })).entry?.[0]?.resource.id ?? false) as string | false;
      },
      { what: 'the Group is found' },
    );
    app = { token, group };
  });
  afterAll(() => both?.stop());

  test.each(ENDINGS)('%s, once the first process has answered, denies on the second', async (_what, end) => {
    const member = `m-${(events += 1)}`;
    both.clocks.two.ms = both.clocks.one.ms + before;
    await joined(both, member);
    const { token } = app;
    const { nextPage, files } = await seen(both, member, app);
    await end(both, member);
    both.clocks.two.ms = both.clocks.one.ms + after;
    const urls = [
      `/fhir/Patient/${member}`,
      `/fhir/Observation?patient=${member}`,
      nextPage,
      ...files,
      `/fhir/Group/${app.group}`,
    ];
    // At once: a process may answer 503, but must not show data.
    for (const url of urls) expect((await both.once('two', url, { token })).body, url).not.toContain(mark(member));
    for (const url of urls) {
      const { status, body } = await both.ask('two', url, { token });
      expect(body, `${url} ${status}`).not.toContain(mark(member));
      if (url.startsWith('/fhir/Group')) expect(body).not.toContain(`Patient/${member}"`);
    }
    expect((await both.ask('two', `/fhir/Patient/${member}`, { token })).status).toBe(404);
    // Access to another member continues, so the second process does not simply deny everything.
    expect((await both.ask('two', '/fhir/Patient/stays', { token })).status).toBe(200);
    expect(await texts(both, files, token)).toContain(mark('stays'));
  });

  test('an app that the first process suspended is refused by the second', async () => {
    both.clocks.two.ms = both.clocks.one.ms + before;
    const read = { token: await tokenOf(both, suspended) };
    expect((await both.ask('two', '/fhir/Patient/stays', read)).status).toBe(200);
    const { files } = await seen(both, 'stays', { ...read, group: app.group });
    const answer = await both.ask('one', `/auth/clients/${suspended}/suspend`, {
      method: 'POST',
      token: ADMINISTRATOR_TOKEN,
      headers: { 'content-type': 'application/json' },
      body: '{"reason":"attack-observed"}',
    });
    expect(answer.status).toBe(200);
    both.clocks.two.ms = both.clocks.one.ms + after;
    for (const url of ['/fhir/Patient/stays', ...files, `/fhir/Group/${app.group}`])
      expect([503, 401], url).toContain((await both.once('two', url, read)).status);
    for (const url of ['/fhir/Patient/stays', ...files, `/fhir/Group/${app.group}`])
      expect((await both.ask('two', url, read)).status, url).toBe(401);
    expect((await both.ask('two', '/fhir/Patient/stays', { token: app.token })).status).toBe(200);
  });

  test('a process that others do not wait for any more serves nothing until it is on their list again', async () => {
    both.pass(9000);
    expect((await both.once('two', '/fhir/Patient/stays', { token: app.token })).status).toBe(503);
    expect((await both.ask('two', '/fhir/Patient/stays', { token: app.token })).status).toBe(200);
  });
});

describe('an intake whose clock is behind takes the events of the present', () => {
  afterEach(() => both?.stop());
  const published = async (members: readonly string[]): Promise<void> => {
    await both.look();
    await both.publish(
      event(both, 'payer.network-status-changed.v1', NPI, { npi: NPI, status: 'in-network', from: '2020-01-01' }),
    );
    for (const member of members) {
      await joined(both, member);
      await both.publish(event(both, 'payer.member-opted-out.v1', member, { scope: 'global' }));
    }
    await both.handled();
  };
  // The processes share two partitions of each topic, so the second process handles some of these members.
  const MEMBERS = ['behind-0', 'behind-1', 'behind-2', 'behind-3'];

  test('of one process, which is an hour behind the log and the other process', async () => {
    both = await TwoProcesses.start(keys);
    both.clocks.one.ms = NOON;
    both.clocks.two.ms = NOON - HOUR;
    await published(MEMBERS);
    expect(await both.deadLetters()).toEqual([]);
  });

  test('of all, when every clock steps back by an hour and the payer knows the time', async () => {
    both = await TwoProcesses.start(keys);
    both.clocks.one.ms = both.clocks.two.ms = NOON;
    await published(['before-0']);
    for (const clock of Object.values(both.clocks)) clock.stepBack(HOUR);
    both.pass(10 * MINUTE);
    await published(MEMBERS);
    expect(await both.deadLetters()).toEqual([]);
  });
});

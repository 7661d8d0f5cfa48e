import { Readable } from 'node:stream';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Blobs } from '@provider-access/engines/blob';
import { PA_REGISTRY } from '@provider-access/events';
import { signingKeysIn } from '@provider-access/process/testing';
import { fixedSecret, type Secret, type SigningKeys } from '@provider-access/smart';
import { eventually, tokenRequest } from '@provider-access/testing';
import { type Answer, json, PROVIDERS } from '@provider-access/testing/promises';
import { variant } from '@provider-access/testing/variant';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { mapBlobs } from './kill-points/blobs.ts';
import { PUBLIC_URL } from './kill-points/platform-process.ts';
import type { Instance } from './model/cluster.ts';
import { MemoryWorld } from './model/memory-world.ts';

/**
 * The end of one binding of an app that has two (APPS.md P3), on two processes of each of the five services. The test
 * lets one process after another read the record of the end. It asks each process before and after that, and no time
 * decides anything.
 */

const NPI = PROVIDERS.A.npi;
const SECOND = '1245319599';
/** Of the provider whose binding ends, and of the other one. */
const [GONE, STAYS] = ['m-gone', 'm-stays'] as const;

/** Files whose reads and writes wait where the test wants them to. */
class HeldFiles {
  readonly #files = mapBlobs(new Map());
  /** What waits, by the name of the place. */
  readonly #gates = new Map<string, { readonly reached: () => unknown; readonly opened: Promise<void> }>();
  readonly blobs: Blobs = {
    ...this.#files,
    put: async (name, content) => {
      await this.#pass(/chunk\.json$/.test(name) ? 'chunk' : /seal\/.*manifest\.json$/.test(name) ? 'seal' : '');
      return this.#files.put(name, content);
    },
    range: (name, start, end) => {
      const held = this.#pass('download');
      if (held === undefined) return this.#files.range(name, start, end);
      const read = async function* (files: Blobs): AsyncIterable<Uint8Array> {
        await held;
        yield* files.range(name, start, end) as AsyncIterable<Uint8Array>;
      };
      return Readable.from(read(this.#files), { objectMode: false });
    },
  };
  #pass(place: string): Promise<void> | undefined {
    const gate = this.#gates.get(place);
    // Other downloads go on.
    if (place === 'download') this.#gates.delete(place);
    gate?.reached();
    return gate?.opened;
  }
  /** Holds what comes to the place. */
  hold(place: 'chunk' | 'seal' | 'download'): { readonly reached: () => boolean; readonly open: () => void } {
    let isReached = false;
    const gate = Promise.withResolvers<void>();
    this.#gates.set(place, { reached: () => (isReached = true), opened: gate.promise });
    const open = (): void => {
      this.#gates.delete(place);
      gate.resolve();
    };
    waiting.push(open);
    return { reached: () => isReached, open };
  }
}

let folder: string;
let keys: Secret<SigningKeys>;
let world: MemoryWorld;
let files: HeldFiles;
/** Records of an end: the approval, and the interval if it is an event of its own. */
let recordsOfEnd: number;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ended-binding-'));
  keys = fixedSecret(await signingKeysIn(join(folder, 'keys.json')));
});
/** What still waits, for a test that failed. */
const waiting: (() => void)[] = [];
afterEach(() => {
  for (const open of waiting.splice(0)) open();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

let sent = 0;
async function publish(type: string, subject: string, data: object): Promise<void> {
  const time = new Date(world.now).toISOString();
  const event = { id: `ended-${(sent += 1)}`, source: 'urn:payer', type, time, subject, data };
  expect((await world.publish(event, 0)).status).toBe(202);
}
async function enrolled(member: string, npi: string): Promise<void> {
  const resource = { resourceType: 'Patient', id: member, name: [{ family: member }] };
  await publish('payer.resource-recorded.v1', member, { resource });
  for (const id of ['one', 'two', 'three']) {
    const condition = { resourceType: 'Condition', id: `${member}-${id}`, code: { text: id } };
    const of = { subject: { reference: `Patient/${member}` } };
    await publish('payer.resource-recorded.v1', member, { resource: { ...condition, ...of } });
  }
  await publish('payer.member-enrolled.v1', member, { coverageId: 'c1', from: '2020-01-01T00:00:00Z' });
  const provider = { npi };
  await publish('payer.attribution-asserted.v1', member, { provider, from: '2020-01-01T00:00:00Z' });
}
const administer = (path: string, body: object): Promise<Answer> =>
  world.administer(`/auth/clients/${world.clients[0]!.id}/${path}`, body);
const end = (npi: string): Promise<Answer> =>
  administer(`bindings/${encodeURIComponent(`npi|${npi}`)}/end`, { reason: 'contract-ended' });
const token = (approvals: number): Promise<string> => {
  world.clients[0]!.approvals = approvals;
  return world.token(0);
};
/** Lets jobs go on until this is so. */
const works = (until: () => boolean, what: string): Promise<unknown> =>
  eventually(
    async () => {
      await world.work();
      return until();
    },
    { what },
  );
const nameOf = ({ name, index }: Instance): string => `${name} ${index}`;
/** Whether the facts of the process have passed everything that is in pa.registry now. */
function hasPassed(instance: Instance, count: number): boolean {
  const known = instance.position[PA_REGISTRY] ?? [];
  return known.reduce((all, next) => all + next, 0) >= count;
}
const recorded = (): number => world.recorded(PA_REGISTRY).length;

/** The doors of a service: a request, and whether its answer shows something of the provider whose binding ends. */
interface Door {
  readonly what: string;
  readonly of: Instance['name'];
  readonly ask: () => string;
  readonly shows: (answer: Answer) => boolean;
}
interface Row {
  readonly where: string;
  readonly what: string;
  readonly passed: boolean;
  readonly served: boolean;
}

describe.each([
  ['in an approval', false],
  ['in an event of its own', true],
])('an end that is recorded %s', (_, bindingEvents) => {
  beforeAll(async () => {
    files = new HeldFiles();
    recordsOfEnd = bindingEvents ? 2 : 1;
    world = await MemoryWorld.start(keys, { blobs: files.blobs, bindingEvents });
    return () => world.stop();
  });

  test('P3 no request is served by a process whose facts have passed the end', async () => {
    await publish('payer.network-status-changed.v1', SECOND, { npi: SECOND, status: 'in-network', from: '2020-01-01' });
    const both = [NPI, SECOND].map((npi) => ({ npi, evidence: 'a test' }));
    expect((await administer('approve', { reason: 'a test', identifiers: both, confirm: [NPI, SECOND] })).status).toBe(
      200,
    );
    await enrolled(GONE, NPI);
    await enrolled(STAYS, SECOND);
    await world.caughtUp();
    const before = await token(world.clients[0]!.approvals + 1);
    const after = await token(world.clients[0]!.approvals + 1);
    const call = { token: before };

    const npi = encodeURIComponent(`http://hl7.org/fhir/sid/us-npi|${NPI}`);
    const group = json(await world.ask(`/fhir/Group?identifier=${npi}`, call)).entry[0].resource.id as string;
    const page = json(await world.ask(`/fhir/Condition?patient=${GONE}&_count=1`, call));
    const next = (page.link as { relation: string; url: string }[]).find(({ relation }) => relation === 'next')!.url;
    const kickOff = async (): Promise<string> => {
      const headers = { prefer: 'respond-async' };
      const answer = await world.ask(`/fhir/Group/${group}/$export?_type=Patient`, { token: before, headers });
      expect(answer.status).toBe(202);
      return String(answer.headers['content-location']);
    };
    const sealed = async (job: string, as: string): Promise<Answer> =>
      (await eventually(async () => {
        const answer = await world.ask(job, { token: as });
        if (answer.status === 202) await world.work();
        return answer.status !== 202 && answer;
      })) as Answer;
    const done = await kickOff();
    const url = json(await sealed(done, before)).output[0].url as string;
    // A job waits with its chunk, another one with its manifest, and a download waits for its bytes.
    const manifest = files.hold('seal');
    const sealing = await kickOff();
    await works(manifest.reached, 'a job has come to its manifest');
    const chunk = files.hold('chunk');
    const writing = await kickOff();
    await works(chunk.reached, 'a job has come to its chunk');
    const bytes = files.hold('download');
    const download = world.request(url, call).then(
      (answer) => answer?.body ?? '',
      (error: unknown) => String(error),
    );
    await works(bytes.reached, 'a download has come to its bytes');

    const doors: readonly Door[] = [
      { what: 'a read', of: 'resources', ask: () => `/fhir/Patient/${GONE}`, shows: ({ status }) => status === 200 },
      {
        what: 'a search',
        of: 'resources',
        ask: () => `/fhir/Condition?patient=${GONE}`,
        shows: ({ body }) => body.includes(`Patient/${GONE}`),
      },
      {
        what: 'the next page',
        of: 'resources',
        ask: () => next,
        shows: ({ body }) => body.includes(`Patient/${GONE}`),
      },
      { what: 'a Group', of: 'attribution', ask: () => `/fhir/Group/${group}`, shows: ({ status }) => status === 200 },
      {
        what: 'the status of an export',
        of: 'export',
        ask: () => done,
        shows: ({ body }) => body.includes('Patient-'),
      },
      { what: 'a file', of: 'export', ask: () => url, shows: ({ body }) => body.includes(GONE) },
      {
        what: 'an introspection of the token from before',
        of: 'auth',
        ask: () => '/auth/introspect',
        shows: ({ body }) => body.includes('"active":true'),
      },
    ];
    const introspection = {
      method: 'POST' as const,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    };
    const rows: Row[] = [];
    const look = async (instance: Instance, count: number): Promise<void> => {
      for (const { what, of, ask, shows } of doors)
        for (const as of [before, after]) {
          if (of !== instance.name) continue;
          const passed = hasPassed(instance, count);
          const asked = ask().replace(PUBLIC_URL, '');
          const answer = (await instance.request(
            asked,
            of === 'auth'
              ? { ...introspection, token: 'a'.repeat(43), body: new URLSearchParams({ token: as }).toString() }
              : { token: as },
          ))!;
          const served = of === 'auth' && as === after ? false : shows(answer);
          rows.push({ where: nameOf(instance), what, passed, served });
        }
    };

    // The order is another one for each seed.
    const turn = variant.seed % world.instances.length;
    const order = [...world.instances.slice(turn), ...world.instances.slice(0, turn)];
    const known = recorded();
    const release = new Map(order.map((instance) => [instance, instance.life.hold(PA_REGISTRY)]));
    waiting.push(...release.values());
    const answered: { status: number; passed: number }[] = [];
    const ended = end(NPI).then((answer) => {
      const passed = order.filter((instance) => hasPassed(instance, known + recordsOfEnd)).length;
      answered.push({ status: answer.status, passed });
    });
    await eventually(() => recorded() === known + recordsOfEnd, { what: 'the end is in the log' });
    for (const instance of order) {
      await look(instance, known + recordsOfEnd);
      release.get(instance)!();
      await eventually(() => hasPassed(instance, known + recordsOfEnd), {
        what: `${nameOf(instance)} has passed the end`,
      });
      for (const each of order) await look(each, known + recordsOfEnd);
    }
    await ended;
    expect(answered).toEqual([{ status: 200, passed: order.length }]);

    expect(rows.filter(({ passed, served }) => passed && served)).toEqual([]);
    // The test would fail if a process had not served before, or had refused for another reason.
    for (const { what, of } of doors)
      for (const index of [0, 1]) {
        const own = rows.filter((row) => row.what === what && row.where === `${of} ${index}`);
        expect(
          own.some(({ passed, served }) => !passed && served),
          `${what} at ${of} ${index}`,
        ).toBe(true);
        expect(own.filter(({ passed }) => passed).length, what).toBeGreaterThan(1);
      }
    // What ran at the end: each decides anew before it hands anything on.
    bytes.open();
    expect(await download).not.toContain(GONE);
    manifest.open();
    chunk.open();
    for (const job of [sealing, writing]) {
      const { status, body } = await sealed(job, after);
      expect([status, body.includes('Patient-')], job).toEqual([200, false]);
    }
    // The app is approved for the other provider, at each process.
    for (const instance of order.filter(({ name }) => name === 'resources')) {
      expect((await instance.request(`/fhir/Patient/${STAYS}`, { token: after }))?.status).toBe(200);
      expect((await instance.request(`/fhir/Patient/${GONE}`, { token: after }))?.status).toBe(404);
    }
  }, 240_000);

  test('P8 a process of auth gives no token once it has passed the end of the last binding', async () => {
    const { id, key } = world.clients[0]!;
    const ask = async (instance: Instance): Promise<Answer> => {
      const now = Math.floor(world.now / 1000);
      return (await instance.request(
        '/auth/token',
        tokenRequest({ clientId: id, key }, PUBLIC_URL, { iat: now, exp: now + 180 }),
      ))!;
    };
    const [first, second] = world.instances.filter(({ name }) => name === 'auth') as [Instance, Instance];
    expect([(await ask(first)).status, (await ask(second)).status]).toEqual([200, 200]);
    const known = recorded();
    const release = second.life.hold(PA_REGISTRY);
    waiting.push(release);
    const ended = end(SECOND);
    await eventually(() => hasPassed(first, known + recordsOfEnd), { what: 'the first one has passed the end' });
    expect(await ask(first)).toMatchObject({ status: 400, body: expect.stringContaining('unauthorized_client') });
    // Its token is of an approval that no process accepts which has passed the end.
    const late = json(await ask(second)).access_token as string;
    const [resources] = world.instances.filter(({ name }) => name === 'resources') as [Instance];
    await eventually(() => hasPassed(resources, known + recordsOfEnd), { what: 'resources has passed the end' });
    expect((await resources.request(`/fhir/Patient/${STAYS}`, { token: late }))?.status).toBe(401);
    release();
    expect((await ended).status).toBe(200);
    expect(await ask(second)).toMatchObject({ status: 400, body: expect.stringContaining('unauthorized_client') });
  }, 60_000);
});

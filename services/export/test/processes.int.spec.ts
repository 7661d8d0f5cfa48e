import { afterEach, describe, expect, it } from 'vitest';
import type { Blobs } from '@provider-access/engines/blob';
import { EngineUnavailable } from '@provider-access/engines/log';
import type { State } from '@provider-access/engines/state';
import { eventually } from '@provider-access/testing';
import { Gate, interfered } from './faults.ts';
import { type ExportProcess, GROUP, type ManifestBody, Platform } from './harness.ts';

/** Two processes over the same log, views, state and files. */
let platform: Platform;
let other: ExportProcess;
let only: ExportProcess | undefined;
afterEach(() => {
  only = undefined;
  return platform.dispose();
});

const MEMBERS = Array.from({ length: 6 }, (_, i) => `m${i}`);
async function start(
  config: NonNullable<Parameters<typeof Platform.start>[0]> = {},
  wrap?: (blobs: Blobs) => Blobs,
  ofOther = wrap,
): Promise<void> {
  const shared = { chunkMembers: 2, pollMs: 5, ...config };
  platform = await Platform.start(shared, wrap);
  other = await platform.another(shared, ofOther);
  await platform.client('c1');
  await platform.group();
  await platform.members(MEMBERS);
  await platform.resources([
    ...MEMBERS.map((member) => ({ member, type: 'Patient', id: member, references: ['Organization/o1'] })),
    { member: 'shared', type: 'Organization', id: 'o1' },
  ]);
  await platform.derived();
}
let turn = 0;
/** Sends requests to the two processes in turn. */
async function ask(
  path: string,
  options: { method?: string; headers?: Record<string, string> } = {},
): Promise<Response> {
  const base = only?.url ?? [platform.url, other.url][turn++ % 2]!;
  return fetch(base + path.replace('http://test', ''), {
    method: options.method ?? 'GET',
    headers: { authorization: `Bearer ${await platform.token()}`, 'accept-encoding': 'identity', ...options.headers },
  });
}
async function kickOff(): Promise<Response> {
  return ask(`/fhir/Group/${GROUP}/$export`, { headers: { prefer: 'respond-async' } });
}
async function idsIn(job: string): Promise<string[]> {
  const status = await eventually(async () => {
    const answer = await ask(job);
    return answer.status !== 202 && answer;
  });
  expect(status.status).toBe(200);
  const { output } = (await status.json()) as ManifestBody;
  const ids: string[] = [];
  for (const { url } of output)
    ids.push(
      ...(await (await ask(url)).text())
        .split('\n')
        .filter((l) => l !== '')
        .map((l) => (JSON.parse(l) as { id: string }).id),
    );
  return ids.sort();
}
const expected = [...MEMBERS, 'o1'];
const locationOf = (response: Response): string => response.headers.get('content-location')!;

describe('two processes', () => {
  it('answer as one: kick-off, status, files and DELETE, each at the other', async () => {
    await start();
    for (let round = 0; round < 3; round++) {
      const accepted = await kickOff();
      expect(accepted.status).toBe(202);
      const job = locationOf(accepted);
      expect((await ask(job)).status).not.toBe(404);
      expect(await idsIn(job)).toEqual(expected);
      expect((await ask(job, { method: 'DELETE' })).status).toBe(202);
      for (let i = 0; i < 2; i++) expect((await ask(job)).status).toBe(404);
    }
    expect(platform.failures).toEqual([]);
  });

  it.each([
    ['while it writes a chunk', /\/0\/\d+\/Patient-0\.index$/],
    ['when it has written a chunk', /\/0\/\d+\/chunk\.json$/],
    ['while it seals', /\/seal\/\d+\/manifest\.json$/],
  ])(
    'one dies %s and is replaced; when it was not dead, what it ends with is never used, and goes',
    async (_, where) => {
      const gate = new Gate();
      let held: string | undefined;
      await start({}, (blobs) =>
        interfered(blobs, (action, name) => {
          if (held !== undefined || action !== 'put' || !where.test(name)) return;
          held = name.slice(0, name.lastIndexOf('/') + 1);
          return gate.pass();
        }),
      );
      const job = locationOf(await kickOff());
      await gate.reached;
      platform.clock.offset += 31_000;
      expect(await idsIn(job)).toEqual(expected);
      gate.letThrough();
      await expect.poll(async () => (await platform.fileNames()).filter((name) => name.startsWith(held!))).toEqual([]);
      expect(await idsIn(job)).toEqual(expected);
      expect((await platform.events('pa.exports')).filter((e) => e.type === 'pa.export-sealed.v1')).toHaveLength(1);
    },
  );

  it('one that closes hands its unfinished work back, and the other ends it without waiting for a lease', async () => {
    const gate = new Gate();
    let holder: 'main' | 'other' | undefined;
    const as =
      (name: 'main' | 'other') =>
      (blobs: Blobs): Blobs =>
        interfered(blobs, (action, file) => {
          if (holder !== undefined || action !== 'writer' || !/\/0\/\d+\//.test(file)) return;
          holder = name;
          return gate.pass();
        });
    await start({}, as('main'), as('other'));
    const job = locationOf(await kickOff());
    await gate.reached;
    const [stopping, left] = holder === 'main' ? [platform.main, other] : [other, platform.main];
    const stopped = stopping.close();
    gate.letThrough();
    await stopped;
    only = left;
    expect(await idsIn(job)).toEqual(expected);
  });

  it(
    'one that starts is there at once, however many exports are kept; what is to be done for them it looks through ' +
      'until it could',
    async () => {
      await start();
      await idsIn(locationOf(await kickOff()));
      const { work } = platform.state;
      await expect.poll(async () => (await work.count('export-expire')).ready).toBe(1);
      await work.remove('export-expire', '');
      const gate = new Gate();
      let away = true;
      await platform.another({}, undefined, (state) => ({
        ...state,
        streams: Object.assign(Object.create(state.streams as object) as State['streams'], {
          load: async (stream: string) => {
            await gate.pass();
            if (away) throw new EngineUnavailable('the state store is away');
            return state.streams.load(stream);
          },
        }),
      }));
      await gate.reached;
      gate.letThrough();
      await expect.poll(() => platform.failures).toEqual(['EngineUnavailable']);
      away = false;
      await expect.poll(async () => (await work.count('export-expire')).ready).toBe(1);
    },
  );

  it('count running exports of a client together', async () => {
    const gate = new Gate();
    await start({ runningPerClient: 1 }, (blobs) =>
      interfered(blobs, (action, name) => (action === 'put' && name.includes('/plan/') ? gate.pass() : undefined)),
    );
    const answers = await Promise.all([kickOff(), kickOff()]);
    expect(answers.map((a) => a.status).sort()).toEqual([202, 429]);
    const job = locationOf(answers.find((a) => a.status === 202)!);
    expect((await kickOff()).status).toBe(429);
    gate.letThrough();
    expect(await idsIn(job)).toEqual(expected);
    await expect.poll(async () => (await kickOff()).status).toBe(202);
  });

  it('count the failures of one step together: it ends after as many as are allowed, not twice as many', async () => {
    await start({ attempts: 4 }, (blobs) =>
      interfered(blobs, (action, name) => {
        if (action === 'writer' && /\/0\/\d+\//.test(name)) throw new EngineUnavailable('the file store is away');
      }),
    );
    const job = locationOf(await kickOff());
    for (let status = 202; status === 202;) status = (await ask(job)).status;
    expect((await ask(job)).status).toBe(500);
    expect(platform.failures).toHaveLength(3);
  });
});

describe('files that are away during a download', () => {
  it('end in 503 before the first byte or a cut connection later, never in a short file that seems whole', async () => {
    let away: 'get' | 'range' | undefined;
    await start({}, (blobs) =>
      interfered(blobs, (action) => {
        if (action === away) throw new EngineUnavailable('the file store is away');
      }),
    );
    const job = locationOf(await kickOff());
    await idsIn(job);
    const { output } = (await (await ask(job)).json()) as ManifestBody;
    const { url } = output.find((f) => f.type === 'Patient')!;
    away = 'range';
    const plain = await ask(url).then(
      async (r) =>
        r.ok
          ? r.text().then(
              () => 'whole',
              () => 'cut',
            )
          : r.status,
      () => 'cut',
    );
    expect([503, 'cut']).toContain(plain);
    expect(
      await ask(url, { headers: { 'accept-encoding': 'gzip' } }).then(
        (r) =>
          r.arrayBuffer().then(
            () => r.status,
            () => 'cut',
          ),
        () => 'cut',
      ),
    ).toSatisfy((end) => end === 'cut' || end === 503);
    // A process that has not read the index yet.
    await other.close();
    other = await platform.another({}, (blobs) =>
      interfered(blobs, (action) => {
        if (action === 'get') throw new EngineUnavailable('the file store is away');
      }),
    );
    turn = 1;
    expect((await ask(url)).status).toBe(503);
    away = undefined;
    turn = 0;
    expect(await (await ask(url)).text()).toContain('"m0"');
  });
});

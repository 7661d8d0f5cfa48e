import { afterEach, describe, expect, it, vi } from 'vitest';
import { AccessEnded } from '@provider-access/service/http';
import { cases } from '@provider-access/testing/search';
import { Gate, interfered, type Interference } from './faults.ts';
import { begin, filesOf, FORM_NAMES, type FormName, membersIn, populate, startForms, streamOf } from './forms.ts';
import type { Engine, Platform } from './harness.ts';

const MEMBERS = ['m1', 'm2', 'm3', 'm4'];
const CONFIG = { chunkMembers: 2, leaseMs: 200 };
type Where = (...of: Parameters<Interference>) => boolean;
const isChunk: Where = (action, name) => action === 'put' && name.endsWith('/chunk.json');

/** The states of a job, each with the file that it is about to write, and what its stream says. */
const STATES = {
  requested: { at: (action, name) => action === 'put' && name.includes('/plan/'), status: 'requested', written: 0 },
  planned: { at: (action, name) => action === 'writer' && /\/\d\/\d+\//.test(name), status: 'writing', written: 0 },
  'chunk written': { at: isChunk, after: 1, status: 'writing', written: 1 },
  sealing: { at: (_action, name) => name.includes('/seal/'), status: 'writing', written: 2 },
  sealed: { status: 'sealed', written: 2 },
  downloading: { status: 'sealed', written: 2 },
} as const satisfies Record<string, { at?: Where; after?: number; status: string; written: number }>;
type State = keyof typeof STATES;

/** `npm test` takes each state with one of the forms, the suite `properties` with all of them. */
const TAKEN: readonly (readonly [FormName, State])[] = (Object.keys(STATES) as State[]).flatMap((state, s) =>
  FORM_NAMES.filter((_, f) => cases(1) > 1 || (s + f) % FORM_NAMES.length === 0).map((form) => [form, state] as const),
);

describe.each(TAKEN)('an export that is %s, when its job is %s,', (form, state) => {
  const { status, written, ...held } = { at: undefined, after: 0, ...STATES[state] };
  let platform: Platform;
  let interference: Interference = () => undefined;
  afterEach(async () => {
    await platform.dispose();
    vi.restoreAllMocks();
  });

  const wrap = (blobs: Platform['blobs']): Platform['blobs'] => interfered(blobs, (...call) => interference(...call));
  const start = async (engine: Engine = 'memory'): Promise<void> => {
    interference = () => undefined;
    platform = await startForms(CONFIG, wrap, engine);
    await populate(platform, MEMBERS, { documents: 2, bytes: 60_000 });
  };
  /** Starts an export, and resolves when its job is in the state. `atState`: what the process does from then on. */
  const reach = async (atState: () => Promise<void> | void): Promise<string> => {
    const { at, after } = held;
    const arrived = new Gate();
    let seen = 0;
    if (at !== undefined)
      interference = (action, name) => {
        if (seen <= after && !at(action, name)) return;
        seen += 1;
        if (seen <= after) return;
        void arrived.pass();
        return atState();
      };
    const path = await begin(platform, form);
    if (at === undefined) await platform.manifest(path);
    else await arrived.reached;
    const job = (await platform.streams().load(path.split('/').at(-1)!))!;
    expect([job.status, job.written.filter((fence) => fence > 0).length]).toEqual([status, written]);
    return path;
  };
  const urlsOf = async (job: string): Promise<readonly string[]> => filesOf(form, await platform.manifest(job));
  const textOf = async (urls: readonly string[]): Promise<string> => {
    const texts: string[] = [];
    for (const url of urls) {
      const answer = await platform.fetch(url);
      expect(answer.status).toBe(200);
      texts.push(await answer.text());
    }
    return texts.join('');
  };

  it('is gone after a cancel, with its files', async () => {
    await start();
    const gate = new Gate();
    const path = await reach(() => gate.pass());
    const isComplete = status === 'sealed';
    const urls = isComplete ? await urlsOf(path) : [`${path}/Patient-0-0.ndjson`];
    const stream = state === 'downloading' ? await streamOf(platform, urls[0]!) : undefined;
    await stream?.[Symbol.asyncIterator]().next();
    expect((await platform.fetch(path, { method: 'DELETE' })).status).toBe(202);
    if (stream !== undefined) {
      const now = performance.now.bind(performance);
      // Longer than a decision is valid for.
      vi.spyOn(performance, 'now').mockImplementation(() => now() + 1_000);
      // The line of so short a list was ready before. The other test has a long one.
      if (form !== 'list') await expect(stream.toArray()).rejects.toThrow(AccessEnded);
      stream.destroy();
    }
    gate.letThrough();
    for (const gone of [path, ...urls]) expect((await platform.fetch(gone)).status).toBe(404);
    interference = () => undefined;
    await expect.poll(() => platform.fileNames()).toEqual([]);
    const events = (await platform.events('pa.exports')).map(({ type }) => type);
    expect(events.includes('pa.export-sealed.v1')).toBe(isComplete);
  });

  it('is complete after its process died, with everybody once', async () => {
    await start('embedded');
    const path = await reach(() => {
      throw new Error('this process is dead');
    });
    const before = status === 'sealed' ? await textOf(await urlsOf(path)) : undefined;
    const etag =
      state === 'downloading' ? (await platform.fetch((await urlsOf(path))[0]!)).headers.get('etag') : undefined;
    await platform.close();
    interference = () => undefined;
    await platform.open(CONFIG, wrap);
    const urls = await urlsOf(path);
    const body = await textOf(urls);
    expect(membersIn(body)).toEqual(MEMBERS);
    expect(body).toBe(before ?? body);
    const lines = body.split('\n').filter((line) => line !== '');
    expect(new Set(lines).size).toBe(lines.length);
    expect(lines).toHaveLength({ list: 1, organized: MEMBERS.length * 4, filtered: MEMBERS.length * 2 }[form]);
    if (state !== 'downloading') return;
    // The client goes on with the part of the file that it has, and with the ETag that it was given.
    const whole = await platform.fetch(urls[0]!);
    const text = await whole.text();
    expect(whole.headers.get('etag')).toBe(etag);
    const rest = await platform.fetch(urls[0]!, { headers: { range: 'bytes=100-', 'if-range': etag! } });
    expect([rest.status, await rest.text()]).toEqual([206, text.slice(100)]);
  });

  it('has nothing of a member who opts out then', async () => {
    await start();
    const gate = new Gate();
    const path = await reach(() => gate.pass());
    const urls = state === 'downloading' ? await urlsOf(path) : undefined;
    await platform.optOut('m2');
    gate.letThrough();
    const body = await textOf(urls ?? (await urlsOf(path)));
    expect(membersIn(body)).toEqual(['m1', 'm3', 'm4']);
    expect(body).not.toMatch(/m2["-]/);
  });
});

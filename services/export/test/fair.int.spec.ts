import { eventually } from '@provider-access/testing';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { State, WorkItem } from '@provider-access/engines/state';
import { Gate, interfered } from './faults.ts';
import { type ManifestBody, Platform } from './harness.ts';
import { bundle, match, PAYER, post, requestOf, TestFinder } from './match-requests.ts';

const OTHER = 'npi|1679576722';
const FEW = 'g-few';
let platform: Platform;
afterEach(() => platform?.dispose());

/** What happened to items of the steps of a job, in order. */
let history: { readonly what: 'put' | 'took'; readonly app: string; readonly step: string; readonly id: string }[] = [];
function watch({ work }: State): void {
  const { put, take } = { put: work.put.bind(work), take: work.take.bind(work) };
  const note = (what: 'put' | 'took', queue: string, { app, id }: { app?: string | undefined; id: string }): void => {
    const step = queue.slice('export-'.length);
    if (step !== 'expire' && step !== 'sweep') history.push({ what, app: app ?? '', step, id });
  };
  vi.spyOn(work, 'put').mockImplementation(async (queue, items) => {
    await put(queue, items);
    for (const item of items) note('put', queue, item);
  });
  vi.spyOn(work, 'take').mockImplementation(async (...args) => {
    const item = await take(...args);
    if (item !== undefined) note('took', item.queue, item);
    return item;
  });
}
/** For each item of the app: how many items of others started in its queue after it was put and before it started. */
function waitedFor(app: string): number[] {
  return history.flatMap((entry, at) => {
    if (entry.what !== 'took' || entry.app !== app) return [];
    const from = history.findIndex(({ what, id }) => what === 'put' && id === entry.id);
    const between = history.slice(from, at);
    return [between.filter((e) => e.what === 'took' && e.app !== app && e.step === entry.step).length];
  });
}
const tookOf = (app: string, step: string): number =>
  history.filter((e) => e.what === 'took' && e.app === app && e.step === step).length;

type Config = NonNullable<Parameters<typeof Platform.start>[0]>;
/** App c1 with many members and app c2 with few, and so many processes with one worker each. */
async function start(
  { many, few, workers = 1 }: { many: number; few: number; workers?: number },
  config: Config,
  wrap?: Parameters<typeof Platform.start>[1],
): Promise<void> {
  history = [];
  const shared = { pollMs: 5, ...config };
  platform = await Platform.start(shared, wrap);
  watch(platform.state);
  for (let i = 1; i < workers; i++) await platform.another(shared, wrap);
  await platform.client('c1');
  await platform.client('c2', OTHER);
  await platform.group();
  await platform.group(FEW, OTHER);
  const a = Array.from({ length: many }, (_, i) => `a${i}`);
  const b = Array.from({ length: few }, (_, i) => `b${i}`);
  await platform.members(a);
  await platform.members(b, { group: FEW, provider: OTHER });
  await platform.resources([...a, ...b].map((member) => ({ member, type: 'Patient', id: member })));
}
const manifestOf = (path: string, token: string): Promise<ManifestBody> => platform.manifest(path, token);
async function idsIn(manifest: ManifestBody, token: string): Promise<string[]> {
  const ids: string[] = [];
  for (const { url } of manifest.output)
    for (const line of (await (await platform.fetch(url, { token })).text()).split('\n'))
      if (line !== '') ids.push((JSON.parse(line) as { id: string }).id);
  return ids.toSorted();
}
const members = (prefix: string, n: number): string[] =>
  Array.from({ length: n }, (_, i) => `${prefix}${i}`).toSorted();

describe('work of several apps', () => {
  it.each([1, 3])(
    'E75, E77: with %i workers, an export of 10 patients waits for at most so many items of a large one a step',
    async (workers) => {
      const gate = new Gate();
      await start({ many: 120, few: 10, workers }, { chunkMembers: 10 }, (blobs) =>
        interfered(blobs, (action, name) =>
          action === 'writer' && /\/\d+\/\d+\/Patient/.test(name) ? gate.pass() : undefined,
        ),
      );
      const [mine, theirs] = [await platform.token('c1'), await platform.token('c2')];
      const large = await platform.kickOff('', { token: mine });
      await gate.reached;
      await eventually(() => expect(tookOf('c1', 'chunk')).toBe(workers));
      const small = await platform.kickOff('', { token: theirs, group: FEW });
      await eventually(() => expect(history.filter((e) => e.app === 'c2' && e.step === 'chunk')).not.toEqual([]));
      gate.letThrough();
      expect(await idsIn(await manifestOf(small, theirs), theirs)).toEqual(members('b', 10));
      expect(['plan', 'chunk', 'seal'].map((step) => tookOf('c2', step))).toEqual([1, 1, 1]);
      for (const waited of waitedFor('c2')) expect(waited).toBeLessThanOrEqual(workers);
      expect(await idsIn(await manifestOf(large, mine), mine)).toEqual(members('a', 120));
      expect(tookOf('c1', 'chunk')).toBe(12);
    },
  );

  it('M2: an export of 10 patients waits for at most one item of a match of 1,000 a step', async () => {
    const gate = new Gate();
    const finder = new TestFinder({ S1: 'a0' });
    await start({ many: 1, few: 10 }, { chunkMembers: 50, finder, payerIdentifiers: [PAYER] }, (blobs) =>
      interfered(blobs, (action, name) => (action === 'put' && name.includes('chunk.json') ? gate.pass() : undefined)),
    );
    const theirs = await platform.token('c2');
    const strangers = Array.from({ length: 999 }, (_, n) =>
      bundle(n + 2, { subscriber: `X${n}`, family: `Stranger ${n}` }),
    );
    const large = await match(platform, bundle(1, { subscriber: 'S1' }), ...strangers);
    await gate.reached;
    const small = await platform.kickOff('', { token: theirs, group: FEW });
    await eventually(() => expect(history.filter((e) => e.app === 'c2' && e.step === 'chunk')).not.toEqual([]));
    gate.letThrough();
    expect(await idsIn(await manifestOf(small, theirs), theirs)).toEqual(members('b', 10));
    expect(['plan', 'chunk', 'seal'].map((step) => tookOf('c2', step))).toEqual([1, 1, 1]);
    for (const waited of waitedFor('c2')) expect(waited).toBeLessThanOrEqual(1);
    const { output } = await platform.manifest(large);
    expect([output.length, tookOf('c1', 'chunk')]).toEqual([2, 20]);
  });

  it('M2: a match of one person waits for at most one item of a large export a step', async () => {
    const gate = new Gate();
    const finder = new TestFinder({ S1: 'a0' });
    await start({ many: 120, few: 1 }, { chunkMembers: 10, finder, payerIdentifiers: [PAYER] }, (blobs) =>
      interfered(blobs, (action, name) =>
        action === 'writer' && /\/\d+\/\d+\/Patient/.test(name) ? gate.pass() : undefined,
      ),
    );
    const [mine, theirs] = [await platform.token('c1'), await platform.token('c2')];
    const large = await platform.kickOff('', { token: mine });
    await gate.reached;
    const asked = requestOf(bundle(1, { subscriber: 'S1', npi: OTHER.replace('npi|', '') }));
    const small = await post(platform, asked, { token: theirs });
    await eventually(() => expect(history.filter((e) => e.app === 'c2' && e.step === 'chunk')).not.toEqual([]));
    gate.letThrough();
    const { output } = await manifestOf(small.headers.get('content-location')!, theirs);
    expect(output.map(({ type }) => type)).toEqual(['Group']);
    for (const waited of waitedFor('c2')) expect(waited).toBeLessThanOrEqual(1);
    expect(await idsIn(await manifestOf(large, mine), mine)).toEqual(members('a', 120));
    expect(tookOf('c1', 'chunk')).toBe(12);
  });

  it('E76: a long seal is several items, and the seal of another app waits for at most one of them', async () => {
    const gate = new Gate();
    await start({ many: 32, few: 2 }, { chunkMembers: 1, sealChunks: 4 }, (blobs) =>
      interfered(blobs, (action, name) => (action === 'put' && name.endsWith('slice.json') ? gate.pass() : undefined)),
    );
    const [mine, theirs] = [await platform.token('c1'), await platform.token('c2')];
    const large = await platform.kickOff('', { token: mine });
    await gate.reached;
    await platform.optOut('a1');
    const small = await platform.kickOff('', { token: theirs, group: FEW });
    await eventually(() => expect(history.filter((e) => e.app === 'c2' && e.step === 'seal')).not.toEqual([]));
    gate.letThrough();
    expect(await idsIn(await manifestOf(small, theirs), theirs)).toEqual(members('b', 2));
    expect(waitedFor('c2').at(-1)).toBeLessThanOrEqual(1);
    // a1 was decided before the opt-out, and is left out all the same.
    expect(await idsIn(await manifestOf(large, mine), mine)).toEqual(members('a', 32).filter((id) => id !== 'a1'));
    expect(tookOf('c1', 'seal')).toBe(8);
  });

  it('E76: a member who opts out before a long seal is dropped for good, whichever item finds it', async () => {
    const gate = new Gate();
    await start({ many: 6, few: 1 }, { chunkMembers: 1, sealChunks: 2 }, (blobs) =>
      interfered(blobs, (action, name) =>
        action === 'put' && /\/5\/\d+\/chunk\.json$/.test(name) ? gate.pass() : undefined,
      ),
    );
    const token = await platform.token('c1');
    const job = await platform.kickOff('', { token });
    await gate.reached;
    for (const member of ['a0', 'a3', 'a5']) await platform.optOut(member);
    gate.letThrough();
    expect(await idsIn(await manifestOf(job, token), token)).toEqual(['a1', 'a2', 'a4']);
    expect(tookOf('c1', 'seal')).toBe(3);
    for (const member of ['a0', 'a3', 'a5']) await platform.optIn(member);
    expect(await idsIn(await manifestOf(job, token), token)).toEqual(['a1', 'a2', 'a4']);
    expect((await platform.events('pa.exports')).find((e) => e.type === 'pa.export-sealed.v1')!.data['dropped']).toBe(
      3,
    );
  });

  it.each([
    ['plan', /\/plan\//],
    ['chunk', /\/3\/\d+\/chunk\.json$/],
    ['slice of a seal', /slice\.json$/],
    ['last item of a seal', /manifest\.json$/],
  ])('E76: an export that is cancelled at its %s leaves nothing, and others go on', async (_, where) => {
    const gate = new Gate();
    await start({ many: 6, few: 3 }, { chunkMembers: 1, sealChunks: 2, leaseMs: 500 }, (blobs) =>
      interfered(blobs, (action, name) => (action === 'put' && where.test(name) ? gate.pass() : undefined)),
    );
    const [mine, theirs] = [await platform.token('c1'), await platform.token('c2')];
    const job = await platform.kickOff('', { token: mine });
    await gate.reached;
    expect((await platform.fetch(job, { token: mine, method: 'DELETE' })).status).toBe(202);
    const small = await platform.kickOff('', { token: theirs, group: FEW });
    gate.letThrough();
    expect(await idsIn(await manifestOf(small, theirs), theirs)).toEqual(members('b', 3));
    expect((await platform.fetch(job, { token: mine })).status).toBe(404);
    platform.clock.offset += 5000;
    const id = job.split('/').at(-1)!;
    await eventually(async () => {
      for (const queue of ['export-plan', 'export-chunk', 'export-seal'])
        expect(await platform.state.work.count(queue)).toEqual({ ready: 0, leased: 0 });
      expect((await platform.fileNames()).filter((name) => name.includes(id))).toEqual([]);
    });
    const types = (await platform.events('pa.exports')).filter((e) => e.data['job'] === id).map((e) => e.type);
    expect(types).toContain('pa.export-cancelled.v1');
    expect(types).not.toContain('pa.export-sealed.v1');
  });

  it('E76: a process of the release before, which seals as a whole, loses and repeats nothing', async () => {
    await start({ many: 12, few: 1 }, { chunkMembers: 1, sealChunks: 2 });
    const older = (state: State): State => ({
      ...state,
      work: new Proxy(state.work, {
        get: (work, name: keyof State['work']) =>
          name !== 'take'
            ? (work[name] as (...args: unknown[]) => unknown).bind(work)
            : async (...args: Parameters<State['work']['take']>): Promise<WorkItem | undefined> => {
                const item = await work.take(...args);
                const { sealing: _, ...payload } = (item?.payload ?? {}) as Record<string, unknown>;
                return item && { ...item, payload };
              },
      }),
    });
    await platform.another({ pollMs: 1, chunkMembers: 1, sealChunks: 1_000_000 }, (blobs) => blobs, older);
    const token = await platform.token('c1');
    for (let i = 0; i < 5; i++) {
      const job = await platform.kickOff('', { token });
      expect(await idsIn(await manifestOf(job, token), token)).toEqual(members('a', 12));
      const own = (await platform.events('pa.exports')).filter((e) => job.endsWith(String(e.data['job'])));
      expect(own.filter((e) => e.type === 'pa.export-sealed.v1')).toHaveLength(1);
      expect(own.filter((e) => e.type === 'pa.export-chunk-written.v1')).toHaveLength(12);
    }
  });
});

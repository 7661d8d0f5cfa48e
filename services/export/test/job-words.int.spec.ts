import type { Blobs } from '@provider-access/engines/blob';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Gate, interfered } from './faults.ts';
import { Platform, type TestConfig } from './harness.ts';
import { bundle, match, PAYER, post, requestOf, TestFinder } from './match-requests.ts';

/** What a client reads about a job of each kind names the kind (ADR 0122). */
let platform: Platform;
let gate: Gate | undefined;
let fault: Error | undefined;
const start = async (config: TestConfig = {}): Promise<void> => {
  const wrap = (blobs: Blobs) =>
    interfered(blobs, (action, name) => {
      if (action !== 'put' || !name.includes('chunk')) return undefined;
      if (fault !== undefined) throw fault;
      return gate?.pass();
    });
  const finder = new TestFinder({ S1: 'm1' });
  platform = await Platform.start(
    { chunkMembers: 1, kickOffsPerHour: 1000, runningPerClient: 1000, payerIdentifiers: [PAYER], finder, ...config },
    wrap,
  );
  await platform.client('c1');
  await platform.group();
  await platform.members(['m1']);
  await platform.resources([{ member: 'm1', type: 'Patient', id: 'm1' }]);
  await platform.derived();
};
beforeEach(() => {
  gate = undefined;
  fault = undefined;
});
afterEach(() => platform.dispose());

const exported = async (): Promise<string> => (await platform.kickOff('?_type=Patient')).replace('http://test', '');
const KINDS = [
  { noun: 'export', progress: '0 members written', begin: exported },
  { noun: 'match', progress: '0 members matched', begin: () => match(platform, bundle(1, { subscriber: 'S1' })) },
] as const;
const textOf = async (answer: Response): Promise<string> => {
  const { issue } = (await answer.json()) as {
    issue: readonly [{ diagnostics?: string; details?: { text: string } }];
  };
  return issue[0].diagnostics ?? issue[0].details!.text;
};

describe.each(KINDS)('M2: what a client reads of a job of the kind $noun', ({ noun, progress, begin }) => {
  it('while it runs, and when it is deleted', async () => {
    await start();
    gate = new Gate();
    const held = gate;
    const job = await begin();
    await held.reached;
    gate = undefined;
    expect((await platform.fetch(job)).headers.get('x-progress')).toBe(progress);
    held.letThrough();
    await platform.manifest(job);
    const deleted = await platform.fetch(job, { method: 'DELETE' });
    expect([deleted.status, await textOf(deleted)]).toEqual([202, `The ${noun} and its files are deleted.`]);
  });

  it('when it failed, at once and in the list', async () => {
    fault = new Error('a fault of the test');
    await start();
    const job = await begin();
    const failure = `The ${noun} failed. The error has been logged. Start the ${noun} again.`;
    await expect.poll(async () => (await platform.fetch(job)).status).toBe(500);
    expect(await textOf(await platform.fetch(job))).toBe(failure);
    const { exports } = (await (await platform.fetch('/fhir/bulk')).json()) as { exports: readonly object[] };
    expect(exports).toEqual([expect.objectContaining({ state: 'failed', message: failure })]);
  });
});

describe('M2: what is said of both kinds', () => {
  const KINDS_TEXT = /exports? (?:or|and) match/;
  it('names both, because nobody may learn what another job is', async () => {
    await start();
    const unknown = await textOf(await platform.fetch(`/fhir/bulk/${'a'.repeat(26)}`));
    expect(unknown).toBe('There is no such export or match, or it is no longer available.');
  });
  it.each<[string, TestConfig]>([
    ['kick-offs of an hour', { kickOffsPerHour: 1 }],
    ['running jobs', { runningPerClient: 1 }],
  ])('names both at the limit of %s', async (_what, config) => {
    gate = new Gate();
    await start(config);
    await exported();
    const refused = await post(platform, requestOf(bundle(1, { subscriber: 'S1' })));
    expect([refused.status, await textOf(refused)]).toEqual([429, expect.stringMatching(KINDS_TEXT)]);
    gate.letThrough();
  });
});

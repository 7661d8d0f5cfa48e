import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Platform } from './harness.ts';

/** An instant after everything so far. */
async function later(platform: Platform): Promise<string> {
  const before = Date.now();
  while (Date.now() <= before) await new Promise((resolve) => setImmediate(resolve));
  return new Date(platform.clock.now()).toISOString();
}

/** Exports with `_since`: changed resources, new members and deletes. */
describe('a delta', () => {
  let platform: Platform;
  beforeEach(async () => {
    platform = await Platform.start({ chunkMembers: 2 });
    await platform.client('c1');
    await platform.group();
    await platform.members(['m1', 'm2', 'm3']);
    await platform.resources([
      ...['m1', 'm2', 'm3'].flatMap((member) => [
        { member, type: 'Patient', id: member, references: ['Organization/old', 'Organization/changing'] },
        { member, type: 'Observation', id: `${member}-o` },
      ]),
      { member: 'shared', type: 'Organization', id: 'old' },
      { member: 'shared', type: 'Organization', id: 'changing' },
      { member: 'shared', type: 'Organization', id: 'new' },
    ]);
  });
  afterEach(() => platform.dispose());
  const now = (): string => new Date(platform.clock.now()).toISOString();
  const ids = (lines: Record<string, { id: string }[]>): Record<string, string[]> =>
    Object.fromEntries(Object.entries(lines).map(([type, all]) => [type, all.map((r) => r.id).toSorted()]));
  const delta = async (since: string, query = '') => {
    const manifest = await platform.manifest(await platform.kickOff(`?_since=${since}${query}`));
    return {
      output: ids(await platform.lines(manifest)),
      deleted: (await platform.lines(manifest, 'deleted'))['Bundle'] ?? [],
      manifest,
    };
  };

  const deltaOf = async (client: string, since: string) => {
    const token = await platform.token(client);
    const manifest = await platform.manifest(await platform.kickOff(`?_since=${since}`, { token }), token);
    return ids(await platform.lines(manifest, 'output', token));
  };

  it('without changes is empty', async () => {
    const { output, deleted } = await delta(await later(platform));
    expect({ output, deleted }).toEqual({ output: {}, deleted: [] });
  });

  it('holds everything accepted since, at the very instant too, with the resources it refers to', async () => {
    const since = await later(platform);
    await platform.resources([
      {
        member: 'm2',
        type: 'Observation',
        id: 'm2-o',
        version: 2,
        at: since,
        text: 'new',
        references: ['Organization/new'],
      },
    ]);
    const { output } = await delta(since);
    expect(output).toEqual({ Observation: ['m2-o'], Organization: ['new'] });
  });

  it('holds a supporting resource that changed although nothing that refers to it did', async () => {
    const since = await later(platform);
    await platform.resources([
      { member: 'shared', type: 'Organization', id: 'changing', version: 2, at: now(), text: 'moved' },
    ]);
    expect((await delta(since)).output).toEqual({ Organization: ['changing'] });
    expect((await delta(since, '&_type=Patient')).output).toEqual({});
  });

  it('holds everything of a member attributed since', async () => {
    const since = await later(platform);
    await platform.members(['m4'], { from: now() });
    await platform.resources([
      { member: 'm4', type: 'Patient', id: 'm4' },
      { member: 'm4', type: 'Observation', id: 'm4-o' },
    ]);
    expect((await delta(since)).output).toEqual({ Patient: ['m4'], Observation: ['m4-o'] });
  });

  it('holds everything of a member who opted in again since', async () => {
    await platform.optOut('m1');
    const since = await later(platform);
    expect((await delta(since)).output).toEqual({});
    await platform.optIn('m1');
    expect((await delta(since)).output).toEqual({
      Patient: ['m1'],
      Observation: ['m1-o'],
      Organization: ['changing', 'old'],
    });
  });

  it('P2 holds everything of the members whom a new binding shows to the app', async () => {
    const [client, other] = ['c2', 'npi|1245319599'];
    await platform.client(client, other);
    const since = await later(platform);
    await platform.approve(client);
    const all = await deltaOf(client, since);
    expect(all).toMatchObject({ Patient: ['m1', 'm2', 'm3'], Observation: ['m1-o', 'm2-o', 'm3-o'] });
    const bound = await later(platform);
    await platform.resources([{ member: 'm2', type: 'Observation', id: 'm2-o', version: 2, at: now(), text: 'new' }]);
    await platform.approve(client);
    expect(await deltaOf(client, bound)).toEqual({ Observation: ['m2-o'] });
  });

  it('P6 holds everything for an app that was suspended and approved again since', async () => {
    await platform.client('c2');
    const since = await later(platform);
    await platform.suspend('c2');
    await later(platform);
    await platform.approve('c2');
    expect(await deltaOf('c2', since)).toMatchObject({ Patient: ['m1', 'm2', 'm3'] });
  });

  it('lists what was deleted while the member was away, although an earlier delta could have had it', async () => {
    await platform.optOut('m1');
    await platform.deleted('m1', 'Observation', 'm1-o');
    const away = await delta(await later(platform));
    expect([away.output, away.deleted]).toEqual([{}, []]);
    await platform.optIn('m1');
    const back = await delta(away.manifest.transactionTime);
    expect(back.output).toMatchObject({ Patient: ['m1'] });
    expect(back.deleted).toMatchObject([{ entry: [{ request: { method: 'DELETE', url: 'Observation/m1-o' } }] }]);
  });

  it('lists true deletes, and neither opt-outs nor what moved to another member', async () => {
    await platform.resources([{ member: 'm1', type: 'Goal', id: 'moves' }]);
    const since = await later(platform);
    await platform.deleted('m1', 'Observation', 'm1-o');
    await platform.deleted('m2', 'Observation', 'm2-o', { reason: 'entered-in-error' });
    await platform.deleted('m1', 'Goal', 'moves', { reason: 'merged' });
    await platform.resources([{ member: 'm3', type: 'Goal', id: 'moves', at: now() }]);
    const { deleted, output } = await delta(since);
    const entries = (bundles: typeof deleted): unknown[] =>
      bundles.flatMap((b) => (b as unknown as { entry: unknown[] }).entry);
    expect(deleted[0]).toMatchObject({ resourceType: 'Bundle', type: 'transaction' });
    expect(entries(deleted)).toEqual([
      { request: { method: 'DELETE', url: 'Observation/m1-o' } },
      { request: { method: 'DELETE', url: 'Observation/m2-o' } },
    ]);
    expect(output).toEqual({ Goal: ['moves'] });
    await platform.optOut('m2');
    expect(entries((await delta(since)).deleted)).toEqual([{ request: { method: 'DELETE', url: 'Observation/m1-o' } }]);
    expect((await delta(since, '&_type=Patient')).deleted).toEqual([]);
    expect((await delta(await later(platform))).deleted).toEqual([]);
  });

  it('from the last transactionTime on misses nothing that was accepted since', async () => {
    const first = await platform.manifest(await platform.kickOff());
    await platform.resources([{ member: 'm3', type: 'Observation', id: 'm3-next', at: now() }]);
    const { output, manifest } = await delta(first.transactionTime);
    expect(output['Observation']).toContain('m3-next');
    expect(manifest.transactionTime > first.transactionTime).toBe(true);
  });
});

describe('resources without a patient', () => {
  let platform: Platform;
  beforeEach(async () => {
    platform = await Platform.start({ chunkMembers: 1 });
    await platform.client('c1');
    await platform.group();
    await platform.members(['m1', 'm2']);
  });
  afterEach(() => platform.dispose());

  it(
    'go along once when several members have them, in the version accepted last, and stay while one of these may ' +
      'be seen',
    async () => {
      await platform.resources([
        { member: 'm1', type: 'Medication', id: 'both', at: '2024-01-01T00:00:00.000Z', text: 'older' },
        { member: 'm2', type: 'Medication', id: 'both', at: '2025-01-01T00:00:00.000Z', text: 'newer' },
        { member: 'm1', type: 'Medication', id: 'mine' },
      ]);
      const job = await platform.kickOff();
      const medications = async () =>
        ((await platform.lines(await platform.manifest(job)))['Medication'] ?? [])
          .map((m) => `${m.id} ${m['text'] as string}`)
          .toSorted();
      expect(await medications()).toEqual(['both newer', 'mine ']);
      await platform.optOut('m1');
      expect(await medications()).toEqual(['both newer']);
      await platform.optOut('m2');
      expect(await medications()).toEqual([]);
    },
  );

  it('stay out though an older release stored a Provenance of a medication with all its targets', async () => {
    const references = ['Medication/before-2016', 'Medication/current', 'Practitioner/author', 'Organization/payer'];
    await platform.resources([
      { member: 'm1', type: 'Provenance', id: 'p1', references },
      { member: 'm1', type: 'MedicationRequest', id: 'r1', references: ['Medication/current'] },
      ...['Medication/before-2016', 'Medication/current', 'Practitioner/author', 'Organization/payer'].map((about) => {
        const [type, id] = about.split('/') as [string, string];
        return { member: 'shared', type, id };
      }),
    ]);
    const brought = async (query: string) => {
      const lines = await platform.lines(await platform.manifest(await platform.kickOff(query)));
      return ['Medication', 'Practitioner', 'Organization'].map((type) =>
        (lines[type] ?? []).map(({ id }) => id).toSorted(),
      );
    };
    expect(await brought('')).toEqual([['current'], ['author'], ['payer']]);
    // A delta contains a changed supporting resource, although the resources that refer to it did not change.
    const since = await later(platform);
    await platform.resources(
      ['before-2016', 'current'].map((id) => ({
        member: 'shared',
        type: 'Medication',
        id,
        version: 2,
        at: since,
        text: 'new',
      })),
    );
    expect(await brought(`?_since=${since}`)).toEqual([['current'], [], []]);
  });

  it('that lead to one another in a circle end', async () => {
    await platform.resources([
      { member: 'm1', type: 'Patient', id: 'm1', references: ['Organization/a'] },
      { member: 'm2', type: 'Patient', id: 'm2', references: ['Organization/missing'] },
      { member: 'shared', type: 'Organization', id: 'a', references: ['Organization/b'] },
      { member: 'shared', type: 'Organization', id: 'b', references: ['Organization/a', 'Organization/b'] },
    ]);
    const job = await platform.kickOff('?_type=Patient,Organization');
    const organizations = async () =>
      ((await platform.lines(await platform.manifest(job)))['Organization'] ?? []).map((o) => o.id);
    expect(await organizations()).toEqual(['a', 'b']);
    await platform.optOut('m1');
    expect(await organizations()).toEqual([]);
  });
});

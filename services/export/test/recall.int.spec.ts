import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Gate, interfered, type Interference } from './faults.ts';
import { Platform } from './harness.ts';

/** Recall (ADR 0117): files that exist leave out what was wrong, and the next delta lists it as deleted. */
describe('a resource that the payer recalls', () => {
  let platform: Platform;
  let interference: Interference = () => undefined;
  let version = 1;
  /** Publishes a version with the meta that intake writes. Returns its `lastUpdated`. */
  async function publish(member: string, type: string, id: string, more: object = {}): Promise<string> {
    platform.clock.offset += 1000;
    version += 1;
    const at = new Date(platform.clock.now()).toISOString();
    const meta = { versionId: String(version), lastUpdated: at };
    const text = `${member} ${version}`;
    await platform.resources([
      { member, type, id, at, version, text, resource: { resourceType: type, id, meta, text }, ...more },
    ]);
    return at;
  }
  async function recall(member: string, type: string, id: string): Promise<string> {
    platform.clock.offset += 1000;
    return platform.recall(member, type, id, (version += 1));
  }
  beforeEach(async () => {
    interference = () => undefined;
    version = 1;
    platform = await Platform.start({}, (blobs) => interfered(blobs, (action, name) => interference(action, name)));
    await platform.client('c1');
    await platform.group();
    await platform.members(['m1', 'm2']);
    for (const id of ['a', 'b']) await publish('m1', 'Observation', id);
    await publish('m2', 'Observation', 'c');
  });
  afterEach(() => platform.dispose());

  const sealed = async (query = ''): Promise<string> => {
    const job = await platform.kickOff(query);
    await platform.manifest(job);
    return job;
  };
  /** Each line as `id text`. */
  const exported = async (job: string): Promise<string[]> => {
    const manifest = await platform.manifest(job);
    const lines = Object.values(await platform.lines(manifest)).flat();
    expect(manifest.output.reduce((n, file) => n + file.count, 0)).toBe(lines.length);
    return lines.map((line) => `${line.id} ${(line as unknown as { text: string }).text}`).toSorted();
  };
  const deletes = async (job: string): Promise<string[]> =>
    JSON.stringify(await platform.lines(await platform.manifest(job), 'deleted')).match(/[A-Z][a-z]+\/\w+/g) ?? [];
  const now = (): string => new Date(platform.clock.now()).toISOString();

  it('is in no file any more, and in the next delta as deleted', async () => {
    const job = await sealed();
    const since = (await platform.manifest(job)).transactionTime;
    expect(await exported(job)).toEqual(['a m1 2', 'b m1 3', 'c m2 4']);
    await recall('m1', 'Observation', 'b');
    expect(await exported(job)).toEqual(['a m1 2', 'c m2 4']);
    const delta = await sealed(`?_since=${since}`);
    expect([await exported(delta), await deletes(delta)]).toEqual([[], ['Observation/b']]);
    // Once more: nothing changes.
    await recall('m1', 'Observation', 'b');
    expect([await exported(job), await deletes(delta)]).toEqual([['a m1 2', 'c m2 4'], ['Observation/b']]);
  });

  it('is served again when it is corrected, and the wrong version stays out of the old file', async () => {
    const job = await sealed();
    const since = (await platform.manifest(job)).transactionTime;
    const recalled = await recall('m1', 'Observation', 'b');
    await publish('m1', 'Observation', 'b', { recalled });
    expect(await exported(job)).toEqual(['a m1 2', 'c m2 4']);
    const later = await sealed();
    expect(await exported(later)).toEqual(['a m1 2', 'b m1 6', 'c m2 4']);
    const delta = await sealed(`?_since=${since}`);
    expect([await exported(delta), await deletes(delta)]).toEqual([['b m1 6'], []]);
    // A deletion of the correction leaves its line in files, as an ordinary deletion does.
    platform.clock.offset += 1000;
    await platform.deleted('m1', 'Observation', 'b', { version: 7, recalled });
    expect([await exported(later), await exported(job)]).toEqual([
      ['a m1 2', 'b m1 6', 'c m2 4'],
      ['a m1 2', 'c m2 4'],
    ]);
  });

  it('leaves the corrected line in a file whose export began before the recall', async () => {
    const gate = new Gate();
    interference = async (action) => {
      if (action === 'put') await gate.pass();
    };
    const job = await platform.kickOff();
    await gate.reached;
    const recalled = await recall('m1', 'Observation', 'b');
    await publish('m1', 'Observation', 'b', { recalled });
    gate.letThrough();
    interference = () => undefined;
    expect(await exported(job)).toEqual(['a m1 2', 'b m1 6', 'c m2 4']);
    // A later version replaces it, as any other: the line in the file was not recalled.
    await publish('m1', 'Observation', 'b', { recalled });
    expect(await exported(job)).toEqual(['a m1 2', 'b m1 6', 'c m2 4']);
  });

  it('is left out whichever file of the export is written or read while it is recalled', async () => {
    // From the plan to the bytes of the download. The first round finds the steps.
    let steps: readonly string[] = [];
    let recalled = now();
    for (let n = -1; n < steps.length; n++) {
      await publish('m1', 'Observation', 'b', { recalled });
      const seen: string[] = [];
      let recalling: Promise<string> | undefined;
      interference = async (action) => {
        seen.push(action);
        if (seen.length - 1 === n) recalling = recall('m1', 'Observation', 'b');
        await recalling;
      };
      const job = await platform.kickOff('?_type=Observation');
      await platform.finish(job);
      // A download that was cut begins again.
      const lines = await exported(job).catch(() => exported(job));
      interference = () => undefined;
      if (n < 0) steps = seen;
      else expect([steps[n], ...lines]).toEqual([steps[n], 'a m1 2', 'c m2 4']);
      recalled = (await recalling) ?? recalled;
    }
    expect(steps).toEqual(expect.arrayContaining(['put', 'writer', 'get', 'range']));
  });

  it('is left out under the id from which a merge moved it', async () => {
    const job = await sealed();
    platform.clock.offset += 1000;
    await platform.deleted('m1', 'Observation', 'b', { reason: 'merged', version: 5 });
    // The versions of the other id begin anew, so only times can be compared.
    version = 0;
    await publish('m9', 'Observation', 'b');
    expect(await exported(job)).toEqual(['a m1 2', 'b m1 3', 'c m2 4']);
    await recall('m9', 'Observation', 'b');
    expect(await exported(job)).toEqual(['a m1 2', 'c m2 4']);
  });

  it('is deleted for an app that cannot see the person whose it really was', async () => {
    const since = now();
    platform.clock.offset += 1000;
    await recall('m1', 'Observation', 'b');
    await publish('stranger', 'Observation', 'b');
    await recall('m1', 'Observation', 'a');
    await publish('m2', 'Observation', 'a');
    const delta = await sealed(`?_since=${since}`);
    // The app gets `a` of the other person in the same export, and a delete would remove that.
    expect(await deletes(delta)).toEqual(['Observation/b']);
    expect((await exported(delta)).filter((line) => /^[ab] /.test(line))).toEqual([expect.stringMatching(/^a m2/)]);
  });

  it('is left out also if it was cut to some elements, whose lines tell no time', async () => {
    const job = await sealed('?_type=Observation&_elements=Observation.status');
    const ids = async (): Promise<string[]> => (await exported(job)).map((line) => line.slice(0, 1));
    expect(await ids()).toEqual(['a', 'b', 'c']);
    const recalled = await recall('m1', 'Observation', 'b');
    await publish('m1', 'Observation', 'b', { recalled });
    expect(await ids()).toEqual(['a', 'c']);
  });

  it('is no resource of another member who has the same one', async () => {
    await publish('m1', 'Medication', 'common');
    await publish('m2', 'Medication', 'common');
    const job = await sealed('?_type=Medication');
    expect(await exported(job)).toEqual(['common m2 6']);
    await recall('m1', 'Medication', 'common');
    expect(await exported(job)).toEqual(['common m2 6']);
    await recall('m2', 'Medication', 'common');
    expect(await exported(job)).toEqual([]);
  });

  it('is left out of a file that others keep when its own member opted out', async () => {
    await publish('m2', 'Medication', 'common');
    await publish('m1', 'Medication', 'common');
    const job = await sealed('?_type=Medication');
    expect(await exported(job)).toEqual(['common m1 6']);
    await recall('m1', 'Medication', 'common');
    platform.clock.offset += 1000;
    await platform.optOut('m1');
    expect(await exported(job)).toEqual([]);
  });
});

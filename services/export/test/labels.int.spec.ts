import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DEFAULT_LABEL_POLICY, labelPolicy } from '@provider-access/domain/pdex/labels';
import { Gate, interfered, type Interference } from './faults.ts';
import { Platform } from './harness.ts';

const ACT_CODE = 'http://terminology.hl7.org/CodeSystem/v3-ActCode';
const HIV = `${ACT_CODE}|HIV`;
const NORMAL = 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality|N';
const RELEASE_HIV = labelPolicy({ [HIV]: 'release' });
const HIV_IF_CONSENTED = labelPolicy({ [HIV]: 'withhold unless consented' });

/** docs/security-labels.md: a withheld resource does not exist in an export. */
describe('an export of labelled resources', () => {
  let platform: Platform;
  let interference: Interference = () => undefined;
  const open = async (labels = DEFAULT_LABEL_POLICY): Promise<void> => {
    interference = () => undefined;
    platform = await Platform.start({ labels }, (blobs) =>
      interfered(blobs, (action, name) => interference(action, name)),
    );
    await platform.client('c1');
    await platform.group();
    await platform.members(['m1', 'm2']);
    await platform.resources([
      { member: 'm1', type: 'Patient', id: 'm1' },
      { member: 'm1', type: 'Observation', id: 'a', references: ['Practitioner/all'], labels: [NORMAL] },
      { member: 'm1', type: 'Observation', id: 'b', references: ['Practitioner/hiv-clinic'], labels: [HIV] },
      { member: 'm1', type: 'Observation', id: 'c', labels: [NORMAL, HIV], former: true },
      { member: 'm1', type: 'Observation', id: 'd', references: ['Practitioner/labelled'] },
      { member: 'm2', type: 'Observation', id: 'e', labels: [HIV] },
      ...['all', 'hiv-clinic'].map((id) => ({ member: 'shared', type: 'Practitioner', id })),
      { member: 'shared', type: 'Practitioner', id: 'labelled', labels: [`${ACT_CODE}|SSP`] },
    ]);
  };
  afterEach(() => platform.dispose());

  const exported = async (job?: string, list: 'output' | 'deleted' = 'output'): Promise<string[]> => {
    const manifest = await platform.manifest(job ?? (await platform.kickOff()));
    const lines = Object.values(await platform.lines(manifest, list)).flat();
    if (list === 'output') expect(manifest.output.reduce((n, file) => n + file.count, 0)).toBe(lines.length);
    return lines.map(({ id }) => id).toSorted();
  };

  it('leaves out what is withheld, its part in the counts, and what only it brings along', async () => {
    await open();
    const job = await platform.kickOff();
    expect(await exported(job)).toEqual(['a', 'all', 'd', 'm1']);
    let text = '';
    for (const name of await platform.fileNames())
      if (name.endsWith('.index')) text += Buffer.from((await platform.blobs.get(name))!).toString();
    expect(text).toContain('"m1"');
    expect(text).not.toContain('HIV');
    expect(text).not.toContain('"m2"');
  });

  it('has the whole data if the policy releases the labels', async () => {
    await open(labelPolicy({}));
    expect(await exported()).toEqual(['a', 'all', 'b', 'c', 'd', 'e', 'hiv-clinic', 'labelled', 'm1']);
  });

  it('obeys a stricter policy at the seal and in files that were written before', async () => {
    await open(RELEASE_HIV);
    const job = await platform.kickOff();
    expect(await exported(job)).toEqual(['a', 'all', 'b', 'c', 'd', 'e', 'hiv-clinic', 'labelled', 'm1']);
    const strict = await platform.another({ labels: DEFAULT_LABEL_POLICY });
    const url = platform.url;
    try {
      platform.url = strict.url;
      // The Practitioner of a withheld resource stays until the next export: nothing in its file says whose it is.
      expect(await exported(job)).toEqual(['a', 'all', 'd', 'hiv-clinic', 'm1']);
    } finally {
      platform.url = url;
    }
    expect(await exported(job)).toHaveLength(9);
  });

  it('obeys a version that gets its label while the export runs, if its chunk is not written yet', async () => {
    await open();
    const gate = new Gate();
    interference = async (action, name) => {
      if (action === 'put' && name.includes('/plan/')) await gate.pass();
    };
    const job = await platform.kickOff();
    await gate.reached;
    await platform.resources([
      { member: 'm1', type: 'Observation', id: 'd', at: '2026-01-02T00:00:00.000Z', version: 2, labels: [HIV] },
    ]);
    gate.letThrough();
    expect(await exported(job)).toEqual(['a', 'all', 'm1']);
  });

  it('asks for the consent of the member at the write and at each download', async () => {
    await open(HIV_IF_CONSENTED);
    expect(await exported()).toEqual(['a', 'all', 'd', 'labelled', 'm1']);
    await platform.consent('m1', HIV, 1);
    const job = await platform.kickOff();
    expect(await exported(job)).toEqual(['a', 'all', 'b', 'c', 'd', 'hiv-clinic', 'labelled', 'm1']);
    await platform.consent('m1', HIV, 2, 'inactive');
    expect(await exported(job)).toEqual(['a', 'all', 'd', 'hiv-clinic', 'labelled', 'm1']);
  });

  it('lists no delete of a resource that was withheld, and does not bring along what only it refers to', async () => {
    await open();
    const since = new Date(platform.clock.now()).toISOString();
    platform.clock.offset += 10_000;
    const at = new Date(platform.clock.now()).toISOString();
    await platform.deleted('m1', 'Observation', 'b', { labels: [HIV] });
    await platform.deleted('m1', 'Observation', 'd');
    await platform.resources(
      ['all', 'hiv-clinic'].map((id) => ({ member: 'shared', type: 'Practitioner', id, at, version: 2, text: 'new' })),
    );
    const job = await platform.kickOff(`?_since=${since}`);
    expect(await exported(job)).toEqual(['all']);
    const { Bundle: bundles } = await platform.lines(await platform.manifest(job), 'deleted');
    expect(bundles).toEqual([
      expect.objectContaining({ entry: [{ request: { method: 'DELETE', url: 'Observation/d' } }] }),
    ]);
  });

  describe('and of Provenances', () => {
    const ABOUT = {
      a: ['Observation/a'],
      b: ['Observation/a', 'Observation/b'],
      c: ['Observation/c'],
      labelled: ['Practitioner/labelled'],
      nothing: [],
    };
    const publishAll = async (more: { at?: string; version?: number } = {}): Promise<void> =>
      platform.resources(
        Object.entries(ABOUT).flatMap(([id, targets]) => [
          { member: 'm1', type: 'Provenance', id: `of-${id}`, targets, ...more },
          { member: 'm1', type: 'Provenance', id: `former-of-${id}`, targets, former: true, ...more },
        ]),
      );
    const provenances = async (job?: string): Promise<string[]> =>
      (await exported(job)).filter((id) => id.includes('of-'));
    const VISIBLE = ['former-of-a', 'former-of-nothing', 'of-a', 'of-nothing'];

    it('leaves out those of withheld resources, also in files that were written before, and in deltas', async () => {
      await open(labelPolicy({}));
      await publishAll();
      const job = await platform.kickOff();
      expect(await provenances(job)).toHaveLength(10);
      const strict = await platform.another({ labels: DEFAULT_LABEL_POLICY });
      const url = platform.url;
      platform.url = strict.url;
      try {
        expect(await provenances(job)).toEqual(VISIBLE);
        expect(await provenances()).toEqual(VISIBLE);
        const since = new Date(platform.clock.now()).toISOString();
        platform.clock.offset += 10_000;
        await publishAll({ at: new Date(platform.clock.now()).toISOString(), version: 2 });
        expect(await provenances(await platform.kickOff(`?_since=${since}`))).toEqual(VISIBLE);
      } finally {
        platform.url = url;
      }
    });

    it('lists the delete of one only if its targets are visible', async () => {
      await open();
      await publishAll();
      const since = new Date(platform.clock.now()).toISOString();
      platform.clock.offset += 10_000;
      for (const [id, targets] of Object.entries(ABOUT))
        await platform.deleted('m1', 'Provenance', `of-${id}`, { targets });
      const manifest = await platform.manifest(await platform.kickOff(`?_since=${since}`));
      const { Bundle: bundles } = await platform.lines(manifest, 'deleted');
      expect(JSON.stringify(bundles).match(/Provenance\/[a-z-]+/g)).toEqual([
        'Provenance/of-a',
        'Provenance/of-nothing',
      ]);
    });

    it('asks for the consent of the member at the write and at each download', async () => {
      await open(HIV_IF_CONSENTED);
      await publishAll();
      expect(await provenances()).toEqual([...VISIBLE, 'former-of-labelled', 'of-labelled'].toSorted());
      await platform.consent('m1', HIV, 1);
      const job = await platform.kickOff();
      expect(await provenances(job)).toHaveLength(10);
      await platform.consent('m1', HIV, 2, 'inactive');
      expect(await provenances(job)).toEqual([...VISIBLE, 'former-of-labelled', 'of-labelled'].toSorted());
    });
  });

  describe('of a store without labels', () => {
    beforeEach(async () => {
      platform = await Platform.start();
      await platform.client('c1');
      await platform.group();
      await platform.members(['m1']);
      await platform.resources(
        Array.from({ length: 50 }, (_, i) => ({ member: 'm1', type: 'Observation', id: `o${i}`, former: i % 2 === 0 })),
      );
    });
    it('parses no line, also of records of earlier releases', async () => {
      const parse = vi.spyOn(JSON, 'parse');
      await platform.manifest(await platform.kickOff());
      const lines = parse.mock.calls.filter(([text]) => String(text).startsWith('{"resourceType":"Observation"'));
      parse.mockRestore();
      expect(lines).toHaveLength(0);
    });
  });
});

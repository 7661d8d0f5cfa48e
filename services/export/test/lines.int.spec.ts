import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Extracts } from '@provider-access/engines/views';
import { memberFacts } from '@provider-access/facts/views';
import { writeChunk } from '../src/jobs/chunk-writer.ts';
import { extractsOptions } from '../src/jobs/member-extract.ts';
import { GROUP, Platform } from './harness.ts';

const DAY = 86_400_000;
/** m1 has a coverage of each line, m2 of the one that starts later. */
const OPEN = 'cov-m1';
const LATER = 'cov-later';
const TYPES = [
  'Claim',
  'Condition',
  'Coverage',
  'Device',
  'Encounter',
  'ExplanationOfBenefit',
  'Goal',
  'Immunization',
  'Observation',
  'Patient',
];

describe('an export with lines of business', () => {
  let platform: Platform;
  const now = (): number => platform.clock.now();
  const instant = (ms: number): string => new Date(ms).toISOString();
  beforeEach(async () => {
    platform = await Platform.start();
    await platform.client('c1');
    await platform.group();
    await platform.members(['m1', 'm2']);
    await platform.plans('m1', { [OPEN]: 'MA', [LATER]: 'MCO' });
    await platform.plans('m2', { 'cov-m2': 'MCO' });
    await platform.resources([
      ...['m1', 'm2'].map((member) => ({ member, type: 'Patient', id: member })),
      { member: 'm1', type: 'Condition', id: 'k' },
      { member: 'm1', type: 'ExplanationOfBenefit', id: 'open', references: [`Coverage/${OPEN}`] },
      { member: 'm1', type: 'ExplanationOfBenefit', id: 'later', references: [`Coverage/${LATER}`] },
      { member: 'm1', type: 'ExplanationOfBenefit', id: 'unnamed' },
      { member: 'm1', type: 'Provenance', id: 'of-later', targets: ['ExplanationOfBenefit/later'] },
      { member: 'm1', type: 'Provenance', id: 'of-open', targets: ['ExplanationOfBenefit/open'] },
    ]);
  });
  afterEach(() => platform.dispose());

  const exported = async (job: string): Promise<string[]> => {
    const manifest = await platform.manifest(job);
    const lines = Object.values(await platform.lines(manifest)).flat();
    expect(manifest.output.reduce((n, file) => n + file.count, 0)).toBe(lines.length);
    return lines.map(({ id }) => id).toSorted();
  };
  const run = async (query = ''): Promise<string[]> => exported(await platform.kickOff(query));
  const ALL = ['k', 'later', 'm1', 'm2', 'of-later', 'of-open', 'open', 'unnamed'];
  const STARTED = ['k', 'm1', 'of-open', 'open'];
  const AFTERWARDS = ['k', 'later', 'm1', 'm2', 'of-later', 'of-open', 'open'];
  const set = (mco: number): Promise<void> => platform.setLines({ MA: instant(0), MCO: instant(mco) });

  it('N62 has nothing of a line before its start, in the chunk and in what a Provenance is about', async () => {
    expect(await run()).toEqual(ALL);
    await set(now() + DAY);
    expect(await run()).toEqual(STARTED);
    await platform.advance(DAY);
    expect(await run()).toEqual(AFTERWARDS);
  });

  it('N62 leaves it out of a file that was written before the table, and of one whose line is taken back', async () => {
    const before = await platform.kickOff();
    await platform.manifest(before);
    await set(now() + DAY);
    expect(await exported(before)).toEqual(STARTED);
    await platform.advance(DAY);
    const after = await platform.kickOff();
    expect(await exported(after)).toEqual(AFTERWARDS);
    expect(await exported(before)).toEqual(AFTERWARDS);
    await set(now() + DAY);
    for (const job of [before, after]) expect(await exported(job)).toEqual(STARTED);
  });

  it('N63 leaves out what names a coverage whose plan is corrected to one that the table does not name', async () => {
    await set(0);
    const job = await platform.kickOff();
    expect(await exported(job)).toEqual(AFTERWARDS);
    platform.clock.offset += 1000;
    await platform.plans('m1', { [LATER]: 'GOLD' });
    expect(await exported(job)).toEqual(AFTERWARDS.filter((id) => !id.includes('later')));
  });

  it('has everything about the member in the next delta after a line has started, without an event', async () => {
    await set(now() + DAY);
    await platform.advance(1000);
    const since = encodeURIComponent(instant(now()));
    expect(await run(`?_since=${since}`)).toEqual([]);
    await platform.advance(DAY);
    expect(await run(`?_since=${since}`)).toEqual(AFTERWARDS);
    await platform.advance(1000);
    expect(await run(`?_since=${encodeURIComponent(instant(now()))}`)).toEqual([]);
  });

  it('N62 copies no kept lines of a line that has not started, and keeps those of other types', async () => {
    const extracts: Extracts = platform.extracts(extractsOptions())!;
    const read: string[] = [];
    let fence = 0;
    const chunk = async (): Promise<string[]> => {
      const lines = platform.tables();
      const task = platform.taskOf({
        job: 'j',
        chunk: 0,
        fence: (fence += 1),
        group: GROUP,
        types: TYPES,
        members: ['m1'],
      });
      const records = platform.records();
      const scanMember = records.scanMember.bind(records);
      records.scanMember = async function* (...input) {
        for await (const record of scanMember(...input)) {
          read.push(record.id);
          yield record;
        }
      };
      await extracts.reserve(['m1']);
      const { summary, extracts: made } = await writeChunk(
        { ...task, party: { ...task.party, lines } },
        {
          records,
          facts: platform.reader(memberFacts),
          blobs: platform.blobs,
          clock: platform.clock,
          labels: platform.labels(),
          extracts,
        },
      );
      await extracts.put(made);
      return summary.parts.map(({ type, resources }) => `${type} ${resources}`).toSorted();
    };
    expect(await chunk()).toEqual(['Condition 1', 'ExplanationOfBenefit 3', 'Patient 1']);
    read.length = 0;
    expect(await chunk()).toEqual(['Condition 1', 'ExplanationOfBenefit 3', 'Patient 1']);
    expect(read).toEqual([]);
    await set(now() + DAY);
    expect(await chunk()).toEqual(['Condition 1', 'ExplanationOfBenefit 1', 'Patient 1']);
    expect(read.toSorted()).toEqual(['later', 'open', 'unnamed']);
    platform.clock.offset += DAY;
    expect(await chunk()).toEqual(['Condition 1', 'ExplanationOfBenefit 2', 'Patient 1']);
  });

  it('N62 lists no delete of what was of a line that has not started', async () => {
    await set(now() + DAY);
    await platform.advance(1000);
    const since = now();
    await platform.advance(1000);
    for (const [id, coverage] of [
      ['open', OPEN],
      ['later', LATER],
    ] as const)
      await platform.deleted('m1', 'ExplanationOfBenefit', id, { coverages: [`Coverage/${coverage}`] });
    const manifest = await platform.manifest(await platform.kickOff(`?_since=${encodeURIComponent(instant(since))}`));
    const bundles = (await platform.lines(manifest, 'deleted'))['Bundle'];
    expect(JSON.stringify(bundles)).toContain('ExplanationOfBenefit/open');
    expect(JSON.stringify(bundles)).not.toContain('ExplanationOfBenefit/later');
  });
});

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DEFAULT_LABEL_POLICY, labelRules } from '@provider-access/domain/pdex/labels';
import type { IdSet, ViewOp, Views } from '@provider-access/engines/views';
import { openMemoryViews } from '@provider-access/engines/views/memory';
import { LabelGate, records, recordId, RecordsReader, type RecordPart, SHARED } from './index.ts';
import { labelsOfProvenances, type OwnedLabels } from './targets.ts';

const HIV = 'http://terminology.hl7.org/CodeSystem/v3-ActCode|HIV';
const NORMAL = 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality|N';
const NAMES = ['Condition', 'Observation', 'Medication', 'Practitioner', 'Provenance'].flatMap((type) =>
  Array.from({ length: 12 }, (_, n) => `${type}/${n}`),
);

/** Choices that repeat with the same seed (xorshift). */
function choices(seed: number) {
  let state = (seed + 1) * 2_654_435_761;
  const below = (limit: number): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
  return { below, one: <T>(items: readonly T[]): T => items[below(items.length)]! };
}

let views: Views;
let reader: RecordsReader;
let offset = 0;
beforeEach(async () => {
  views = openMemoryViews();
  await views.store.ensure(records);
  reader = new RecordsReader(views);
});
afterEach(() => views.close());

const op = (id: string, part: string, value: object): ViewOp => ({ id, part, partition: 0, offset: offset++, value });
const store = (all: readonly (RecordPart & { line?: string })[]): Promise<unknown> =>
  views.store.apply(
    records,
    1,
    all.map((record) => op(recordId(record.member, record.type, record.id), 'record', record)),
  );

const pick = (of: RecordsReader) => ({
  heads: (ids: readonly string[]) => of.heads(ids),
  load: (ids: readonly string[]) => of.load(ids),
  holders: (type: string, id: string) => of.holders(type, id),
});

/** A record with these labels: of this release, of one that found fewer, of one before labels, or a tombstone. */
function recordOf(random: ReturnType<typeof choices>, member: string, name: string): RecordPart & { line?: string } {
  const [type = '', id = ''] = name.split('/');
  const labels = random.one([[], [], [], [NORMAL], [HIV], [HIV, NORMAL]]);
  const targets = type === 'Provenance' ? Array.from({ length: 3 }, () => random.one(NAMES)) : undefined;
  const security = labels.map((label) => ({ system: label.split('|')[0], code: label.split('|')[1] }));
  const line = JSON.stringify({
    ...{ resourceType: type, id },
    ...(labels.length > 0 && { meta: { security } }),
    ...(targets !== undefined && { target: targets.map((reference) => ({ reference })) }),
  });
  const order = { versionId: 1, businessTime: 0, sequence: 0, lastUpdated: 0 };
  const common = { ...order, member, type, id, references: [], bytes: line.length };
  const of = targets === undefined ? {} : { targets };
  switch (random.below(6)) {
    case 0:
      return { ...common, ...of, bytes: 0, labels, deleted: true, reason: random.one(['deleted', 'merged']) };
    case 1:
      return { ...common, line };
    case 2:
      return { ...common, ...of, labels: [], labelsBy: '1', line };
    default:
      return { ...common, ...of, labels, labelsBy: labelRules(), line };
  }
}

describe('the labels of Provenances', () => {
  it('are those that the heads of all their targets have, which is how they were found before', async () => {
    let withLabels = 0;
    for (let world = 0; world < 60; world++) {
      const random = choices(world);
      const stored = NAMES.flatMap((name) => {
        const shared = name.startsWith('Practitioner');
        const members = shared ? [SHARED] : ['m1', 'm2', ...(name.startsWith('Medication') ? [SHARED] : [])];
        return members.filter(() => random.below(10) < 7).map((member) => recordOf(random, member, name));
      });
      await store(stored);
      const asked = stored
        .filter(({ type, deleted }) => type === 'Provenance' && deleted !== true)
        .map((record) => ({ ...record, line: record.line! }));
      const shown = (all: readonly (readonly OwnedLabels[])[]): unknown =>
        all.map((owned) =>
          [...new Set(owned.flatMap(({ member, labels }) => labels.map((label) => `${member} ${label}`)))].toSorted(),
        );
      const before = {
        ...pick(reader),
        labelledHeads: async (among: IdSet) => (await reader.heads(among.all())).filter((head) => head !== undefined),
      };
      // Each alone, and all together.
      const expected = await labelsOfProvenances(before, asked);
      expect(shown(await labelsOfProvenances(reader, asked))).toEqual(shown(expected));
      for (const one of asked)
        expect(shown(await labelsOfProvenances(reader, [one]))).toEqual(
          shown(await labelsOfProvenances(before, [one])),
        );
      withLabels += expected.filter((owned) => owned.some(({ labels }) => labels.includes(HIV))).length;
    }
    expect(withLabels).toBeGreaterThan(100);
  });

  it('of 32 Provenances with 136 targets need one query, which returns labelled targets alone', async () => {
    const about = (type: string, id: string, rest: object): RecordPart => ({
      ...{
        member: 'm1',
        type,
        id,
        versionId: 1,
        businessTime: 0,
        sequence: 0,
        lastUpdated: 0,
        references: [],
        bytes: 2,
      },
      ...{ labels: [], labelsBy: labelRules() },
      ...rest,
    });
    const targets = Array.from({ length: 136 }, (_, n) => `Condition/c${n}`);
    const provenances = Array.from({ length: 32 }, (_, n) =>
      about('Provenance', `p${n}`, { targets: n === 7 ? [...targets, 'Condition/secret'] : targets }),
    );
    await store([
      ...targets.map((target) => about('Condition', target.split('/')[1]!, {})),
      about('Condition', 'secret', { labels: [HIV] }),
      ...provenances,
    ]);
    const others = vi.spyOn(views.store, 'others');
    const getMany = vi.spyOn(views.store, 'getMany');
    const gate = new LabelGate({
      policy: DEFAULT_LABEL_POLICY,
      records: reader,
      members: { getMany: async () => [] },
      clock: { now: () => 0 },
    });
    const party = { client: () => undefined, identity: () => [], lines: () => [], asOf: () => undefined };
    const decisions = await gate.check(party as never, 'app1').decideEach(provenances);
    expect(decisions.map(({ withheld }) => withheld)).toEqual(provenances.map((_, n) => n === 7));
    expect(decisions[7]!.labels).toEqual([HIV]);
    expect([others.mock.calls.length, getMany.mock.calls.length]).toEqual([1, 0]);
    expect(await others.mock.results[0]!.value).toHaveLength(1);
  });

  it('of one Provenance need the ids of no target while the member has no record with labels', async () => {
    const [about, ofAnother] = ['m1', 'm10'].map((member): RecordPart => ({
      ...{ member, type: 'Provenance', id: 'p', versionId: 1, businessTime: 0, sequence: 0, lastUpdated: 0 },
      ...{ references: [], bytes: 2, labels: [], labelsBy: labelRules(), targets: ['Condition/c', 'Medication/m'] },
    })) as [RecordPart, RecordPart];
    const labelled = (member: string, type: string, id: string): RecordPart => ({
      ...{ ...about, member, type, id, labels: [HIV] },
    });
    await store([about, ofAnother, labelled('m10', 'Condition', 'c'), labelled('m1', 'Practitioner', 'x')]);
    const asked = vi.fn();
    const labelsOf = async (one: RecordPart): Promise<readonly string[]> => {
      asked.mockClear();
      const labelledHeads = (among: IdSet) =>
        reader.labelledHeads({
          owners: among.owners,
          has: (id) => among.has(id),
          all: () => {
            asked();
            return among.all();
          },
        });
      const records = { ...pick(reader), labelledHeads };
      return (await labelsOfProvenances(records, [one])).flat().flatMap(({ labels }) => labels);
    };
    expect([await labelsOf(about), asked.mock.calls.length]).toEqual([[], 0]);
    expect([await labelsOf(ofAnother), asked.mock.calls.length]).toEqual([[HIV], 0]);
    for (const [member, type, id, isTarget] of [
      ['m1', 'Condition', 'c', true],
      ['m1', 'Medication', 'm', true],
      [SHARED, 'Medication', 'm', true],
      [SHARED, 'Condition', 'c', false],
      ['m1', 'Condition', 'd', false],
      ['m10', 'Condition', 'd', false],
    ] as const) {
      await store([labelled(member, type, id)]);
      expect([member, type, id, await labelsOf(about)]).toEqual([member, type, id, isTarget ? [HIV] : []]);
      await store([{ ...labelled(member, type, id), labels: [] }]);
    }
  });
});

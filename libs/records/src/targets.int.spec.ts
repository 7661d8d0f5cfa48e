import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DEFAULT_LABEL_POLICY, labelRules } from '@provider-access/domain/pdex/labels';
import type { ViewOp, Views } from '@provider-access/engines/views';
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
        heads: (ids: readonly string[]) => reader.heads(ids),
        labelledHeads: (ids: readonly string[]) => reader.heads(ids),
        load: (ids: readonly string[]) => reader.load(ids),
        holders: (type: string, id: string) => reader.holders(type, id),
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
    expect(getMany).toHaveBeenCalledTimes(1);
    const found = await getMany.mock.results[0]!.value;
    expect(found.filter((document: unknown) => document !== undefined)).toHaveLength(1);
  });
});

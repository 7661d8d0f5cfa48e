import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { labelRules } from '@provider-access/domain/pdex/labels';
import type { LogRecord } from '@provider-access/engines/log';
import { compareVersions, locators, ownersOf, type RecordPart, recordId, records, broughtType } from './index.ts';

const accepted = (member: string, at: string, data: Record<string, unknown> = {}): LogRecord =>
  record('pa.record-accepted.v1', member, at, {
    versionId: 1,
    contentHash: 'h',
    references: ['Practitioner/p1'],
    tokens: [],
    line: '{"resourceType":"Condition","id":"c1","note":"é"}',
    ...data,
  });
const deleted = (member: string, at: string): LogRecord =>
  record('pa.record-deleted.v1', member, at, { versionId: 2, reason: 'deleted' });
function record(type: string, member: string, at: string, data: Record<string, unknown>): LogRecord {
  const value = JSON.stringify({
    member,
    type: 'Condition',
    id: 'c1',
    lastUpdated: at,
    businessTime: '2024-01-01T00:00:00.000Z',
    sequence: 0,
    ...data,
  });
  return {
    topic: 'pa.records',
    partition: 0,
    offset: 0,
    key: recordId(member, 'Condition', 'c1'),
    headers: { ce_type: type, ce_time: at },
    value: Buffer.from(value),
    timestamp: 0,
  };
}
const evolve = records.topics['pa.records']!;
const evolveLocator = locators.topics['pa.records']!;
/** The part of the former view. */
interface LocatorPart {
  readonly member: string;
  readonly deleted?: true;
  readonly members: Readonly<Record<string, { readonly at: number; readonly v?: number; readonly deleted?: true }>>;
}
const locateAll = (events: readonly LogRecord[]): LocatorPart => {
  let part: LocatorPart | undefined;
  for (const event of events)
    part = (evolveLocator.evolve(part, event, 'Condition/c1') as LocatorPart | undefined) ?? part;
  return part!;
};

describe('records view', () => {
  it('keeps the head beside the line and counts UTF-8 bytes', () => {
    const part = evolve.evolve(undefined, accepted('m1', '2025-01-01T00:00:00.000Z'), '') as RecordPart & {
      line: string;
    };
    expect(part).toMatchObject({
      member: 'm1',
      type: 'Condition',
      id: 'c1',
      versionId: 1,
      lastUpdated: Date.UTC(2025, 0, 1),
      references: ['Practitioner/p1'],
    });
    expect(part.bytes).toBe(part.line.length + 1);
  });
  it('is plain if it has no label, whatever its texts are, and never where a reader has to look for labels', () => {
    const at = '2025-01-01T00:00:00.000Z';
    const { part, text } = records.plain!;
    const isPlain = (event: LogRecord): boolean => {
      const { line: _line, ...head } = evolve.evolve(undefined, event, '') as RecordPart & { line?: unknown };
      return JSON.stringify(head).includes(text);
    };
    const line = (extra: object): string => JSON.stringify({ resourceType: 'Condition', id: 'c1', ...extra });
    const labelled = { meta: { security: [{ system: 'urn:x', code: 'R' }] } };
    const shown = { labels: [], labelsBy: labelRules() };
    expect(part).toBe('record');
    for (const data of [
      { ...shown },
      { line: line({}) },
      { ...shown, targets: ['Condition/a'], status: 's', serviceDate: '2024-01-01' },
      { ...shown, references: [`x/${text}`], source: text },
    ])
      expect(isPlain(accepted('m1', at, data))).toBe(true);
    for (const data of [
      { labels: ['urn:x|R'], labelsBy: labelRules() },
      // An earlier release did not find the label of the line, and one of the resource is not in the line.
      { line: line(labelled) },
      { labels: [], labelsBy: '1', line: line(labelled) },
      { labels: ['urn:x|R'], references: [text], source: text, event: text },
    ])
      expect(isPlain(accepted('m1', at, data))).toBe(false);
    for (const data of [{}, { labels: [] }, { labels: ['urn:x|R'] }, { reason: 'merged' }, { source: text }])
      expect(isPlain(record('pa.record-deleted.v1', 'm1', at, { versionId: 2, reason: 'deleted', ...data }))).toBe(
        false,
      );
  });
  it('leaves a tombstone where a record was deleted', () => {
    const part = evolve.evolve(undefined, deleted('m1', '2025-01-01T00:00:00.000Z'), '') as RecordPart & {
      line?: string;
    };
    expect(part).toMatchObject({ deleted: true, reason: 'deleted', versionId: 2, bytes: 0 });
    expect(part.line).toBeUndefined();
  });
  it('keeps what a later decision about the same business time needs', () => {
    const tie = { said: '2024-01-01T00:00:00.000Z', events: ['a', 'b'] };
    const next = { businessTime: '2024-01-01T00:00:00.001Z', source: '/lab', event: 'c', versionId: 2 };
    const part = evolve.evolve(undefined, accepted('m1', '2025-01-01T00:00:00.000Z'), '') as RecordPart;
    expect(evolve.evolve(part, accepted('m1', '2025-01-02T00:00:00.000Z', { ...next, tie }), '')).toMatchObject({
      businessTime: Date.UTC(2024, 0, 1) + 1,
      tie: { said: Date.UTC(2024, 0, 1), events: ['a', 'b'] },
    });
    expect(
      evolve.evolve(
        undefined,
        record('pa.record-deleted.v1', 'm1', '2025-01-02T00:00:00.000Z', { ...next, reason: 'deleted', tie }),
        '',
      ),
    ).toMatchObject({ deleted: true, tie: { events: ['a', 'b'] } });
  });
  it('passes over what is not about a record', () => {
    const other = { ...accepted('m1', '2025-01-01T00:00:00.000Z'), headers: { ce_type: 'pa.progress.v1' } };
    expect(evolve.keys(other)).toEqual([]);
    expect(evolveLocator.keys(other)).toEqual([]);
  });
});

describe('locators view', () => {
  it('names the member that has the id, until a delete', () => {
    expect(locateAll([accepted('m1', '2025-01-01T00:00:00.000Z')])).toMatchObject({ member: 'm1' });
    expect(
      locateAll([accepted('m1', '2025-01-01T00:00:00.000Z'), deleted('m1', '2025-01-02T00:00:00.000Z')]),
    ).toMatchObject({ deleted: true });
  });
  it('ends with the same holder in whatever order members are heard', () => {
    const mine = [accepted('m1', '2025-01-01T00:00:00.000Z'), deleted('m1', '2025-01-02T00:00:00.000Z')];
    const theirs = [accepted('m2', '2025-01-03T00:00:00.000Z'), accepted('m2', '2025-01-04T00:00:00.000Z')];
    // Order holds within a member (one partition), not between members.
    fc.assert(
      fc.property(fc.shuffledSubarray([0, 0, 1, 1], { minLength: 4, maxLength: 4 }), (turns) => {
        const queues = [[...mine], [...theirs]];
        const order = turns.map((turn) => queues[turn]!.shift()!);
        expect(locateAll(order)).toEqual({
          member: 'm2',
          members: { m1: { at: Date.UTC(2025, 0, 2), deleted: true }, m2: { at: Date.UTC(2025, 0, 4) } },
        });
      }),
    );
  });
});

describe('the members who have a resource', () => {
  it('are in the heads those that the view of locators named, in whatever order members are heard', () => {
    const at = (time: number): string => new Date(Date.UTC(2025, 0, 1) + time).toISOString();
    const event = fc.record({ member: fc.constantFrom('m1', 'm2', 'm3', 'shared'), removed: fc.boolean() });
    let merged = 0;
    fc.assert(
      fc.property(fc.array(event, { maxLength: 12 }), fc.array(fc.nat(3), { maxLength: 12 }), (events, ties) => {
        const versions = new Map<string, number>();
        const heads = new Map<string, RecordPart>();
        const all: LogRecord[] = events.map(({ member, removed }, i) => {
          const versionId = (versions.get(member) ?? 0) + 1;
          versions.set(member, versionId);
          const time = at(i - (ties[i] === 0 ? 1 : 0));
          const data = { versionId, sequence: i, lastUpdated: time };
          const one = removed
            ? record('pa.record-deleted.v1', member, time, { ...data, reason: 'merged' })
            : accepted(member, time, data);
          return { ...one, headers: { ...one.headers, ce_paversion: String(versionId) } };
        });
        for (const one of all) {
          const member = one.key.slice(0, one.key.indexOf('/'));
          const part = evolve.evolve(heads.get(member), one, '') as RecordPart | undefined;
          if (part !== undefined) heads.set(member, part);
        }
        const { holders, former } = ownersOf([...heads.values()]);
        if (all.length === 0) {
          expect([holders, former]).toEqual([[], []]);
          return;
        }
        const { member, members } = locateAll(all);
        const living = Object.keys(members).filter((name) => members[name]!.deleted !== true);
        merged += living.length > 0 && living.length < heads.size ? 1 : 0;
        expect(holders[0]).toBe(living.length === 0 ? undefined : member);
        expect(holders.toSorted()).toEqual(living.toSorted());
        expect(holders.slice(1)).toEqual(holders.slice(1).toSorted());
        expect([...holders, ...former].toSorted()).toEqual(Object.keys(members).toSorted());
      }),
    );
    expect(merged).toBeGreaterThan(5);
  });
});

describe('compareVersions', () => {
  it('is a total order over distinct events', () => {
    const version = fc.record({
      businessTime: fc.integer({ min: 0, max: 3 }),
      sequence: fc.integer({ min: 0, max: 2 }),
      source: fc.constantFrom('a', 'b'),
      event: fc.constantFrom('1', '2'),
    });
    fc.assert(
      fc.property(version, version, (a, b) => {
        expect(Math.sign(compareVersions(a, b)) + Math.sign(compareVersions(b, a))).toBe(0);
        expect(compareVersions(a, b) === 0).toBe(JSON.stringify(a) === JSON.stringify(b));
      }),
    );
  });
});

describe('broughtType', () => {
  it.each([
    ['Condition', 'Practitioner/p1', 'Practitioner'],
    ['MedicationRequest', 'Medication/m1', 'Medication'],
    ['Procedure', 'Device/d1', 'Device'],
    ['Provenance', 'Practitioner/p1', 'Practitioner'],
    ['Provenance', 'Device/d1', 'Device'],
  ])('lets a %s bring %s along', (holder, reference, type) => {
    expect(broughtType(holder, reference)).toBe(type);
  });

  it.each([
    ['Observation', 'Condition/c1'],
    ['Observation', 'nonsense'],
    ['Observation', '/x'],
    ['Provenance', 'Medication/m1'],
  ])('lets a %s bring no %s', (holder, reference) => {
    expect(broughtType(holder, reference)).toBeUndefined();
  });
});

import { PLATFORM_EVENTS } from '@provider-access/events';
import type { AcceptedData } from '@provider-access/records';
import { cases, Random, seed } from '@provider-access/testing/search';
import { expect, it, vi } from 'vitest';
import { generated } from '../../test/walk/generate.ts';
import { acceptedJson } from './record-json.ts';

const SCHEMA = PLATFORM_EVENTS['pa.record-accepted.v1'].schema;
const TEXTS = [
  'plain ~!#[]^',
  '',
  'http://loinc.org|718-7',
  '"',
  '\\',
  '\\"',
  '\n\t\u0001\u007f',
  'é – 東京 😀',
  '\u2028',
  '\ud800',
];

/** In the order in which `decideVersion` writes them. */
function dataOf(random: Random): AcceptedData {
  const any = (): string => random.one(TEXTS);
  const list = (): string[] => Array.from({ length: random.below(4) }, any);
  const maybe = (name: string, value: unknown): object => (random.below(2) === 0 ? {} : { [name]: value });
  return {
    member: any(),
    type: any(),
    id: any(),
    versionId: random.below(9) + 1,
    lastUpdated: any(),
    businessTime: any(),
    sequence: random.below(3) * 1e15,
    ...maybe('source', any()),
    ...maybe('event', any()),
    ...maybe('tie', { said: any(), events: list() }),
    contentHash: any(),
    ...maybe('sourceHash', any()),
    ...maybe('serviceDate', any()),
    references: list(),
    tokens: list(),
    ...maybe('tokensBy', any()),
    ...maybe('labels', list()),
    ...maybe('labelsBy', any()),
    ...maybe('targets', list()),
    ...maybe('status', any()),
    ...maybe('statusChanged', any()),
    line: JSON.stringify({ ...generated(random), more: any() }),
  } as AcceptedData;
}

it('writes an accepted record as JSON.stringify does, byte by byte', () => {
  const random = new Random(seed);
  for (let n = 0; n < cases(2_000); n++) {
    const data = dataOf(random);
    const written = acceptedJson({ ...data, line: Buffer.from(data.line as string) }).toString();
    expect(written).toBe(JSON.stringify(data));
    expect(SCHEMA.parse(JSON.parse(written))).toEqual(data);
  }
});

it('writes every member of the schema', () => {
  const data = Object.fromEntries(Object.keys(SCHEMA.shape).map((name) => [name, 'x']));
  const lists = { references: [], tokens: [], labels: [], targets: [], tie: { said: 'x', events: [] } };
  const written = acceptedJson({ ...data, ...lists, versionId: 1, sequence: 1 } as unknown as AcceptedData);
  expect(Object.keys(JSON.parse(written.toString()) as object).toSorted()).toEqual(
    Object.keys(SCHEMA.shape).toSorted(),
  );
});

const PLAIN = {
  ...{ member: 'm1', type: 'Observation', id: 'o1', versionId: 1 },
  ...{ lastUpdated: '2026-12-02T09:00:00.000Z', businessTime: '2026-12-01T09:00:00.000Z', sequence: 0 },
  ...{ source: 'payer', contentHash: 'c', references: ['Patient/p1'] },
  ...{ tokens: ['http://loinc.org|718-7', 'a|b'], labels: [] },
};

it('joins no texts of a record with plain characters, which would be 4.8 kB of garbage', () => {
  const line = Buffer.from(JSON.stringify({ id: 'o1', note: 'a "word"' }));
  const stringify = vi.spyOn(JSON, 'stringify');
  const write = vi.spyOn(Buffer.prototype, 'write');
  const written = acceptedJson({ ...PLAIN, line } as AcceptedData);
  expect([stringify, write].map(({ mock }) => mock.calls.length)).toEqual([0, 0]);
  vi.restoreAllMocks();
  expect(written.toString()).toBe(JSON.stringify({ ...PLAIN, line: line.toString() }));
});

it('writes records of any size one after another, and forgets one that failed', () => {
  const line = (length: number): string => JSON.stringify({ text: '"'.repeat(length) });
  for (const [length, count] of [
    [10, 1],
    [10, 30_000],
    [400_000, 30_000],
    [3_000_000, 1],
    [60_000, 4000],
    [10, 1],
  ] as const)
    for (const token of ['plain', 'é"']) {
      const data = { ...PLAIN, tokens: Array.from({ length: count }, () => token), line: line(length) };
      expect(() => acceptedJson({ ...data, labels: [null] } as unknown as AcceptedData)).toThrow(TypeError);
      expect(acceptedJson(data as AcceptedData).toString()).toBe(JSON.stringify(data));
    }
});

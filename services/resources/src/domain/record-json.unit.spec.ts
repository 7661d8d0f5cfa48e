import { PLATFORM_EVENTS } from '@provider-access/events';
import type { AcceptedData } from '@provider-access/records';
import { cases, Random, seed } from '@provider-access/testing/search';
import { expect, it } from 'vitest';
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

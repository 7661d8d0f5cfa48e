import { expect, it } from 'vitest';
import { encodeContent, lineOf } from './content.ts';
import { PackedTail } from './packed-tail.ts';
import { Packer, unpacked } from '../reading/packed.ts';
import type { CheckedResource } from './judge.ts';
import type { Reading } from '../reading/read-event.ts';

const AT = '2025-01-01T00:00:00.000Z';
const URL = 'https://pä.example.org';
const PASSES = { profile: 'p|1', lacks: [] };
const checkedAs = (type: string, ...checks: CheckedResource['checks']): CheckedResource => ({
  source: '/p',
  type,
  checks,
});
const reading = (n: number, text = 'plain – 東京', publicUrl = URL, checked = checkedAs('Condition')): Reading => {
  const resource = {
    ...{ resourceType: 'Condition', id: `c${n}`, meta: { lastUpdated: AT }, code: { text: `${n} ${text}` } },
  };
  const content = encodeContent(resource, `c${n}`, [], undefined, { resource }, publicUrl);
  return { judgement: { kind: 'accept', content, checked } } as unknown as Reading;
};
const contentOf = ({ judgement }: Reading) => {
  if (judgement.kind !== 'accept') throw new Error('none');
  return judgement.content;
};
function packed(readings: readonly Reading[]): readonly Reading[] {
  const packer = new Packer<Reading>();
  for (const one of readings) packer.add(one);
  return unpacked(structuredClone(packer.packed()));
}

it('gives the lines that texts give, with starts of any version', () => {
  const some = (): Reading[] => Array.from({ length: 50 }, (_, n) => reading(n, 'x'.repeat(n * n)));
  const expected = some().map((one, n) => lineOf(contentOf(one), 10 ** (n % 16), AT).toString());
  const found = packed(some()).map((one, n) => lineOf(contentOf(one), 10 ** (n % 16), AT));
  expect(found.map(String)).toEqual(expected);
  // No line is a copy.
  expect(new Set(found.map(({ buffer }) => buffer)).size).toBe(1);
});

it('changes no line that it has given', () => {
  const [before, content, behind] = packed([reading(1), reading(2), reading(3)]).map(contentOf);
  const lines = [content!, before!, behind!].map((one) => lineOf(one, 1, AT));
  const given = lines.map(String);
  const second = lineOf(content!, 2, AT).toString();
  expect(second).toBe(given[0]!.replace('"versionId":"1"', '"versionId":"2"'));
  expect(lines.map(String)).toEqual(given);
});

it('copies the tail of a line whose start does not fit', () => {
  const tail = new PackedTail(Buffer.from('__tail__'), 2, 6, 2);
  expect(tail.after('start ').toString()).toBe('start tail');
  expect(tail.after('é').toString()).toBe('étail');
  expect(String(tail)).toBe('tail');
});

it('packs lines of megabytes, and short ones after them', () => {
  const texts = ['€'.repeat(2_000_000), 'short', 'x'.repeat(300_000), ''];
  const lines = packed(texts.map((text, n) => reading(n, text))).map((one) => lineOf(contentOf(one), 1, AT).toString());
  expect(lines).toEqual(texts.map((text, n) => lineOf(contentOf(reading(n, text)), 1, AT).toString()));
  expect(packed([])).toEqual([]);
});

it('shares what was checked of resources that lack nothing', () => {
  const lacking = { profile: 'p|1', lacks: [{ element: 'code', rule: 'min' as const }] };
  const checked = [
    checkedAs('Condition', PASSES),
    checkedAs('Patient', PASSES),
    checkedAs('Condition', { ...PASSES }),
    checkedAs('Condition', lacking),
    checkedAs('Condition', { profile: 'p|2', lacks: [] }),
    { ...checkedAs('Condition', PASSES), source: '/q' },
    checkedAs('Condition', PASSES, PASSES),
    checkedAs('Condition', PASSES),
    checkedAs('Condition', PASSES),
  ];
  const read = packed(checked.map((one, n) => reading(n, '', URL, structuredClone(one))));
  const found = read.map(({ judgement }) => (judgement.kind === 'accept' ? judgement.checked : undefined));
  expect(found).toEqual(checked);
  const first = (n: number): number => found.indexOf(found[n]);
  expect(found.map((_, n) => first(n))).toEqual([0, 1, 0, 3, 4, 5, 6, 7, 7]);
});

import { hash } from 'node:crypto';
import { encodeEvent } from '@provider-access/events';
import { walkResource, type Written } from '@provider-access/domain/pdex';
import { type FhirResource, isObject } from '@provider-access/fhir';
import { cases, Random, seed } from '@provider-access/testing/search';
import { describe, expect, it } from 'vitest';
import { condition } from '../../test/harness.ts';
import { generated } from '../../test/walk/generate.ts';
import { scanned } from '../../test/walk/scanned.ts';
import { readEvent } from '../reading/read-event.ts';
import type { Judgement } from './judge.ts';

const NOW = Date.UTC(2025, 5, 1);

/** Members of all objects. */
function membersOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const own = Array.isArray(value) ? 0 : Object.keys(value).length;
  return own + Object.values(value).reduce<number>((sum, child) => sum + membersOf(child), 0);
}
/** What the walk says of a resource. It passes on what is no valid resource, and then only the members are known. */
function writtenOf(resource: unknown): Written {
  const unknown = { members: membersOf(resource), size: Number.NaN, unsure: undefined };
  return (isObject(resource) && walkResource(resource as FhirResource, { keeps: () => true })?.written) || unknown;
}
const taken = (data: string): string | undefined =>
  scanned(data).resource(writtenOf((JSON.parse(data) as { resource: unknown }).resource));

/** The judgement of an event whose data are written in this way. */
function judged(data: string): Judgement {
  const event = { id: 'e1', source: '/payer', type: 'payer.resource-recorded.v1', time: '2025-01-01T00:00:00Z' };
  const { key, headers } = encodeEvent({ ...event, subject: 'm1', data: null });
  const record = { topic: 'payer.member-events', key, headers, value: Buffer.from(data) };
  return readEvent(record, { now: NOW, floor: '2016-01-01' }).judgement;
}
function sourceHashOf(data: string): string | undefined {
  const judgement = judged(data);
  return judgement.kind === 'accept' ? judgement.content.sourceHash : undefined;
}
const sha256 = (text: string): string => hash('sha256', text, 'base64url');

it('finds a label that is written with escapes', () => {
  const labelled = { ...condition('m1', 'c1'), meta: { security: [{ system: 's', code: 'R' }] } };
  const text = JSON.stringify({ resource: labelled });
  for (const data of [text, text.replace('security', String.raw`s\u0065curity`)])
    expect(judged(data)).toMatchObject({ content: { labels: ['s|R'] } });
});

describe('the received text of a resource', () => {
  it('is taken only if JSON.stringify writes the same', () => {
    const random = new Random(seed);
    let equal = 0;
    for (let n = 0; n < cases(1_000); n++) {
      const text = JSON.stringify({ resource: generated(random) });
      const changed = random.chance(0.5) ? text : damage(random, text);
      let data: { resource?: FhirResource };
      try {
        data = JSON.parse(changed) as { resource?: FhirResource };
      } catch {
        continue;
      }
      if (data.resource === undefined) continue;
      const found = taken(changed);
      if (found === undefined) continue;
      equal += 1;
      expect(found).toBe(JSON.stringify(data.resource));
    }
    expect(equal).toBeGreaterThan(cases(1_000) / 3);
  });

  it('is not taken with a number in another form, also if the length is the same', () => {
    const random = new Random(seed + 1);
    const kinds = { changed: 0, taken: 0 };
    for (let n = 0; n < cases(2_000); n++) {
      const values = Array.from({ length: 1 + random.below(4) }, () => random.one(NUMBERS));
      const component = values.map((value) => ({ code: { text: 'x' }, valueQuantity: { value, unit: 'U' } }));
      const resource = { resourceType: 'Observation', status: 'final', code: { text: 'o' }, component };
      const text = JSON.stringify({ resource });
      const changed = ofLength(
        random,
        text.length,
        text.replace(/(?<="value":)[\d.e+-]+/g, (number) =>
          random.chance(0.6) ? number : random.one(formsOf(number)),
        ),
      );
      expect(JSON.parse(changed)).toEqual({ resource });
      const found = taken(changed);
      if (changed !== text) kinds.changed += 1;
      if (found !== undefined) kinds.taken += 1;
      expect(found ?? JSON.stringify(resource)).toBe(JSON.stringify(resource));
      expect(found === undefined).toBe(changed !== text);
    }
    expect(Math.min(kinds.changed, kinds.taken)).toBeGreaterThan(cases(100));
  });

  const resource = condition('m1', 'c1', { severity: { text: 'x' } }) as object;
  const plain = JSON.stringify(resource);
  it.each<[why: string, data: string]>([
    ['white space', JSON.stringify({ resource }, undefined, 2)],
    ['a space behind a colon', `{"resource": ${plain}}`],
    ['an escape', `{"resource":${plain.replace('"x"', String.raw`"\u0078"`)}}`],
    ['a duplicate key', `{"resource":${plain.replace('{', '{"id":"other",')}}`],
    ['a duplicate key inside', `{"resource":${plain.replace('{"text"', '{"text":"$5","text"')}}`],
    ['the resource twice', `{"resource":${plain.replace('"c1"', '"c2"')},"resource":${plain}}`],
  ])('is not taken with %s, and the hash is the one of JSON.stringify', (_why, data) => {
    expect(taken(data)).toBeUndefined();
    const { resource: parsed } = JSON.parse(data) as { resource: unknown };
    expect(sourceHashOf(data)).toBe(sha256(JSON.stringify(parsed)));
  });
  it.each(['1.0', '1e2', '-0', '12.50', '100000000000000000000000', '0.0000001'])(
    'is not taken with the number %s, which JSON.stringify writes in another way',
    (number) => {
      expect(taken(`{"resource":{"value":${number}}}`)).toBeUndefined();
    },
  );
  it('is not taken with a key that is a number, which JSON.stringify writes first', () => {
    expect(taken('{"resource":{"a":1,"2":3}}')).toBeUndefined();
  });
  it.each([`{"resource":${plain}}`, `{"sequence":12,"resource":${plain}}`, `{"resource":${plain},"sequence":12}`])(
    'is taken of compact data',
    (data) => {
      expect(taken(data)).toBe(plain);
      expect(sourceHashOf(data)).toBe(sha256(plain));
    },
  );
});

const NUMBERS = [
  0,
  1,
  7,
  10,
  20,
  99,
  100,
  300,
  1200,
  100_000,
  0.5,
  0.05,
  0.001,
  12.5,
  1e14,
  1e15,
  1e21,
  1e-7,
  0.1 + 0.2,
];
/** Other JSON texts of the number, of which some are as long or shorter. */
function formsOf(number: string): string[] {
  const short = number.replace(/^(\d+?)(0+)$/, (_all, digits: string, zeros: string) => `${digits}e${zeros.length}`);
  const small = number.replace(
    /^0\.(0*)([1-9]\d*)$/,
    (_all, zeros: string, digits: string) => `${digits}e-${zeros.length + digits.length}`,
  );
  return [short, small, short.replace('e', 'E'), Number(number).toExponential()].filter(
    (form) => Number(form) === Number(number),
  );
}
/** The text with white space, or with a member twice, until it has the length. */
function ofLength(random: Random, length: number, text: string): string {
  const twice = '"unit":"U"'.length + 1;
  let padded = text;
  if (length - padded.length >= twice && random.chance(0.7)) padded = padded.replace('"unit"', '"unit":"U","unit"');
  while (padded.length < length) padded = padded.replace(/(?="code")/, ' ');
  return padded;
}

const PARTS = [
  '"',
  '\\',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  ' ',
  '0',
  '1',
  '-',
  '.',
  'e',
  '"id":"x",',
  '"1":2,',
  '\\u0041',
  'é',
];
/** The text with one part more, less or twice. */
function damage(random: Random, text: string): string {
  const at = random.below(text.length);
  const end = at + random.below(12);
  switch (random.below(3)) {
    case 0:
      return text.slice(0, at) + random.one(PARTS) + text.slice(at);
    case 1:
      return text.slice(0, at) + text.slice(end);
    default:
      return text.slice(0, end) + text.slice(at);
  }
}

import { cases, Random, seed } from '@provider-access/testing/search';
import { expect, it } from 'vitest';
import { generated } from '../../test/walk/generate.ts';
import { encodeContent, lineOf, payerLastUpdated } from './content.ts';

const BASE = 'https://pa.example.org';
const AT = '2025-01-01T00:00:00.000Z';
const of = (meta: object | undefined) => ({ resourceType: 'Condition', id: 'c', meta, code: { text: 'x' } });
const encoded = (meta: object | undefined, publicUrl?: string) =>
  encodeContent(of(meta), 'c', [], undefined, { resource: of(meta) }, publicUrl);
const metaOf = (meta: object | undefined, publicUrl = BASE): unknown =>
  (JSON.parse(lineOf(encoded(meta, publicUrl), 3, AT).toString()) as { meta: unknown }).meta;

it("keeps the payer's own lastUpdated, as it was written, beside the platform's", () => {
  const extension = [{ url: payerLastUpdated(BASE), valueInstant: '2022-09-10T14:46:05-04:00' }];
  const versionId = '3';
  expect(metaOf({ lastUpdated: '2022-09-10T14:46:05-04:00', versionId: '9', source: 'x' })).toEqual({
    ...{ versionId, lastUpdated: AT, extension },
  });
  const tag = [{ system: 's', code: 'c' }];
  expect(metaOf({ lastUpdated: '2022-09-10T14:46:05-04:00', tag })).toEqual({
    ...{ versionId, lastUpdated: AT, extension, tag },
  });
});

it('writes nothing for a lastUpdated that is absent or no instant', () => {
  for (const meta of [undefined, {}, { lastUpdated: '2022-09-10' }, { lastUpdated: 'soon' }, { lastUpdated: 7 }])
    expect(metaOf(meta)).toEqual({ versionId: '3', lastUpdated: AT });
});

it('has one hash for the same content with another lastUpdated of the payer', () => {
  const [one, other] = ['2022-09-10T14:46:05-04:00', '2025-01-01T00:00:00Z'].map((lastUpdated) =>
    encoded({ lastUpdated }, BASE),
  );
  expect(one!.hash).toBe(other!.hash);
  expect(one!.hash).toBe(encoded({}).hash);
});

it('writes what JSON.stringify writes of type, id, meta and the rest, whatever order the payer has', () => {
  const random = new Random(seed);
  const orders = [['resourceType', 'id', 'meta'], ['resourceType', 'meta', 'id'], ['id', 'resourceType'], ['meta'], []];
  const metas = [
    undefined,
    {},
    null,
    'x',
    [{}],
    { profile: ['p'] },
    { source: 's', tag: [{ code: 't' }], versionId: '1' },
  ];
  for (let n = 0; n < cases(300); n++) {
    const { meta: _meta, ...made } = generated(random);
    const all: Record<string, unknown> = { ...made, id: 'c' };
    const meta = random.one(metas);
    if (meta !== undefined) all['meta'] = meta;
    const first = random.one(orders).filter((name) => name in all);
    const resource = { ...Object.fromEntries(first.map((name) => [name, all[name]])), ...all } as typeof made;
    const { resourceType, id, meta: _sent, ...rest } = resource;
    const { profile, security, tag } = (typeof meta === 'object' ? meta : undefined) ?? ({} as Record<string, unknown>);
    const kept = { versionId: '3', lastUpdated: AT, profile, security, tag };
    const expected = JSON.stringify({ resourceType, id, meta: kept, ...rest });
    for (const text of [undefined, JSON.stringify(resource)])
      expect(lineOf(encodeContent(resource, 'c', [], undefined, { resource, text }), 3, AT).toString()).toBe(expected);
    // The text of what was sent is not the text of what is kept.
    const other = { ...resource, language: 'other' };
    const sent = { resource: other, text: JSON.stringify(other) };
    expect(lineOf(encodeContent(resource, 'c', [], undefined, sent), 3, AT).toString()).toBe(expected);
  }
});

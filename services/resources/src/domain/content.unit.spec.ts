import { expect, it } from 'vitest';
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

it('writes the same line for every order of the first elements, and for a resource that redaction kept', () => {
  const meta = { lastUpdated: '2025-01-01T00:00:00Z', profile: ['http://x.example/é"'] };
  const parts = { resourceType: 'Condition', id: 'c', meta, code: { text: '"meta":{' } };
  const expected = JSON.stringify({
    ...{ resourceType: 'Condition', id: 'c', meta: { versionId: '3', lastUpdated: AT, profile: meta.profile } },
    code: parts.code,
  });
  const { resourceType, id, code } = parts;
  for (const resource of [parts, { id, resourceType, meta, code }, { resourceType, id, code, meta }])
    for (const sent of [resource, { ...resource }]) {
      const content = encodeContent(resource, 'c', [], undefined, { resource: sent });
      expect(lineOf(content, 3, AT).toString()).toBe(expected);
    }
  const bare = { resourceType: 'Condition', id: 'c', meta: { source: 'x' } };
  expect(lineOf(encodeContent(bare, 'c', [], undefined, { resource: bare }), 3, AT).toString()).toBe(
    JSON.stringify({ ...bare, meta: { versionId: '3', lastUpdated: AT } }),
  );
});

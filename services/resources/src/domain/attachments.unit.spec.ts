import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { FhirResource } from '@provider-access/fhir';
import { BINARY_ID, moveAttachments, refersTo } from './attachments.ts';

const about = { member: 'm1', type: 'DocumentReference', id: 'd1' };
const ABOVE = 100;
const options = { about, above: ABOVE, publicUrl: 'https://pa.example.org' };
const content = (length: number, fill = 7): Buffer => Buffer.alloc(length, fill);
const attachment = (bytes: Buffer, extra: object = {}): object => ({
  contentType: 'application/pdf',
  data: bytes.toString('base64'),
  title: 'Note',
  ...extra,
});
const document = (...attachments: readonly object[]): FhirResource => ({
  resourceType: 'DocumentReference',
  id: 'd1',
  status: 'current',
  content: attachments.map((one) => ({ attachment: one })),
});
function moved(resource: FhirResource, given: Partial<typeof options> = {}) {
  const moving = moveAttachments(resource, { ...options, ...given });
  if (!moving.ok) throw new Error(moving.path);
  return moving;
}

describe('a large attachment', () => {
  it('leaves its type and title, and the size, hash and URL of its content', () => {
    const bytes = content(ABOVE + 1);
    const { resource, moved: found } = moved(document(attachment(bytes)));
    const [only] = found;
    expect(found).toHaveLength(1);
    expect(Buffer.from(only!.bytes).equals(bytes)).toBe(true);
    expect(only!.id).toMatch(BINARY_ID);
    expect((resource['content'] as { attachment: object }[])[0]!.attachment).toEqual({
      contentType: 'application/pdf',
      url: `https://pa.example.org/fhir/Binary/${only!.id}`,
      size: ABOVE + 1,
      hash: createHash('sha1').update(bytes).digest('base64'),
      title: 'Note',
    });
    expect(refersTo(Buffer.from(JSON.stringify(resource)), only!.id)).toBe(true);
    expect(refersTo(Buffer.from(JSON.stringify(resource)), 'f'.repeat(64))).toBe(false);
  });

  it('stays up to the limit, and so does the resource', () => {
    const resource = document(attachment(content(ABOVE)), attachment(content(3)), {
      url: 'https://elsewhere.example/1',
    });
    expect(moved(resource)).toEqual({ ok: true, resource, moved: [] });
    expect(moved(resource).resource).toBe(resource);
  });

  it('says what the content is, whatever the payer said of it', () => {
    const { resource } = moved(
      document(
        attachment(content(200), { size: 3, hash: 'd3Jvbmc=', _hash: { id: 'x' }, url: 'https://elsewhere.example/1' }),
      ),
    );
    const [{ attachment: left }] = resource['content'] as [{ attachment: Record<string, unknown> }];
    expect(left).toMatchObject({ size: 200, url: expect.stringContaining('https://pa.example.org/fhir/Binary/') });
    expect(left['hash']).not.toBe('d3Jvbmc=');
    expect(left['_hash']).toBeUndefined();
  });

  it.each([
    [
      'in base64 with line breaks',
      content(200)
        .toString('base64')
        .replaceAll(/(.{60})/g, '$1\n'),
      200,
    ],
    ['with one byte at the end', content(202).toString('base64'), 202],
  ])('is read %s', (_what, data, size) => {
    const { moved: found } = moved(document({ data }));
    expect(found[0]).toMatchObject({ size, contentType: 'application/octet-stream' });
  });

  it.each([
    ['cut', `${'A'.repeat(401)}`],
    ['padded too much', `${'A'.repeat(400)}====`],
    ['padded in the middle', `${'A'.repeat(200)}==${'A'.repeat(202)}`],
  ])('is refused by its place if the base64 is %s', (_what, data) => {
    const resource = { ...document(attachment(content(3))), contained: [{ ...document({ data }), id: 'c' }] };
    expect(moveAttachments(resource, options)).toEqual({
      ok: false,
      path: 'DocumentReference.contained.content.attachment.data',
    });
  });

  it.each([
    ['a report', { resourceType: 'DiagnosticReport', id: 'r', presentedForm: [attachment(content(200))] }],
    ['a picture', { resourceType: 'Media', id: 'r', content: attachment(content(200)) }],
    ['a portrait', { resourceType: 'Patient', id: 'r', photo: [attachment(content(200))] }],
    [
      'a claim',
      {
        resourceType: 'ExplanationOfBenefit',
        id: 'r',
        supportingInfo: [{ valueAttachment: attachment(content(200)) }],
      },
    ],
    [
      'an answer in an answer',
      {
        resourceType: 'QuestionnaireResponse',
        id: 'r',
        item: [{ linkId: '1', answer: [{ item: [{ answer: [{ valueAttachment: attachment(content(200)) }] }] }] }],
      },
    ],
    [
      'an extension',
      { resourceType: 'Patient', id: 'r', extension: [{ url: 'x', valueAttachment: attachment(content(200)) }] },
    ],
    ['a resource inside', { resourceType: 'Patient', id: 'r', contained: [document(attachment(content(200)))] }],
  ])('is found in %s', (_where, resource) => {
    const { resource: left, moved: found } = moved(resource as FhirResource);
    expect(found).toHaveLength(1);
    expect(JSON.stringify(left)).not.toContain('"data"');
    expect(JSON.stringify(left)).toContain(found[0]!.id);
  });

  it('is no text that is called data elsewhere', () => {
    const resource = {
      resourceType: 'Observation',
      id: 'o',
      component: [{ valueSampledData: { data: 'A'.repeat(4000) } }],
    } as unknown as FhirResource;
    expect(moved(resource).resource).toBe(resource);
  });
});

describe('the id of a Binary', () => {
  const idOf = (bytes: Buffer, given: Partial<typeof options> = {}, extra: object = {}): string =>
    moved(document(attachment(bytes, extra)), given).moved[0]!.id;
  const id = idOf(content(200));

  it('is the same for an event that comes again', () => expect(idOf(content(200))).toBe(id));
  it.each([
    ['content', idOf(content(200, 8))],
    ['type', idOf(content(200), {}, { contentType: 'text/html' })],
    ['member', idOf(content(200), { about: { ...about, member: 'm2' } })],
    ['resource', idOf(content(200), { about: { ...about, id: 'd2' } })],
  ])('is another one for another %s', (_what, other) => expect(other).not.toBe(id));
  it('is one for the same content twice in a resource', () => {
    expect(moved(document(attachment(content(200)), attachment(content(200)))).moved).toHaveLength(1);
  });
});

it.each([
  ['text/html', 'text/html'],
  ['text/plain; charset=utf-8', 'text/plain; charset=utf-8'],
  ['image/svg+xml', 'image/svg+xml'],
  ['text/html\r\nset-cookie: a=b', 'application/octet-stream'],
  ['nonsense', 'application/octet-stream'],
  [undefined, 'application/octet-stream'],
])('serves %j as %s', (contentType, expected) => {
  expect(moved(document(attachment(content(200), { contentType }))).moved[0]!.contentType).toBe(expected);
});

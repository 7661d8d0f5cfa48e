import { describe, expect, it } from 'vitest';

import { subsetOf } from './subset.ts';

const SUBSETTED = { system: 'http://terminology.hl7.org/CodeSystem/v3-ObservationValue', code: 'SUBSETTED' };
const document = {
  resourceType: 'DocumentReference',
  id: 'd',
  meta: { versionId: '1', tag: [{ code: 'x' }] },
  text: { status: 'generated', div: '<div xmlns="http://www.w3.org/1999/xhtml"/>' },
  contained: [{ resourceType: 'Patient', id: 'p' }],
  status: 'current',
  _status: { id: 's' },
  custodian: { reference: 'Organization/o' },
  date: '2024-01-01T00:00:00Z',
  content: [{ attachment: { contentType: 'text/plain', data: 'aGVsbG8=', title: 't' }, format: { code: 'f' } }],
  context: { period: { start: '2024' }, facilityType: { text: 'x' } },
};
const tagged = (resource: object) => ({
  ...resource,
  meta: { versionId: '1', tag: [{ code: 'x' }, expect.objectContaining(SUBSETTED)] },
});

describe('subsetOf', () => {
  it('keeps the elements that R4 marks as summary, also inside of elements', () => {
    const { text: _text, contained: _contained, custodian: _custodian, ...rest } = document;
    expect(subsetOf(document, { summary: 'true' })).toEqual(
      tagged({
        ...rest,
        content: [{ attachment: { contentType: 'text/plain', title: 't' }, format: { code: 'f' } }],
        context: { period: { start: '2024' } },
      }),
    );
  });

  it('keeps an extension whole, because one without its value is invalid', () => {
    const extension = [{ url: 'http://x.example', valueInstant: '2024-01-01T00:00:00Z' }];
    const location = { resourceType: 'Location', meta: { extension }, extension, name: 'x', _name: { extension } };
    expect(subsetOf(location, { summary: 'true' })).toMatchObject({ meta: { extension }, _name: { extension } });
  });

  it('keeps text, or everything else', () => {
    const { resourceType, id, text, status, _status, content } = document;
    expect(subsetOf(document, { summary: 'text' })).toEqual(
      tagged({ resourceType, id, text, status, _status, content }),
    );
    const { text: _text, ...rest } = document;
    expect(subsetOf(document, { summary: 'data' })).toEqual(tagged(rest));
  });

  it('keeps the named and the mandatory elements', () => {
    const { resourceType, id, status, _status, content, date } = document;
    expect(subsetOf(document, { elements: ['date'] })).toEqual(
      tagged({ resourceType, id, status, _status, content, date }),
    );
  });

  it('names each type of a choice by its stem', () => {
    const observation = { resourceType: 'Observation', status: 'final', code: {}, valueString: 'x', note: [] };
    expect(Object.keys(subsetOf(observation, { elements: ['value'] }))).toEqual([
      'resourceType',
      'meta',
      'status',
      'code',
      'valueString',
    ]);
  });

  it('leaves a whole resource as it is', () => {
    expect(subsetOf(document, {})).toBe(document);
    expect(subsetOf(document, { summary: 'false' })).toBe(document);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { checkShape } from './shape.ts';

const observation = (more: Record<string, unknown> = {}): Record<string, unknown> => ({
  resourceType: 'Observation',
  id: 'o1',
  status: 'final',
  code: { text: 'x' },
  ...more,
});
const first = (resource: unknown): string => {
  const [issue] = checkShape(resource);
  return issue === undefined ? 'fine' : `${issue.code} at ${issue.path}: ${issue.message}`;
};

describe('checkShape accepts', () => {
  it.each([
    ['a choice', { valueQuantity: { value: 1, unit: 'mg' } }],
    ['a sibling with an extension', { _status: { extension: [{ url: 'http://x/y', valueString: 'z' }] } }],
    [
      'a required primitive that has only a data-absent-reason',
      { status: undefined, _status: { extension: [{ url: 'http://x/y', valueCode: 'unknown' }] } },
    ],
    [
      'a null in a list of primitives whose sibling holds the place',
      {
        contained: [{ resourceType: 'Patient', id: 'p', name: [{ given: ['a', null], _given: [null, { id: 'g' }] }] }],
      },
    ],
    ['contained resources', { contained: [{ resourceType: 'Organization', id: 'a', name: 'x' }] }],
    ['nested extensions', { extension: [{ url: 'http://x', extension: [{ url: 'a', valueMoney: { value: 1 } }] }] }],
    ['partial dates', { effectiveDateTime: '2024-02' }],
    ['leap days', { effectiveDateTime: '2024-02-29' }],
    ['a narrative', { text: { status: 'generated', div: '<div xmlns="http://www.w3.org/1999/xhtml">x</div>' } }],
  ])('%s', (_name, more) => {
    expect(checkShape(JSON.parse(JSON.stringify(observation(more))))).toEqual([]);
  });
});

describe('checkShape refuses', () => {
  it.each([
    ['no object', 'x', 'structure at : a resource must be a JSON object'],
    ['null', null, 'structure at : a resource must be a JSON object'],
    ['a list', [], 'structure at : a resource must be a JSON object'],
    ['no type', {}, 'required at : resourceType is missing'],
    ['an unknown type', { resourceType: 'Jane' }, 'value at : resourceType is not an R4 resource type'],
    ['a datatype as a resource', { resourceType: 'Quantity' }, 'value at : resourceType is not an R4 resource type'],
    [
      'an unknown element',
      observation({ colour: 'x' }),
      'structure at Observation: colour is not an element of Observation',
    ],
    [
      'an element name that is no name',
      observation({ 'Jane Doe': 'x' }),
      'structure at Observation: it has an element that is not an element of Observation',
    ],
    [
      'a missing element',
      { resourceType: 'Observation', status: 'final' },
      'required at Observation: code is required',
    ],
    [
      'a missing list',
      { resourceType: 'Coverage', status: 'active', beneficiary: { display: 'x' } },
      'required at Coverage: payor is required',
    ],
    [
      'a missing choice',
      {
        resourceType: 'Immunization',
        status: 'completed',
        vaccineCode: { text: 'x' },
        patient: { reference: 'Patient/m' },
      },
      'required at Immunization: occurrence[x] is required',
    ],
    [
      'two of a choice',
      observation({ valueString: 'x', valueBoolean: true }),
      'structure at Observation: only one of value[x] is allowed',
    ],
    [
      'a list for a single value',
      observation({ code: [{ text: 'x' }] }),
      'structure at Observation.code: must be a single value, not a list',
    ],
    [
      'a single value for a list',
      observation({ category: { text: 'x' } }),
      'structure at Observation.category: must be a list',
    ],
    ['an empty list', observation({ category: [] }), 'structure at Observation.category: a list must not be empty'],
    [
      'an empty element',
      observation({ category: [{}] }),
      'structure at Observation.category[0]: an element must not be empty',
    ],
    [
      'a string for an element',
      observation({ category: ['x'] }),
      'structure at Observation.category[0]: must be a JSON object',
    ],
    ['null for a value', observation({ subject: null }), 'structure at Observation.subject: must be a JSON object'],
    [
      'a number for a string',
      observation({ valueString: 1 }),
      'value at Observation.valueString: is not a valid string',
    ],
    ['an empty string', observation({ valueString: '' }), 'value at Observation.valueString: is not a valid string'],
    [
      'a string for a decimal',
      observation({ valueQuantity: { value: '1' } }),
      'value at Observation.valueQuantity.value: is not a valid decimal',
    ],
    [
      'a day that no calendar has',
      observation({ effectiveDateTime: '2023-02-29' }),
      'value at Observation.effectiveDateTime: is not a valid dateTime',
    ],
    [
      'a time without a zone',
      observation({ effectiveDateTime: '2023-02-20T10:00:00' }),
      'value at Observation.effectiveDateTime: is not a valid dateTime',
    ],
    [
      'a date for an instant',
      observation({ issued: '2023-02-20' }),
      'value at Observation.issued: is not a valid instant',
    ],
    ['an id with a slash', observation({ id: 'a/b' }), 'value at Observation.id: is not a valid id'],
    [
      'a code with a space at its end',
      observation({ status: 'final ' }),
      'value at Observation.status: is not a valid code',
    ],
    [
      'a zero for a positive number',
      { resourceType: 'Patient', telecom: [{ rank: 0 }] },
      'value at Patient.telecom[0].rank: is not a valid positiveInt',
    ],
    [
      'a fraction for an integer',
      observation({ valueInteger: 1.5 }),
      'value at Observation.valueInteger: is not a valid integer',
    ],
    [
      'an extension without url',
      observation({ extension: [{ valueString: 'x' }] }),
      'required at Observation.extension[0]: url is required',
    ],
    [
      'a narrative without a div',
      observation({ text: { status: 'generated', div: 'hello' } }),
      'value at Observation.text.div: is not a valid xhtml',
    ],
    [
      'contained in contained',
      observation({ contained: [{ resourceType: 'Patient', contained: [{ resourceType: 'Patient' }] }] }),
      'structure at Observation.contained[0]: a contained resource must not contain resources',
    ],
    [
      'a sibling of an element that is no primitive',
      observation({ _code: { id: 'x' } }),
      'structure at Observation: _code is not an element of Observation',
    ],
    [
      'a null without a sibling',
      { resourceType: 'Patient', name: [{ given: [null] }] },
      'value at Patient.name[0].given[0]: is not a valid string',
    ],
    [
      'an element named like an inherited one',
      observation({ constructor: 'x' }),
      'structure at Observation: constructor is not an element of Observation',
    ],
  ])('%s', (_name, resource, expected) => {
    expect(first(resource)).toBe(expected);
  });

  it('JSON nested without end, instead of exhausting the stack', () => {
    const deep = JSON.parse(
      `${'{"url":"x","extension":['.repeat(5000)}{"url":"x","valueString":"y"}${']}'.repeat(5000)}`,
    ) as unknown;
    expect(checkShape(observation({ extension: [deep] }))[0]?.code).toBe('too-long');
  });

  it('and stops at ten issues', () => {
    expect(checkShape(observation({ category: Array.from({ length: 50 }, () => ({})) }))).toHaveLength(10);
  });

  it('and never repeats a value', () => {
    const secret = 'Jane-Secret';
    const value = fc.oneof(
      fc.constant(secret),
      fc.constant([secret]),
      fc.constant({ [`${secret} x`]: secret }),
      fc.constant({ text: { div: secret } }),
    );
    const element = fc.constantFrom(
      'status',
      'code',
      'subject',
      'effectiveDateTime',
      'issued',
      'category',
      'valueQuantity',
      'id',
      'text',
      'contained',
      'extension',
      '_status',
    );
    fc.assert(
      fc.property(
        element,
        value,
        (name, bad) => !JSON.stringify(checkShape(observation({ [name]: bad }))).includes('Secret'),
      ),
    );
  });
});

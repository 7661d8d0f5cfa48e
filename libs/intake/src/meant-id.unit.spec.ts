import { describe, expect, it } from 'vitest';
import { brokenMerge, idMeant } from './meant-id.ts';

describe('the member whom a value means that is no id', () => {
  it.each<[string, unknown, string | undefined]>([
    ['an id', 'm-2', 'm-2'],
    ['spaces around it', ' \tm-2\n', 'm-2'],
    ['a number', 1234, '1234'],
    ['percent-encoded', 'm%2D2', 'm-2'],
    ['a reference', 'Patient/m-2', 'm-2'],
    ['an absolute reference', 'https://payer.example/fhir/Patient/m-2', 'm-2'],
    ['a version of a Patient', 'Patient/m-2/_history/3', 'm-2'],
    ['an encoded reference', 'Patient%2Fm-2', 'm-2'],
    ['a FHIR Reference', { reference: 'Patient/m-2' }, 'm-2'],
    ['a reference to something else', 'Practitioner/m-2', undefined],
    ['two words', 'm 2', undefined],
    ['a fraction', 1.5, undefined],
    ['a number that JSON does not keep', 2 ** 60, undefined],
    ['a negative number', -1, undefined],
    ['too long', 'm'.repeat(65), undefined],
    ['far too long', `${'x/'.repeat(5000)}Patient/m-2`, undefined],
    ['a broken escape', '%E0%A4%A', undefined],
    ['true', true, undefined],
    ['null', null, undefined],
    ['nothing', undefined, undefined],
    ['a list', ['m-2'], undefined],
    ['a Reference in a Reference', { reference: { reference: 'Patient/m-2' } }, undefined],
  ])('%s', (_what, value, id) => expect(idMeant(value)).toBe(id));
});

it.each([
  ['{"from":"m-2"', { from: 'm-2' }],
  ['{"from" : 77, "x":', { from: '77' }],
  ['{"from":"m\\u002d2"', {}],
  ['{"x":1', {}],
  ['', {}],
])('of a merge whose JSON is broken, the bytes %s show the id', (text, data) => {
  expect(brokenMerge({ topic: 't', key: 'k', headers: {}, value: Buffer.from(text) })).toEqual(data);
});

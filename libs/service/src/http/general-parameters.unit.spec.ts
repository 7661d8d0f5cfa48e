import { Refusal } from '@provider-access/kernel';
import { describe, expect, it } from 'vitest';
import { linkedQuery, readGeneral } from './general-parameters.ts';

const answer = (accept: string | undefined, ...formats: readonly string[]): string => {
  try {
    readGeneral(accept, new URLSearchParams(formats.map((format): [string, string] => ['_format', format])));
    return 'json';
  } catch (error) {
    return error instanceof Refusal ? error.kind : 'error';
  }
};

describe('Accept', () => {
  it.each([
    [undefined, 'json'],
    ['', 'json'],
    ['*/*', 'json'],
    ['application/fhir+json', 'json'],
    ['Application/FHIR+JSON; fhirVersion=4.0', 'json'],
    ['application/json', 'json'],
    ['text/html, application/*;q=0.1', 'json'],
    ['text/html', 'not-acceptable'],
    ['application/fhir+xml', 'not-acceptable'],
    ['application/fhir+json;q=0', 'not-acceptable'],
    ['application/fhir+json;q=0.000, text/html', 'not-acceptable'],
    ['application/fhir+json;q=0.001', 'json'],
  ])('%s is answered with %s', (accept, expected) => {
    expect(answer(accept)).toBe(expected);
  });
});

describe('_format', () => {
  it.each([
    'json',
    'application/json',
    'application/fhir+json',
    'application/fhir json',
    'text/json',
    'application/fhir+json;charset=utf-8',
    'application/fhir+json; fhirVersion=4.0',
    'Application/FHIR+JSON',
    'application/json+fhir',
  ])('%s wins before an Accept without JSON', (format) => {
    expect(answer('application/fhir+xml', format)).toBe('json');
  });
  it.each(['xml', 'application/fhir+xml', 'ttl', '', 'html/json', 'application/fhir+xml;charset=utf-8', 'xml;a=json'])(
    '%j is not acceptable, whatever Accept says',
    (f) => {
      expect(answer('application/fhir+json', f)).toBe('not-acceptable');
      expect(answer(undefined, 'json', f)).toBe('not-acceptable');
    },
  );
});

describe('the parameters of every interaction', () => {
  const given = new URLSearchParams('b=1&_pretty=true&_format=json&a=2&_format=json&b=0');
  it('leave the others, in their order', () => {
    const { own, format } = readGeneral('text/html', given);
    expect([own.toString(), format]).toEqual(['b=1&a=2&b=0', 'json']);
    expect(linkedQuery(own, format).toString()).toBe('_format=json&a=2&b=1&b=0');
    expect(linkedQuery(own, undefined).toString()).toBe('a=2&b=1&b=0');
    expect(linkedQuery([['a', '1']], 'application/fhir json').toString()).toBe('_format=application%2Ffhir%2Bjson&a=1');
  });

  it('have the format of a page link, unless the request has its own', () => {
    const [json, xml] = ['json', 'xml'].map((format) => new URLSearchParams({ _format: format }));
    expect(readGeneral('text/html', new URLSearchParams(), json).format).toBe('json');
    expect(readGeneral('text/html', json!, xml).format).toBe('json');
    expect(() => readGeneral('application/json', xml!, json)).toThrow('_format=json');
    expect(() => readGeneral('text/html', new URLSearchParams(), new URLSearchParams('a=1'))).toThrow();
  });
});

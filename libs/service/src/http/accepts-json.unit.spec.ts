import { Refusal } from '@provider-access/kernel';
import { describe, expect, it } from 'vitest';
import { assertJson } from './accepts-json.ts';

const answer = (accept: string | undefined, ...formats: readonly string[]): string => {
  try {
    assertJson(accept, formats);
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
  it.each(['json', 'application/json', 'application/fhir+json', 'application/fhir json', 'text/json'])(
    '%s wins before an Accept without JSON',
    (format) => {
      expect(answer('application/fhir+xml', format)).toBe('json');
    },
  );
  it.each(['xml', 'application/fhir+xml', 'ttl', '', 'html/json'])(
    '%j is not acceptable, whatever Accept says',
    (f) => {
      expect(answer('application/fhir+json', f)).toBe('not-acceptable');
      expect(answer(undefined, 'json', f)).toBe('not-acceptable');
    },
  );
});

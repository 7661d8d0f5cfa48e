import { type FhirResource, SERVED_TYPES, structureOf } from '@provider-access/fhir';
import { COMMON_UNITS, redactionFaults, UCUM } from '@provider-access/testing/redaction';
import { describe, expect, it } from 'vitest';

import { redact } from './redact.ts';

const CLINICAL = SERVED_TYPES.filter((type) => type !== 'ExplanationOfBenefit' && type !== 'Coverage');
/** Datatypes of money, which no clinical value has. */
const MONEY = new Set(['Money', 'MoneyQuantity']);
const QUANTITIES = new Set(['Quantity', 'SimpleQuantity', 'Age', 'Count', 'Distance', 'Duration']);
const DEPTH = 5;

/** Resources with every element and choice of R4. Quantities use the common units in turn. */
class Filled {
  quantities = 0;

  resource(resourceType: string): FhirResource {
    return { resourceType, ...this.#structure(resourceType, 0) } as FhirResource;
  }

  #structure(name: string, depth: number): Record<string, unknown> {
    const filled: Record<string, unknown> = {};
    for (const { name: key, type, primitive, list } of structureOf(name)?.elements.values() ?? []) {
      if (MONEY.has(type) || type === 'Resource' || key === 'resourceType') continue;
      if (!primitive && depth >= DEPTH) continue;
      // One level of extensions already has each datatype.
      if (type === 'Extension' && depth > 1) continue;
      const value = primitive
        ? primitiveOf(type, key)
        : QUANTITIES.has(type)
          ? this.#quantity()
          : this.#structure(type, depth + 1);
      if (typeof value === 'object' && Object.keys(value).length === 0) continue;
      filled[key] = list ? [value, value] : value;
    }
    if (name === 'Extension') filled['url'] = 'http://payer.example/extension';
    return filled;
  }

  #quantity(): Record<string, unknown> {
    const { code, display } = COMMON_UNITS[this.quantities++ % COMMON_UNITS.length]!;
    return { value: 2.5, comparator: '<', unit: display, system: UCUM, code };
  }
}

function primitiveOf(type: string, key: string): string | number | boolean {
  if (type === 'boolean') return true;
  if (['integer', 'decimal', 'positiveInt', 'unsignedInt'].includes(type)) return 12.5;
  if (type === 'date') return '2024-02-29';
  if (type === 'dateTime' || type === 'instant') return '2024-02-29T12:00:00Z';
  // Clinical texts may mention money, which is not a remittance.
  return type === 'string' || type === 'markdown' ? `${key}: 5 mg for $12, INR 2.5` : key;
}

describe('redact: clinical types', () => {
  it.each(CLINICAL.filter((type) => type !== 'Endpoint'))(
    'leaves every quantity, coding, date and text of %s',
    (type) => {
      const filled = new Filled();
      const resource = filled.resource(type);
      expect(redact(resource)).toEqual({ resource, dropped: {} });
      expect(redactionFaults(resource, redact(resource).resource)).toEqual([]);
    },
  );

  it('leaves everything of an Endpoint but what may hold credentials', () => {
    const { resource, dropped } = redact(new Filled().resource('Endpoint'));
    expect(Object.keys(dropped).toSorted()).toEqual(['Endpoint.header', 'Endpoint.text']);
    expect(redact(resource)).toEqual({ resource, dropped: {} });
    const endpoint = {
      resourceType: 'Endpoint',
      id: 'e1',
      status: 'active',
      connectionType: { code: 'hl7-fhir-rest' },
      payloadType: [{ text: 'any' }],
    };
    const secret = {
      ...endpoint,
      address: 'https://user:pass@fhir.example.org/r4',
      header: ['Authorization: Bearer abc'],
      _header: [{ extension: [{ url: 'urn:x', valueString: 'abc' }] }],
      text: { status: 'generated', div: '<div xmlns="http://www.w3.org/1999/xhtml">abc</div>' },
    };
    expect(redact(secret).resource).toEqual({ ...endpoint, address: 'https://fhir.example.org/r4' });
    // Inside another resource too.
    const inside = redact({ resourceType: 'Organization', id: 'o1', name: 'x', contained: [secret] }).resource;
    expect(inside['contained']).toEqual([{ ...endpoint, address: 'https://fhir.example.org/r4' }]);
    for (const address of ['mailto:a@example.org', 'https://fhir.example.org/Patient/a@b', 'urn:x', '//x@y'])
      expect(redact({ ...endpoint, address }).resource).toEqual({ ...endpoint, address });
    expect(redact({ ...endpoint, address: 'ftp://a:b@c@host/x' }).resource['address']).toBe('ftp://host/x');
  });

  it('tries each common unit', () => {
    const filled = new Filled();
    for (const type of CLINICAL) filled.resource(type);
    expect(filled.quantities).toBeGreaterThan(COMMON_UNITS.length);
  });
});

import { describe, expect, it } from 'vitest';

import { redactionFaults } from './oracle.ts';
import { UCUM } from './units.ts';

type Json = Record<string, unknown>;

const coding = { system: 'http://loinc.org', code: '6301-6', display: 'INR' };
const inr = { value: 2.5, unit: 'INR', system: UCUM, code: '{INR}' };
const money = { value: 12.5, currency: 'USD' };
const observation: Json = {
  resourceType: 'Observation',
  id: 'o',
  meta: { profile: ['p'], tag: [{ system: 's', code: 't' }] },
  status: 'final',
  code: { coding: [coding], text: 'INR' },
  effectiveDateTime: '2024-02-29',
  valueQuantity: inr,
  referenceRange: [{ low: inr, high: inr }],
  note: [{ text: 'paid $12' }],
  component: [
    { code: { coding: [coding] }, valueString: 'x' },
    { code: { text: 'second' }, valueInteger: 3 },
  ],
  extension: [{ url: 'http://payer.example/x', valueQuantity: inr }],
};
const BASIS = 'http://hl7.org/fhir/us/carin-bb/CodeSystem/C4BBAdjudicationDiscriminator';
const units = { category: { coding: [{ system: BASIS, code: 'allowedunits' }] }, value: 3 };
const submitted = { category: { coding: [{ code: 'submitted' }] }, amount: money };
const url = 'http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/extension-inline-sec-label';
const label = { url, valueCoding: { system: 's', code: 'HIV' } };
const keptClaim: Json = {
  resourceType: 'ExplanationOfBenefit',
  id: 'e',
  use: 'claim',
  type: { coding: [coding], text: 'pays [amount removed]' },
  item: [
    {
      sequence: 1,
      servicedDate: '2024-01-01',
      productOrService: { coding: [coding], extension: [label] },
      quantity: { value: 1 },
      adjudication: [units],
    },
  ],
  processNote: [{ number: 1, text: 'See criteria.' }],
  payment: { type: { text: 'partial' } },
  supportingInfo: [{ sequence: 1, category: { text: 'lab' }, valueQuantity: inr }],
};
const claim: Json = {
  ...keptClaim,
  type: { coding: [coding], text: 'pays $12.50' },
  total: [{ category: { text: 't' }, amount: money }],
  text: { status: 'generated', div: '<div/>' },
  item: [
    {
      ...(keptClaim['item'] as Json[])[0],
      extension: [{ ...label, _url: {} }, { url }],
      net: money,
      adjudication: [submitted, units, submitted],
    },
  ],
  payment: { type: { text: 'partial' }, date: '2024-01-01', amount: money },
  supportingInfo: [
    ...(keptClaim['supportingInfo'] as Json[]),
    { sequence: 2, category: { text: 'fee' }, valueQuantity: { value: 5, unit: 'USD' } },
  ],
};

/** Every copy of `value` in which one leaf was taken out, and every one in which a leaf has another content. */
function* mutations(value: unknown, path = ''): Generator<{ path: string; lost: unknown; changed: unknown }> {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, part] of Object.entries(value)) {
    const here = `${path}.${key}`;
    const put = (other: unknown): unknown => {
      if (Array.isArray(value))
        return other === undefined ? value.toSpliced(Number(key), 1) : value.with(Number(key), other);
      const copy: Json = { ...(value as Json), [key]: other };
      if (other === undefined) delete copy[key];
      return copy;
    };
    if (typeof part !== 'object')
      yield {
        path: here,
        lost: put(undefined),
        changed: put(typeof part === 'number' ? part + 1 : `${String(part)}x`),
      };
    else
      for (const inner of mutations(part, here))
        yield { path: inner.path, lost: put(inner.lost), changed: put(inner.changed) };
  }
}

describe('redactionFaults', () => {
  it('has nothing to say about what is unchanged, or lost its money alone', () => {
    expect(redactionFaults(observation, observation)).toEqual([]);
    expect(redactionFaults(claim, keptClaim)).toEqual([]);
  });

  it('sees each value that is lost, and each that is another one', () => {
    for (const [published, exported] of [
      [observation, observation],
      [claim, keptClaim],
    ] as const) {
      for (const { path, lost, changed } of mutations(exported)) {
        expect(redactionFaults(published, lost as Json), `without ${path}`).not.toEqual([]);
        expect(redactionFaults(published, changed as Json), `another ${path}`).not.toEqual([]);
      }
    }
  });

  it.each(['total', 'text'])('sees %s of a claim that is still there', (name) => {
    expect(redactionFaults(claim, { ...keptClaim, [name]: claim[name] })).toEqual([
      `left ExplanationOfBenefit.${name}`,
    ]);
  });

  it('sees amounts, texts and payment dates that are still there', () => {
    for (const name of ['item', 'payment', 'supportingInfo', 'type']) {
      expect(redactionFaults(claim, { ...keptClaim, [name]: claim[name] }).join(), name).toContain(
        'left ExplanationOfBenefit.',
      );
    }
  });

  it('sees a result that lost its value for its unit', () => {
    const { valueQuantity: _, ...without } = observation;
    expect(redactionFaults(observation, without)).toEqual(['lost Observation.valueQuantity']);
  });

  it.each([
    [{ value: 5, system: 'urn:iso:std:iso:4217', code: 'USD' }],
    [{ value: 5, unit: '$' }],
    [{ value: 5, code: 'USD' }],
    [{ value: 5, system: UCUM, code: '[USD]/d' }],
    [money],
  ])('wants %j to go from clinical data', (valueQuantity) => {
    const published = { resourceType: 'Observation', id: 'o', status: 'final', valueQuantity };
    const { valueQuantity: _, ...without } = published;
    expect(redactionFaults(published, published)).toEqual(['left Observation.valueQuantity']);
    expect(redactionFaults(published, without)).toEqual([]);
  });

  it('wants contained invoices to go with the references to them', () => {
    const published = {
      resourceType: 'Procedure',
      id: 'p',
      contained: [{ resourceType: 'Invoice', id: 'i' }],
      reasonReference: [{ reference: '#i' }],
    };
    expect(redactionFaults(published, { resourceType: 'Procedure', id: 'p' })).toEqual([]);
    expect(redactionFaults(published, published)).toEqual([
      'left Procedure.contained',
      'left Procedure.reasonReference.reference',
    ]);
  });

  it('sees elements that nobody published', () => {
    expect(redactionFaults(observation, { ...observation, issued: '2024-03-01' })).toEqual([
      'added Observation.issued',
    ]);
    expect(
      redactionFaults(observation, {
        ...observation,
        component: [...(observation['component'] as Json[]), { valueInteger: 3 }],
      }),
    ).toEqual(['added Observation.component']);
  });
});

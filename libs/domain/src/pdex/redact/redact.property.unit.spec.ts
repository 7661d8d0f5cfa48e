import { type FhirResource, SERVED_TYPES } from '@provider-access/fhir';
import fc from 'fast-check';
import { describe, it } from 'vitest';

import { cases } from '@provider-access/testing/variant';
import { findMoney } from '../find-money.ts';
import { redact } from './redact.ts';

/** Names of money, of R4, and without meaning. */
const key = fc.constantFrom(
  'currency',
  'value',
  'amount',
  'net',
  'unitPrice',
  'valueMoney',
  'valueQuantity',
  'valueCoding',
  'extension',
  'modifierExtension',
  'contained',
  'payment',
  'date',
  'total',
  'item',
  'adjudication',
  'costToBeneficiary',
  'category',
  'coding',
  'code',
  'system',
  'unit',
  'url',
  'resourceType',
  'id',
  'use',
  'type',
  'status',
  '_status',
  '_value',
  'supportingInfo',
  'detail',
  'text',
  'reference',
  'component',
  'valueRange',
  'low',
  'numerator',
  'valueRatio',
  'processNote',
  'insurance',
  'coverage',
  'given',
  '_given',
  'name',
  'dosageInstruction',
  'subject',
  'whatever',
  '__proto__',
);
const text = fc.constantFrom(
  'USD',
  '$',
  'urn:iso:std:iso:4217',
  'EUR',
  'mg',
  'Claim',
  'Coverage',
  'Invoice',
  'Observation',
  'ExplanationOfBenefit',
  'preauthorization',
  'claim',
  'denialreason',
  'allowedunits',
  'submitted',
  'http://unitsofmeasure.org',
  '[USD]',
  '{USD}',
  '{INR}',
  'INR',
  '1',
  'CAD',
  'per cent',
  'http://x/currency',
  'currency',
  'http://hl7.org/fhir/us/davinci-pdex/StructureDefinition/extension-reviewAction',
  'http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/extension-inline-sec-label',
  '#a',
  'a',
  '$12.50 and 3 dollars',
  '2024-01-01',
  '',
);
const json = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 6, depthSize: 'medium' },
    fc.oneof(text, fc.constantFrom(0, 12.5, true, null)),
    fc.dictionary(key, tie('value'), { maxKeys: 6 }),
    fc.array(tie('value'), { maxLength: 3 }),
  ),
})).value;

/** Resources with every structure that may contain money, into which arbitrary JSON is grafted. */
const LABEL = 'http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/extension-inline-sec-label';
const money = { value: 5, currency: 'USD' };
const seeds: readonly FhirResource[] = [
  {
    resourceType: 'ExplanationOfBenefit',
    id: 'e',
    use: 'claim',
    status: 'active',
    text: { status: 'generated', div: '<div/>' },
    type: { coding: [{ code: 'x' }] },
    insurance: [{ focal: true, coverage: { reference: '#a' } }],
    contained: [
      {
        resourceType: 'Coverage',
        id: 'a',
        status: 'active',
        beneficiary: {},
        payor: [{}],
        class: [{ type: {}, value: 'v' }],
      },
      { resourceType: 'Claim', id: 'b', item: [{ sequence: 1, detail: [{}] }] },
    ],
    item: [
      {
        sequence: 1,
        productOrService: { text: 't', extension: [{ url: LABEL, valueCoding: { system: 's', code: 'c' } }] },
        quantity: { value: 1 },
        adjudication: [{ category: { coding: [{ code: 'denialreason' }] }, value: 1, amount: money }],
        detail: [{ subDetail: [{}] }],
      },
    ],
    payment: { type: { text: 'x' }, date: '2024-01-01' },
    total: [{ category: {}, amount: money }],
    supportingInfo: [{ sequence: 1, category: {}, valueQuantity: { value: 1 } }],
    addItem: [{ detail: [{}] }],
  },
  {
    resourceType: 'Coverage',
    id: 'c',
    status: 'active',
    beneficiary: { reference: 'Patient/m' },
    payor: [{}],
    costToBeneficiary: [{ valueMoney: money }],
  },
  {
    resourceType: 'Observation',
    id: 'o',
    status: 'final',
    _status: { extension: [{ url: 'x', valueString: 'y' }] },
    code: { coding: [{ system: 's', code: 'c' }] },
    valueQuantity: { value: 1, unit: 'mg' },
    component: [{ code: {}, valueRange: { low: { value: 1 }, high: { value: 2 } } }],
    extension: [{ url: 'u', extension: [{ url: 'v', valueQuantity: { value: 1 } }] }],
    contained: [{ resourceType: 'Patient', id: 'p', name: [{ given: ['g'] }] }],
  },
  {
    resourceType: 'MedicationRequest',
    id: 'm',
    status: 'active',
    dosageInstruction: [
      {
        doseAndRate: [
          { doseQuantity: { value: 1 }, rateRatio: { numerator: { value: 1 }, denominator: { value: 1 } } },
        ],
      },
    ],
  },
  {
    resourceType: 'Patient',
    id: 'm',
    name: [{ given: ['a', null], _given: [null, { extension: [{ url: 'u', valueString: 's' }] }] }],
  },
];

/** Puts `graft` at the path of the steps, by replacing a value or adding a name. */
function graftInto(target: unknown, steps: readonly number[], graft: unknown, name: string): unknown {
  const [step, ...rest] = steps;
  if (step === undefined) return graft;
  if (Array.isArray(target)) {
    const at = step % (target.length + 1);
    return at === target.length
      ? [...target, graft]
      : target.map((item: unknown, index) => (index === at ? graftInto(item, rest, graft, name) : item));
  }
  if (typeof target !== 'object' || target === null) return graft;
  const entries = Object.entries(target);
  const at = step % (entries.length + 1);
  if (at === entries.length) return { ...target, [name]: graft };
  return Object.fromEntries(
    entries.map(([entry, value], index) => [entry, index === at ? graftInto(value, rest, graft, name) : value]),
  );
}

const grafted = fc
  .tuple(
    fc.constantFrom(...seeds),
    fc.array(fc.tuple(fc.array(fc.nat(30), { minLength: 1, maxLength: 6 }), json, key), { minLength: 1, maxLength: 4 }),
  )
  .map(([seed, grafts]) => {
    const result = grafts.reduce<unknown>(
      (target, [steps, graft, name]) => graftInto(target, steps, graft, name),
      seed,
    ) as FhirResource;
    return { ...result, resourceType: seed.resourceType } as FhirResource;
  });
const arbitrary = fc
  .tuple(fc.constantFrom(...SERVED_TYPES), fc.dictionary(key, json, { maxKeys: 8 }))
  .map(([resourceType, elements]) => ({ ...elements, resourceType }) as FhirResource);

describe('redact, whatever comes', () => {
  it('leaves no money, changes nothing the second time, and does not touch its input', () => {
    fc.assert(
      fc.property(fc.oneof({ arbitrary: grafted, weight: 4 }, { arbitrary, weight: 1 }), (input) => {
        const before = JSON.stringify(input);
        const { resource } = redact(input);
        const found = findMoney(resource);
        if (found.length > 0) throw new Error(found.join('; '));
        if (JSON.stringify(input) !== before) throw new Error('the input was changed');
        if (redact(resource).resource !== resource) throw new Error('not idempotent');
      }),
      { numRuns: cases(2000) },
    );
  });
});

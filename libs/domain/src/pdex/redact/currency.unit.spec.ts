import type { FhirResource } from '@provider-access/fhir';
import { COMMON_UNITS, redactionFaults, UCUM } from '@provider-access/testing/redaction';
import { describe, expect, it } from 'vitest';

import { findMoney } from '../find-money.ts';
import { redact } from './redact.ts';

type Quantity = Readonly<Record<string, unknown>>;

const coded = { coding: [{ system: 'http://loinc.org', code: '6301-6' }] };
const observation = (quantity: Quantity): FhirResource => ({
  resourceType: 'Observation',
  id: 'o',
  status: 'final',
  code: coded,
  valueQuantity: quantity,
  referenceRange: [{ low: quantity, high: quantity, text: 'usual' }],
  component: [{ code: coded, valueRange: { low: quantity, high: quantity } }],
});
const claim = (quantity: Quantity): FhirResource => ({
  resourceType: 'ExplanationOfBenefit',
  id: 'e',
  status: 'active',
  type: { text: 'x' },
  use: 'claim',
  outcome: 'complete',
  patient: { reference: 'Patient/m' },
  created: '2024-01-01',
  insurer: { display: 'p' },
  provider: { display: 'q' },
  insurance: [{ focal: true, coverage: { reference: 'Coverage/c' } }],
  supportingInfo: [{ sequence: 1, category: { text: 'info' }, valueQuantity: quantity }],
});
const extended = (quantity: Quantity): FhirResource => ({
  resourceType: 'Observation',
  id: 'o',
  status: 'final',
  code: coded,
  extension: [{ url: 'http://payer.example/x', valueQuantity: quantity }],
});
const everywhere = [observation, claim, extended];

function survives(resource: FhirResource): void {
  expect(findMoney(resource)).toEqual([]);
  expect(redact(resource).resource).toBe(resource);
}
function goes(resource: FhirResource): void {
  expect(JSON.stringify(redact(resource).resource)).not.toContain('12.5');
  expect(findMoney(resource)).not.toEqual([]);
}

describe('a quantity with a UCUM unit', () => {
  it('keeps every common unit, with its code and its words, in observations, claims and extensions', () => {
    for (const { code, display } of COMMON_UNITS) {
      for (const unit of [display, code])
        for (const place of everywhere) survives(place({ value: 12.5, unit, system: UCUM, code }));
    }
  });

  it('keeps the common units as plain text of an observation', () => {
    for (const unit of COMMON_UNITS.flatMap(({ code, display }) => [code, display]))
      survives(observation({ value: 12.5, unit }));
  });

  it.each([
    { unit: 'INR', system: UCUM, code: '{INR}' },
    { system: UCUM, code: '{INR}' },
    { unit: 'INR', system: UCUM, code: '1' },
    { unit: 'INR', system: UCUM, code: '{ratio}' },
    { unit: 'INR', system: UCUM, code: 'INR' },
    { unit: 'INR', system: UCUM },
    { unit: 'INR' },
    { unit: 'INR', code: 'INR' },
    { unit: 'INR', system: 'http://lab.example/units', code: 'INR' },
    { unit: 'INR', system: 'https://unitsofmeasure.org/', code: "{INR'unit}" },
  ])('keeps INR as a laboratory writes it: %j', (unit) => {
    survives(observation({ value: 2.5, ...unit }));
  });

  it.each([
    'INR',
    'per cent',
    'Per-Cent',
    'TND',
    'SVC',
    'CAD',
    'CHF',
    'PEN',
    'PHP',
    'AED',
    'MAD',
    '10*3/uL',
    'percent',
  ])('keeps %s as plain text of an observation', (unit) => survives(observation({ value: 12.5, unit })));

  it.each(['[USD]', '[USD]/d', 'k[EUR]', '[INR]', '/[cad]', '[$]'])('drops %s, a currency in brackets', (code) => {
    for (const place of everywhere) goes(place({ value: 12.5, unit: 'x', system: UCUM, code }));
  });

  it.each(['USD', '$', 'EUR', 'usd'])('drops %s, which UCUM does not have and only money has', (code) => {
    for (const place of everywhere) goes(place({ value: 12.5, system: UCUM, code }));
  });

  it.each([
    { unit: 'USD', code: '{USD}' },
    { unit: 'US dollars', code: '1' },
    { unit: '$', code: '{amount}' },
    { unit: 'USD' },
  ])('drops an amount of a claim or an extension that borrows a unit of UCUM: %j', (unit) => {
    for (const place of [claim, extended]) goes(place({ value: 12.5, system: UCUM, ...unit }));
  });
});

describe('a quantity of money', () => {
  it.each(['urn:iso:std:iso:4217', ' URN:ISO:STD:ISO:4217', 'urn:iso:std:iso:4217:2015', 'urn:oid:1.0.4217'])(
    'goes by its system %j, whatever its code is',
    (system) => {
      for (const code of ['USD', 'INR', 'PEN', 'ALL', undefined]) {
        for (const place of everywhere) goes(place({ value: 12.5, system, ...(code !== undefined && { code }) }));
      }
    },
  );

  it.each(['USD', 'usd', 'US$', '$', '€/d', 'dollars', 'Dollar', 'US dollars', 'cents', 'euro', 'EUR', 'USD/d', 'GBP'])(
    'goes without a system where %s can mean nothing but money',
    (unit) => {
      for (const more of [{ unit }, { code: unit }, { unit, system: 'http://payer.example/units', code: 'c' }]) {
        for (const place of everywhere) goes(place({ value: 12.5, ...more }));
      }
    },
  );

  it.each(['INR', 'CAD', 'TND', 'CHF'])(
    'goes without a system from a claim where the code %s is a currency',
    (unit) => {
      for (const more of [{ unit }, { code: unit }, { unit, system: UCUM, code: unit }])
        goes(claim({ value: 12.5, ...more }));
    },
  );

  it.each([
    { value: 2.5, unit: 'INR', system: UCUM, code: '{INR}' },
    { value: 30, unit: 'days' },
    { value: 3, unit: 'PEN' },
    { value: 3, unit: 'UN' },
    { value: 20, unit: 'per cent' },
    { value: 2, unit: 'SVC' },
    { value: 1 },
  ])('keeps counts and measures of a claim: %j', (quantity) => {
    survives(claim(quantity));
  });
});

it('agrees with an oracle of the rules for each combination of system, code and unit', () => {
  const texts = [
    undefined,
    'USD',
    '$',
    'EUR',
    'dollars',
    'USD/d',
    'INR',
    'CAD',
    'TND',
    'SVC',
    'PEN',
    'per cent',
    'mg/dL',
    '{INR}',
    '{USD}',
    '[USD]',
    '[USD]/d',
    '[INR]',
    '[CFU]/mL',
    '1',
    'd',
    'days',
    '10*3/uL',
    'INR/d',
  ];
  const faults: string[] = [];
  for (const system of [undefined, UCUM, 'urn:iso:std:iso:4217', 'http://payer.example/units']) {
    const quantities = texts.flatMap((code) => texts.map((unit) => ({ value: 12.5, system, code, unit })));
    for (const before of quantities.flatMap((quantity) =>
      everywhere.map((place) => place(JSON.parse(JSON.stringify(quantity)) as Quantity)),
    )) {
      for (const fault of redactionFaults(before, redact(before).resource))
        faults.push(`${fault}: ${JSON.stringify(before)}`);
    }
  }
  expect(faults).toEqual([]);
});

it('decides about each quantity by itself, whatever it decided about similar ones before', () => {
  const money = [{ code: '', unit: 'USD' }, { code: 'USD', unit: '' }, { unit: 'USD' }, { code: 'USD' }];
  const others = [{ code: 'US', unit: 'D' }, { code: 'U', unit: 'SD' }, { system: 'US', unit: 'D' }, { unit: 'SD' }];
  for (let round = 0; round < 2; round++)
    for (let at = 0; at < money.length; at++) {
      survives(observation({ value: 12.5, ...others[at] }));
      goes(observation({ value: 12.5, ...money[at] }));
      // Only in a claim, the code of a currency that is also a ratio is money.
      survives(observation({ value: 12.5, unit: 'INR' }));
      goes(claim({ value: 12.5, unit: 'INR' }));
    }
});

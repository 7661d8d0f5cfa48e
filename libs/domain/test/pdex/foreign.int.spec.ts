import { definitionsOf, foreignLines, foreignSets, HL7_PACKAGES, whyWithout } from '@provider-access/definitions';
import { checkShape, type FhirResource, isServedType } from '@provider-access/fhir';
import { COMMON_UNITS, redactionFaults, UCUM } from '@provider-access/testing/redaction';
import { variant } from '@provider-access/testing/variant';
import { describe, expect, it } from 'vitest';

import { findMoney, redact } from '../../src/pdex/index.ts';

const sets = [
  ['smart-bulkserver', 'ExplanationOfBenefit', 3697],
  ['pathling', 'ExplanationOfBenefit', 372],
  ['examples-carin-2.2.0-sushi', 'ExplanationOfBenefit', 20],
  ['examples-cms-bfd-v3', 'ExplanationOfBenefit', 10],
  ['examples-pdex-2.2.0', 'ExplanationOfBenefit', 1],
  ['pathling', 'Observation', undefined],
] as const;

/** A set has thousands of resources that one generator made. The suite `properties` has each of them. */
const STRIDE = variant.long ? 1 : 5;
/** The first of each type, and then some of the others. */
const FIRST = 50;
function sampled(lines: readonly string[]): readonly string[] {
  const counts = new Map<string, number>();
  return lines.filter((line) => {
    const type = /"resourceType":\s*"(\w+)"/.exec(line)?.[1] ?? '';
    const count = counts.get(type) ?? 0;
    counts.set(type, count + 1);
    return count < FIRST || count % STRIDE === 0;
  });
}

describe('data that this project did not write (where ../shared/data is there)', () => {
  for (const [set, type, expected] of sets) {
    const lines = foreignLines(set, type);
    it.skipIf(lines === undefined)(`${set}: every ${type} stays valid R4 and loses its money`, () => {
      const faults = new Map<string, number>();
      for (const line of sampled(lines ?? [])) {
        const before = JSON.parse(line) as FhirResource;
        const { resource } = redact(before);
        const found = [
          ...findMoney(resource),
          ...checkShape(resource).map(({ path, message }) => `${path} ${message}`),
        ];
        if (redact(resource).resource !== resource) found.push('not idempotent');
        if (resource.id !== before.id) found.push('another id');
        for (const fault of found) faults.set(fault, (faults.get(fault) ?? 0) + 1);
      }
      expect([...faults]).toEqual([]);
      if (expected !== undefined) expect(lines).toHaveLength(expected);
    });
  }

  const foreign = foreignLines('smart-bulkserver', 'ExplanationOfBenefit');
  it.skipIf(foreign === undefined)(
    'keeps the contained Coverage, the services and the diagnoses of a Synthea claim',
    () => {
      const before = JSON.parse(foreign?.[0] ?? '') as Record<string, unknown> & FhirResource;
      const after = redact(before).resource;
      for (const element of [
        'contained',
        'identifier',
        'type',
        'patient',
        'billablePeriod',
        'insurer',
        'provider',
        'careTeam',
        'diagnosis',
        'insurance',
      ]) {
        expect(after[element], element).toEqual(before[element]);
      }
      expect((after['item'] as unknown[]).length).toBe((before['item'] as unknown[]).length);
      expect(after['payment']).toBeUndefined();
    },
  );
});

/** Counts the resources of each fault. */
function countFaults(found: Iterable<string>, into: Map<string, number>): void {
  for (const fault of found) into.set(fault, (into.get(fault) ?? 0) + 1);
}

describe('an oracle that shares no code with redact (where ../shared/data is there)', () => {
  const every = foreignSets();
  it.skipIf(every === undefined)('finds that all foreign resources lost their money and nothing else', () => {
    const faults = new Map<string, number>();
    let resources = 0;
    for (const { lines } of every ?? []) {
      for (const line of sampled(lines())) {
        const before = JSON.parse(line) as FhirResource;
        if (!isServedType(before.resourceType)) continue;
        resources += 1;
        countFaults(redactionFaults(before, redact(before).resource), faults);
      }
    }
    expect([...faults]).toEqual([]);
    expect(resources).toBeGreaterThan(35_000 / STRIDE);
  });

  const guides = Object.values(HL7_PACKAGES);
  const why = whyWithout(...guides);
  it.skipIf(why || every === undefined)(
    `finds that a result in any UCUM unit of the data keeps its values${why}`,
    () => {
      const units = new Map(COMMON_UNITS.map(({ code, display }) => [`${code} ${display}`, { code, display }]));
      const take = (value: unknown): void =>
        unitsIn(value, (code, display) => units.set(`${code} ${display}`, { code, display }));
      for (const guide of guides) take(definitionsOf(guide, (name) => /^[A-Z]/.test(name)));
      for (const { lines } of every ?? []) for (const line of lines()) if (line.includes(UCUM)) take(JSON.parse(line));
      const faults = new Map<string, number>();
      for (const { code, display } of units.values()) {
        for (const quantity of [
          { value: 2.5, unit: display, system: UCUM, code },
          { value: 2.5, unit: display },
          { value: 2.5, unit: code },
        ]) {
          const before = resultIn(quantity);
          const { resource } = redact(before);
          countFaults(
            [...redactionFaults(before, resource), ...(resource === before ? [] : [`${code}: changed`])],
            faults,
          );
        }
      }
      expect([...faults]).toEqual([]);
      expect(units.size).toBeGreaterThan(1_390);
    },
  );
});

/** UCUM codes and their words, from quantities (`unit`), codings (`display`) and value sets. */
function unitsIn(value: unknown, take: (code: string, display: string) => void): void {
  if (typeof value !== 'object' || value === null) return;
  const { system, code, unit, display = unit, concept } = value as Readonly<Record<string, unknown>>;
  if (system === UCUM) {
    for (const one of [
      { code, display },
      ...(Array.isArray(concept) ? (concept as { code: string; display?: string }[]) : []),
    ]) {
      if (typeof one.code === 'string') take(one.code, typeof one.display === 'string' ? one.display : one.code);
    }
  }
  for (const part of Object.values(value)) unitsIn(part, take);
}

const resultIn = (quantity: Readonly<Record<string, unknown>>): FhirResource => ({
  resourceType: 'Observation',
  id: 'o',
  status: 'final',
  code: { coding: [{ system: 'http://loinc.org', code: '6301-6' }] },
  effectiveDateTime: '2024-02-29',
  valueQuantity: quantity,
  referenceRange: [{ low: quantity, high: quantity }],
  component: [
    {
      code: { text: 'part' },
      valueRatio: { numerator: quantity, denominator: quantity },
      referenceRange: [{ high: quantity }],
    },
  ],
});

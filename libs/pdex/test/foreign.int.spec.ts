import { checkShape, type FhirResource } from '@provider-access/fhir';
import { describe, expect, it } from 'vitest';

import { findMoney, redact } from '../src/index.ts';
import { foreignLines } from './foreign-data.ts';

const sets = [
  ['smart-bulkserver', 'ExplanationOfBenefit', 3697],
  ['pathling', 'ExplanationOfBenefit', 372],
  ['examples-carin-2.2.0-sushi', 'ExplanationOfBenefit', 20],
  ['examples-cms-bfd-v3', 'ExplanationOfBenefit', 10],
  ['examples-pdex-2.2.0', 'ExplanationOfBenefit', 1],
  ['pathling', 'Observation', undefined],
] as const;

describe('data that this project did not write (where ../shared/data is there)', () => {
  for (const [set, type, expected] of sets) {
    const lines = foreignLines(set, type);
    it.skipIf(lines === undefined)(`${set}: every ${type} stays valid R4 and loses its money`, () => {
      const faults = new Map<string, number>();
      for (const line of lines ?? []) {
        const before = JSON.parse(line) as FhirResource;
        const { resource } = redact(before);
        const found = [...findMoney(resource), ...checkShape(resource).map(({ path, message }) => `${path} ${message}`)];
        if (redact(resource).resource !== resource) found.push('not idempotent');
        if (resource.id !== before.id) found.push('another id');
        for (const fault of found) faults.set(fault, (faults.get(fault) ?? 0) + 1);
      }
      expect([...faults]).toEqual([]);
      if (expected !== undefined) expect(lines).toHaveLength(expected);
    });
  }

  const foreign = foreignLines('smart-bulkserver', 'ExplanationOfBenefit');
  it.skipIf(foreign === undefined)('keeps the contained Coverage, the services and the diagnoses of a Synthea claim', () => {
    const before = JSON.parse(foreign?.[0] ?? '') as Record<string, unknown> & FhirResource;
    const after = redact(before).resource;
    for (const element of ['contained', 'identifier', 'type', 'patient', 'billablePeriod', 'insurer', 'provider', 'careTeam', 'diagnosis', 'insurance']) {
      expect(after[element], element).toEqual(before[element]);
    }
    expect((after['item'] as unknown[]).length).toBe((before['item'] as unknown[]).length);
    expect(after['payment']).toBeUndefined();
  });
});

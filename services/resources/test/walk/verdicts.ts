import type { FhirResource } from '@provider-access/fhir';
import { syntheticPayer } from '@provider-access/synthetic';
import { seed } from '@provider-access/testing/search';
import { verdictOf } from './oracle.ts';

export interface Verdicts {
  readonly equal: number;
  readonly passedOn: number;
}

/** Compares the walk with the oracle for each resource. @throws Error for the first difference, with the resource */
export function verdicts(resources: Iterable<FhirResource>): Verdicts {
  const found = { equal: 0, passedOn: 0 };
  for (const resource of resources) {
    const verdict = verdictOf(resource);
    if (verdict.startsWith('difference')) throw new Error(`${verdict}\n${JSON.stringify(resource)}`);
    if (verdict === 'equal') found.equal += 1;
    else found.passedOn += 1;
  }
  return found;
}

/** What the synthetic payer sends of its first members, and its directory. */
export function synthetic(members: number): FhirResource[] {
  const payer = syntheticPayer({ seed, members, asOf: '2026-11-01T00:00:00Z' });
  return [...payer.events()].flatMap(({ data }) => {
    const { resource } = data as { readonly resource?: FhirResource };
    return resource === undefined ? [] : [resource];
  });
}

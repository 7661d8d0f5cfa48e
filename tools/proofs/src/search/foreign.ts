import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { sharedData } from '@provider-access/definitions';
import type { FhirResource } from '@provider-access/fhir';

/** Why a spec without these resources is skipped, for the end of its name. */
export const WITHOUT = sharedData('foreign') === undefined ? ' (skipped without shared/data/foreign)' : '';

/**
 * Resources that others wrote, by type; undefined without the data. At most `most` of each set and type, from all over
 * the file.
 */
export function foreignResources(sets: RegExp, most: number): Map<string, FhirResource[]> | undefined {
  const folder = sharedData('foreign');
  if (folder === undefined) return undefined;
  const all = new Map<string, FhirResource[]>();
  for (const archive of readdirSync(folder).filter((name) => sets.test(name))) {
    const lines = execFileSync('tar', ['-xzOf', join(folder, archive), '--wildcards', '*.ndjson'], {
      maxBuffer: 1024 * 1024 * 1024,
      encoding: 'utf8',
    }).split('\n');
    const byType = Map.groupBy(
      lines.filter((line) => line !== ''),
      (line) => /"resourceType":\s*"(\w+)"/.exec(line)?.[1] ?? '',
    );
    for (const [type, found] of byType) {
      const step = Math.max(1, Math.floor(found.length / most));
      const some = found.filter((_line, at) => at % step === 0).slice(0, most);
      all.set(type, [...(all.get(type) ?? []), ...some.map((line) => JSON.parse(line) as FhirResource)]);
    }
  }
  // A line names its type at any place; a contained resource may come first.
  return Map.groupBy([...all.values()].flat(), ({ resourceType }) => resourceType);
}

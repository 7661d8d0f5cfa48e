import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { FhirResource } from '@provider-access/fhir';
import { foreignFolder, memberOf, resourcesOf, unpack } from './foreign-data.ts';
import { exportOf } from './foreign-export.ts';
import { freshPlatform } from './harness.ts';
import { paOf } from './pa.ts';
import { errorsOf, HAS_VALIDATOR } from './validator.ts';

const NPI = '1234567893';
const SETS = ['examples-carin-2.2.0-sushi', 'examples-pdex-2.2.0', 'examples-uscore-6.1.0'];
const folder = foreignFolder();
if (!HAS_VALIDATOR)
  console.warn('SKIPPED: profiles of the examples, since shared/tools/validator is not beside this checkout');

/** Errors of HL7's validator by `Type/id`. */
const errorsBy = (resources: readonly FhirResource[]): Map<string, string[]> =>
  new Map(
    errorsOf(resources)
      .map((issues, at): [string, string[]] => [
        `${resources[at]!.resourceType}/${resources[at]!.id}`,
        issues.map(({ at: place, msg }) => `${place}: ${msg}`),
      ])
      .filter(([, errors]) => errors.length > 0),
  );

/**
 * The profiles that an exported resource declares hold, by HL7's validator with the packages of the guides. Errors that
 * the example has before it is published are the example's: 3 of US Core and 11 of PDex name profiles that are not here
 * or break their own.
 */
describe.skipIf(!HAS_VALIDATOR)('the profiles of exported examples (where ../shared/tools/validator is there)', () => {
  const work = mkdtempSync(join(tmpdir(), 'provider-access-profiles-'));
  const published = new Map<string, FhirResource>();
  let fresh: Awaited<ReturnType<typeof freshPlatform>>;
  let exported: Map<string, FhirResource>;

  beforeAll(async () => {
    fresh = await freshPlatform();
    const pa = paOf(fresh.platform(), work);
    const members = new Set<string>();
    for (const set of SETS) {
      const dir = join(work, set);
      unpack(join(folder!, `${set}.tar.gz`), dir);
      for (const { about, resource } of resourcesOf(dir)) {
        if (!published.has(about)) published.set(about, resource);
        const member = memberOf(resource);
        if (member !== undefined && member !== '') members.add(member);
      }
      const coverages = [...members].map((id) =>
        JSON.stringify({
          resourceType: 'Coverage',
          id: `renewed-${id}`.slice(0, 64),
          status: 'active',
          period: { start: '2016-01-01' },
          beneficiary: { reference: `Patient/${id}` },
          payor: [{ reference: 'Organization/payer' }],
        }),
      );
      writeFileSync(join(dir, 'Coverage-renewed.ndjson'), `${coverages.join('\n')}\n`);
      // Some examples belong to no member, so the command ends with refusals.
      await pa('--json', 'publish', dir);
    }
    exported = await exportOf(pa, work, NPI, [...members]);
  }, 600_000);
  afterAll(async () => {
    await fresh?.dispose();
    rmSync(work, { recursive: true, force: true });
  });

  test('no claim declares a profile that asks for money, and every CARIN claim a Basis profile', () => {
    const claims = [...exported.values()].filter(
      (r) => r.resourceType === 'ExplanationOfBenefit' && JSON.stringify(r['meta']).includes('carin-bb'),
    );
    expect(claims).toHaveLength(20);
    for (const { meta } of claims)
      for (const profile of (meta as { profile: string[] }).profile) expect(profile).toMatch(/-Basis(\||$)/);
  });

  test('every exported resource conforms to the profiles that it declares', () => {
    const resources = [...exported.values()].filter(({ resourceType, id }) => published.has(`${resourceType}/${id}`));
    expect(resources.length).toBeGreaterThan(150);
    const before = errorsBy(resources.map(({ resourceType, id }) => published.get(`${resourceType}/${id}`)!));
    const after = errorsBy(resources);
    // What an example breaks itself stays broken; redaction and our meta add nothing.
    expect([...after].filter(([about]) => !before.has(about))).toEqual([]);
    expect([...after].filter(([about]) => about.startsWith('ExplanationOfBenefit/'))).toEqual([]);
    console.log(`${resources.length} validated, ${before.size} with errors before, ${after.size} after`);
    // The validator starts twice, and each start loads the packages of all guides.
  }, 3_600_000);
});

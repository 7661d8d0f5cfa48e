import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { variant } from '@provider-access/testing/variant';
import type { Explained, PublishReport } from '@provider-access/cli';
import type { FhirResource } from '@provider-access/fhir';
import { findMoney } from '@provider-access/domain/pdex';
import { redactionFaults } from '@provider-access/testing/redaction';
import {
  addOldPrescription,
  addUnits,
  classify,
  foreignFolder,
  memberOf,
  referencesIn,
  renewCoverage,
  resourcesOf,
  unpack,
  type Given,
} from './foreign-data.ts';
import { exportOf } from './foreign-export.ts';
import { freshPlatform } from './harness.ts';
import { paOf, type Pa } from './pa.ts';

/** `npm test` reads the smaller set, the suite `foreign` both. */
const SETS = variant.long ? ['pathling', 'smart-bulkserver'] : ['pathling'];
const folder = foreignFolder();
const NPI = '1234567893';
if (folder === undefined)
  console.warn('SKIPPED: foreign data, since there is no shared/data/foreign beside this checkout');

describe.skipIf(folder === undefined)('FHIR data from elsewhere (where ../shared/data is there) goes through', () => {
  const work = mkdtempSync(join(tmpdir(), 'provider-access-foreign-'));
  const sets = SETS.map((name) => ({
    name,
    dir: join(work, name),
    rows: [] as Explained[],
    given: [] as Given[],
    uninsured: [] as string[],
    report: undefined as PublishReport | undefined,
  }));
  const allGiven = (): Given[] => sets.flatMap(({ given }) => given);
  let fresh: Awaited<ReturnType<typeof freshPlatform>>;
  let pa: Pa;
  let exported: Map<string, FhirResource>;

  beforeAll(async () => {
    fresh = await freshPlatform();
    pa = paOf(fresh.platform(), work);
    for (const set of sets) {
      unpack(join(folder!, `${set.name}.tar.gz`), set.dir);
      set.uninsured.push(...renewCoverage(set.dir));
      if (set === sets[0]) {
        addUnits(set.dir);
        addOldPrescription(set.dir);
      }
      set.given.push(...resourcesOf(set.dir));
      const explain = join(work, `${set.name}.explained`);
      const published = await pa('--json', 'publish', set.dir, '--explain', explain);
      expect(published.stderr).not.toMatch(/^pa:/m);
      set.report = JSON.parse(published.stdout) as PublishReport;
      set.rows.push(
        ...readFileSync(explain, 'utf8')
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line) as Explained),
      );
    }
    const members = sets.flatMap((set) =>
      set.given.flatMap(({ resource }) => (resource.resourceType === 'Patient' ? [resource.id!] : [])),
    );
    exported = await exportOf(pa, work, NPI, members);
  }, 600_000);
  afterAll(async () => {
    await fresh?.dispose();
    rmSync(work, { recursive: true, force: true });
  });

  test.each(sets)(
    '$name: every resource has one row, and its outcome is what an independent reading says',
    ({ given, rows, report, name }) => {
      expect(rows).toHaveLength(given.length);
      expect(report).toMatchObject({ read: given.length, accepted: given.length, refused: [], parked: [] });
      const before = new Set(
        sets
          .slice(
            0,
            sets.findIndex((s) => s.name === name),
          )
          .flatMap((s) => s.given.map((g) => g.about)),
      );
      const outcomes = Map.groupBy(rows, (row) => row.about);
      const differ: string[] = [];
      for (const { about, resource } of given) {
        const expected = classify(resource);
        const row = outcomes.get(about)!.shift()!;
        // The payors are in both sets, and more than once in one. The same content again changes nothing.
        const again =
          row.outcome === 'unchanged' && (before.has(about) || given.filter((g) => g.about === about).length > 1);
        if (row.outcome !== expected && !again)
          differ.push(`${about}: ${expected}, told ${row.outcome} ${row.reason ?? ''}`);
      }
      expect(differ).toEqual([]);
      const counted: Record<string, number> = {};
      for (const { outcome } of rows) counted[outcome] = (counted[outcome] ?? 0) + 1;
      expect(report!.outcomes).toEqual(counted);
      console.log(
        `${name}: ${given.length} published, ${Object.entries(counted)
          .map(([o, n]) => `${o} ${n}`)
          .join(', ')} in ${report!.seconds.toFixed(1)} s`,
      );
    },
  );

  test.each(sets)('$name: the report counts what redaction removed, by path', ({ given, report }) => {
    const recorded = given.map(({ resource }) => resource).filter((resource) => classify(resource) === 'recorded');
    const claims = recorded.filter(({ resourceType }) => resourceType === 'ExplanationOfBenefit');
    const items = claims.flatMap((claim) => (claim['item'] as { net?: object }[] | undefined) ?? []);
    expect(report!.removed).toMatchObject({
      'ExplanationOfBenefit.total': claims.filter((claim) => claim['total'] !== undefined).length,
      'ExplanationOfBenefit.item.net': items.filter(({ net }) => net !== undefined).length,
    });
    // Everything that is removed belongs to claims: clinical data lose nothing.
    expect(Object.keys(report!.removed).filter((path) => !path.startsWith('ExplanationOfBenefit.'))).toEqual([]);
  });

  test.each(sets)('$name: counts references to what is not served and to care before 2016', ({ given, report }) => {
    const outcomes = new Map(given.map(({ about, resource }) => [about, classify(resource)]));
    const recorded = given.map(({ resource }) => resource).filter((resource) => classify(resource) === 'recorded');
    const references = recorded.flatMap((resource) => referencesIn(resource, true));
    const sum = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((a, b) => a + b, 0);
    const old = references.filter((about) => outcomes.get(about) === 'before-floor');
    const unserved = references.filter((about) => /^(Claim|ImagingStudy|MedicationAdministration)\//.test(about));
    expect(sum(report!.dangling.beforeFloor)).toBe(old.length);
    expect(sum(report!.dangling.notServed)).toBe(unserved.length);
    console.log(`dangling references: ${JSON.stringify(report!.dangling)}`);
  });

  test('a shared resource comes along only with one that needs it; a Provenance needs nothing that it is about', () => {
    const needed = new Set([...exported.values()].flatMap((resource) => referencesIn(resource)));
    const shared = new Set(
      allGiven()
        .filter(({ resource }) => memberOf(resource) === undefined)
        .map(({ about }) => about),
    );
    expect([...exported.keys()].filter((about) => shared.has(about) && !needed.has(about))).toEqual([]);
    expect(exported.has('Provenance/old-provenance')).toBe(true);
    expect(exported.has('Medication/old-medication')).toBe(false);
  });

  test(
    'what is exported is all of it, minus money, minus care before 2016, minus what is not served, minus who is ' +
      'not covered',
    () => {
      const uninsured = new Set(sets.flatMap((s) => s.uninsured));
      const expected = new Map<string, FhirResource>();
      for (const { about, resource } of sets.flatMap((s) => s.given)) {
        const member = memberOf(resource);
        if (member !== undefined && !uninsured.has(member) && classify(resource) === 'recorded')
          expected.set(about, resource);
      }
      const faults: string[] = [];
      for (const [about, resource] of expected) {
        const found = exported.get(about);
        if (found === undefined) faults.push(`${about} is missing`);
        else for (const fault of redactionFaults(resource, found)) faults.push(`${about}: ${fault}`);
      }
      let supporting = 0;
      const supportive = allGiven().filter(({ resource }) => memberOf(resource) === undefined);
      const shared = new Map(supportive.map(({ about, resource }) => [about, resource] as const));
      for (const [about, resource] of exported) {
        if (findMoney(resource).length > 0) faults.push(`${about} holds money`);
        const published = shared.get(about);
        if (published !== undefined) {
          supporting += 1;
          for (const fault of redactionFaults(published, resource)) faults.push(`${about}: ${fault}`);
        } else if (!expected.has(about)) faults.push(`${about} should not be there`);
      }
      // Every shared resource to which a kept resource refers is in the export.
      for (const resource of exported.values())
        for (const [, about] of JSON.stringify(resource).matchAll(
          /"reference":"((?:Organization|Practitioner)\/[^"]+)"/g,
        ))
          if (shared.has(about!) && !exported.has(about!)) faults.push(`${about} is referred to and missing`);
      expect(faults.slice(0, 20)).toEqual([]);
      expect(expected.size).toBeGreaterThan(1000);
      console.log(
        `exported ${exported.size}: ${expected.size} of members, ${supporting} supporting; ${uninsured.size} members ` +
          'without insurance',
      );
    },
  );

  // The smaller set has no such member.
  if (variant.long)
    test('a member whom nobody insures is explained', async () => {
      const { client_id: client } = JSON.parse(readFileSync(join(work, 'app.json'), 'utf8')) as { client_id: string };
      const [member] = sets.flatMap((s) => s.uninsured);
      expect(JSON.parse((await pa('--json', 'explain', '--client', client, '--member', member!)).stdout)).toMatchObject(
        { decision: 'deny', reason: 'not-covered' },
      );
    });

  test('publishing again changes nothing', async () => {
    const { dir, rows } = sets.at(-1)!;
    const encounters = rows.filter((row) => row.about.startsWith('Encounter/'));
    const again = JSON.parse((await pa('--json', 'publish', join(dir, 'Encounter.ndjson'))).stdout) as PublishReport;
    expect(again.outcomes).toEqual({
      unchanged: encounters.filter((row) => row.outcome === 'recorded').length,
      'before-floor': encounters.filter((row) => row.outcome === 'before-floor').length,
    });
  });
});

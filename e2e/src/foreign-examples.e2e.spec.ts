import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Explained } from '@provider-access/cli';
import type { FhirResource } from '@provider-access/fhir';
import { findMoney } from '@provider-access/domain/pdex';
import { redactionFaults } from '@provider-access/testing/redaction';
import { foreignFolder, memberOf, resourcesOf, unpack } from './foreign-data.ts';
import { exportOf } from './foreign-export.ts';
import { freshPlatform } from './harness.ts';
import { paOf } from './pa.ts';

const folder = foreignFolder();
const NPI = '1234567893';
if (folder === undefined)
  console.warn('SKIPPED: examples of HL7 and CMS, since shared/data/foreign is not beside this checkout');

/** Writes a Coverage without end for each patient of a set to `renewed/`. @returns the ids of the patients */
function cover(dir: string): string[] {
  const named = [...resourcesOf(dir)].map(({ resource }) => memberOf(resource) ?? '');
  const patients = new Set(named.filter((id) => id !== ''));
  const coverages = [...patients].map((id) =>
    JSON.stringify({
      resourceType: 'Coverage',
      id: `renewed-${id}`.slice(0, 64),
      status: 'active',
      period: { start: '2016-01-01' },
      beneficiary: { reference: `Patient/${id}` },
      payor: [{ reference: 'Organization/payer' }],
    }),
  );
  mkdirSync(join(dir, 'renewed'));
  writeFileSync(join(dir, 'renewed/Coverage.ndjson'), `${coverages.join('\n')}\n`);
  return [...patients];
}

describe.skipIf(folder === undefined)('examples of the guides and of CMS (where ../shared/data is there)', () => {
  const work = mkdtempSync(join(tmpdir(), 'provider-access-examples-'));
  /** The published resources by `Type/id`. Some ids are in two sets. */
  const published = new Map<string, FhirResource[]>();
  const recorded = new Set<string>();
  let fresh: Awaited<ReturnType<typeof freshPlatform>>;
  let exported: Map<string, FhirResource>;

  beforeAll(async () => {
    fresh = await freshPlatform();
    const pa = paOf(fresh.platform(), work);
    const members = new Set<string>();
    for (const archive of readdirSync(folder!)
      .filter((name) => name.startsWith('examples-'))
      .sort()) {
      const dir = join(work, archive.slice(0, -'.tar.gz'.length));
      unpack(join(folder!, archive), dir);
      for (const member of cover(dir)) members.add(member);
      for (const { about, resource } of resourcesOf(dir)) {
        published.set(about, [...(published.get(about) ?? []), resource]);
      }
      // Some examples belong to no member, so the command ends with refusals.
      await pa('--json', 'publish', dir, '--explain', `${dir}.explained`);
      for (const line of readFileSync(`${dir}.explained`, 'utf8').trim().split('\n')) {
        const { about, outcome } = JSON.parse(line) as Explained;
        if (outcome === 'recorded') recorded.add(about);
      }
    }
    exported = await exportOf(pa, work, NPI, [...members]);
  }, 600_000);
  afterAll(async () => {
    await fresh?.dispose();
    rmSync(work, { recursive: true, force: true });
  });

  test('every exported resource lost its money and nothing else', () => {
    const faults: string[] = [];
    let compared = 0;
    for (const [about, resource] of exported) {
      const given = published.get(about) ?? [];
      if (findMoney(resource).length > 0) faults.push(`${about} holds money`);
      if (given.length === 0) faults.push(`${about} was never published`);
      // If there are two originals, either version may win.
      if (given.length !== 1) continue;
      compared += 1;
      for (const fault of redactionFaults(given[0]!, resource)) faults.push(`${about}: ${fault}`);
    }
    expect(faults).toEqual([]);
    expect(compared).toBeGreaterThan(150);
    console.log(`${compared} of ${exported.size} exported examples compared, ${recorded.size} recorded`);
  });

  /**
   * Patients with an active Consent among the examples that denies Provider Access: PDex 2.2 has one (`no-consent-1`).
   */
  const optedOut = (): Set<string> => {
    const denials = [...published.values()]
      .flat()
      .filter(
        ({ resourceType, status, provision }) =>
          resourceType === 'Consent' && status === 'active' && (provision as { type?: string }).type === 'deny',
      );
    return new Set(denials.map((consent) => memberOf(consent)!));
  };
  /** Whether every version of an example in the sets belongs to a patient who opted out. */
  const isDenied = (about: string): boolean =>
    published.get(about)?.every((resource) => optedOut().has(memberOf(resource) ?? '')) ?? false;

  test('every claim, prior authorization and coverage that was recorded is exported, except of who opted out', () => {
    const financial = [...recorded].filter((about) => /^(ExplanationOfBenefit|Coverage)\//.test(about));
    expect(financial.filter((about) => !exported.has(about) && !isDenied(about))).toEqual([]);
    expect(financial.filter((about) => !isDenied(about)).length).toBeGreaterThan(30);
  });

  test('nothing of a patient is exported of whom an example says that he opted out', () => {
    expect(optedOut()).toEqual(new Set(['1']));
    expect([...exported.keys()].filter(isDenied)).toEqual([]);
    expect([...recorded].filter(isDenied).length).toBeGreaterThan(0);
  });
});

import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { spawnSync } from 'node:child_process';
import type { FhirResource } from '@provider-access/fhir';
import { COMMON_UNITS, UCUM } from '@provider-access/testing/redaction';

/** Data beside the checkout, in `shared/data/foreign` of a folder above it; undefined if there is none. */
export function foreignFolder(): string | undefined {
  for (let folder = join(import.meta.dirname, '../..'); ; folder = dirname(folder)) {
    const found = join(folder, 'shared/data/foreign');
    if (existsSync(found)) return found;
    if (dirname(folder) === folder) return undefined;
  }
}

export function unpack(archive: string, into: string): void {
  mkdirSync(into, { recursive: true });
  const { status, stderr } = spawnSync('tar', ['xzf', archive, '-C', into], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`tar: ${stderr}`);
}

export interface Given {
  readonly about: string;
  readonly resource: FhirResource;
  readonly file: string;
}

/** Every resource of a folder of NDJSON files and its subfolders. */
export function* resourcesOf(folder: string): Generator<Given> {
  for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((f) => f.endsWith('.ndjson'))
    .sort()) {
    for (const line of readFileSync(join(folder, file), 'utf8').split('\n')) {
      if (line === '') continue;
      const resource = JSON.parse(line) as FhirResource;
      yield { about: `${resource.resourceType}/${resource.id}`, resource, file };
    }
  }
}

type Field = { readonly [name: string]: Field } & string;
const at = (value: unknown, path: string): string | undefined => {
  let here = value as Field | undefined;
  for (const name of path.split('.')) here = here?.[name];
  return typeof here === 'string' ? here : undefined;
};
const OWNERS = ['subject.reference', 'patient.reference', 'beneficiary.reference', 'target.0.reference'];
function patientOf(resource: FhirResource): string | undefined {
  return OWNERS.map((path) => at(resource, path))
    .find((text) => text !== undefined)
    ?.split('/')[1];
}
/** The member of a resource; undefined for a shared one. */
export const memberOf = (resource: FhirResource): string | undefined =>
  resource.resourceType === 'Patient' ? resource.id : patientOf(resource);

/**
 * Coverage in the sets ends with the last claim, years ago. The payer of this test still covers the members: it writes
 * one Coverage without end for each member whom anybody but NO_INSURANCE ever covered, in `renewed/`. @returns members
 * without coverage
 */
export function renewCoverage(folder: string): string[] {
  const latest = new Map<string, FhirResource>();
  const all = new Set<string>();
  for (const { resource } of resourcesOf(join(folder, 'derived'))) {
    if (resource.resourceType !== 'Coverage') continue;
    const member = memberOf(resource)!;
    all.add(member);
    const payor = (resource['payor'] as { display?: string }[])[0]!;
    if (
      payor.display !== 'NO_INSURANCE' &&
      (at(resource, 'period.end') ?? '9') > (at(latest.get(member), 'period.end') ?? '')
    )
      latest.set(member, resource);
  }
  mkdirSync(join(folder, 'renewed'));
  writeFileSync(
    join(folder, 'renewed/Coverage.ndjson'),
    [...latest]
      .map(([member, coverage]) => ({
        ...coverage,
        id: `renewed-${member}`.slice(0, 64),
        period: { start: at(coverage, 'period.start') },
        payor: [{ reference: 'Organization/payer' }],
      }))
      .map((renewed) => `${JSON.stringify(renewed)}\n`)
      .join(''),
  );
  return [...all].filter((member) => !latest.has(member));
}

/**
 * Writes one laboratory result of a member in each common unit of UCUM to `units/`, because the sets use few of them.
 */
export function addUnits(folder: string): void {
  const [patient] = [...resourcesOf(folder)].filter(({ resource }) => resource.resourceType === 'Patient');
  const lines = COMMON_UNITS.map(({ code, display }, index) => {
    const quantity = { value: 2.5, unit: display, system: UCUM, code };
    return JSON.stringify({
      resourceType: 'Observation',
      id: `unit-${index}`,
      status: 'final',
      subject: { reference: patient!.about },
      code: { coding: [{ system: 'http://loinc.org', code: '6301-6' }] },
      effectiveDateTime: '2024-02-29',
      valueQuantity: quantity,
      referenceRange: [{ low: quantity, high: quantity }],
      component: [{ code: { text: 'part' }, valueQuantity: quantity }],
    });
  });
  mkdirSync(join(folder, 'units'));
  writeFileSync(join(folder, 'units/Observation.ndjson'), `${lines.join('\n')}\n`);
}

/**
 * Writes a prescription that ended in 2010 to `old/`, with its medication, and a Provenance of today that names both.
 */
export function addOldPrescription(folder: string): void {
  const patient = [...resourcesOf(folder)].find(({ resource }) => resource.resourceType === 'Patient')!;
  const request = {
    resourceType: 'MedicationRequest',
    id: 'old-request',
    status: 'completed',
    intent: 'order',
    subject: { reference: patient.about },
    authoredOn: '2010-03-01',
    medicationReference: { reference: 'Medication/old-medication' },
  };
  const provenance = {
    resourceType: 'Provenance',
    id: 'old-provenance',
    recorded: '2024-03-01T00:00:00Z',
    agent: [{ who: { display: 'import' } }],
    target: ['MedicationRequest/old-request', 'Medication/old-medication'].map((reference) => ({ reference })),
  };
  provenance.target.unshift({ reference: patient.about });
  mkdirSync(join(folder, 'old'));
  const medication = { resourceType: 'Medication', id: 'old-medication', code: { text: 'warfarin' } };
  for (const resource of [medication, request, provenance]) {
    writeFileSync(join(folder, `old/${resource.resourceType}.ndjson`), `${JSON.stringify(resource)}\n`);
  }
}

/** References of a resource as `Type/id`. The targets of a Provenance are included only with `targets`. */
export function referencesIn(resource: FhirResource, targets = false): string[] {
  const whole = targets || resource.resourceType !== 'Provenance';
  const text = JSON.stringify(whole ? resource : { ...resource, target: undefined });
  return [...text.matchAll(/"reference":"([A-Z][A-Za-z]+\/[A-Za-z0-9.-]+)"/g)].map(([, about]) => about!);
}

const NOT_SERVED = new Set(['Claim', 'ImagingStudy', 'MedicationAdministration', 'Group']);
const done = (resource: FhirResource): boolean =>
  !['active', 'on-hold', 'draft', 'in-progress', 'planned', 'arrived', 'preparation', 'unknown'].includes(
    String(resource['status']),
  );
const clinical = (resource: FhirResource): string =>
  String((resource['clinicalStatus'] as { coding?: { code?: string }[] } | undefined)?.coding?.[0]?.code);
const last = (...days: (string | undefined)[]): string | undefined =>
  days
    .filter((d) => d !== undefined)
    .sort()
    .at(-1);

/**
 * The day on which care ended, by an independent reading of the rules: the end of service, or the start if there is no
 * end. Undated and active care stays.
 */
const OVER: Readonly<Record<string, (r: FhirResource) => string | undefined>> = {
  ExplanationOfBenefit: (r) =>
    last(
      at(r, 'billablePeriod.end'),
      ...((r['item'] as unknown[] | undefined) ?? []).flatMap((item) => [
        at(item, 'servicedPeriod.end'),
        at(item, 'servicedDate'),
      ]),
    ) ?? at(r, 'billablePeriod.start'),
  Encounter: (r) => at(r, 'period.end') ?? (done(r) ? at(r, 'period.start') : undefined),
  Condition: (r) =>
    last(at(r, 'abatementDateTime')) ??
    (['resolved', 'inactive', 'remission'].includes(clinical(r)) ? at(r, 'onsetDateTime') : undefined),
  Procedure: (r) =>
    at(r, 'performedPeriod.end') ??
    at(r, 'performedDateTime') ??
    (done(r) ? at(r, 'performedPeriod.start') : undefined),
  Observation: (r) => at(r, 'effectiveDateTime') ?? at(r, 'issued'),
  DiagnosticReport: (r) => at(r, 'effectiveDateTime') ?? at(r, 'issued'),
  Immunization: (r) => at(r, 'occurrenceDateTime'),
  MedicationRequest: (r) => (done(r) ? at(r, 'authoredOn') : undefined),
  CarePlan: (r) => at(r, 'period.end') ?? (done(r) ? at(r, 'period.start') : undefined),
  CareTeam: (r) => at(r, 'period.end') ?? (done(r) ? at(r, 'period.start') : undefined),
};

export type Expected = 'recorded' | 'before-floor' | 'not-served';
/** The expected outcome of a resource, by this test's own rules. */
export function classify(resource: FhirResource): Expected {
  if (NOT_SERVED.has(resource.resourceType)) return 'not-served';
  const over = OVER[resource.resourceType]?.(resource);
  return over !== undefined && over < '2016-01-01' ? 'before-floor' : 'recorded';
}

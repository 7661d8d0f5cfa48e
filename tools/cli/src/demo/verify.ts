import { isDeepStrictEqual } from 'node:util';
import { findMoney, redact } from '@provider-access/domain/pdex';
import type { MemberLedger, SyntheticPayer } from '@provider-access/synthetic';
import { ownerOf, type FhirResource } from '@provider-access/fhir';
import { gunzipLines } from '../client/download.ts';

/** The differences between the downloaded files and the generator's ledger. */
export interface Verification {
  membersExpected: number;
  membersFound: number;
  resourcesExpected: number;
  resourcesFound: number;
  perType: Record<string, { expected: number; found: number }>;
  supportingFound: number;
  /** Resources of members who opted out while the export ran. */
  optedOutFound: number;
  /** Resources of attributed members who had opted out before the export, and how many such members there are. */
  formerOptOuts: { readonly members: number; found: number };
  moneyElements: number;
  /** The first faults as sentences. Ids of synthetic members are no protected data. */
  faults: string[];
  faultCount: number;
}

const SHARED = new Set(['Organization', 'Practitioner', 'PractitionerRole', 'Location', 'Medication']);
const LISTED_FAULTS = 20;

/**
 * Whether the line has the content of the resource. The platform writes `meta` itself, so any value may stand there. A
 * line that is written in the same order is equal as text, and needs no parse of more than its `meta`.
 */
export function sameContent(line: string, sent: FhirResource): boolean {
  const { resource } = redact(sent);
  const parts = JSON.stringify({ ...resource, meta: null }).split(NO_META);
  const [before, after] = parts as [string, string];
  const start = before.length + META.length;
  if (parts.length === 2 && line.startsWith(before) && line.startsWith(META, before.length) && line.endsWith(after))
    if (isJson(line.slice(start, -after.length))) return true;
  const { meta: _found, ...content } = JSON.parse(line) as FhirResource;
  const { meta: _sent, ...expected } = resource;
  return isDeepStrictEqual(content, expected);
}
const META = '"meta":';
const NO_META = `${META}null`;
function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/**
 * Reads every line of the files and compares it with the ledger of what the organization may see, member by member:
 * nothing missing or doubled, nothing of another member, the right version, no money.
 */
export async function verifyExport(
  files: readonly { readonly kind: string; readonly type: string; readonly file: string }[],
  payer: SyntheticPayer,
  npi: string,
  leftOut: ReadonlySet<string>,
): Promise<Verification> {
  const before = optedOutBefore(payer, npi);
  const v: Verification = {
    membersExpected: 0,
    membersFound: 0,
    resourcesExpected: 0,
    resourcesFound: 0,
    perType: {},
    supportingFound: 0,
    optedOutFound: 0,
    formerOptOuts: { members: before.size, found: 0 },
    moneyElements: 0,
    faults: [],
    faultCount: 0,
  };
  const fault = (text: string): void => {
    v.faultCount += 1;
    if (v.faults.length < LISTED_FAULTS) v.faults.push(text);
  };
  // Lines and not what they hold: many objects that stay make every garbage collection longer.
  const seen = new Map<string, string>();
  const supporting = new Set<string>();
  const patients = new Set<string>();
  const typed = (type: string): { expected: number; found: number } => (v.perType[type] ??= { expected: 0, found: 0 });

  for (const { kind, type, file } of files) {
    if (kind === 'error') fault(`the manifest has an error file of ${type}`);
    if (kind !== 'output') continue;
    for await (const line of gunzipLines(file)) {
      const resource = JSON.parse(line) as FhirResource;
      const about = `${resource.resourceType}/${resource.id}`;
      const money = findMoney(resource);
      v.moneyElements += money.length;
      if (money.length > 0) fault(`${about} holds money at ${money[0]}`);
      if (resource.resourceType !== type) fault(`${about} is in a file of ${type}`);
      const owner = ownerOf(resource);
      if (owner.kind === 'patient' && leftOut.has(owner.id)) v.optedOutFound += 1;
      if (owner.kind === 'patient' && before.has(owner.id)) v.formerOptOuts.found += 1;
      if (resource.resourceType === 'Patient') patients.add(resource.id!);
      if (SHARED.has(resource.resourceType) && owner.kind === 'none') {
        if (supporting.has(about)) fault(`${about} comes twice`);
        supporting.add(about);
        continue;
      }
      if (seen.has(about)) fault(`${about} comes twice`);
      seen.set(about, line);
      typed(resource.resourceType).found += 1;
    }
  }
  if (v.optedOutFound > 0) fault(`${v.optedOutFound} resources of a member who opted out while the export ran`);
  v.resourcesFound = seen.size;
  v.supportingFound = supporting.size;

  const expectedSupporting = new Set<string>();
  const check = (member: MemberLedger): void => {
    v.membersExpected += 1;
    if (patients.has(member.member)) v.membersFound += 1;
    else fault(`Patient/${member.member} is missing`);
    for (const about of member.supporting) expectedSupporting.add(about);
    for (const [about, { resource }] of member.resources) {
      const type = resource.resourceType;
      if (SHARED.has(type) && ownerOf(resource as FhirResource).kind === 'none') continue;
      v.resourcesExpected += 1;
      typed(type).expected += 1;
      const found = seen.get(about);
      if (found === undefined) fault(`${about} is missing`);
      else if (!sameContent(found, resource as FhirResource))
        fault(`${about} is not the version or content that the ledger has`);
      seen.delete(about);
    }
  };
  for (const member of payer.ledger.visibleMembers(npi)) if (!leftOut.has(member.member)) check(member);
  for (const about of [...seen.keys()].slice(0, LISTED_FAULTS)) fault(`${about} should not be there`);
  v.faultCount += Math.max(0, seen.size - LISTED_FAULTS);
  for (const about of expectedSupporting) if (!supporting.has(about)) fault(`${about} is referred to and missing`);
  return v;
}

/** Ids of the members of the ledger who are attributed to the organization and opted out of it. */
function optedOutBefore({ ledger }: SyntheticPayer, npi: string): ReadonlySet<string> {
  const ids = new Set<string>();
  for (const { member, attributedTo, optedOut, optedOutOf } of ledger.outlines()) {
    if (attributedTo.includes(npi) && (optedOut || optedOutOf.includes(npi))) ids.add(member);
  }
  return ids;
}

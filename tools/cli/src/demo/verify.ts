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
 * The resource of a line, and whether its content is what was sent. The platform writes `meta` itself, so any value may
 * stand there. A line that is written in the same order is equal as text, and needs no parse of more than its `meta`.
 */
export function readAs(line: string, sent: FhirResource): { readonly resource: FhirResource; readonly same: boolean } {
  const whole: { [name: string]: unknown } & FhirResource = { ...redact(sent).resource, meta: null };
  const text = JSON.stringify(whole);
  const at = text.indexOf(NO_META);
  const start = at + META.length;
  // Equality of texts compares memory; startsWith and endsWith compare one character at a time.
  if (text.indexOf(NO_META, start) < 0 && line.slice(0, start) === text.slice(0, start)) {
    const after = text.slice(at + NO_META.length);
    const end = line.length - after.length;
    const meta = line.slice(end) === after ? parsed(line.slice(start, end)) : undefined;
    if (meta !== undefined) return { resource: Object.assign(whole, { meta }), same: true };
  }
  const resource = JSON.parse(line) as FhirResource;
  const { meta: _found, ...content } = resource;
  const { meta: _sent, ...expected } = whole;
  return { resource, same: isDeepStrictEqual(content, expected) };
}
const META = '"meta":';
const NO_META = `${META}null`;
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** How nearly every line begins. Its type and id are known without a parse, and are compared with the others later. */
const BEGINNING = /^\{"resourceType":"([A-Za-z]+)","id":"([A-Za-z0-9.-]+)"[,}]/;

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
  /** What no line may hold. Every line comes here once, when it is found in the ledger or found not to be there. */
  const inspect = (resource: FhirResource): void => {
    const money = findMoney(resource);
    v.moneyElements += money.length;
    if (money.length > 0) fault(`${resource.resourceType}/${resource.id} holds money at ${money[0]}`);
    const owner = ownerOf(resource);
    if (owner.kind === 'patient' && leftOut.has(owner.id)) v.optedOutFound += 1;
    if (owner.kind === 'patient' && before.has(owner.id)) v.formerOptOuts.found += 1;
  };
  const read = (line: string, file: string): void => {
    const [, type = '', id] = BEGINNING.exec(line) ?? [];
    let about = `${type}/${id}`;
    if (id === undefined || SHARED.has(type)) {
      const resource = JSON.parse(line) as FhirResource;
      about = `${resource.resourceType}/${resource.id}`;
      if (SHARED.has(resource.resourceType) && ownerOf(resource).kind === 'none') {
        inspect(resource);
        if (resource.resourceType !== file) fault(`${about} is in a file of ${file}`);
        if (supporting.has(about)) fault(`${about} comes twice`);
        supporting.add(about);
        return;
      }
    }
    const slash = about.indexOf('/');
    if (about.slice(0, slash) !== file) fault(`${about} is in a file of ${file}`);
    if (about.startsWith('Patient/')) patients.add(about.slice(slash + 1));
    const other = seen.get(about);
    if (other !== undefined) {
      fault(`${about} comes twice`);
      inspect(JSON.parse(other) as FhirResource);
    }
    seen.set(about, line);
    typed(about.slice(0, slash)).found += 1;
  };

  for (const { kind, type, file } of files) {
    if (kind === 'error') fault(`the manifest has an error file of ${type}`);
    if (kind === 'output') for await (const line of gunzipLines(file)) read(line, type);
  }
  v.resourcesFound = seen.size;
  v.supportingFound = supporting.size;

  const expectedSupporting = new Set<string>();
  const check = (member: MemberLedger): void => {
    v.membersExpected += 1;
    if (patients.has(member.member)) v.membersFound += 1;
    else fault(`Patient/${member.member} is missing`);
    for (const about of member.supporting) expectedSupporting.add(about);
    for (const [about, { resource: sent }] of member.resources) {
      const type = sent.resourceType;
      if (SHARED.has(type) && ownerOf(sent as FhirResource).kind === 'none') continue;
      v.resourcesExpected += 1;
      typed(type).expected += 1;
      const found = seen.get(about);
      if (found === undefined) {
        fault(`${about} is missing`);
        continue;
      }
      const { resource, same } = readAs(found, sent as FhirResource);
      if (!same) fault(`${about} is not the version or content that the ledger has`);
      inspect(resource);
      seen.delete(about);
    }
  };
  for (const member of payer.ledger.visibleMembers(npi)) if (!leftOut.has(member.member)) check(member);
  for (const about of [...seen.keys()].slice(0, LISTED_FAULTS)) fault(`${about} should not be there`);
  v.faultCount += Math.max(0, seen.size - LISTED_FAULTS);
  for (const line of seen.values()) inspect(JSON.parse(line) as FhirResource);
  // Before all others, because this is the worst.
  if (v.optedOutFound > 0) {
    v.faultCount += 1;
    v.faults.unshift(`${v.optedOutFound} resources of a member who opted out while the export ran`);
    v.faults.splice(LISTED_FAULTS);
  }
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

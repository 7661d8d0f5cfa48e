import { type AuditAction, type Disclosure, NPI_SYSTEM, TIN_SYSTEM } from '@provider-access/events';
import type { FhirResource } from '@provider-access/fhir';
import type { StoredDisclosure } from '../find-disclosures.ts';
import { auditEventId } from './id.ts';

/**
 * AuditEvents of R4 by the Basic Audit Log Patterns of IHE (https://profiles.ihe.net/ITI/BALP, ADR 0044). They are made
 * when they are read. The profiles describe successes about one patient, so a refusal and an event about several
 * members have the same shape and claim no profile that names a patient.
 */

const BALP = 'https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.';
const TERMINOLOGY = 'http://terminology.hl7.org/CodeSystem/';
const DCM = 'http://dicom.nema.org/resources/ontology/DCM';
const ENTITY_TYPE = `${TERMINOLOGY}audit-entity-type`;
const OBJECT_ROLE = `${TERMINOLOGY}object-role`;
const SOURCE_ROLE = '110153';
const DESTINATION_ROLE = '110152';

type Coding = Readonly<{ system: string; code: string; display?: string }>;
type Element = Readonly<Record<string, unknown>>;
const coding = (system: string, code: string, display?: string): Coding => ({
  system,
  code,
  ...(display !== undefined && { display }),
});
const rest = coding(`${TERMINOLOGY}audit-event-type`, 'rest', 'RESTful Operation');
const interaction = (code: string): Coding => coding('http://hl7.org/fhir/restful-interaction', code, code);
const lifecycle = (code: string, display: string): Coding => coding(`${TERMINOLOGY}iso-21089-lifecycle`, code, display);

/** How an action of the audit is told. */
interface Pattern {
  readonly type: Coding;
  readonly subtype: readonly Coding[];
  readonly action: 'R' | 'E';
  /** The role of the client; the server has the other one. A query flows from the client, what is read flows to it. */
  readonly client: typeof SOURCE_ROLE | typeof DESTINATION_ROLE;
  readonly entity: 'data' | 'query' | 'job' | 'none';
  /** The profiles of an event about one member, and about none or several. */
  readonly profiles: readonly [one: string | undefined, other: string | undefined];
}
const READ: Pattern = {
  type: rest,
  subtype: [interaction('read')],
  action: 'R',
  client: DESTINATION_ROLE,
  entity: 'data',
  profiles: ['PatientRead', 'Read'],
};
const QUERY: Pattern = {
  type: rest,
  subtype: [interaction('search-type')],
  action: 'E',
  client: SOURCE_ROLE,
  entity: 'query',
  profiles: ['PatientQuery', 'Query'],
};
const NO_PROFILE = [undefined, undefined] as const;
/** A look of the payer's own people or systems. */
const LOOK: Pattern = {
  type: rest,
  subtype: [lifecycle('access', 'Access/View Record Lifecycle Event')],
  action: 'R',
  client: DESTINATION_ROLE,
  entity: 'none',
  profiles: NO_PROFILE,
};
const PATTERNS: Readonly<Record<AuditAction, Pattern>> = {
  read: READ,
  vread: { ...READ, subtype: [interaction('vread')] },
  history: { ...READ, subtype: [interaction('history-instance')] },
  'group-read': READ,
  search: QUERY,
  'group-search': QUERY,
  'export-requested': {
    type: rest,
    subtype: [interaction('operation')],
    action: 'E',
    client: SOURCE_ROLE,
    entity: 'job',
    profiles: NO_PROFILE,
  },
  download: {
    type: coding(DCM, '110106', 'Export'),
    subtype: [lifecycle('disclose', 'Disclose Record Lifecycle Event')],
    action: 'R',
    client: DESTINATION_ROLE,
    entity: 'job',
    profiles: ['PrivacyDisclosure.Source', undefined],
  },
  token: {
    type: coding(DCM, '110114', 'User Authentication'),
    subtype: [coding(DCM, '110122', 'Login')],
    action: 'E',
    client: SOURCE_ROLE,
    entity: 'none',
    profiles: NO_PROFILE,
  },
  explain: LOOK,
  'file-rows': LOOK,
  recall: LOOK,
};

/** The audit keeps no address of a client, and the profiles want to know of a network. */
const UNKNOWN_NETWORK: Element = {
  extension: [{ url: 'http://hl7.org/fhir/StructureDefinition/data-absent-reason', valueCode: 'unknown' }],
};
const roleOf = (code: string): Element => ({
  coding: [coding(DCM, code, code === SOURCE_ROLE ? 'Source Role ID' : 'Destination Role ID')],
});

function agents(entry: Disclosure, { client: role }: Pattern, base: string, server: Element): Element[] {
  const { client, agent } = entry;
  return [
    {
      type: roleOf(role),
      who: { identifier: { system: `${base}/auth/clients`, value: client }, display: agent?.name ?? client },
      requestor: true,
      network: UNKNOWN_NETWORK,
    },
    {
      type: roleOf(role === SOURCE_ROLE ? DESTINATION_ROLE : SOURCE_ROLE),
      who: server,
      requestor: false,
      network: { address: base, type: '5' },
    },
    ...(agent?.providers ?? []).map((provider) => ({
      type: { coding: [coding(`${TERMINOLOGY}v3-RoleClass`, 'PROV', 'healthcare provider')] },
      who: { identifier: providerIdentifier(provider) },
      requestor: false,
    })),
  ];
}
function providerIdentifier(provider: string): Element {
  const bar = provider.indexOf('|');
  const [kind, value] = [provider.slice(0, bar), provider.slice(bar + 1)];
  return { ...(kind === 'npi' ? { system: NPI_SYSTEM } : kind === 'tin' ? { system: TIN_SYSTEM } : {}), value };
}

function entities(entry: Disclosure, { entity }: Pattern, base: string): Element[] {
  const group = entry.group === undefined ? undefined : { reference: `${base}/fhir/Group/${entry.group}` };
  const system = coding(ENTITY_TYPE, '2', 'System Object');
  const made: Element[] = [];
  if (entity === 'data') {
    const [type = 'Resource'] = entry.types ?? [];
    const one = type === 'Patient' && entry.members.length === 1 ? patient(entry.members[0]!, base) : { type };
    made.push({ what: group ?? one, type: system, role: coding(OBJECT_ROLE, '4', 'Domain Resource') });
  } else if (entity === 'query') {
    // The type that was searched is the first one. The others came with it.
    const text = `${entry.types?.[0] ?? 'Resource'}${entry.query === undefined ? '' : `?${entry.query}`}`;
    made.push({
      type: system,
      role: coding(OBJECT_ROLE, '24', 'Query'),
      description: text,
      query: Buffer.from(text).toString('base64'),
    });
  } else if (entity === 'job' && entry.job !== undefined) {
    made.push({
      what: { identifier: { system: `${base}/fhir/bulk`, value: entry.job } },
      type: system,
      role: coding(OBJECT_ROLE, '20', 'Job'),
      ...(entry.file !== undefined && { name: entry.file }),
      ...described(entry),
    });
  }
  if (entry.operation !== undefined) made.push({ type: system, description: entry.operation });
  if (entry.person !== undefined) made.push({ type: system, name: entry.person });
  const granting = [
    ...new Set([...(entity === 'data' || group === undefined ? [] : [entry.group!]), ...(entry.basis ?? [])]),
  ];
  for (const id of granting)
    made.push({
      what: { reference: `${base}/fhir/Group/${id}` },
      type: coding('http://hl7.org/fhir/resource-types', 'Group', 'Group'),
    });
  if (entry.count === undefined) return made;
  const [first = { type: system }, ...others] = made;
  return [{ ...first, detail: [{ type: 'requests', valueString: String(entry.count) }] }, ...others];
}
function described({ types, query }: Disclosure): Element {
  const parts = [...(types === undefined || types.length === 0 ? [] : [types.join(',')]), ...(query ?? '').split('&')];
  const text = parts.filter((part) => part !== '').join(' ');
  return text === '' ? {} : { description: text };
}
const patient = (member: string, base: string): Element => ({ reference: `${base}/fhir/Patient/${member}` });

function patients({ members, perMember }: Disclosure, base: string): Element[] {
  return members.map((member, i) => ({
    what: patient(member, base),
    type: coding(ENTITY_TYPE, '1', 'Person'),
    role: coding(OBJECT_ROLE, '1', 'Patient'),
    ...(perMember !== undefined && { detail: [{ type: 'resources', valueString: String(perMember[i]) }] }),
  }));
}

/** The entry as if it named this member alone. */
function only(entry: Disclosure, at: number): Disclosure {
  const { perMember, members } = entry;
  return { ...entry, members: [members[at]!], ...(perMember !== undefined && { perMember: [perMember[at]!] }) };
}

/**
 * The AuditEvent of a document: about all its members, or about the one at `member`. `base` is the public URL, without
 * `/fhir`.
 */
export function auditEvent({ id, disclosure }: StoredDisclosure, base: string, member?: number): FhirResource {
  const entry = member === undefined ? disclosure : only(disclosure, member);
  const pattern = PATTERNS[entry.action];
  const server = { identifier: { system: 'urn:ietf:rfc:3986', value: base }, display: base };
  const released = entry.outcome === 'released';
  const profile = released ? pattern.profiles[entry.members.length === 1 ? 0 : 1] : undefined;
  return {
    resourceType: 'AuditEvent',
    id: auditEventId({ document: id, ...(member !== undefined && { member }) }),
    meta: { ...(profile !== undefined && { profile: [`${BALP}${profile}`] }), lastUpdated: entry.at },
    type: pattern.type,
    subtype: pattern.subtype,
    action: pattern.action,
    recorded: entry.at,
    // 4 is a minor failure: the request was refused, and nothing is broken.
    outcome: released ? '0' : '4',
    ...(entry.reason !== undefined && { outcomeDesc: entry.reason }),
    ...(entry.purpose !== undefined && {
      purposeOfEvent: [{ coding: [coding(`${TERMINOLOGY}v3-ActReason`, entry.purpose)] }],
    }),
    agent: agents(entry, pattern, base, server),
    source: { observer: server, type: [coding(`${TERMINOLOGY}security-source-type`, '4', 'Application Server')] },
    ...withEntities([...patients(entry, base), ...entities(entry, pattern, base)]),
  };
}
const withEntities = (entity: readonly Element[]): Element => (entity.length === 0 ? {} : { entity });

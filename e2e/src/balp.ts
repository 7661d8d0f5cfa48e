/**
 * The profiles of IHE's Basic Audit Log Patterns 1.1 that our AuditEvents declare, written here from the published
 * tables (https://profiles.ihe.net/ITI/BALP/): IHE's package is on no registry that a build may ask. HL7's validator
 * makes the snapshots (ADR 0044).
 */
const BASE = 'https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.';
const DCM = 'http://dicom.nema.org/resources/ontology/DCM';
const TERMINOLOGY = 'http://terminology.hl7.org/CodeSystem/';
const INTERACTION = 'http://hl7.org/fhir/restful-interaction';
const [CLIENT_OF_QUERY, CLIENT_OF_READ] = ['110153', '110152'] as const;

type Element = Readonly<Record<string, unknown>> & { readonly id: string };
interface Rule {
  readonly min?: number;
  readonly max?: string;
}
const at = (id: string, rule: object = {}): Element => ({
  id: `AuditEvent${id}`,
  path: `AuditEvent${id.replaceAll(/:\w+/g, '')}`,
  ...rule,
});
const is = (system: string, code: string): object => ({ patternCoding: { system, code } });
const sliced = (id: string, discriminator: 'pattern' | 'value', path: string, rule: Rule = {}): Element =>
  at(id, { slicing: { discriminator: [{ type: discriminator, path }], rules: 'open' }, ...rule });
const slice = (id: string, rule: Rule): Element => at(id, { sliceName: id.split(':')[1], ...rule });

/** A party to the exchange, with the address by which it was known. */
const agent = (name: string, code: string, more: readonly Element[] = []): Element[] => [
  slice(`.agent:${name}`, { min: 1, max: '1' }),
  at(`.agent:${name}.type`, { min: 1, patternCodeableConcept: { coding: [{ system: DCM, code }] } }),
  at(`.agent:${name}.who`, { min: 1 }),
  at(`.agent:${name}.network`, { min: 1 }),
  ...more,
];
const rest = (
  action: string,
  client: string,
  server: string,
  subtypes: Readonly<Record<string, string>>,
): Element[] => [
  at('.type', is(`${TERMINOLOGY}audit-event-type`, 'rest')),
  sliced('.subtype', 'value', '$this', { min: 1 }),
  ...Object.entries(subtypes).flatMap(([name, code]) => [
    at(`.subtype:${name}`, { sliceName: name, min: 0, max: '1', ...is(INTERACTION, code) }),
  ]),
  at('.action', { min: 1, patternCode: action }),
  at('.outcome', { min: 1, patternCode: '0' }),
  sliced('.agent', 'pattern', 'type', { min: 2 }),
  ...agent('client', client, [at('.agent:client.media', { max: '0' })]),
  ...agent('server', server, [at('.agent:server.media', { max: '0' })]),
];
const patient = [
  slice('.entity:patient', { min: 1, max: '1' }),
  at('.entity:patient.what', {
    min: 1,
    type: [{ code: 'Reference', targetProfile: ['http://hl7.org/fhir/StructureDefinition/Patient'] }],
  }),
  at('.entity:patient.type', { min: 1, ...is(`${TERMINOLOGY}audit-entity-type`, '1') }),
  at('.entity:patient.role', { min: 1, ...is(`${TERMINOLOGY}object-role`, '1') }),
];
const SYSTEM_OBJECT = { min: 1, ...is(`${TERMINOLOGY}audit-entity-type`, '2') };

const READ = [
  ...rest('R', CLIENT_OF_READ, CLIENT_OF_QUERY, { anyRead: 'read', anyVread: 'vread' }),
  sliced('.entity', 'pattern', 'type', { min: 1 }),
  slice('.entity:data', { min: 1, max: '1' }),
  at('.entity:data.what', { min: 1 }),
  at('.entity:data.type', SYSTEM_OBJECT),
];
const QUERY = [
  ...rest('E', CLIENT_OF_QUERY, CLIENT_OF_READ, { anySearch: 'search', anySearchT: 'search-type' }),
  sliced('.entity', 'pattern', 'type', { min: 1 }),
  slice('.entity:query', { min: 1, max: '1' }),
  at('.entity:query.what', { max: '0' }),
  at('.entity:query.type', SYSTEM_OBJECT),
  at('.entity:query.role', { min: 1, ...is(`${TERMINOLOGY}object-role`, '24') }),
  at('.entity:query.lifecycle', { max: '0' }),
  at('.entity:query.query', { min: 1 }),
  at('.entity:query.detail', { max: '0' }),
];
const DISCLOSURE = [
  at('.modifierExtension', { max: '0' }),
  at('.type', is(DCM, '110106')),
  sliced('.subtype', 'value', '$this', { min: 1 }),
  at('.subtype:disclosure', {
    sliceName: 'disclosure',
    min: 1,
    max: '1',
    ...is(`${TERMINOLOGY}iso-21089-lifecycle`, 'disclose'),
  }),
  at('.action', { min: 1, patternCode: 'R' }),
  at('.outcome', { min: 1 }),
  sliced('.agent', 'pattern', 'type', { min: 2 }),
  ...agent('source', '110153').map((element) =>
    element.id === 'AuditEvent.agent:source'
      ? {
          ...element,
          constraint: [
            {
              key: 'val-audit-source',
              severity: 'error',
              human: 'The Audit Source is this agent too.',
              expression: '$this.who = %resource.source.observer',
            },
          ],
        }
      : element,
  ),
  ...agent('recipient', '110152'),
  sliced('.entity', 'pattern', 'type', { min: 2 }),
  ...patient,
];

const profile = (name: string, element: readonly Element[], parent?: string): object => ({
  resourceType: 'StructureDefinition',
  id: `IHE.BasicAudit.${name}`,
  url: `${BASE}${name}`,
  version: '1.1.3',
  name: name.replaceAll('.', ''),
  status: 'active',
  fhirVersion: '4.0.1',
  kind: 'resource',
  abstract: false,
  type: 'AuditEvent',
  baseDefinition: parent === undefined ? 'http://hl7.org/fhir/StructureDefinition/AuditEvent' : `${BASE}${parent}`,
  derivation: 'constraint',
  differential: { element: [{ id: 'AuditEvent', path: 'AuditEvent' }, ...element] },
});

export const BALP_PROFILES: readonly object[] = [
  profile('Read', READ),
  profile('PatientRead', [...READ, ...patient]),
  profile('Query', QUERY),
  profile('PatientQuery', [...QUERY, ...patient]),
  profile('PrivacyDisclosure.Source', DISCLOSURE),
];

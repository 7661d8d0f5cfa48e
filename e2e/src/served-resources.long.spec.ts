import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type FhirResource, isObject, isSharedType, SEARCH, SERVED_TYPES } from '@provider-access/fhir';
import { syntheticPayer } from '@provider-access/synthetic';
import { freshPlatform, registerApp } from './harness.ts';
import { byMembers, publishTaken } from './payers.ts';
import { AS_OF, findGroup, type HttpAnswer, type HttpCall, http, json, kickOff, payerEvent, sealed } from './road.ts';
import { errorsOf, HAS_VALIDATOR, type Issue } from './validator.ts';
import { LIMITS, sharedPayer } from './world/context.ts';

if (!HAS_VALIDATOR)
  console.warn('SKIPPED: validation of what is served, since shared/tools/validator is not beside this checkout');

/** Errors that stay, with the reason. */
const EXCEPTIONS: readonly (readonly [reason: string, isIt: (issue: Issue, text: string) => boolean])[] = [
  [
    'inside of a Bundle, the validator looks for the value set of `priority` and finds its code system',
    ({ id, msg }) => id === 'Terminology_TX_ValueSet_NotFound_CS' && msg.includes('/processpriority'),
  ],
  [
    'a subset (_elements, _summary=text) lacks elements that an invariant of R4 asks for',
    ({ id = '' }, text) => text.includes('SUBSETTED') && /#(ait-1|org-1)$/.test(id),
  ],
];

/** What the synthetic payer, or the part of it that is published here, does not have. */
const subjectOf = (member: string) => ({ reference: `Patient/${member}` });
const usCore = (name: string) => ({ profile: [`http://hl7.org/fhir/us/core/StructureDefinition/${name}`] });
const ofMember = (member: string): readonly FhirResource[] => [
  {
    resourceType: 'Media',
    id: `media-of-${member}`,
    status: 'completed',
    subject: subjectOf(member),
    createdDateTime: '2025-03-01',
    content: { contentType: 'text/plain', data: 'aGVsbG8=' },
  },
  {
    resourceType: 'QuestionnaireResponse',
    id: `answers-of-${member}`,
    meta: usCore('us-core-questionnaireresponse'),
    questionnaire: 'http://example.org/Questionnaire/food',
    status: 'completed',
    subject: subjectOf(member),
    authored: '2025-03-01T10:00:00Z',
    item: [{ linkId: '1', text: 'Did you run out of food?', answer: [{ valueBoolean: false }] }],
  },
  {
    resourceType: 'Device',
    id: `device-of-${member}`,
    meta: usCore('us-core-implantable-device'),
    udiCarrier: [{ deviceIdentifier: '09504000059118', carrierHRF: '(01)09504000059118(17)341120(10)7654321D' }],
    status: 'active',
    expirationDate: '2034-11-20',
    lotNumber: '7654321D',
    type: { coding: [{ system: 'http://snomed.info/sct', code: '468063009' }] },
    patient: subjectOf(member),
  },
];
/** Its attachment is so large that the platform serves it as a Binary. */
const noteOf = (member: string): FhirResource => ({
  resourceType: 'DocumentReference',
  id: `note-of-${member}`,
  meta: usCore('us-core-documentreference'),
  status: 'current',
  type: { coding: [{ system: 'http://loinc.org', code: '11506-3', display: 'Progress note' }] },
  category: [
    {
      coding: [
        {
          system: 'http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category',
          code: 'clinical-note',
        },
      ],
    },
  ],
  subject: subjectOf(member),
  date: '2025-03-01T10:00:00Z',
  content: [{ attachment: { contentType: 'text/plain', data: randomBytes(70_000).toString('base64') } }],
});
const SHARED: readonly FhirResource[] = [
  {
    resourceType: 'Endpoint',
    id: 'endpoint',
    status: 'active',
    connectionType: {
      system: 'http://terminology.hl7.org/CodeSystem/endpoint-connection-type',
      code: 'hl7-fhir-rest',
    },
    payloadType: [{ text: 'any' }],
    address: 'https://clinic.example.org/fhir',
  },
  { resourceType: 'HealthcareService', id: 'service', active: true, name: 'Cardiology' },
  { resourceType: 'Questionnaire', id: 'food', status: 'active', url: 'http://example.org/Questionnaire/food' },
];
/** Elements whose values decide what the validator asks for. */
const TELLING = new Set(['code', 'system', 'url', 'profile', 'resourceType', 'use', 'unit', 'contentType', 'tag']);
const TEXTS = new Set(['id', 'value', 'text', 'display', 'family', 'given', 'line', 'city', 'lotNumber']);
/**
 * What a resource has in common with others that the same code made: its paths, its codes, systems and profiles, and
 * the kind of every other value. The validator finds the same in resources of one form.
 */
function formOf(value: unknown, key = ''): unknown {
  if (Array.isArray(value)) {
    const forms = value.map((each) => JSON.stringify(formOf(each, key)));
    return [...new Set(forms)].toSorted();
  }
  if (isObject(value))
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, formOf(each, name)]));
  if (typeof value === 'number') return 'number';
  if (typeof value !== 'string' || TELLING.has(key)) return value;
  if (/\s/.test(value) || TEXTS.has(key)) return 'text';
  // A day and an instant are two kinds, and so are the references to two types.
  const kind = value.replaceAll(/\d+/g, '9').replace(/^([A-Z][A-Za-z]+\/).*$/, '$1');
  return kind.slice(0, 12);
}

describe.skipIf(!HAS_VALIDATOR)('everything that is generated or served, by HL7’s validator', () => {
  const payer = sharedPayer();
  const mine = byMembers(payer)[0]!;
  const members = mine.visible.map(({ member }) => member);
  let fresh: Awaited<ReturnType<typeof freshPlatform>>;
  let base: string;
  let token: string;
  const served: { readonly by: string; readonly resource: FhirResource }[] = [];

  function take(by: string, body: string): void {
    const resource = JSON.parse(body) as FhirResource;
    expect(resource.resourceType, by).toBeTypeOf('string');
    served.push({ by, resource });
    const entries =
      resource.resourceType === 'Bundle' ? ((resource['entry'] ?? []) as { resource?: FhirResource }[]) : [];
    for (const { resource: inner } of entries) if (inner !== undefined) served.push({ by, resource: inner });
  }
  async function ask(status: number, path: string, call: HttpCall = {}): Promise<HttpAnswer> {
    const answer = await http(path.startsWith('http') ? path : `${base}${path}`, { token, ...call });
    const text = answer.body.toString();
    expect(answer.status, `${path}: ${text.slice(0, 400)}`).toBe(status);
    if (String(answer.headers['content-type']).includes('ndjson'))
      for (const line of text.split('\n').filter((each) => each !== '')) take(path, line);
    else if (text !== '') take(path, text);
    return answer;
  }
  const found = (answer: HttpAnswer): FhirResource[] =>
    (json<{ entry?: { resource: FhirResource }[] }>(answer).entry ?? []).map(({ resource }) => resource);

  /** A search by patient, or by id where a type has no patient. */
  function whoseOf(type: string): string {
    if (type === 'Patient') return `_id=${members.join()}`;
    if (SEARCH[type]!.parameters.some(({ name }) => name === 'patient')) return `patient=${members.join()}`;
    const known = mine.visible.flatMap(({ resources }) => [...resources.values()].map(({ resource }) => resource));
    return `_id=${known.find(({ resourceType }) => resourceType === type)?.id ?? 'none'}`;
  }

  /** Every interaction with a type: the forms of a search, a read, its versions. */
  async function askFor(type: string): Promise<void> {
    if (SEARCH[type] === undefined) return;
    const query = isSharedType(type) ? '' : `${whoseOf(type)}&`;
    const all = found(await ask(200, `/fhir/${type}?${query}_count=20`));
    const one = all.find(({ resourceType }) => resourceType === type);
    if (one === undefined) return;
    const path = `/fhir/${type}/${one.id}`;
    for (const form of ['_summary=true', '_summary=text', '_summary=data', '_summary=count', '_elements=id'])
      await ask(200, `/fhir/${type}?${query}_count=2&${form}`);
    await ask(200, `/fhir/${type}?${query}_count=2&_total=accurate&nonsense=1`, {
      headers: { prefer: 'handling=lenient' },
    });
    await ask(200, path);
    await ask(200, `${path}/_history`);
    await ask(200, `${path}/_history/${(one['meta'] as { versionId: string }).versionId}`);
  }

  /** The attachment as a Binary, by header and by parameter. */
  async function askForBinary(member: string): Promise<void> {
    const note = await ask(200, `/fhir/DocumentReference/note-of-${member}`);
    const { content } = json<{ content: { attachment: { url: string } }[] }>(note);
    const { url } = content[0]!.attachment;
    await ask(200, url, { headers: { accept: 'application/fhir+json' } });
    await ask(200, `${url}?_format=json`);
    await ask(404, '/fhir/Binary/nobody', { headers: { accept: 'application/fhir+json' } });
  }

  async function askForFiles(group: string): Promise<void> {
    const first = await sealed(await kickOff(fresh.platform(), token, group), token);
    for (const { url } of first.output) await ask(200, url);
    const [member] = members as [string];
    await publishTaken(
      fresh.platform(),
      payerEvent('payer.resource-deleted.v1', member, { resourceType: 'Media', id: `media-of-${member}` }),
    );
    const since = encodeURIComponent(first.transactionTime);
    const second = await sealed(await kickOff(fresh.platform(), token, group, `?_since=${since}`), token);
    const { deleted = [], error } = second;
    expect(deleted.length).toBeGreaterThan(0);
    for (const { url } of [...second.output, ...deleted, ...error]) await ask(200, url);
  }

  async function askWrongly(group: string): Promise<void> {
    const narrow = await registerApp(fresh.platform(), {
      name: 'Narrow',
      npi: mine.npi,
      tin: mine.tin,
      scope: 'system/Patient.rs',
    });
    await ask(401, '/fhir/Patient/x', { token: 'nonsense' });
    await ask(403, '/fhir/Condition/x', { token: await narrow.tokens.get() });
    await ask(404, '/fhir/Patient/nobody');
    await ask(404, '/fhir/Nonsense/x');
    await ask(400, '/fhir/Observation?nonsense=1', { headers: { prefer: 'handling=strict' } });
    await ask(400, `/fhir/Group/${group}/$export?_type=Nonsense`, { headers: { prefer: 'respond-async' } });
    await ask(406, '/fhir/Patient/x', { headers: { accept: 'application/fhir+xml' } });
    await ask(410, `/fhir/Media/media-of-${members[0]}`);
  }

  beforeAll(async () => {
    fresh = await freshPlatform({ env: { ...LIMITS, ATTACHMENT_INLINE_KIB: '64' }, shared: payer });
    ({ base } = fresh.platform());
    const [member] = members as [string];
    await publishTaken(
      fresh.platform(),
      ...[...ofMember(member), noteOf(member)].map((resource) =>
        payerEvent('payer.resource-recorded.v1', member, { resource }),
      ),
      ...SHARED.map((resource) => payerEvent('payer.provider-recorded.v1', resource.id!, { resource })),
    );
    const app = await registerApp(fresh.platform(), { name: 'Reader', npi: mine.npi, tin: mine.tin });
    token = await app.tokens.get();
    // E82: HL7's validator finds no error in the statement.
    await ask(200, '/fhir/metadata');
    for (const type of SERVED_TYPES) await askFor(type);
    await ask(200, `/fhir/DocumentReference/$docref?patient=${member}`);
    await askForBinary(member);
    await ask(200, `/fhir/Observation?patient=${member}&_revinclude=Provenance:target`);
    await ask(200, `/fhir/ExplanationOfBenefit?patient=${member}&_include=ExplanationOfBenefit:*`);
    const { id: group } = await findGroup(fresh.platform(), token, mine.npi);
    await ask(200, '/fhir/Group');
    await ask(200, '/fhir/Group?_summary=true');
    await ask(200, `/fhir/Group/${group}`);
    await askForFiles(group);
    await askWrongly(group);
    await ask(200, `/ops/audit/AuditEvent?patient=${member}&_count=100`, {
      token: fresh.platform().administratorToken,
    });
  }, 1_200_000);
  afterAll(() => fresh?.dispose());

  const isSubset = ({ meta }: FhirResource): boolean => JSON.stringify(meta ?? {}).includes('SUBSETTED');
  /** A subset lacks elements on purpose, so only R4 is asked of it, wherever it is. */
  function withoutProfiles(resource: FhirResource): FhirResource {
    const { entry } = resource as { entry?: readonly { readonly resource?: FhirResource }[] };
    if (entry !== undefined)
      return {
        ...resource,
        entry: entry.map((one) => ({ ...one, ...(one.resource && { resource: withoutProfiles(one.resource) }) })),
      };
    if (!isSubset(resource) || !isObject(resource['meta'])) return resource;
    const { profile: _profile, ...meta } = resource['meta'];
    return { ...resource, meta };
  }

  interface Sent {
    readonly by: string;
    readonly resource: FhirResource;
  }
  function faultsOf(resources: readonly Sent[]): string[] {
    const forms = Map.groupBy(resources, ({ resource }) => JSON.stringify(formOf(resource)));
    const few = [...forms.values()].map(([one]) => one!);
    const errors = errorsOf(
      few.map(({ resource }) => withoutProfiles(resource)),
      'all',
    );
    console.log(`${few.length} forms of ${resources.length} resources validated`);
    return few.flatMap(({ by, resource }, at) =>
      errors[at]!.filter((issue) => !EXCEPTIONS.some(([, isIt]) => isIt(issue, JSON.stringify(resource)))).map(
        ({ at: place, id, msg }) => `${resource.resourceType}/${resource.id} by ${by}: ${place}: ${id} ${msg}`,
      ),
    );
  }

  test('every type that the platform serves was served', () => {
    const types = new Set(served.map(({ resource }) => resource.resourceType));
    const others = ['AuditEvent', 'Binary', 'Bundle', 'CapabilityStatement', 'Group', 'OperationOutcome'];
    expect([...SERVED_TYPES, ...others].filter((type) => !types.has(type))).toEqual([]);
  });

  test('what was served conforms to R4 and to the profiles that it declares', () => {
    expect(faultsOf(served)).toEqual([]);
  }, 3_600_000);

  test('what the synthetic payer sends conforms to R4 and to the profiles that it declares', () => {
    const many = syntheticPayer({ seed: 's1', members: 40, asOf: AS_OF });
    const sent = [
      ...many.roster.resources,
      ...Array.from({ length: 40 }, (_, n) => [...many.ledger.member(n + 1).resources.values()]).flatMap((all) =>
        all.map(({ resource }) => resource),
      ),
    ].map((resource) => ({ by: 'the synthetic payer', resource: resource as unknown as FhirResource }));
    const types = new Set(sent.map(({ resource }) => resource.resourceType));
    expect(SERVED_TYPES.filter((type) => !types.has(type))).toEqual([
      'Endpoint',
      'HealthcareService',
      'Media',
      'Questionnaire',
      'QuestionnaireResponse',
    ]);
    expect(faultsOf(sent)).toEqual([]);
  }, 3_600_000);
});

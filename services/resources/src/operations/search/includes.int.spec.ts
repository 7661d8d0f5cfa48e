import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FhirResource, SEARCH, type SearchParameter } from '@provider-access/fhir';
import { cases, Random, satisfies, seed } from '@provider-access/testing/search';
import { condition, House, type Loose } from '../../../test/harness.ts';

const BASE = 'https://pa.example.org/fhir';
const MEMBERS = ['m1', 'm2'];
const parameterOf = (type: string, name: string): SearchParameter =>
  SEARCH[type]!.parameters.find((parameter) => parameter.name === name)!;

/** A reference as R4 lets a resource write it. The last form names a resource of another server. */
const written = (random: Random, name: string): { reference: string } => ({
  reference: random.one([
    name,
    `${BASE}/${name}`,
    `${name}/_history/2`,
    `${BASE}/${name}/_history/1`,
    `https://other.example.org/fhir/${name}`,
  ]),
});

describe('includes', () => {
  const random = new Random(seed);
  const provenances: FhirResource[] = [];
  const requests: FhirResource[] = [];
  const medications: FhirResource[] = [];
  let house: House;
  let token: string;

  beforeAll(async () => {
    house = await House.open();
    await house.approve('app1');
    for (const member of MEMBERS) await house.attribute(member);
    token = await house.token('app1');
    const events: Loose[] = [];
    for (const member of MEMBERS) {
      const own = (n: number): string => `${member}-${n}`;
      for (let n = 0; n < 5; n++) {
        const medication = { resourceType: 'Medication', id: own(n), code: { text: 'aspirin' }, status: 'active' };
        medications.push(medication);
        requests.push({
          resourceType: 'MedicationRequest',
          id: own(n),
          status: 'active',
          intent: 'order',
          medicationReference: written(random, `Medication/${own(random.below(5))}`),
          subject: { reference: `Patient/${member}` },
          authoredOn: '2024-03-02',
        });
        events.push(
          { subject: member, resource: condition(member, own(n)) },
          { subject: member, resource: medication },
        );
      }
      for (let n = 0; n < cases(12); n++) {
        const targets = Array.from({ length: 1 + random.below(3) }, () =>
          written(random, `${random.one(['Condition', 'MedicationRequest'])}/${own(random.below(5))}`),
        );
        provenances.push({
          resourceType: 'Provenance',
          id: own(n),
          // One target that intake can find, whichever form the others have.
          target: [{ reference: `Condition/${own(4)}` }, ...targets],
          recorded: '2024-03-02T00:00:00Z',
          agent: [{ who: { reference: 'Organization/o1' } }],
        });
      }
    }
    const ofMember = ({ id }: FhirResource): string => id!.split('-')[0]!;
    events.push(...[...requests, ...provenances].map((resource) => ({ subject: ofMember(resource), resource })));
    const { summary, receipt } = await house.publish(events);
    expect([summary.refused, receipt.counts.parked]).toEqual([0, undefined]);
    await house.settled();
  });
  afterAll(() => house.close());

  const bundle = async (query: string): Promise<Loose> => {
    const answer = await house.call('GET', `/fhir/${query}`, { token });
    expect([query, answer.status]).toEqual([query, 200]);
    return answer.json();
  };
  const read = async (name: string): Promise<Loose> => (await house.call('GET', `/fhir/${name}`, { token })).json();
  const ofMode = ({ entry = [] }: Loose, mode: string): Loose[] =>
    entry.filter((each: Loose) => each.search.mode === mode).map((each: Loose) => each.resource);
  const names = (resources: readonly Loose[]): string[] =>
    resources.map(({ resourceType, id }) => `${resourceType}/${id}`).toSorted();

  it('_revinclude finds the Provenances that a search by target finds, however they write it', async () => {
    const target = parameterOf('Provenance', 'target');
    let found = 0;
    for (const type of ['Condition', 'MedicationRequest'])
      for (const id of MEMBERS.flatMap((member) => [0, 1, 2, 3, 4].map((n) => `${member}-${n}`))) {
        const about = { parameter: target, any: [{ text: `${type}/${id}` }] };
        const expected = names(provenances.filter((each) => satisfies(about, each, BASE)));
        const what = `seed ${seed}: ${type}/${id}`;
        expect(names(ofMode(await bundle(`${type}?_id=${id}&_revinclude=Provenance:target`), 'include')), what).toEqual(
          expected,
        );
        for (const one of expected) {
          const asked = `Provenance?_id=${one.split('/')[1]}&target=${type}/${id}`;
          expect(names(ofMode(await bundle(asked), 'match')), what).toEqual([one]);
        }
        found += expected.length;
      }
    expect(found).toBeGreaterThan(provenances.length);
  });

  it('_include follows a reference to this server in each form, and none to another server', async () => {
    const medication = parameterOf('MedicationRequest', 'medication');
    for (const request of requests) {
      const expected = names(
        medications.filter(({ id }) =>
          satisfies({ parameter: medication, any: [{ text: `Medication/${id}` }] }, request, BASE),
        ),
      );
      const asked = `MedicationRequest?_id=${request.id}&_include=MedicationRequest:medication`;
      expect(names(ofMode(await bundle(asked), 'include')), `seed ${seed}: ${request.id}`).toEqual(expected);
    }
  });

  /** https://hl7.org/fhir/R4/search.html#elements: "The list of elements does not apply to included resources." */
  it('_elements cuts what matches, and leaves what an include adds whole', async () => {
    const subset = 'MedicationRequest?patient=m1,m2&_elements=status&_include=MedicationRequest:medication';
    const answer = await bundle(`${subset}&_revinclude=Provenance:target`);
    for (const resource of ofMode(answer, 'match')) expect(Object.keys(resource)).not.toContain('authoredOn');
    const included = ofMode(answer, 'include');
    expect(new Set(included.map(({ resourceType }) => resourceType))).toEqual(new Set(['Medication', 'Provenance']));
    for (const resource of included) expect(resource).toEqual(await read(names([resource])[0]!));
  });

  /** https://hl7.org/fhir/R4/search.html#summary makes no exception for includes, and forbids them with `text`. */
  it('_summary cuts included resources too, and text refuses includes', async () => {
    const including = 'MedicationRequest?_id=m1-0,m1-1,m1-2,m1-3,m1-4&_revinclude=Provenance:target';
    for (const { meta } of ofMode(await bundle(`${including}&_summary=true`), 'include'))
      expect(meta.tag[0].code).toBe('SUBSETTED');
    for (const query of [
      `${including}&_summary=text`,
      'MedicationRequest?_summary=text&_id=x&_include=MedicationRequest:medication',
    ]) {
      const answer = await house.call('GET', `/fhir/${query}`, { token });
      expect([query, answer.status, answer.json().issue[0].code]).toEqual([query, 400, 'not-supported']);
    }
  });
});

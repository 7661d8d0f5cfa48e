import { describe, expect, it } from 'vitest';
import { checkResourceCodes, checkShape } from './index.ts';

const CLINICAL = 'http://terminology.hl7.org/CodeSystem/condition-clinical';
const condition = (more: object): object => ({
  resourceType: 'Condition',
  subject: { reference: 'Patient/p' },
  ...more,
});
const clinical = (...coding: object[]): object => condition({ clinicalStatus: { coding } });
const wrong = (resource: object): string[] => {
  const { issues, codes } = checkResourceCodes(resource);
  expect([issues, checkShape(resource)]).toEqual([[], []]);
  expect(codes.every(({ code, message }) => code === 'binding' && !message.includes('NOPE'))).toBe(true);
  return codes.map(({ path }) => path);
};

/** https://hl7.org/fhir/R4/terminologies.html#required; the cases are by hand from the pages of the resources. */
describe('R5: required bindings of base R4', () => {
  it.each<[string, object, string[]]>([
    ['a code of the value set', { resourceType: 'Patient', gender: 'female' }, []],
    ['another code', { resourceType: 'Patient', gender: 'NOPE' }, ['Patient.gender']],
    ['a code in other letters', { resourceType: 'Patient', gender: 'Female' }, ['Patient.gender']],
    [
      'a code that has extensions only',
      { resourceType: 'Patient', _gender: { extension: [{ url: 'http://x', valueCode: 'y' }] } },
      [],
    ],
    [
      'codes of datatypes, in lists',
      {
        resourceType: 'Patient',
        name: [
          { use: 'usual', text: 'x' },
          { use: 'NOPE', text: 'x' },
        ],
        telecom: [{ system: 'NOPE', value: '1' }],
      },
      ['Patient.name[1].use', 'Patient.telecom[0].system'],
    ],
    [
      'a list of codes',
      { resourceType: 'HealthcareService', availableTime: [{ daysOfWeek: ['mon', 'NOPE', 'tue'] }] },
      ['HealthcareService.availableTime[0].daysOfWeek[1]'],
    ],
    [
      'a comparator of a Quantity and of an Age',
      condition({
        onsetAge: { value: 1, comparator: 'NOPE' },
        extension: [{ url: 'http://x', valueQuantity: { value: 1, comparator: '<' } }],
      }),
      ['Condition.onsetAge.comparator'],
    ],
    [
      'a nested element',
      {
        resourceType: 'Questionnaire',
        status: 'active',
        item: [{ linkId: '1', type: 'group', item: [{ linkId: '2', type: 'NOPE' }] }],
      },
      ['Questionnaire.item[0].item[0].type'],
    ],
    ['a CodeableConcept', clinical({ system: CLINICAL, code: 'relapse' }), []],
    [
      'a CodeableConcept with a code that is not there',
      clinical({ system: CLINICAL, code: 'NOPE' }),
      ['Condition.clinicalStatus'],
    ],
    [
      'one of several codings',
      clinical({ system: 'http://payer.example', code: 'NOPE' }, { system: CLINICAL, code: 'active' }),
      [],
    ],
    [
      'the same code of another system',
      clinical({ system: 'http://payer.example', code: 'active' }),
      ['Condition.clinicalStatus'],
    ],
    ['a coding without a system', clinical({ code: 'active' }), []],
    ['another coding without a system', clinical({ code: 'NOPE' }), ['Condition.clinicalStatus']],
    ['a text alone', condition({ clinicalStatus: { text: 'active' } }), ['Condition.clinicalStatus']],
    [
      'an extensible binding',
      condition({ severity: { coding: [{ system: 'http://payer.example', code: 'NOPE' }] } }),
      [],
    ],
    [
      'a contained resource',
      condition({ contained: [{ resourceType: 'Patient', id: 'p', gender: 'NOPE' }] }),
      ['Condition.contained[0].gender'],
    ],
    [
      'an extension',
      condition({ extension: [{ url: 'http://x', valueHumanName: { use: 'NOPE', text: 'x' } }] }),
      ['Condition.extension[0].valueHumanName.use'],
    ],
    ['media types, which have no list', { resourceType: 'Patient', photo: [{ contentType: 'any/thing' }] }, []],
  ])('%s', (_, resource, expected) => {
    expect(wrong(resource)).toEqual(expected);
  });
  it('do not hide departures from the structure, and name at most ten', () => {
    const name = Array.from({ length: 20 }, () => ({ use: 'NOPE', text: 'x' }));
    const { issues, codes } = checkResourceCodes({ resourceType: 'Patient', name, colour: 'red' });
    expect([issues.length, codes.length]).toEqual([1, 10]);
    expect(checkResourceCodes({ resourceType: 'Patient' }).codes).toEqual([]);
  });
});

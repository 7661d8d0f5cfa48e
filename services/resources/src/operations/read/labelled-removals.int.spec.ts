import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PA_RECORDS, textOf } from '@provider-access/events';
import { type Answer, condition, House } from '../../../test/harness.ts';

const ACT_CODE = 'http://terminology.hl7.org/CodeSystem/v3-ActCode';
const LABEL = { meta: { security: [{ system: ACT_CODE, code: '42CFRPart2' }] } };
const IN_ERROR = {
  clinicalStatus: undefined,
  verificationStatus: {
    coding: [{ system: 'http://terminology.hl7.org/CodeSystem/condition-ver-status', code: 'entered-in-error' }],
  },
};
const BEFORE_FLOOR = { recordedDate: '2014-03-01', onsetDateTime: '2014-03-01', abatementDateTime: '2014-04-01' };

/** N5: 410 tells that the resource was there. A version that removes it may say that it must not be told of. */
describe('a removal that has a security label', () => {
  let house: House;
  let token: string;
  beforeEach(async () => {
    house = await House.open();
    await house.approve('app1');
    await house.attribute('m1');
    token = await house.token('app1');
  });
  afterEach(() => house.close());

  let minute = 0;
  const publish = async (...resources: object[]): Promise<void> => {
    const time = new Date(Date.UTC(2025, 0, 1, 0, (minute += 1))).toISOString();
    await house.publish(resources.map((resource) => ({ subject: 'm1', resource, time })));
    await house.settled();
  };
  const get = (path: string): Promise<Answer> => house.call('GET', `/fhir/${path}`, { token });
  const comparable = ({ status, headers, text }: Answer): unknown => ({
    status,
    text,
    headers: { ...headers, date: undefined },
  });
  /** Read, versions and history, which must be those of an id that nobody has. */
  const expectUnknown = async (type: string, id: string): Promise<void> => {
    for (const path of ['', '/_history', '/_history/1', '/_history/2'])
      expect([path, comparable(await get(`${type}/${id}${path}`))]).toEqual([
        path,
        comparable(await get(`${type}/nobody${path}`)),
      ]);
  };
  const statusOf = async (id: string): Promise<number> => (await get(`Condition/${id}`)).status;

  it('answers as a resource that never was, in read, versions, history and search', async () => {
    const authorization = {
      ...{
        resourceType: 'ExplanationOfBenefit',
        id: 'auth',
        status: 'active',
        use: 'preauthorization',
        outcome: 'complete',
      },
      type: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/claim-type', code: 'professional' }] },
      patient: { reference: 'Patient/m1' },
      created: '2024-01-01',
      insurer: { reference: 'Organization/o' },
      provider: { reference: 'Organization/p' },
      insurance: [{ focal: true, coverage: { reference: 'Coverage/c' } }],
    };
    const note = {
      ...{ resourceType: 'DocumentReference', id: 'note', status: 'current', subject: { reference: 'Patient/m1' } },
      content: [{ attachment: { title: 'note' } }],
    };
    const all = ['error', 'old', 'plain', 'twice', 'back'].map((id) => condition('m1', id));
    await publish(...all, authorization, note);
    expect(await Promise.all(['error', 'old', 'plain', 'twice'].map(statusOf))).toEqual([200, 200, 200, 200]);
    await publish(
      condition('m1', 'error', { ...IN_ERROR, ...LABEL }),
      condition('m1', 'old', { ...BEFORE_FLOOR, ...LABEL }),
      ...['plain', 'twice', 'back'].map((id) => condition('m1', id, { ...IN_ERROR, ...(id === 'back' && LABEL) })),
      { ...authorization, status: 'entered-in-error', ...LABEL },
      { ...note, status: 'entered-in-error', securityLabel: [{ coding: LABEL.meta.security }] },
    );
    // The label may also come with a second removal.
    await publish(condition('m1', 'twice', { ...IN_ERROR, ...LABEL }));
    expect(await statusOf('plain')).toBe(410);
    for (const id of ['error', 'old', 'twice', 'back']) await expectUnknown('Condition', id);
    await expectUnknown('ExplanationOfBenefit', 'auth');
    await expectUnknown('DocumentReference', 'note');
    for (const type of ['Condition', 'ExplanationOfBenefit', 'DocumentReference'])
      expect((await get(`${type}?patient=m1`)).json()).toMatchObject({ total: 0 });

    // A version without the label is a new beginning, and the removal stays unknown.
    await publish(condition('m1', 'back'));
    expect(await statusOf('back')).toBe(200);
    expect(comparable(await get('Condition/back/_history/2'))).toEqual(
      comparable(await get('Condition/nobody/_history/2')),
    );
    expect((await get('Condition/back/_history')).json()).toMatchObject({ total: 1 });
  });

  it('leaves the labels in its event, so that no delta lists its delete', async () => {
    await publish(condition('m1', 'error'));
    await publish(condition('m1', 'error', { ...IN_ERROR, ...LABEL }));
    const { [PA_RECORDS]: heads } = await house.log.head([PA_RECORDS]);
    const all = await Promise.all(heads!.map((end, partition) => house.log.read(PA_RECORDS, partition, 0, end)));
    const deleted = all.flat().filter(({ headers }) => headers['ce_type'] === 'pa.record-deleted.v1');
    expect(deleted.map((record) => (JSON.parse(textOf(record)) as { labels: string[] }).labels)).toEqual([
      [`${ACT_CODE}|42CFRPart2`],
    ]);
  });
});

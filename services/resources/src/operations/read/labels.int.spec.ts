import { afterEach, describe, expect, it } from 'vitest';
import { PA_RECORDS } from '@provider-access/events';
import { labelPolicy, readLabelPolicy, withDrugs } from '@provider-access/domain/pdex/labels';
import { type Answer, condition, House, patient } from '../../../test/harness.ts';

const CODES = 'http://terminology.hl7.org/CodeSystem';
const ACT_CODE = `${CODES}/v3-ActCode`;
const label = (code: string, system = ACT_CODE) => ({ meta: { security: [{ system, code }] } });

const LABELLED = {
  part2: label('42CFRPart2'),
  psychotherapy: label('PSYTHPN'),
  restricted: label('R', `${CODES}/v3-Confidentiality`),
  'very-restricted': label('V', `${CODES}/v3-Confidentiality`),
  hiv: label('HIV'),
  inside: { contained: [{ resourceType: 'Organization', id: 'x', name: 'Clinic', ...label('ETH') }] },
};

const inline = (code: string) => ({
  url: 'http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/extension-inline-sec-label',
  valueCoding: { system: ACT_CODE, code },
});
type Spot = 'root' | 'backbone' | 'concept' | 'coding' | 'item' | 'careTeam' | 'total' | 'net' | 'payment';

/** A claim with extensions at some places. Redaction removes what is at `total`, `net` and `payment`. */
function claimOf(extensions: Partial<Record<Spot, object[]>> = {}, use = 'claim') {
  const at = (spot: Spot) => (extensions[spot] === undefined ? {} : { extension: extensions[spot] });
  const coding = { system: 'http://hl7.org/fhir/sid/icd-10-cm', code: 'I10', ...at('coding') };
  return {
    ...{ resourceType: 'ExplanationOfBenefit', status: 'active', use, outcome: 'complete', ...at('root') },
    type: { coding: [{ system: `${CODES}/claim-type`, code: 'professional' }] },
    patient: { reference: 'Patient/m1' },
    created: '2024-01-01',
    insurer: { reference: 'Organization/o' },
    provider: { reference: 'Organization/p' },
    insurance: [{ focal: true, coverage: { reference: 'Coverage/c' } }],
    diagnosis: [{ sequence: 1, ...at('backbone'), diagnosisCodeableConcept: { ...at('concept'), coding: [coding] } }],
    careTeam: [{ sequence: 1, ...at('careTeam'), provider: { reference: 'Practitioner/p' } }],
    item: [{ sequence: 1, ...at('item'), productOrService: { text: 'x' }, net: { value: 5, ...at('net') } }],
    total: [{ category: { text: 'x' }, amount: { value: 5, currency: 'USD' }, ...at('total') }],
    payment: { amount: { value: 5 }, ...at('payment') },
  };
}

/** Resources by id, each with one label inside. */
function labelledClaims(): Record<string, { resourceType: string }> {
  const spots = ['root', 'backbone', 'concept', 'coding', 'item', 'careTeam', 'total', 'net', 'payment'] as const;
  const label42 = [inline('42CFRPart2')];
  const coverage = { resourceType: 'Coverage', status: 'active', beneficiary: { reference: 'Patient/m1' } };
  const payor = [{ reference: 'Organization/o' }];
  const group = { type: { coding: [{ system: `${CODES}/coverage-class`, code: 'group' }] }, value: 'g' };
  const claim = (more: object): { resourceType: string } => ({ ...claimOf(), ...more });
  const inside = (part: object) => claim({ contained: [{ id: 'x', ...part }] });
  const meta = label('HIV');
  return {
    ...Object.fromEntries(spots.map((spot) => [`claim-${spot}`, claimOf({ [spot]: label42 })])),
    ...Object.fromEntries(spots.map((spot) => [`auth-${spot}`, claimOf({ [spot]: label42 }, 'preauthorization')])),
    'claim-no-code': claimOf({ concept: [{ ...inline(''), valueCoding: { system: ACT_CODE } }] }),
    'claim-sibling': claim({ _created: { extension: label42 } }),
    'claim-meta': claim({ meta: { extension: label42 } }),
    coverage: { ...coverage, payor, extension: label42 } as { resourceType: string },
    'coverage-class': { ...coverage, payor, class: [{ ...group, extension: label42 }] } as { resourceType: string },
    'inside-condition': condition('m1', 'x', {
      contained: [{ ...claimOf({ concept: label42 }), id: 'e' }],
      extension: [{ url: 'http://payer.example/of', valueReference: { reference: '#e' } }],
    }) as { resourceType: string },
    'inside-invoice': inside({ resourceType: 'Invoice', status: 'issued', ...meta }),
    'inside-error': inside({ resourceType: 'Observation', status: 'entered-in-error', code: { text: 'x' }, ...meta }),
    'inside-old': inside({
      ...{ resourceType: 'Observation', status: 'final', code: { text: 'x' }, effectiveDateTime: '2015-01-01' },
      ...meta,
    }),
  };
}

describe('a resource that its security labels withhold', () => {
  let house: House;
  let token: string;
  afterEach(() => house.close());
  const open = async (options: Parameters<typeof House.open>[0] = {}): Promise<void> => {
    house = await House.open(options);
    await house.approve('app1');
    await house.attribute('m1');
    token = await house.token('app1');
  };
  const publish = async (...resources: object[]): Promise<void> => {
    await house.publish(resources.map((resource) => ({ subject: 'm1', resource, time: at() })));
    await house.settled();
  };
  let minute = 0;
  const at = (): string => new Date(Date.UTC(2025, 0, 1, 0, (minute += 1))).toISOString();
  const read = async (path: string): Promise<Answer> => house.call('GET', `/fhir/${path}`, { token });
  const statusOf = async (id: string): Promise<number> => (await read(`Condition/${id}`)).status;
  const comparable = ({ status, headers, text }: Answer): unknown => ({
    status,
    text,
    headers: { ...headers, date: undefined },
  });

  it('is read as an unknown one, to the byte, whatever the label and wherever it is', async () => {
    await open();
    await publish(patient('m1'), ...Object.entries(LABELLED).map(([id, extra]) => condition('m1', id, extra)));
    await house.publish([
      {
        type: 'payer.provider-recorded.v1',
        subject: '1234567893',
        resource: { resourceType: 'Practitioner', id: 'p1', ...label('SSP') },
      },
    ]);
    await house.settled();
    for (const type of ['Condition', 'Practitioner']) {
      const unknown = comparable(await read(`${type}/nobody`));
      expect(unknown).toMatchObject({ status: 404 });
      for (const id of [...Object.keys(LABELLED), 'p1'])
        expect(comparable(await read(`${type}/${id}`))).toEqual(unknown);
    }
    expect((await read('Patient/m1')).status).toBe(200);
  });

  it('is a claim, a prior authorization or a coverage with an inline label anywhere, also on money', async () => {
    const spots = Object.entries(labelledClaims());
    for (const [labels, status] of [
      [labelPolicy({}), 200],
      [undefined, 404],
    ] as const) {
      await open(labels && { labels });
      await publish(...spots.map(([id, claim]) => ({ ...claim, id })), { ...claimOf(), id: 'plain' });
      const statuses: unknown[] = await Promise.all(
        spots.map(async ([id, { resourceType }]) => [id, (await read(`${resourceType}/${id}`)).status]),
      );
      expect(statuses).toEqual(spots.map(([id]) => [id, status]));
      expect((await read('ExplanationOfBenefit/plain')).status).toBe(200);
      if (status === 200) await house.close();
    }
    for (const [type, total] of [
      ['ExplanationOfBenefit', 1],
      ['Coverage', 0],
      ['Condition', 0],
    ] as const)
      expect((await read(`${type}?patient=m1`)).json()).toMatchObject({ total });
  });

  it('keeps its inline label for a client that may see it, and its older version stays withheld', async () => {
    await open({ labels: labelPolicy({ [`${ACT_CODE}|SUD`]: 'withhold', [`${ACT_CODE}|SEX`]: 'release' }) });
    const claim = (code?: string) => ({ ...claimOf(code === undefined ? {} : { concept: [inline(code)] }), id: 'e' });
    // The first label is on a part that goes, so only the event of the version has it.
    await publish({ ...claimOf({ payment: [inline('SUD')] }), id: 'e' });
    expect((await read('ExplanationOfBenefit/e')).status).toBe(404);
    await publish(claim());
    expect((await read('ExplanationOfBenefit/e')).status).toBe(200);
    await publish(claim('SEX'));
    const answer = await read('ExplanationOfBenefit/e');
    expect([answer.status, answer.json().meta.versionId]).toEqual([200, '3']);
    expect(answer.json().diagnosis[0].diagnosisCodeableConcept.extension).toEqual([inline('SEX')]);
    const history = (await read('ExplanationOfBenefit/e/_history')).json();
    expect(history.entry.map(({ resource }: { resource: { meta: object } }) => resource.meta)).toMatchObject([
      { versionId: '3' },
      { versionId: '2' },
    ]);
    expect(comparable(await read('ExplanationOfBenefit/e/_history/1'))).toEqual(
      comparable(await read('ExplanationOfBenefit/nobody/_history/1')),
    );
  });

  it('is not counted where an earlier release wrote it, so that only its line has the label', async () => {
    await open();
    const at = '2025-01-01T00:00:00.000Z';
    const written = [condition('m1', 'open'), condition('m1', 'secret', label('HIV'))].map((resource) => {
      const { id } = resource as { id: string };
      const about = {
        member: 'm1',
        type: 'Condition',
        id,
        versionId: 1,
        lastUpdated: at,
        businessTime: at,
        sequence: 0,
      };
      const data = { ...about, contentHash: 'h', references: [], tokens: [], line: JSON.stringify(resource) };
      const headers = { ce_id: id, ce_type: 'pa.record-accepted.v1', ce_source: '/resources', ce_time: at };
      return { key: `m1/Condition/${id}`, partitionKey: 'm1', headers, value: JSON.stringify(data) };
    });
    await house.log.append(PA_RECORDS, written);
    // No event of the payer led to these records, so `settled` does not wait for them.
    const head = await house.log.head([PA_RECORDS]);
    for (const view of Object.values(house.records.views)) expect(await view.waitFor(head, 60_000)).toBe(true);
    for (const more of ['_summary=count', '_sort=_lastUpdated'])
      expect((await read(`Condition?patient=m1&${more}`)).json()).toMatchObject({ total: 1 });
  });

  it('comes back when a newer version has no such label, and goes when it gets one', async () => {
    await open();
    await publish(condition('m1', 'c', label('HIV')));
    expect(await statusOf('c')).toBe(404);
    await publish(condition('m1', 'c', label('N', `${CODES}/v3-Confidentiality`)));
    expect(await statusOf('c')).toBe(200);
    await publish(condition('m1', 'c', label('HIV')));
    expect(await statusOf('c')).toBe(404);
  });

  it('is released by a Consent that permits the label, until the Consent is inactive or deleted', async () => {
    await open({ labels: labelPolicy({ [`${ACT_CODE}|HIV`]: 'withhold unless consented' }) });
    const consent = (status: string, code: string, id = 'k1') => ({
      resourceType: 'Consent',
      id,
      status,
      scope: { coding: [{ system: `${CODES}/consentscope`, code: 'patient-privacy' }] },
      category: [{ coding: [{ system: ACT_CODE, code: 'IDSCL' }] }],
      patient: { reference: 'Patient/m1' },
      policyRule: { text: 'consent of the member' },
      provision: { type: 'permit', securityLabel: [{ system: ACT_CODE, code }] },
    });
    await publish(condition('m1', 'c', label('HIV')));
    expect(await statusOf('c')).toBe(404);
    await publish(consent('active', 'ETH'));
    expect(await statusOf('c')).toBe(404);
    await publish(consent('active', 'HIV'));
    expect(await statusOf('c')).toBe(200);
    expect((await read('Consent/k1')).status).toBe(404);
    await publish(consent('inactive', 'HIV'));
    expect(await statusOf('c')).toBe(404);
    await publish(consent('active', 'HIV', 'k2'));
    expect(await statusOf('c')).toBe(200);
    await house.publish([
      { type: 'payer.resource-deleted.v1', subject: 'm1', time: at(), data: { resourceType: 'Consent', id: 'k2' } },
    ]);
    await house.settled();
    expect(await statusOf('c')).toBe(404);
  });

  // N3: `"unknown": "withhold"` of the policy file.
  it('is one with a label that the policy does not know, if the policy says so', async () => {
    const payerLabel = label('state-law', 'https://payer.example/labels');
    const normal = label('N', `${CODES}/v3-Confidentiality`);
    for (const [file, counted] of [
      ['{"unknown":"withhold","labels":{}}', ['normal', 'plain']],
      // Without the built-in rules, not even an ordinary label is known.
      ['{"unknown":"withhold","default":false,"labels":{}}', ['plain']],
      [
        '{"unknown":"withhold","labels":{"https://payer.example/labels|State Law":"release"}}',
        ['law', 'normal', 'plain'],
      ],
    ] as const) {
      const reading = readLabelPolicy(file);
      if (!reading.ok) throw new Error(reading.fault);
      await open({ labels: reading.policy });
      await publish(condition('m1', 'plain'), condition('m1', 'law', payerLabel), condition('m1', 'normal', normal));
      const seen: string[] = [];
      for (const id of ['law', 'normal', 'plain']) if ((await statusOf(id)) === 200) seen.push(id);
      expect([file, seen]).toEqual([file, counted]);
      for (const more of ['', '&_summary=count', '&_total=accurate&_count=1'])
        expect((await read(`Condition?patient=m1${more}`)).json()).toMatchObject({ total: counted.length });
      if (counted.length < 3) await house.close();
    }
  });

  it('is a prior authorization of a drug until the day from which on it is served', async () => {
    const tomorrow = new Date(Date.now() + 86_400_000).toISOString();
    const coding = (system: string, code: string) => ({ coding: [{ system, code }] });
    const authorization = (id: string, type: string) => ({
      ...{ resourceType: 'ExplanationOfBenefit', id, status: 'active', use: 'preauthorization', outcome: 'complete' },
      type: coding(`${CODES}/claim-type`, type),
      patient: { reference: 'Patient/m1' },
      created: '2024-01-01',
      insurer: { reference: 'Organization/o' },
      provider: { reference: 'Organization/p' },
      insurance: [{ focal: true, coverage: { reference: 'Coverage/c' } }],
    });
    const statuses = async (): Promise<number[]> =>
      Promise.all(['drug', 'service'].map(async (id) => (await read(`ExplanationOfBenefit/${id}`)).status));
    const found = async (): Promise<number> => (await read('ExplanationOfBenefit?patient=m1')).json().total;
    for (const [drugs, expected] of [
      ['exclude', [404, 200]],
      [tomorrow, [404, 200]],
      ['2020-01-01T00:00:00.000Z', [200, 200]],
    ] as const) {
      await open({ labels: withDrugs(labelPolicy({}), drugs) });
      await publish(authorization('drug', 'pharmacy'), authorization('service', 'professional'));
      expect([drugs, await statuses()]).toEqual([drugs, expected]);
      expect(await found()).toBe(expected.filter((status) => status === 200).length);
      if (drugs !== '2020-01-01T00:00:00.000Z') await house.close();
    }
  });
});

import { type FhirResource, structureOf } from '@provider-access/fhir';
import { describe, expect, it } from 'vitest';
import { ALLOWED } from './allowed.ts';
import { redact } from './redact.ts';
import { money, category, BASIS, claim, observation, redacted } from '../../../test/pdex/redact-fixture.ts';

describe('redact: claims', () => {
  it('returns the same object when there is nothing to drop', () => {
    const resource = claim({ item: [{ sequence: 1, productOrService: { text: 'x' } }] });
    expect(redact(resource)).toEqual({ resource, dropped: {} });
    expect(redact(resource).resource).toBe(resource);
  });

  it('R9: drops totals, amounts and benefit balance, and counts them by path', () => {
    const { resource, dropped } = redact(
      claim({
        total: [{ category: category('submitted'), amount: money }],
        benefitBalance: [{ category: { text: 'x' }, financial: [{ type: { text: 'y' }, allowedMoney: money }] }],
        item: [
          {
            sequence: 1,
            productOrService: { text: 'x' },
            net: money,
            unitPrice: money,
            factor: 2,
            detail: [{ sequence: 1, productOrService: { text: 'x' }, net: money }],
          },
        ],
      }),
    );
    expect(resource).toEqual(
      claim({
        item: [
          { sequence: 1, productOrService: { text: 'x' }, detail: [{ sequence: 1, productOrService: { text: 'x' } }] },
        ],
      }),
    );
    expect(dropped).toEqual({
      'ExplanationOfBenefit.total': 1,
      'ExplanationOfBenefit.benefitBalance': 1,
      'ExplanationOfBenefit.item.net': 1,
      'ExplanationOfBenefit.item.unitPrice': 1,
      'ExplanationOfBenefit.item.factor': 1,
      'ExplanationOfBenefit.item.detail.net': 1,
    });
  });

  it('keeps adjudications that are no amounts, with units only where units are counted', () => {
    const kept = [
      { category: category('benefitpaymentstatus', BASIS), reason: { text: 'innetwork' } },
      { category: category('adjustmentreason', BASIS), reason: { coding: [{ code: '45' }] } },
      { category: category('allowedunits', BASIS), value: 3 },
    ];
    const after = redacted(
      claim({
        adjudication: [
          ...kept,
          { category: category('submitted'), amount: money },
          { category: { text: 'paid' }, value: 7 },
          { category: category('denialreason', BASIS), reason: { text: 'r' }, value: 99 },
        ],
      }),
    );
    expect(after['adjudication']).toEqual([
      ...kept,
      { category: category('denialreason', BASIS), reason: { text: 'r' } },
    ]);
  });

  it('does not trust a code of another system, nor a second category beside a unit', () => {
    const after = redacted(
      claim({
        adjudication: [
          { category: category('allowedunits', 'http://payer.example/amounts'), value: 12.5 },
          { category: { coding: [{ system: BASIS, code: 'allowedunits' }, { code: 'paidtoprovider' }] }, value: 12.5 },
        ],
      }),
    );
    expect(after['adjudication']).toEqual([
      { category: { coding: [{ system: BASIS, code: 'allowedunits' }, { code: 'paidtoprovider' }] } },
    ]);
  });

  it('keeps only the type of a payment, and removes a payment without one', () => {
    expect(
      redacted(
        claim({
          payment: { type: { text: 'partial' }, date: '2024-02-02', amount: money, identifier: { value: '1' } },
        }),
      )['payment'],
    ).toEqual({ type: { text: 'partial' } });
    expect(redacted(claim({ payment: { date: '2024-02-02', amount: money } }))['payment']).toBeUndefined();
  });

  it('keeps notes and the disposition of a claim, without the amounts that they hold', () => {
    const resource = claim({
      disposition: 'Settled as per contract.',
      processNote: [{ number: 1, type: 'display', text: 'See criteria PT-14.', language: { text: 'en' } }],
      item: [
        {
          sequence: 1,
          productOrService: { text: 'x' },
          noteNumber: [1],
          detail: [{ sequence: 1, productOrService: { text: 'x' }, noteNumber: [1] }],
        },
      ],
    });
    expect(redact(resource)).toEqual({ resource, dropped: {} });
    const { resource: after, dropped } = redact(
      claim({
        disposition: 'Paid 120.00',
        processNote: [
          { number: 1, text: 'Paid 12 dollars.' },
          { number: 2, text: 'Your copay is 20.' },
          { number: 3, text: 'Call us.' },
        ],
      }),
    );
    expect(after['disposition']).toBe('Paid [amount removed]');
    expect(after['processNote']).toEqual([
      { number: 1, text: 'Paid [amount removed].' },
      { number: 2, text: 'Your copay is [amount removed].' },
      { number: 3, text: 'Call us.' },
    ]);
    expect(dropped).toEqual({ 'ExplanationOfBenefit.disposition': 1, 'ExplanationOfBenefit.processNote.text': 2 });
  });

  it('drops narrative and unknown extensions, keeps known ones', () => {
    const known = {
      url: 'http://hl7.org/fhir/us/davinci-pdex/StructureDefinition/extension-levelOfServiceCode',
      valueCodeableConcept: { text: 'U' },
    };
    const after = redacted(
      claim({
        text: { status: 'generated', div: '<div>$12</div>' },
        item: [
          {
            sequence: 1,
            productOrService: { text: 'x' },
            _sequence: { extension: [{ url: 'http://payer.example/price', valueDecimal: 12.5 }] },
          },
        ],
        extension: [known, { url: 'http://payer.example/paid', valueDecimal: 12.5 }],
      }),
    );
    expect(after).toEqual(claim({ extension: [known], item: [{ sequence: 1, productOrService: { text: 'x' } }] }));
  });

  it('drops supporting information whose value was money, a payment date or an attachment, and keeps the rest', () => {
    const info = (sequence: number, more: object) => ({ sequence, category: { text: 'i' }, ...more });
    const after = redacted(
      claim({
        supportingInfo: [
          info(1, { valueQuantity: { value: 5, unit: 'USD' } }),
          info(2, { valueQuantity: { value: 5, unit: 'days' } }),
          info(3, { timingDate: '2024-01-01' }),
          { sequence: 4, category: { coding: [{ code: 'CLM_PMT_DT' }] }, timingDate: '2024-01-01' },
          info(5, { valueAttachment: { data: 'AAAA' } }),
        ],
      }),
    );
    expect((after['supportingInfo'] as { sequence: number }[]).map(({ sequence }) => sequence)).toEqual([2, 3]);
  });

  it('keeps why a pharmacy claim was rejected (CARIN rejectreason)', () => {
    const adjudication = [
      {
        category: category('rejectreason', 'http://hl7.org/fhir/us/carin-bb/CodeSystem/C4BBAdjudicationDiscriminator'),
        reason: { coding: [{ code: '70' }] },
      },
    ];
    const resource = claim({ adjudication, item: [{ sequence: 1, productOrService: { text: 'x' }, adjudication }] });
    expect(redact(resource).resource).toBe(resource);
  });

  it('drops supporting information that is an amount by its category, whatever it counts in', () => {
    const code = (text: string): object => ({ coding: [{ code: text }] });
    const after = redacted(
      claim({
        supportingInfo: [
          { sequence: 1, category: code('CLM_PMT_AMT'), valueQuantity: { value: 120 } },
          { sequence: 2, category: { text: 'Amount paid' }, valueString: '120.00' },
          { sequence: 3, category: code('patientDeductible'), valueQuantity: { value: 120, unit: '1' } },
          { sequence: 4, category: { text: 'Payment date' }, timingDate: '2024-01-01' },
          { sequence: 5, category: code('dayssupply'), valueQuantity: { value: 30 } },
          { sequence: 6, category: code('discharge-status'), code: code('01') },
          { sequence: 7, category: code('clmrecvddate'), timingDate: '2024-01-01' },
        ],
      }),
    );
    expect((after['supportingInfo'] as { sequence: number }[]).map(({ sequence }) => sequence)).toEqual([5, 6, 7]);
  });

  it('masks amounts in the texts that stay and leaves identifiers alone', () => {
    const after = redacted(
      claim({
        identifier: [{ value: '$12' }],
        diagnosis: [{ sequence: 1, diagnosisCodeableConcept: { text: 'owes $12' } }],
      }),
    );
    expect(after['identifier']).toEqual([{ value: '$12' }]);
    expect(after['diagnosis']).toEqual([{ sequence: 1, diagnosisCodeableConcept: { text: 'owes [amount removed]' } }]);
  });

  it('drops contained financial resources with the references to them', () => {
    const after = redacted(
      claim({
        contained: [
          { resourceType: 'ClaimResponse', id: 'r1', payment: { amount: money } },
          {
            resourceType: 'Coverage',
            id: 'c9',
            status: 'active',
            beneficiary: { display: 'm' },
            payor: [{ display: 'p' }],
            costToBeneficiary: [{ valueMoney: money }],
          },
        ],
        claimResponse: { reference: '#r1' },
      }),
    );
    expect(after['claimResponse']).toBeUndefined();
    expect(after['contained']).toEqual([
      {
        resourceType: 'Coverage',
        id: 'c9',
        status: 'active',
        beneficiary: { display: 'm' },
        payor: [{ display: 'p' }],
      },
    ]);
  });

  it('refuses unknown and withheld types', () => {
    expect(() => redact({ resourceType: 'Invoice' })).toThrow(TypeError);
    expect(() => redact({ resourceType: 'Nonsense' })).toThrow(TypeError);
  });
});

describe('redact: everything else', () => {
  it('drops cost to beneficiary and unknown extensions from a Coverage', () => {
    const coverage: FhirResource = {
      resourceType: 'Coverage',
      id: 'c',
      status: 'active',
      beneficiary: { reference: 'Patient/m1' },
      payor: [{ display: 'p' }],
    };
    expect(
      redacted({
        ...coverage,
        costToBeneficiary: [{ valueMoney: money }],
        extension: [{ url: 'http://x/y', valueString: 'z' }],
      }),
    ).toEqual(coverage);
  });

  it('drops money from extensions of clinical resources at any depth and keeps the other extensions', () => {
    const good = { url: 'http://x/good', valueString: '$12 is not for us to read here' };
    const after = redacted(
      observation({
        extension: [
          good,
          { url: 'http://x/price', valueMoney: money },
          {
            url: 'http://x/nested',
            extension: [
              { url: 'a', valueQuantity: { value: 3, unit: 'USD' } },
              { url: 'b', valueString: 'keep' },
            ],
          },
        ],
        _status: { extension: [{ url: 'http://x/price', valueMoney: money }] },
        valueQuantity: {
          value: 1,
          unit: 'mg',
          extension: [
            {
              url: 'http://x/p',
              extension: [
                { url: 'value', valueDecimal: 3 },
                { url: 'currency', valueCode: 'USD' },
              ],
            },
          ],
        },
      }),
    );
    expect(after).toEqual(
      observation({
        extension: [good, { url: 'http://x/nested', extension: [{ url: 'b', valueString: 'keep' }] }],
        valueQuantity: { value: 1, unit: 'mg' },
      }),
    );
  });

  it('drops a value in currency, keeps one in milligrams and a pen', () => {
    expect(
      redacted(observation({ valueQuantity: { value: 3, code: 'USD', system: 'urn:iso:std:iso:4217' } }))[
        'valueQuantity'
      ],
    ).toBeUndefined();
    const pen = observation({ valueQuantity: { value: 3, unit: 'PEN' } });
    expect(redact(pen).resource).toBe(pen);
  });

  it('counts by paths that have an end, however deep the structures nest', () => {
    let extension: object = { url: 'x', valueMoney: money };
    for (let depth = 0; depth < 30; depth += 1) extension = { url: 'x', extension: [extension] };
    const paths = Object.keys(redact(observation({ extension: [extension] })).dropped);
    expect(paths).toEqual([`Observation${'.extension'.repeat(7)}…`, ...paths.slice(1)]);
    expect(paths.every((path) => path.split('.').length <= 8)).toBe(true);
  });

  it('drops elements that R4 does not have, without their names', () => {
    expect(redact(observation({ 'Jane Doe owes': 5 }))).toEqual({
      resource: observation(),
      dropped: { 'Observation.(unknown)': 1 },
    });
  });
});

describe('the allow-list', () => {
  it('names only elements that R4 has', () => {
    const unknown = [...ALLOWED].flatMap(([path, allowed]) => {
      const names = new Set(
        [...(structureOf(path)?.elements.values() ?? [])].map(({ name, choice }) => choice ?? name),
      );
      return [...allowed].filter((name) => !names.has(name)).map((name) => `${path}.${name}`);
    });
    expect(unknown).toEqual([]);
  });

  it('keeps nothing that R4 requires and we would lose', () => {
    const lost = [...ALLOWED].flatMap(([path, allowed]) =>
      (structureOf(path)?.required ?? []).filter(({ name }) => !allowed.has(name)).map(({ name }) => `${path}.${name}`),
    );
    expect(lost.filter((name) => !name.startsWith('Claim.'))).toEqual([]);
  });
});

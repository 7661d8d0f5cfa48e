import { describe, expect, it } from 'vitest';
import { REVIEW_ACTION } from '../codes.ts';
import { findMoney } from '../find-money.ts';
import { redact } from './redact.ts';
import { money, category, claim, redacted } from '../../../test/pdex/redact-fixture.ts';

describe('redact: prior authorizations', () => {
  const review = {
    url: REVIEW_ACTION,
    extension: [
      { url: REVIEW_ACTION.replace('reviewAction', 'reviewActionCode'), valueCodeableConcept: { text: 'A1' } },
      { url: 'number', valueString: 'AUTH1' },
    ],
  };

  it('keeps notes with amounts masked', () => {
    const after = redacted(
      claim({
        use: 'preauthorization',
        disposition: 'Approved up to $500',
        processNote: [{ number: 1, text: 'You owe USD 12.' }],
        item: [{ sequence: 1, productOrService: { text: 'x' }, noteNumber: [1] }],
      }),
    );
    expect(after['processNote']).toEqual([{ number: 1, text: 'You owe [amount removed].' }]);
    expect(after['disposition']).toBe('Approved up to [amount removed]');
    expect(after['item']).toEqual([{ sequence: 1, productOrService: { text: 'x' }, noteNumber: [1] }]);
  });

  it('R20: keeps units, denial and decision', () => {
    const system = 'http://hl7.org/fhir/us/davinci-pdex/CodeSystem/PDexAdjudicationDiscriminator';
    const adjudication = [
      { extension: [review], category: category('allowedunits', system), value: 6 },
      { category: category('consumedunits', system), value: 1 },
      { category: category('denialreason', system), reason: { text: 'criteria not met' } },
    ];
    const resource = claim({
      use: 'preauthorization',
      item: [{ sequence: 1, productOrService: { text: 'x' }, adjudication }],
    });
    expect(redact(resource).resource).toBe(resource);
  });

  it('keeps a decision that is an extension of an amount, and masks the amount', () => {
    const after = redacted(
      claim({
        use: 'preauthorization',
        item: [
          {
            sequence: 1,
            productOrService: { text: 'x' },
            adjudication: [
              { extension: [review], category: category('submitted'), amount: money },
              { category: category('copay'), amount: money },
            ],
          },
        ],
      }),
    );
    expect(after['item']).toEqual([
      {
        sequence: 1,
        productOrService: { text: 'x' },
        adjudication: [
          {
            extension: [review],
            category: category('submitted'),
            amount: {
              extension: [{ url: 'http://hl7.org/fhir/StructureDefinition/data-absent-reason', valueCode: 'masked' }],
            },
          },
        ],
      },
    ]);
  });

  it('removes the unit price from an authorized detail', () => {
    const url = 'http://hl7.org/fhir/us/davinci-pas/StructureDefinition/extension-itemAuthorizedDetail';
    const after = redacted(
      claim({
        use: 'preauthorization',
        item: [
          {
            sequence: 1,
            productOrService: { text: 'x' },
            extension: [
              {
                url,
                extension: [
                  { url: 'unitPrice', valueMoney: money },
                  { url: 'quantity', valueQuantity: { value: 2 } },
                ],
              },
            ],
          },
        ],
      }),
    );
    expect((after['item'] as { extension: unknown }[])[0]?.extension).toEqual([
      { url, extension: [{ url: 'quantity', valueQuantity: { value: 2 } }] },
    ]);
  });

  it('removes a price from an authorized detail in any datatype', () => {
    const url = 'http://hl7.org/fhir/us/davinci-pas/StructureDefinition/extension-itemAuthorizedDetail';
    for (const price of [
      { url: 'unitPrice', valueDecimal: 120 },
      { url: 'unitPrice', valueString: '120.00' },
      { url: 'unitPrice', valueQuantity: { value: 120 } },
      { url: 'allowedAmount', valueDecimal: 120 },
    ]) {
      const after = redacted(
        claim({
          use: 'preauthorization',
          item: [
            {
              sequence: 1,
              productOrService: { text: 'x' },
              extension: [{ url, extension: [price, { url: 'quantity', valueQuantity: { value: 2 } }] }],
            },
          ],
        }),
      );
      expect((after['item'] as { extension: unknown }[])[0]?.extension).toEqual([
        { url, extension: [{ url: 'quantity', valueQuantity: { value: 2 } }] },
      ]);
    }
    expect(findMoney({ extension: [{ url: 'unitPrice', valueDecimal: 120 }] })).not.toEqual([]);
  });
});

import { describe, expect, it } from 'vitest';
import { differenceOf, matterOf, matterOfHold } from './matter.ts';

const NPI = '1234567893';
const OUT = 'payer.member-opted-out.v1';
const MERGED = 'payer.members-merged.v1';
const NETWORK = 'payer.network-status-changed.v1';
const RECORDED = 'payer.resource-recorded.v1';

describe('an event may stand for a dead letter', () => {
  it.each<[string, Parameters<typeof matterOf>, Parameters<typeof matterOf>, 'type' | 'subject' | undefined]>([
    ['of the same type and member', [OUT, 'm1', { scope: 1 }], [OUT, 'm1', { scope: 'global' }], undefined],
    ['of another member: no', [OUT, 'm1', {}], [OUT, 'm2', {}], 'subject'],
    ['of no member: no', [OUT, 'm1', {}], [OUT, undefined, {}], 'subject'],
    ['of another type: no', [OUT, 'm1', {}], ['payer.member-opted-in.v1', 'm1', {}], 'type'],
    ['whose member could not be read', [OUT, undefined, {}], [OUT, 'm2', {}], undefined],
    ['whose type could not be read', [undefined, 'm1', {}], [OUT, 'm1', {}], undefined],
    ['whose type is misspelt', ['payer.member-optedout.v1', 'm1', {}], [OUT, 'm1', {}], undefined],
    ['of a version that is not known', ['payer.member-opted-out.v7', 'm1', {}], [OUT, 'm1', {}], undefined],
    ['of a later version', [OUT, 'm1', {}], ['payer.member-opted-out.v2', 'm1', {}], undefined],
    [
      'of a version that is not known, as another type: no',
      ['payer.member-opted-out.v7', 'm1', {}],
      ['payer.member-enrolled.v1', 'm1', {}],
      'type',
    ],
    ['a merge of the same two', [MERGED, 'm1', { from: 'm2' }], [MERGED, 'm1', { from: 'm2' }], undefined],
    [
      'a merge of the same two, the other way round',
      [MERGED, 'm1', { from: 'm2' }],
      [MERGED, 'm2', { from: 'm1' }],
      undefined,
    ],
    ['a merge with another: no', [MERGED, 'm1', { from: 'm2' }], [MERGED, 'm1', { from: 'm3' }], 'subject'],
    [
      'a merge whose other id could not be read',
      [MERGED, 'm1', { from: true }],
      [MERGED, 'm1', { from: 'm3' }],
      undefined,
    ],
    [
      'a merge whose other id was written as a number',
      [MERGED, 'm1', { from: 7 }],
      [MERGED, 'm1', { from: '7' }],
      undefined,
    ],
    [
      'a merge whose other id was written as a number, with another: no',
      [MERGED, 'm1', { from: 7 }],
      [MERGED, 'm1', { from: 'm3' }],
      'subject',
    ],
    [
      'a network status of the same provider',
      [NETWORK, NPI, { npi: NPI, status: 1 }],
      [NETWORK, NPI, { npi: NPI, tin: '123456789' }],
      undefined,
    ],
    [
      'a network status of another provider: no',
      [NETWORK, undefined, { npi: NPI }],
      [NETWORK, '1', { npi: '1111111111' }],
      'subject',
    ],
    [
      'a Coverage',
      [RECORDED, 'm1', { resource: { resourceType: 'Coverage' } }],
      [RECORDED, 'm1', { resource: { resourceType: 'Coverage' } }],
      undefined,
    ],
    [
      'in place of a Coverage something else: no',
      [RECORDED, 'm1', { resource: { resourceType: 'Coverage' } }],
      [RECORDED, 'm1', { resource: { resourceType: 'Condition' } }],
      'type',
    ],
    [
      'whose resourceType is misspelt',
      [RECORDED, 'm1', { resource: { resourceType: 'Conditon' } }],
      [RECORDED, 'm1', { resource: { resourceType: 'Condition' } }],
      undefined,
    ],
    [
      'whose data is nothing',
      [RECORDED, 'm1', null],
      [RECORDED, 'm1', { resource: { resourceType: 'Condition' } }],
      undefined,
    ],
  ])('%s', (_what, original, event, difference) => {
    expect(differenceOf(matterOf(...original), matterOf(...event))).toBe(difference);
  });

  it('of a hold that another release stored under an older version of the type', () => {
    const contract = { newest: (type: string) => type.replace(/opted-out\.v0$/, 'opted-out.v1') };
    const held = { eventType: 'payer.member-opted-out.v0', member: 'm1', source: 's', deadLetter: 'd' };
    expect(differenceOf(matterOfHold(held, contract), matterOf(OUT, 'm1', {}))).toBeUndefined();
    expect(differenceOf(matterOfHold(held, contract), matterOf('payer.member-opted-in.v1', 'm1', {}))).toBe('type');
  });
});

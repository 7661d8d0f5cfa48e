import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PayerEventType } from '@provider-access/events';
import { attributed, enrolled, Harness, inNetwork, NPI, OTHER_NPI, payerEvent } from '../test/harness.ts';

let h: Harness;
beforeEach(async () => {
  h = await new Harness().start();
  await h.publish(inNetwork(), inNetwork(OTHER_NPI), ...['m1', 'm2'].map((member) => enrolled(member)));
  await h.publish(attributed('m1'), attributed('m2', OTHER_NPI));
  await h.app1('c1', [`npi|${NPI}`, `npi|${OTHER_NPI}`]);
});
afterEach(() => h.stop());

async function denied(): Promise<string[]> {
  await h.settle();
  const decisions = await h.facts.access.decideMany('c1', { kind: 'read' }, ['m1', 'm2']);
  return ['m1', 'm2'].filter((_member, i) => !decisions[i]!.permit);
}

// By hand from the rules (docs/dead-letters.md, ADR 0015), not from the table of the contract: what may have ended
// access denies whom it names until somebody resolves its dead letter.
describe('an event that cannot be read', () => {
  const coverage = { resource: { resourceType: 'Coverage', id: 'c1' }, sequence: 'first' };
  const removal = { resourceType: 'Coverage', id: 'an id', sequence: 1 };
  it.each<[PayerEventType, string, unknown, string[]]>([
    ['payer.member-enrolled.v1', 'm1', 'unreadable', ['m1']],
    ['payer.member-changed.v1', 'm1', 'unreadable', ['m1']],
    ['payer.member-terminated.v1', 'm1', 'unreadable', ['m1']],
    ['payer.members-merged.v1', 'm1', { from: 'm2 ' }, ['m1', 'm2']],
    ['payer.notice-returned.v1', 'm1', { sent: 'last week' }, ['m1']],
    ['payer.attribution-ended.v1', 'm1', 'unreadable', ['m1']],
    ['payer.network-status-changed.v1', NPI, 'unreadable', ['m1']],
    ['payer.resource-recorded.v1', 'm1', coverage, ['m1']],
    ['payer.resource-deleted.v1', 'm1', removal, ['m1']],
    ['payer.attribution-asserted.v1', 'm1', 'unreadable', []],
    ['payer.prior-authorization-changed.v1', 'm1', coverage, []],
    ['payer.provider-recorded.v1', NPI, coverage, []],
  ])('of the type %s denies whom it may have ended the access of', async (type, subject, data, held) => {
    expect(await denied()).toEqual([]);
    await h.publish(payerEvent(type, subject, data));
    expect(await denied()).toEqual(held);
  });
});

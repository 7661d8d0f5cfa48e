import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type DomainEvent, PA_ATTRIBUTION, PA_MEMBERS, PA_PROVIDERS, PROGRESS_TYPE } from '@provider-access/events';
import { typed } from '../test/groups.ts';
import { Harness, NPI, payerEvent } from '../test/harness.ts';

let h: Harness;
beforeEach(async () => {
  h = await new Harness().start();
});
afterEach(() => h.stop());

interface Part {
  readonly counts: Record<string, number>;
  readonly items?: readonly { readonly outcome: string; readonly reason?: string }[];
}
/** The receipts of a topic, one entry for each event: the outcome, with the reason if there is one. */
async function outcomes(topic: string): Promise<string[]> {
  const parts = (await typed<{ outcomes?: Part[] }>(h, topic, PROGRESS_TYPE)).flatMap(({ outcomes: own = [] }) => own);
  return parts.flatMap(({ counts, items = [] }) => {
    const plain = (counts['recorded'] ?? 0) - items.filter(({ outcome }) => outcome === 'recorded').length;
    const listed = items.map(({ outcome, reason }) => [outcome, reason].filter(Boolean).join(': '));
    return [...listed, ...Array.from({ length: plain }, () => 'recorded')];
  });
}

let events = 0;
/** A statement of a payer about `m1` or the provider in a year. The later the year, the newer the statement. */
const said = (year: number, type: string, data: object, subject = 'm1'): DomainEvent =>
  payerEvent(type, subject, data, {
    id: `o-${(events += 1)}`,
    time: `${year}-06-01T12:00:00Z`,
    extensions: { pareceipt: `r-${events}` },
  });
const enrolled = (year: number, from: string, to?: string): DomainEvent =>
  said(year, 'payer.member-enrolled.v1', { coverageId: 'c1', from, ...(to !== undefined && { to }) });
const terminated = (year: number, to: string): DomainEvent =>
  said(year, 'payer.member-terminated.v1', { coverageId: 'c1', to });
const asserted = (year: number, from: string): DomainEvent =>
  said(year, 'payer.attribution-asserted.v1', { provider: { npi: NPI }, from });
const ended = (year: number, to: string): DomainEvent =>
  said(year, 'payer.attribution-ended.v1', { provider: { npi: NPI }, to });
const network = (year: number, status: string): DomainEvent =>
  said(year, 'payer.network-status-changed.v1', { npi: NPI, status, from: '2020-01-01' }, NPI);

describe('an older statement', () => {
  it.each<[string, string, () => DomainEvent, () => DomainEvent, () => DomainEvent]>([
    [
      'a coverage',
      PA_ATTRIBUTION,
      () => enrolled(2025, '2020-01-01'),
      () => enrolled(2024, '2020-01-01'),
      () => enrolled(2024, '2020-01-01', '2024-12-31'),
    ],
    [
      'the end of a coverage',
      PA_ATTRIBUTION,
      () => terminated(2025, '2024-12-31'),
      () => terminated(2024, '2024-12-31'),
      () => terminated(2024, '2025-12-31'),
    ],
    [
      'an attribution',
      PA_ATTRIBUTION,
      () => asserted(2025, '2020-01-01'),
      () => asserted(2024, '2020-01-01'),
      () => asserted(2024, '2021-01-01'),
    ],
    [
      'the end of an attribution',
      PA_ATTRIBUTION,
      () => ended(2025, '2024-12-31'),
      () => ended(2024, '2024-12-31'),
      () => ended(2024, '2025-12-31'),
    ],
    [
      'a network status',
      PA_PROVIDERS,
      () => network(2025, 'in-network'),
      () => network(2024, 'in-network'),
      () => network(2024, 'out-of-network'),
    ],
  ])('of %s is unchanged when it says what stands, else superseded', async (_what, topic, stands, same, other) => {
    await h.publish(stands());
    expect(await outcomes(topic)).toEqual(['recorded']);
    await h.publish(same());
    expect(await outcomes(topic)).toEqual(['recorded', 'unchanged']);
    await h.publish(other());
    expect(await outcomes(topic)).toEqual(['recorded', 'unchanged', 'superseded']);
  });

  it('is superseded in one batch with the newer one as well, and by a newer end', async () => {
    await h.publish(asserted(2025, '2020-01-01'), ended(2026, '2019-12-31'), asserted(2024, '2020-01-01'));
    expect((await outcomes(PA_ATTRIBUTION)).toSorted()).toEqual(['recorded', 'recorded', 'superseded']);
  });

  it('of a source that is new is superseded too, though it is remembered that the source spoke', async () => {
    await h.publish(enrolled(2025, '2020-01-01'));
    await h.publish({ ...enrolled(2024, '2020-01-01', '2024-12-31'), source: 'urn:another' });
    expect(await outcomes(PA_ATTRIBUTION)).toEqual(['recorded', 'superseded']);
    expect(await typed(h, PA_MEMBERS, 'pa.coverage-changed.v1')).toHaveLength(2);
  });

  it('of a network status is not appended again and again', async () => {
    await h.publish(network(2025, 'in-network'));
    for (let n = 0; n < 3; n++) await h.publish(network(2024, 'out-of-network'));
    expect(await typed(h, PA_PROVIDERS, 'pa.network-status-recorded.v1')).toHaveLength(1);
  });

  it('of a network status still joins the identifiers of its provider', async () => {
    await h.publish(network(2025, 'in-network'));
    const data = { npi: NPI, tin: '123456789', status: 'out-of-network', from: '2020-01-01' };
    const both = said(2024, 'payer.network-status-changed.v1', data, NPI);
    await h.publish(both);
    await h.settle();
    expect(h.facts.parties.identity(`npi|${NPI}`).toSorted()).toEqual([`npi|${NPI}`, 'tin|123456789']);
  });
});

describe('a statement of the same business time', () => {
  it('is recorded with the reason, and one that it replaced and that comes again is superseded', async () => {
    const [first, second] = [enrolled(2025, '2020-01-01'), enrolled(2025, '2020-01-01', '2030-12-31')];
    await h.publish(first);
    await h.publish(second);
    expect(await outcomes(PA_ATTRIBUTION)).toEqual(['recorded', 'recorded: same-time']);
    await h.publish(first);
    await h.publish(second);
    expect(await outcomes(PA_ATTRIBUTION)).toEqual(['recorded', 'recorded: same-time', 'superseded', 'unchanged']);
  });

  it('of a network status as well', async () => {
    const [first, second] = [network(2025, 'in-network'), network(2025, 'out-of-network')];
    await h.publish(first);
    await h.publish(second);
    await h.publish(first);
    await h.publish(second);
    expect(await outcomes(PA_PROVIDERS)).toEqual(['recorded', 'recorded: same-time', 'superseded', 'unchanged']);
  });
});

describe('the receipt of a coverage that is not shared', () => {
  it('N63 says that the table of lines does not name its plan, or that no plan is known', async () => {
    const enrolledIn = (coverageId: string, plan?: string): DomainEvent =>
      said(2024, 'payer.member-enrolled.v1', { coverageId, from: '2024-01-01', ...(plan !== undefined && { plan }) });
    await h.publish(enrolledIn('c1', 'GOLD'), enrolledIn('c2'));
    expect(await outcomes(PA_ATTRIBUTION)).toEqual(['recorded', 'recorded']);
    await h.lines({ H1234: '2020-01-01T00:00:00.000Z' });
    await h.publish(
      enrolledIn('c3', 'H1234'),
      enrolledIn('c4', 'GOLD'),
      enrolledIn('c5'),
      said(2025, 'payer.member-changed.v1', { coverageId: 'c3', from: '2024-02-01' }),
    );
    expect((await outcomes(PA_ATTRIBUTION)).slice(2).toSorted()).toEqual([
      'recorded',
      'recorded',
      'recorded: no-plan',
      'recorded: unmapped-plan',
    ]);
  });
});

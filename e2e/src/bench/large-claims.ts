import type { DomainEvent } from '@provider-access/events';

/** A sequence of numbers from 0 to 1 that is the same in each run (Lehmer, Park and Miller 1988). */
function numbers(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
}

interface Claim {
  readonly resourceType: string;
  readonly item?: readonly Readonly<Record<string, unknown>>[];
}

/**
 * The claims of a payer with so many lines of service that each has 17 to 35 kB, as the claims of CMS have. Codes, days
 * and amounts of the lines vary, because a compressor would shrink copies of one line to almost nothing.
 */
export function* withLargeClaims(events: Iterable<DomainEvent>): Generator<DomainEvent> {
  const next = numbers(4711);
  const between = (low: number, high: number): number => low + Math.floor(next() * (high - low));
  for (const event of events) {
    const data = event.data as { readonly resource?: Claim };
    const claim = data.resource;
    const [line] = claim?.item ?? [];
    if (claim?.resourceType !== 'ExplanationOfBenefit' || line === undefined) {
      yield event;
      continue;
    }
    const wanted = between(17_000, 35_000);
    const item: Readonly<Record<string, unknown>>[] = [];
    let bytes = JSON.stringify(claim).length - JSON.stringify(claim.item).length;
    while (bytes < wanted) {
      const amount = { value: between(100, 99_999) / 100, currency: 'USD' };
      item.push({
        ...line,
        sequence: item.length + 1,
        productOrService: {
          coding: [{ system: 'http://www.ama-assn.org/go/cpt', code: String(between(10_000, 99_999)) }],
        },
        servicedDate: `${between(2016, 2026)}-0${between(1, 9)}-${between(10, 28)}`,
        unitPrice: amount,
        net: amount,
      });
      bytes += JSON.stringify(item.at(-1)).length + 1;
    }
    yield { ...event, data: { ...data, resource: { ...claim, item } } };
  }
}

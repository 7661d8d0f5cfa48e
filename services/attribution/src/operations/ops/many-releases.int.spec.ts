import { Audit, disclosures } from '@provider-access/audit';
import { PA_AUDIT } from '@provider-access/events';
import type { ViewReader, Views } from '@provider-access/engines/views';
import { variant } from '@provider-access/testing/variant';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ADMIN, Harness, inNetwork, panel } from '../../../test/harness.ts';

/** A member of whom very much was released. The bound of the document, 10,000, is in the long variant. */
const RELEASES = variant.long ? 10_050 : 1_500;
const FEW = 60;
const PAGE = 50;
const admin = { authorization: `Bearer ${ADMIN}` };

let h: Harness;
/** Documents of the audit that queries returned. */
let rows = 0;
beforeAll(async () => {
  h = new Harness();
  const { views } = h.ports as { views: Views };
  const readerOf = views.reader.bind(views);
  const counted = (reader: ViewReader): ViewReader =>
    new Proxy(reader, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target);
        if (name === 'scan') throw new Error('a scan has no bound');
        if (typeof value !== 'function') return value;
        if (name !== 'find') return value.bind(target) as unknown;
        return async (...args: Parameters<ViewReader['find']>) => {
          const found = await target.find(...args);
          rows += found.length;
          return found;
        };
      },
    });
  views.reader = (projection) => {
    const reader = readerOf(projection);
    return projection === disclosures ? counted(reader) : reader;
  };
  await h.start();
  await h.publish(inNetwork(), ...panel('few', 'many'));
  const audit = h.app.get(Audit, { strict: false });
  const release = (member: string, n: number) =>
    audit.record({ client: `c${n % 7}`, action: 'read', outcome: 'released', members: [member], resources: 1 });
  await Promise.all(Array.from({ length: FEW }, (_, n) => release('few', n)));
  await Promise.all(Array.from({ length: RELEASES }, (_, n) => release('many', n)));
  expect(await readerOf(disclosures).waitFor(await h.log.head([PA_AUDIT]), 60_000)).toBe(true);
  h.now += 1;
}, 300_000);
afterAll(() => h.stop());

interface Page {
  readonly disclosures: readonly { readonly id: string }[];
  readonly next?: string;
}
async function page(path: string): Promise<Page & { readonly rows: number }> {
  rows = 0;
  const answer = await h.get(path, admin);
  expect(answer.statusCode, answer.body).toBe(200);
  return { ...answer.json<Page>(), rows };
}
const first = (member: string) => page(`/ops/disclosures?member=${member}&limit=${PAGE}`);

describe('a member with very many releases', () => {
  it('costs a page what it shows, on the first page and on the last one', async () => {
    const seen = new Set<string>();
    const few = await first('few');
    let at = await first('many');
    const most = at.rows;
    expect(at.rows).toBe(few.rows);
    for (;;) {
      for (const { id } of at.disclosures) seen.add(id);
      if (at.next === undefined) break;
      expect(at.disclosures).toHaveLength(PAGE);
      at = await page(at.next);
      expect(at.rows).toBeLessThanOrEqual(most);
    }
    expect(seen.size).toBe(RELEASES);
  });

  it('lists all of them in a document, or says which period to name', async () => {
    const answer = await h.get('/ops/disclosures/document?member=many', admin);
    if (RELEASES <= 10_000) expect(answer.body.match(/<tr><td>/g)).toHaveLength(RELEASES);
    else
      expect([answer.statusCode, answer.body]).toEqual([
        413,
        expect.stringContaining('more than 10000 disclosures. Name a shorter period with since and until'),
      ]);
  });
});

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeEvent, PA_CONSENT } from '@provider-access/events';
import { openMemoryLog } from '@provider-access/engines/log/memory';
import { ProjectionSet, type ValuesQuery, type ViewReader } from '@provider-access/engines/views';
import { openMemoryViews } from '@provider-access/engines/views/memory';
import { instant } from '@provider-access/kernel';
import { history } from './rows.ts';
import { FOREVER, KeptStatements, StoredStatements } from './statements.ts';

const START = Date.UTC(2026, 5, 1);
/** Statements about each member. Together they are more than a query may have, and one has more than that alone. */
const COUNTS: Readonly<Record<string, number>> = { a: 3, b: 4, c: 25, d: 2, e: 6, f: 1, g: 0 };
const MEMBERS = Object.keys(COUNTS);
const MOST = 10;
const logger = { error: () => undefined, info: () => undefined, warn: () => undefined };

describe('statements about many subjects at once', () => {
  const log = openMemoryLog({ now: () => START });
  const views = openMemoryViews();
  const projections = new ProjectionSet({ log, views, projections: [history], logger });
  const documents: number[] = [];
  let stored: StoredStatements;

  beforeAll(async () => {
    let sent = 0;
    for (const member of MEMBERS)
      for (let n = 0; n < COUNTS[member]!; n++) {
        const time = instant(START + (sent += 1));
        const event = { id: `e-${sent}`, source: 'urn:test', type: 'pa.opted-out.v1', time, subject: member };
        const data = { member, scope: 'global', effective: time, businessTime: time, setBy: 'member' };
        const extensions = { pasource: 'urn:payer' };
        await log.append(PA_CONSENT, [encodeEvent({ ...event, data, extensions }, { key: member })]);
      }
    await projections.start();
    const reader = views.reader(history);
    expect(await reader.waitFor(await log.head([PA_CONSENT]), 60_000)).toBe(true);
    const counted = new Proxy(reader, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target);
        if (name !== 'having') return typeof value === 'function' ? (value.bind(target) as unknown) : value;
        return async (query: ValuesQuery) => {
          const found = await target.having(query);
          documents.push(found.length);
          return found;
        };
      },
    });
    stored = new StoredStatements(counted as ViewReader, MOST);
  });
  afterAll(async () => {
    await projections.stop();
    await views.close();
    await log.close();
  });

  it('are all found, and no query has more documents than its bound and one', async () => {
    const found = await stored.bySubject(PA_CONSENT, MEMBERS);
    expect(Object.fromEntries(MEMBERS.map((member) => [member, found.get(member)?.length ?? 0]))).toEqual(COUNTS);
    expect(Math.max(...documents)).toBe(MOST + 1);
    // Halves of seven subjects, each read once more at most.
    expect(documents.length).toBeLessThan(2 * MEMBERS.length);
    const rows = await stored.ofMany(PA_CONSENT, MEMBERS, FOREVER);
    expect(rows.length).toBe(Object.values(COUNTS).reduce((all, count) => all + count, 0));
  });

  it('are kept, but for a subject that has too many', async () => {
    const kept = new KeptStatements(stored, 4);
    expect((await kept.load(PA_CONSENT, MEMBERS)).toSorted()).toEqual(['c', 'e']);
    expect([...kept.known(PA_CONSENT)].map(([member, rows]) => [member, rows.length])).toEqual([
      ['a', 3],
      ['b', 4],
      ['d', 2],
      ['f', 1],
      ['g', 0],
    ]);
    // A question about them is answered in full.
    expect((await kept.ofMany(PA_CONSENT, MEMBERS, FOREVER)).length).toBe(41);
  });
});

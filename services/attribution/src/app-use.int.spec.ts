import { Audit } from '@provider-access/audit';
import { PA_AUDIT } from '@provider-access/events';
import { instant } from '@provider-access/kernel';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ADMIN, Harness } from '../test/harness.ts';
import { evidence } from './projections/evidence.ts';

const NOW = Date.parse('2026-11-15T12:00:00Z');
const HOUR = 3_600_000;
type Entry = Parameters<Audit['record']>[0];
const entry = (more: object): Entry =>
  ({ client: 'ehr', action: 'read', outcome: 'released', members: ['m1'], resources: 1, ...more }) as Entry;

let h: Harness;
beforeEach(async () => {
  h = new Harness();
  h.now = NOW;
  await h.start();
});
afterEach(() => h.stop());
async function recorded(at: number, ...entries: readonly Entry[]): Promise<void> {
  h.now = at;
  for (const one of entries) await h.app.get(Audit, { strict: false }).record(one);
}
const use = async (client: string): Promise<Record<string, unknown>> => {
  const answer = await h.get(`/ops/evidence/apps/${client}`, { authorization: `Bearer ${ADMIN}` });
  expect(answer.statusCode, answer.body).toBe(200);
  return answer.json<Record<string, unknown>>();
};

describe('P63 what an app took, for a reviewer', () => {
  it('counts by what was asked, with the first and the last time, and names no member', async () => {
    await recorded(NOW, entry({ resources: 3 }), entry({ members: ['m2'], resources: 4 }));
    await recorded(NOW + HOUR, entry({ action: 'search', members: ['m1', 'm2'], resources: 10 }));
    // Nothing new was given, or it is about another app.
    await recorded(NOW + 2 * HOUR, entry({ reason: 'not-modified', resources: 0 }), entry({ client: 'other' }));
    const refused = { outcome: 'refused', resources: 0 };
    await recorded(NOW + 3 * HOUR, entry({ ...refused, reason: 'opted-out' }));
    await recorded(NOW + 4 * HOUR, entry({ ...refused, reason: 'opted-out', count: 6 }));
    const shown = await use('ehr');
    expect(shown).toEqual({
      client: 'ehr',
      recordedSince: '2026-11-15',
      last: instant(NOW + HOUR),
      given: [
        { action: 'read', releases: 2, resources: 7, first: instant(NOW), last: instant(NOW) },
        { action: 'search', releases: 1, resources: 10, first: instant(NOW + HOUR), last: instant(NOW + HOUR) },
      ],
      refused: [{ reason: 'opted-out', count: 7, first: instant(NOW + 3 * HOUR), last: instant(NOW + 4 * HOUR) }],
    });
    expect(JSON.stringify(shown)).not.toMatch(/"m1"|"m2"/);
  });

  it('counts entries of every partition of the audit', async () => {
    for (let i = 0; i < 40; i++) await recorded(NOW + i, entry({ members: [`m${i}`] }));
    expect((await use('ehr'))['given']).toMatchObject([
      { releases: 40, resources: 40, first: instant(NOW), last: instant(NOW + 39) },
    ]);
  });

  it('counts no look of the payer itself, no refused person and no token that proved nothing', async () => {
    const refused = { outcome: 'refused', resources: 0 };
    await recorded(
      NOW,
      entry({ client: 'person u-1', action: 'explain', operation: 'GET /ops/explain' }),
      entry({ ...refused, client: 'ehr', operation: 'GET /ops/explain', reason: 'forbidden' }),
      entry({ ...refused, action: 'token', reason: 'alg', count: 3 }),
    );
    for (const client of ['ehr', 'person%20u-1']) expect(await use(client)).toMatchObject({ given: [], refused: [] });
  });

  it('keeps one document for each partition, however much the app takes', async () => {
    for (let i = 0; i < 60; i++) await recorded(NOW + i * HOUR, entry({ members: [`m${i % 7}`] }));
    await use('ehr');
    const found = await h.views.reader(evidence).find({ index: 'by_app', equals: ['ehr'], limit: 1000 });
    expect(found.length).toBeGreaterThan(0);
    expect(found.length).toBeLessThanOrEqual(await h.log.partitions(PA_AUDIT));
  });

  it('answers for an app that took nothing, or that is not known', async () => {
    expect(await use('nobody')).toEqual({ client: 'nobody', given: [], refused: [] });
  });
});

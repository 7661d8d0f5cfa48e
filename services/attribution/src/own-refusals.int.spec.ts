import { Audit } from '@provider-access/audit';
import { ABSENCES, DENIALS, PA_AUDIT, type RefusalReason } from '@provider-access/events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ADMIN, Harness, NPI, OTHER_NPI, panel, PAYER, inNetwork } from '../test/harness.ts';
import { RefusalsController } from './operations/refusals/refusals.controller.ts';
import { evidence } from './projections/evidence.ts';

/**
 * Attack list of `GET /refusals`: it must tell nothing that the refusals themselves did not tell (PEOPLE.md N11, and
 * SPEC.md 3.3: denied and unknown get the same bytes). The refusals of another app; whether a member exists or opted
 * out; how many members an export left out; the time of a decision; the time and the work of the answer.
 */
const DAY_MS = 86_400_000;
interface Row {
  readonly day: string;
  readonly action: string;
  readonly status: number;
  readonly code: string;
  readonly type?: string;
  readonly count: number;
  readonly cure: string;
}
type Entry = Parameters<Audit['record']>[0];

let h: Harness;
let own: { authorization: string };
let other: { authorization: string };
beforeEach(async () => {
  h = await new Harness().start();
  await h.publish(inNetwork(), inNetwork(OTHER_NPI), ...panel('m1'));
  own = await h.app1('ehr', [`npi|${NPI}`]);
  other = await h.app1('other', [`npi|${OTHER_NPI}`]);
});
afterEach(() => h.stop());

const passed = async (): Promise<void> => {
  const head = await h.log.head([PA_AUDIT]);
  expect(await h.views.reader(evidence).waitFor(head, 60_000)).toBe(true);
};
const text = async (headers = own): Promise<string> => {
  await passed();
  const answer = await h.get('/refusals', headers);
  expect(answer.statusCode, answer.body).toBe(200);
  return answer.body;
};
const rows = async (headers = own): Promise<Row[]> => (JSON.parse(await text(headers)) as { refusals: Row[] }).refusals;
const audit = (): Audit => h.app.get(Audit, { strict: false });
const refuse = (reason: RefusalReason, more: Partial<Entry> = {}): Promise<void> =>
  audit().record({
    ...{ client: 'ehr', action: 'read', outcome: 'refused', reason, members: [], resources: 0, ...more },
  } as Entry);
const short = (all: readonly Row[]): unknown[] =>
  all.map(({ action, status, code, type, count }) => [
    action,
    status,
    code,
    ...(type === undefined ? [] : [type]),
    count,
  ]);

describe('GET /refusals', () => {
  it('lists what the app was refused, with the cure of docs/refusals.md', async () => {
    expect((await h.get('/fhir/Group?bogus=1', own)).statusCode).toBe(400);
    expect((await h.get('/fhir/Group/unknown-group', own)).statusCode).toBe(404);
    expect((await h.get('/fhir/Group/unknown-other', own)).statusCode).toBe(404);
    const found = await rows();
    expect(short(found)).toEqual(
      expect.arrayContaining([
        ['group-search', 400, 'not-supported', 'Group', 1],
        ['group-read', 404, 'not-found', 2],
      ]),
    );
    expect(found).toHaveLength(2);
    expect(found.find(({ code }) => code === 'not-found')!.cure).toBe('Check the id, then ask the payer.');
  });

  it('has a refused token of the app, whatever check failed', async () => {
    for (const reason of ['invalid_client: key', 'invalid_client: jti', 'unauthorized_client: not-in-network'])
      await refuse(reason as RefusalReason, { action: 'token' } as Partial<Entry>);
    expect(short(await rows())).toEqual(
      expect.arrayContaining([
        ['token', 401, 'invalid-client', 2],
        ['token', 400, 'unauthorized-client', 1],
      ]),
    );
  });

  it.each(['read', 'vread', 'history', 'group-read', 'download'] as const)(
    'N11: %s looks the same for every reason why something is not there',
    async (action) => {
      const reasons = Object.keys({ ...DENIALS, ...ABSENCES }) as RefusalReason[];
      for (const reason of reasons) {
        // What the audit has of a known member, and of one whom nobody knows.
        await refuse(reason, { action, members: ['m1'], types: ['Patient'], group: 'g-secret', job: 'j-secret' });
        await refuse(reason, { action });
      }
      expect(short(await rows())).toEqual([[action, 404, 'not-found', 2 * reasons.length]]);
      const said = await text();
      for (const secret of [...reasons, 'm1', 'g-secret', 'j-secret', 'Patient'])
        expect(said).not.toContain(`"${secret}"`);
    },
  );

  it('says nothing of what was no refused answer: members that an export or a search left out', async () => {
    const before = await text();
    await refuse('opted-out', { action: 'export-requested', members: ['m1', 'm2'], job: 'j1' });
    await refuse('not-covered', { action: 'export-requested', members: ['m1'] });
    await refuse('opted-out', { action: 'search', members: ['m1'] });
    await refuse('opted-out', { action: 'group-search', members: ['m1'] });
    await refuse('match-suspended', { action: 'export-requested' });
    await refuse('consent-of-another', { action: 'export-requested' });
    await refuse('forbidden', { client: 'ehr', action: 'explain', operation: 'GET /ops/explain' });
    await audit().record({ client: 'ehr', action: 'read', outcome: 'released', members: ['m1'], resources: 1 });
    expect(await text()).toBe(before);
  });

  it('has nothing of another app, and nothing of a caller who proved nothing', async () => {
    await refuse('opted-out', { client: 'other', members: ['m1'] });
    await refuse('invalid_client: key' as RefusalReason, { client: 'unknown', action: 'token' } as Partial<Entry>);
    expect(await rows()).toEqual([]);
    expect(short(await rows(other))).toEqual([['read', 404, 'not-found', 1]]);
    const asked = await h.get('/refusals?client=other', own);
    expect([asked.statusCode, (asked.json() as { refusals: Row[] }).refusals]).toEqual([200, []]);
  });

  it('counts by the day of the clock, not by the time of a decision that depends on the member', async () => {
    const [today, tomorrow] = [h.now, h.now + DAY_MS].map((at) => new Date(at).toISOString());
    await audit().record(
      { client: 'ehr', action: 'read', outcome: 'refused', reason: 'opted-out', members: ['m1'], resources: 0 },
      { at: tomorrow! },
    );
    expect((await rows()).map(({ day }) => day)).toEqual([today!.slice(0, 10)]);
    expect(await text()).not.toContain(tomorrow!.slice(0, 10));
  });

  it('goes back for 30 days, with the same reads however much was refused', async () => {
    const reader = (
      h.app.get(RefusalsController, { strict: false }) as unknown as { reader: { getMany: () => unknown } }
    ).reader;
    const many = vi.spyOn(reader, 'getMany');
    expect(await rows()).toEqual([]);
    await Promise.all(Array.from({ length: 500 }, () => refuse('opted-out', { members: ['m1'] })));
    expect((await rows()).map(({ count }) => count)).toEqual([500]);
    expect(many.mock.calls.map(([ids]: unknown[]) => (ids as string[]).length)).toEqual([30, 30]);
    await h.advance(29 * DAY_MS);
    const later = await h.token('ehr');
    expect((await rows(later)).map(({ count }) => count)).toEqual([500]);
    await h.advance(DAY_MS);
    expect(await rows(await h.token('ehr'))).toEqual([]);
  });

  it.each([
    ['nobody', {}],
    ['the payer', { authorization: `Bearer ${PAYER}` }],
    ['the administrator', { authorization: `Bearer ${ADMIN}` }],
  ])('is for apps alone, not for %s', async (_who, headers) => {
    expect((await h.get('/refusals', headers as Record<string, string>)).statusCode).toBe(401);
  });

  it('keeps no member in its view', async () => {
    await refuse('opted-out', { members: ['m-secret'], query: 'patient' });
    await rows();
    const { reader } = h.app.get(RefusalsController, { strict: false }) as unknown as {
      reader: { get(id: string): Promise<object> };
    };
    const kept = await reader.get(`refused/ehr/${new Date(h.now).toISOString().slice(0, 10)}`);
    expect(JSON.stringify(kept)).toContain('not-found');
    expect(JSON.stringify(kept)).not.toMatch(/m-secret|opted-out/);
  });
});

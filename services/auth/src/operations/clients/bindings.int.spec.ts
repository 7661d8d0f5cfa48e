import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ADMINISTRATOR, ADMINISTRATOR_2, type App, Bench, NPI, NPI_2, prepare } from '../../../test/harness.ts';
import { ExpiredReviews } from '../../apps/expired-reviews.ts';
import type { AuthConfig } from '../../config.ts';

beforeAll(prepare);
const HOUR = 60 * 60 * 1000;
const DAY = 24 * HOUR;
const TIN = '123456789';
let bench: Bench;
/** Whether each interval is an event of its own (BINDING_EVENTS). */
let bindingEvents = false;
const start = async (config: Partial<AuthConfig> = {}): Promise<void> => {
  bench = await Bench.start({ config: { bindingEvents, ...config } });
};
afterEach(() => bench.stop());

const show = async (app: App) => (await bench.call('GET', `/auth/clients/${app.id}`, { token: ADMINISTRATOR })).body;
const boundTo = async (app: App): Promise<readonly string[]> => {
  const bound = (await show(app))['bound'] as { npi: string[]; tin: string[] } | undefined;
  return [...(bound?.npi ?? []), ...(bound?.tin ?? [])];
};
const end = (app: App, provider: string, json: unknown = { reason: 'contract-ended' }, token = ADMINISTRATOR) =>
  bench.call('POST', `/auth/clients/${app.id}/bindings/${encodeURIComponent(provider)}/end`, { json, token });
const approvals = async (app: App) =>
  (await bench.registry()).filter((e) => e.type === 'pa.app-approved.v1' && e.data.client === app.id);
const lastApproval = async (app: App) => (await approvals(app)).at(-1)!.data;
/** The intervals of the last decision: in its approval, or in the events of their own behind it. */
async function lastStated(app: App): Promise<readonly Record<string, unknown>[]> {
  const events = (await bench.registry()).filter(({ data }) => data.client === app.id);
  const at = events.findLastIndex(({ type }) => type === 'pa.app-approved.v1');
  const own = events.slice(at + 1).flatMap(({ type, data }) => (type === 'pa.binding-changed.v1' ? [data] : []));
  const { bindings } = events[at]!.data;
  expect([bindings.length > 0, own.length > 0]).toEqual([!bindingEvents, bindingEvents]);
  return [...bindings, ...own.map(({ client: _client, ...interval }) => interval)];
}
const iso = (ms: number): string => new Date(ms).toISOString();
const both = { npi: [NPI, NPI_2], tin: undefined };
const bothNamed = (over: object = {}) => ({
  identifiers: [NPI, NPI_2].map((npi) => ({ npi, evidence: `Contract with ${npi}` })),
  ...over,
});
/** An app that is bound to two NPIs in network. */
async function boundToBoth(): Promise<App> {
  for (const npi of [NPI, NPI_2]) await bench.network(`npi|${npi}`, 'in-network');
  const app = await bench.register(both);
  expect((await bench.decide(app, 'approve', bothNamed({ reason: 'New vendor' }))).status).toBe(200);
  return app;
}

describe.each([
  ['in the approval', false],
  ['in events of their own', true],
])('intervals %s:', (_, isOn) => {
  beforeEach(async () => {
    bindingEvents = isOn;
    await start();
  });

  describe('P1 an approval', () => {
    it('writes an interval for each NPI and TIN, with evidence, reason and who decided', async () => {
      const app = await bench.register();
      await bench.review(app, 'approve');
      const from = iso(bench.clock.ms);
      const by = expect.stringMatching(/^administrator [0-9a-f]{8}$/);
      const common = { from, by, evidence: 'Contract 7', reason: 'Contract 7' };
      expect(await lastStated(app)).toEqual([
        { provider: `npi|${NPI}`, ...common },
        { provider: `tin|${TIN}`, ...common },
      ]);
      expect((await show(app))['bindings']).toMatchObject([
        { tin: TIN, ...common },
        { npi: NPI, ...common },
      ]);
    });

    it('of an approved app begins what is new, ends what it leaves out, and keeps the rest', async () => {
      const app = await boundToBoth();
      const first = iso(bench.clock.ms);
      bench.clock.ms += DAY;
      const identifiers = [
        { npi: NPI_2, evidence: 'Contract 8' },
        { tin: TIN, evidence: 'W-9' },
      ];
      expect((await bench.decide(app, 'approve', { identifiers })).status).toBe(200);
      expect((await show(app))['bindings']).toMatchObject([
        { tin: TIN, from: iso(bench.clock.ms), evidence: 'W-9' },
        { npi: NPI_2, from: first, evidence: `Contract with ${NPI_2}` },
        { npi: NPI, from: first, to: iso(bench.clock.ms) },
      ]);
      expect(await boundTo(app)).toEqual([NPI_2, TIN]);
    });
  });

  describe('P2 the end of one binding', () => {
    it('leaves the app approved for the others, and says who ended it and why (P31)', async () => {
      const app = await boundToBoth();
      bench.clock.ms += HOUR;
      const body = { reason: 'provider-objects', note: 'See letter 3.', evidence: 'Letter of 2 March' };
      expect(await end(app, `npi|${NPI}`, body, ADMINISTRATOR_2)).toMatchObject({
        status: 200,
        body: { status: 'approved', bound: { npi: [NPI_2] } },
      });
      expect(await lastApproval(app)).toMatchObject({
        providers: [`npi|${NPI_2}`],
        ended: `npi|${NPI}`,
      });
      expect(await lastStated(app)).toMatchObject([
        { provider: `npi|${NPI}`, to: iso(bench.clock.ms), reason: 'provider-objects' },
      ]);
      const { history, bindings } = await show(app);
      expect((history as unknown[]).at(-1)).toMatchObject({
        ended: `npi|${NPI}`,
        reason: body.reason,
        note: body.note,
      });
      expect((bindings as { npi: string }[]).find(({ npi }) => npi === NPI)).toMatchObject({
        to: iso(bench.clock.ms),
        end: { reason: 'provider-objects', evidence: 'Letter of 2 March' },
      });
    });

    it('ends the tokens from before, and new ones come for what is left', async () => {
      const app = await boundToBoth();
      const token = (await bench.token(app)).body['access_token'] as string;
      await end(app, `npi|${NPI}`);
      const asked = await bench.call('POST', '/auth/introspect', { form: { token }, token: ADMINISTRATOR });
      expect(asked.body['active']).toBe(false);
      expect((await bench.token(app)).status).toBe(200);
    });

    it('is repeated without effect, can come earlier, and not later', async () => {
      const app = await boundToBoth();
      const [now, later] = [bench.clock.ms, bench.clock.ms + DAY];
      const at = (to: number) => end(app, `npi|${NPI}`, { reason: 'contract-ended', to: iso(to) });
      expect([(await at(later)).status, (await at(later)).status]).toEqual([200, 200]);
      expect((await approvals(app)).length).toBe(2);
      expect(await at(later + 1)).toMatchObject({
        status: 409,
        body: { error_description: expect.stringMatching(/can only come earlier/) },
      });
      expect((await at(now + HOUR)).status).toBe(200);
      bench.clock.ms = later;
      expect((await end(app, `npi|${NPI}`)).status).toBe(200);
      expect((await approvals(app)).length).toBe(3);
    });

    it.each<[string, (app: App) => Promise<{ status: number; body: object }>, number, RegExp]>([
      [
        'P1 a `to` before `from`',
        (app) => end(app, `npi|${NPI}`, { reason: 'contract-ended', to: '2020-01-01T00:00:00Z' }),
        400,
        /^to: must not be before/,
      ],
      [
        'a `to` without a zone',
        (app) => end(app, `npi|${NPI}`, { reason: 'contract-ended', to: '2027-01-01T00:00:00' }),
        400,
        /^to: must be an RFC 3339/,
      ],
      ['P31 no code', (app) => end(app, `npi|${NPI}`, { note: 'x' }), 400, /^reason: /],
      [
        'P31 another code',
        (app) => end(app, `npi|${NPI}`, { reason: 'key-compromised' }),
        400,
        /^reason: must be one of not-in-network, .*requested-by-provider/,
      ],
      ['an unknown field', (app) => end(app, `npi|${NPI}`, { reason: 'contract-ended', from: 'x' }), 400, /from/],
      [
        'an NPI to which the app was never bound',
        (app) => end(app, 'npi|1000000004'),
        404,
        /has no binding to npi 1000000004/,
      ],
      ['no identifier', (app) => end(app, '1000000004'), 400, /must be npi\|/],
      ['an unknown app', (app) => end({ ...app, id: 'c-unknown' }, `npi|${NPI}`), 404, /no client/],
    ])('is refused for %s', async (_, ask, status, text) => {
      const app = await boundToBoth();
      expect(await ask(app)).toMatchObject({ status, body: { error_description: expect.stringMatching(text) } });
      expect((await approvals(app)).length).toBe(1);
    });

    it('is refused for an app that is not approved', async () => {
      const waiting = await bench.register();
      expect(await end(waiting, `npi|${NPI}`)).toMatchObject({ status: 409 });
      const app = await boundToBoth();
      await bench.review(app, 'suspend');
      expect(await end(app, `npi|${NPI}`)).toMatchObject({
        status: 409,
        body: { error_description: expect.stringMatching(/^The client is suspended\./) },
      });
      expect((await show(app))['status']).toBe('suspended');
    });

    it('does not count as a review, and is a row of its own in the report (P28, P33)', async () => {
      await bench.stop();
      await start({ reviewValidDays: 10 });
      const app = await boundToBoth();
      bench.clock.ms += 9 * DAY;
      await end(app, `npi|${NPI}`);
      bench.clock.ms += 1;
      const { body } = await bench.call('GET', '/auth/decisions', { token: ADMINISTRATOR });
      expect(body['decisions']).toMatchObject([
        { status: 'approved', count: 1 },
        { status: 'binding-ended', reason: 'contract-ended', count: 1, days: { least: 9 } },
      ]);
      bench.clock.ms += 2 * DAY;
      await bench.service(ExpiredReviews).look();
      expect((await show(app))['status']).toBe('expired');
    });
  });

  describe('P4 an end in the future', () => {
    it('is in force until then, and an earlier release does not see the binding any more', async () => {
      const app = await boundToBoth();
      const to = bench.clock.ms + DAY;
      await end(app, `npi|${NPI}`, { reason: 'contract-ended', to: iso(to) });
      expect((await lastApproval(app)).providers).toEqual([`npi|${NPI_2}`]);
      bench.clock.ms = to - 1;
      expect(await boundTo(app)).toEqual([NPI, NPI_2]);
      bench.clock.ms = to;
      expect(await boundTo(app)).toEqual([NPI_2]);
    });

    it('is taken away by an approval that names the provider again', async () => {
      const app = await boundToBoth();
      const to = bench.clock.ms + DAY;
      await end(app, `npi|${NPI}`, { reason: 'contract-ended', to: iso(to) });
      bench.clock.ms += HOUR;
      await bench.decide(app, 'approve', bothNamed());
      expect((await lastApproval(app)).providers).toEqual([`npi|${NPI}`, `npi|${NPI_2}`]);
      bench.clock.ms = to;
      expect(await boundTo(app)).toEqual([NPI_2, NPI]);
    });
  });

  describe('P1 an end in the past', () => {
    it('is over at once, and the record says both when it ended and when that became known', async () => {
      const app = await boundToBoth();
      const began = bench.clock.ms;
      const token = (await bench.token(app)).body['access_token'] as string;
      bench.clock.ms += DAY;
      expect((await end(app, `npi|${NPI}`, { reason: 'contract-ended', to: iso(began + HOUR) })).status).toBe(200);
      expect(await boundTo(app)).toEqual([NPI_2]);
      expect(((await show(app))['bindings'] as { npi: string }[]).find(({ npi }) => npi === NPI)).toMatchObject({
        from: iso(began),
        to: iso(began + HOUR),
        end: { recorded_at: iso(bench.clock.ms), reason: 'contract-ended' },
      });
      const asked = await bench.call('POST', '/auth/introspect', { form: { token }, token: ADMINISTRATOR });
      expect(asked.body['active']).toBe(false);
    });

    it('may be the instant at which the binding began: then it was never in force', async () => {
      const app = await boundToBoth();
      const began = iso(bench.clock.ms);
      bench.clock.ms += DAY;
      expect((await end(app, `npi|${NPI}`, { reason: 'evidence-insufficient', to: began })).status).toBe(200);
      expect(await boundTo(app)).toEqual([NPI_2]);
    });
  });

  describe('P6 a suspended app that is approved again', () => {
    it('gets its last bindings as new intervals, and none that ended before or meanwhile', async () => {
      for (const npi of [NPI, NPI_2]) await bench.network(`npi|${npi}`, 'in-network');
      const app = await bench.register({ npi: [NPI, NPI_2], tin: TIN });
      const identifiers = [{ npi: NPI }, { npi: NPI_2 }, { tin: TIN }].map((each) => ({
        ...each,
        evidence: 'Contract',
      }));
      await bench.decide(app, 'approve', { identifiers });
      const first = iso(bench.clock.ms);
      bench.clock.ms += HOUR;
      await end(app, `npi|${NPI}`);
      await end(app, `tin|${TIN}`, { reason: 'contract-ended', to: iso(bench.clock.ms + DAY) });
      bench.clock.ms += HOUR;
      const suspended = iso(bench.clock.ms);
      await bench.review(app, 'suspend');
      bench.clock.ms += 2 * DAY;
      await bench.decide(app, 'approve', { reason: 'The key is new.' });
      expect(await boundTo(app)).toEqual([NPI_2]);
      expect((await show(app))['bindings']).toMatchObject([
        { npi: NPI_2, from: iso(bench.clock.ms), evidence: 'Contract', reason: 'The key is new.' },
        { tin: TIN, from: first, to: suspended },
        { npi: NPI_2, from: first, to: suspended },
        { npi: NPI, from: first },
      ]);
    });

    it('needs identifiers when every binding has ended', async () => {
      const app = await boundToBoth();
      for (const npi of [NPI, NPI_2]) await end(app, `npi|${npi}`);
      await bench.review(app, 'suspend');
      expect(await bench.decide(app, 'approve', { reason: 'The key is new.' })).toMatchObject({
        status: 400,
        body: { error_description: expect.stringMatching(/^identifiers: /) },
      });
    });
  });

  describe('P8 the token endpoint', () => {
    it('refuses an app without a binding, whether it ended now or by the clock', async () => {
      const app = await boundToBoth();
      await end(app, `npi|${NPI}`);
      await end(app, `npi|${NPI_2}`, { reason: 'contract-ended', to: iso(bench.clock.ms + DAY) });
      expect((await bench.token(app)).status).toBe(200);
      bench.clock.ms += DAY;
      expect(await bench.token(app)).toMatchObject({
        status: 400,
        body: { error: 'unauthorized_client', error_description: expect.stringMatching(/^No provider is bound/) },
      });
      expect((await show(app))['status']).toBe('approved');
    });
  });

  describe('hostile', () => {
    it('one of an approval and an end at once is the later one, and nothing of both is lost', async () => {
      const app = await boundToBoth();
      bench.clock.ms += HOUR;
      const identifiers = [...bothNamed().identifiers, { tin: TIN, evidence: 'W-9' }];
      const answers = await Promise.all([
        bench.decide(app, 'approve', { identifiers }),
        end(app, `npi|${NPI}`),
        bench.decide(app, 'approve', { identifiers }),
        end(app, `npi|${NPI}`),
      ]);
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
      const made = (await approvals(app)).slice(1).map(({ data }) => data);
      // Each event goes on from the one before. The last word about the NPI is the state.
      const isBound =
        made.findLast(({ providers, ended }) => ended !== undefined || providers.length === 3)!.ended === undefined;
      expect(await boundTo(app)).toEqual(expect.arrayContaining([NPI_2, TIN]));
      expect((await boundTo(app)).includes(NPI)).toBe(isBound);
      expect([...made.at(-1)!.providers].sort()).toEqual(
        (isBound ? [`npi|${NPI}`, `npi|${NPI_2}`, `tin|${TIN}`] : [`npi|${NPI_2}`, `tin|${TIN}`]).sort(),
      );
    });

    it('two reviewers who end the same binding at once get one end, which names one of them', async () => {
      const app = await boundToBoth();
      bench.clock.ms += HOUR;
      const ends = [ADMINISTRATOR, ADMINISTRATOR_2, ADMINISTRATOR, ADMINISTRATOR_2].map((token, i) =>
        end(app, `npi|${NPI}`, { reason: i % 2 === 0 ? 'contract-ended' : 'provider-objects' }, token),
      );
      expect((await Promise.all(ends)).map(({ status }) => status)).toEqual([200, 200, 200, 200]);
      expect((await approvals(app)).length).toBe(2);
      expect(await boundTo(app)).toEqual([NPI_2]);
      const { by, reason } = await lastApproval(app);
      const shown = ((await show(app))['bindings'] as { npi: string }[]).find(({ npi }) => npi === NPI);
      expect(shown).toMatchObject({ to: iso(bench.clock.ms), end: { by, reason } });
    });

    it('an end by one reviewer now and by another one later is the one of now, whichever comes first', async () => {
      const app = await boundToBoth();
      bench.clock.ms += HOUR;
      const later = { reason: 'contract-ended', to: iso(bench.clock.ms + DAY) };
      const [now, then] = await Promise.all([end(app, `npi|${NPI}`), end(app, `npi|${NPI}`, later, ADMINISTRATOR_2)]);
      expect(now.status).toBe(200);
      // After the end of now the later one is refused, because an end can only come earlier.
      expect([200, 409]).toContain(then.status);
      expect(await boundTo(app)).toEqual([NPI_2]);
    });

    it('a clock that steps back an hour stops no end, and brings no ended binding back', async () => {
      const app = await boundToBoth();
      bench.clock.ms += HOUR;
      await end(app, `npi|${NPI_2}`, { reason: 'contract-ended', to: iso(bench.clock.ms + 1000) });
      bench.clock.ms += 1000;
      expect(await boundTo(app)).toEqual([NPI]);
      expect((await bench.token(app)).status).toBe(200);
      bench.clock.ms -= 2 * HOUR;
      expect((await end(app, `npi|${NPI}`)).status).toBe(200);
      expect(await bench.token(app)).toMatchObject({ status: 400, body: { error: 'unauthorized_client' } });
    });

    it('keeps a script in evidence and notes as data, and refuses control characters', async () => {
      const app = await boundToBoth();
      const script = '<script>alert(1)</script>"\'--; {"$where": 1}';
      const answer = await end(app, `npi|${NPI}`, { reason: 'contract-ended', note: script, evidence: script });
      expect(answer.headers['content-type']).toMatch(/^application\/json/);
      expect(answer.body).toMatchObject({ note: script });
      expect((await lastStated(app))[0]!['evidence']).toBe(script);
      expect(await end(app, `npi|${NPI_2}`, { reason: 'contract-ended', note: 'a\u0000b' })).toMatchObject({
        status: 400,
      });
      expect(await end(app, `npi|${NPI_2}`, { reason: 'contract-ended', note: 'x'.repeat(501) })).toMatchObject({
        status: 400,
      });
    });
  });
});

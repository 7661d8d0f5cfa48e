import { createHash } from 'node:crypto';
import { Audit } from '@provider-access/audit';
import { FIGURE_IDS } from '@provider-access/domain/pdex/evidence';
import {
  CONSENT_COPY_HEADER,
  dataOf,
  type Disclosure,
  encodeEvent,
  PA_AUDIT,
  PA_CONSENT,
  PA_FEEDS,
} from '@provider-access/events';
import { instant } from '@provider-access/kernel';
import { attestedRecord, recordsOf } from '@provider-access/process/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  ADMIN,
  attributed,
  enrolled,
  Harness,
  inNetwork,
  NPI,
  OTHER_NPI,
  panel,
  PAYER,
  payerEvent,
} from '../test/harness.ts';
import { MOST_AT_ONCE } from './operations/ops/evidence.ts';

/** November of New York, by hand: the clocks went back on the 1st, so it began at UTC-4 and ended at UTC-5. */
const BEGINS = Date.parse('2026-11-01T04:00:00Z');
const ENDS = Date.parse('2026-12-01T05:00:00Z');
const DAY = 24 * 3_600_000;
const admin = { authorization: `Bearer ${ADMIN}` };

interface Figure {
  readonly id: string;
  readonly looked?: number;
  readonly countedAt?: string;
  readonly title: string;
  readonly state: string;
  readonly value?: number;
  readonly why?: string;
}
interface Page {
  readonly report: {
    readonly period: string;
    readonly complete: boolean;
    readonly figures: readonly Figure[];
    readonly rules: readonly { readonly id: string; readonly does: string }[];
  };
  readonly signature: { readonly sha256: string };
}
let h: Harness;
beforeEach(async () => {
  h = new Harness();
  h.now = BEGINS - DAY;
  await h.start();
});
afterEach(() => h.stop());

const get = (query = 'period=2026-11') => h.get(`/ops/evidence?${query}`, admin);
async function page(query?: string): Promise<Page> {
  const answer = await get(query);
  expect(answer.statusCode, answer.body).toBe(200);
  return answer.json<Page>();
}
const figuresOf = ({ report }: Page): Record<string, number | string> =>
  Object.fromEntries(report.figures.map(({ id, state, value }) => [id, state === 'exact' ? value! : state]));
const figures = async (query?: string) => figuresOf(await page(query));

type Entry = Parameters<Audit['record']>[0];
async function recorded(at: number, ...entries: readonly Entry[]): Promise<void> {
  h.now = at;
  for (const entry of entries) await h.app.get(Audit, { strict: false }).record(entry);
}
const read = (resources = 1, more: Partial<Entry> = {}): Entry =>
  ({ client: 'ehr', action: 'read', outcome: 'released', members: ['m1'], resources, ...more }) as Entry;
/** What consent writes of one opt-out, under the ids of one person. */
async function decided(at: number, id: string, type: string, members: readonly string[], data: object = {}) {
  h.now = at;
  const events = members.map((member, i) => {
    const record = encodeEvent({
      id: `${id}~${member}00000000`.slice(0, id.length + 11),
      source: 'urn:provider-access:consent',
      type: `pa.${type}.v1`,
      time: instant(at),
      subject: member,
      data: { member, scope: 'global', effective: instant(at), businessTime: instant(at), setBy: 'member', ...data },
    });
    return i === 0 ? record : { ...record, headers: { ...record.headers, [CONSENT_COPY_HEADER]: 'true' } };
  });
  await h.log.append(PA_CONSENT, events);
}

describe('R23 the monthly page', () => {
  it('R23: counts releases, resources, refusals and looks of the month', async () => {
    await recorded(BEGINS - 1, read(100));
    await recorded(BEGINS, read(3));
    await recorded(BEGINS + 15 * DAY, read(4), read(5, { action: 'search' }), read(0, { reason: 'not-modified' }));
    await recorded(BEGINS + 16 * DAY, read(0, { action: 'export-requested' }));
    const refused = { outcome: 'refused', reason: 'opted-out', resources: 0 } as const;
    await recorded(BEGINS + 16 * DAY, read(0, refused), read(0, { ...refused, count: 6 }));
    await recorded(
      BEGINS + 17 * DAY,
      read(0, { ...refused, client: 'unknown', action: 'token', reason: 'alg' } as object),
    );
    await recorded(
      BEGINS + 17 * DAY,
      read(0, { action: 'explain', operation: 'GET /ops/explain', client: 'person u-1' }),
    );
    await recorded(BEGINS + 17 * DAY, read(0, { ...refused, operation: 'GET /ops/explain', reason: 'forbidden' }));
    await recorded(ENDS - 1, read(6));
    await recorded(ENDS, read(1000));
    expect(await figures()).toMatchObject({ releases: 4, 'resources-released': 18, refusals: 7, looks: 1 });
    expect(await figures('period=2026-12')).toMatchObject({ releases: 1, 'resources-released': 1000, refusals: 0 });
    // What was asked for does not change the figures of the month, although the audit has it.
    expect(await figures()).toMatchObject({ releases: 4, looks: 1 });
  });

  it('R14, R17: counts each opt-out once, under however many ids, and who is opted out now', async () => {
    await recorded(BEGINS - 1, read());
    await decided(BEGINS - 1, 'e0', 'opted-out', ['m0']);
    await decided(BEGINS, 'e1', 'opted-out', ['m1', 'm1-old']);
    await decided(BEGINS + DAY, 'e2', 'opted-out', ['m2']);
    // A crash repeats the same record.
    await decided(BEGINS + DAY, 'e2', 'opted-out', ['m2']);
    await decided(BEGINS + 2 * DAY, 'e3', 'opted-in', ['m2']);
    // It is stored and has no effect here.
    await decided(BEGINS + 3 * DAY, 'e4', 'opted-out', ['m4'], { scope: 'payer-specific', bars: 'nobody' });
    await decided(BEGINS + 4 * DAY, 'e5', 'provider-opted-in', ['m1', 'm1-old'], { targets: [`npi|${NPI}`] });
    await decided(ENDS, 'e6', 'opted-out', ['m6']);
    expect(await figures()).toMatchObject({
      'opt-outs-received': 3,
      'opt-ins-received': 2,
      // m0, both ids of m1, and m6.
      'opt-outs-in-force': 4,
    });
    expect(await figures('period=2026-10')).toMatchObject({ 'opt-outs-received': 1 });
  });

  it('R12, R13, R16, R26: counts apps, providers, attestations and the members whom an app can see', async () => {
    await recorded(BEGINS - DAY, read());
    await h.publish(inNetwork(), inNetwork(OTHER_NPI, 'out-of-network'), ...panel('m1', 'm2', 'm3'));
    // No coverage, a provider out of network, and a member of whom a provider attests.
    await h.publish(attributed('m4'), enrolled('m5'), attributed('m5', OTHER_NPI), enrolled('m6'));
    h.now = BEGINS + DAY;
    await h.app1('ehr', [`npi|${NPI}`, `npi|${OTHER_NPI}`]);
    const [from, to] = [instant(h.now), instant(h.now + 60 * DAY)];
    const common = { group: 'g-m', client: 'ehr', npi: NPI, policy: 'accept/1', job: 'j', attestedAt: from, from, to };
    await h.attests(attestedRecord({ ...common, member: 'm6' }), attestedRecord({ ...common, member: 'm6' }));
    await h.consentSays('pa.opted-out.v1', 'm3', {
      scope: 'global',
      effective: from,
      businessTime: from,
      setBy: 'member',
    });
    h.now = ENDS - 1;
    expect(await figures()).toMatchObject({
      'members-visible': 3,
      'apps-approved': 1,
      'apps-stopped': 0,
      'providers-bound': 2,
      attestations: 1,
    });
    // In October nobody was approved.
    expect(await figures('period=2026-10')).toMatchObject({
      'apps-approved': 0,
      'providers-bound': 0,
      attestations: 0,
    });
  });

  it('R13: counts more members than one page waits for behind the page, and says how far it is', async () => {
    await recorded(BEGINS - DAY, read());
    const many = Array.from({ length: MOST_AT_ONCE + 100 }, (_, i) => `p${i}`);
    await h.publish(inNetwork(), ...panel(...many), attributed('p7', OTHER_NPI), inNetwork(OTHER_NPI));
    h.now = BEGINS + DAY;
    await h.app1('ehr', [`npi|${NPI}`, `npi|${OTHER_NPI}`]);
    const visible = async () => (await page()).report.figures.find(({ id }) => id === 'members-visible')!;
    const first = await visible();
    expect(first).toMatchObject({ state: 'unknown', looked: expect.any(Number) });
    expect(first.why).toMatch(/^It is being counted: \d+ members/);
    await expect.poll(visible).toMatchObject({ value: many.length, countedAt: instant(h.now) });
    // An opt-out is in the next count, an hour later, and not before.
    await h.consentSays('pa.opted-out.v1', 'p3', {
      ...{ scope: 'global', effective: instant(h.now), businessTime: instant(h.now), setBy: 'member' },
    });
    expect((await visible()).value).toBe(many.length);
    h.now += 3_600_000;
    expect((await visible()).state).toBe('unknown');
    await expect.poll(visible).toMatchObject({ value: many.length - 1, countedAt: instant(h.now) });
  });

  it('R18: counts notices by the day that the payer states, and those that are due and not sent', async () => {
    await recorded(BEGINS - DAY, read());
    const sent = (member: string, at: string) =>
      payerEvent(
        'payer.notice-sent.v1',
        member,
        { kind: 'enrolment', language: 'en', channel: 'mail', at },
        { time: instant(h.now) },
      );
    h.now = ENDS - DAY;
    // A mistake of the sender, who reports m2 twice.
    await h.publish(
      ...['m1', 'm2', 'm3', 'm4'].map((m) =>
        payerEvent('payer.member-enrolled.v1', m, { coverageId: `c-${m}`, from: '2025-01-01', accepted: '2025-01-01' }),
      ),
      sent('m1', '2026-10-31'),
      sent('m2', '2026-11-01'),
      sent('m2', '2026-11-01'),
      sent('m3', '2026-11-30'),
    );
    expect(await figures()).toMatchObject({ 'notices-sent': 2, 'notices-due': 1 });
    expect(await figures('period=2026-10')).toMatchObject({ 'notices-sent': 1 });
  });

  it('R22: counts a denial without a reason once, however often its batch was handled', async () => {
    await recorded(BEGINS, read());
    const checked = (day: string, from: number, next: number, offsets: readonly number[], rule = 'denial-reason') => ({
      scope: 'payer.member-events/0',
      from,
      next,
      days: [
        {
          day,
          rows: ['2.1.0', '2.2.0'].map((profile) => ({
            ...{ source: 's', type: 'ExplanationOfBenefit', profile, checked: offsets },
            lacks: [{ element: 'x', rule, offsets }],
          })),
        },
      ],
    });
    for (const data of [
      checked('2026-10-31', 0, 2, [0]),
      checked('2026-11-10', 2, 5, [2, 4]),
      checked('2026-11-10', 2, 7, [2, 4, 6]),
      checked('2026-11-30', 7, 9, [7, 8], 'min'),
      checked('2026-12-01', 9, 10, [9]),
    ])
      await h.log.append(PA_FEEDS, [
        encodeEvent({ id: 'f', source: 's', type: 'pa.feed-checked.v1', time: instant(h.now), subject: 's', data }),
      ]);
    h.now = ENDS;
    expect(await figures()).toMatchObject({ 'denial-reasons-missing': 3 });
  });

  it('says what is unknown as unknown, and never as 0', async () => {
    h.now = ENDS + DAY;
    await recorded(h.now, read());
    const { report } = await page('period=2026-05');
    for (const { state, value, why } of report.figures)
      expect([state, value, why]).toEqual(['unknown', undefined, expect.stringContaining('nothing')]);
    expect((await page('period=2026-05&format=json&lang=es')).report.figures[0]!.why).toMatch(/^La plataforma/);
    const csv = (await get('period=2026-05&format=csv')).body;
    expect(csv).toMatch(/\r\nfigure,releases,Releases to apps,unknown,,The platform/);
  });

  it('has every figure and every rule in both languages, and a month that is open says so', async () => {
    await recorded(BEGINS, read());
    const [en, es] = [await page('period=2026-11'), await page('lang=es')];
    expect([en.report.complete, es.report.period]).toEqual([false, '2026-11']);
    for (const { report } of [en, es]) {
      expect(report.figures.map(({ id }) => id)).toEqual(FIGURE_IDS);
      expect(report.rules.map(({ id }) => id)).toEqual(Array.from({ length: 26 }, (_, i) => `R${i + 1}`));
      expect(new Set(report.figures.map(({ title }) => title)).size).toBe(FIGURE_IDS.length);
    }
    for (const [i, { does }] of en.report.rules.entries()) expect(es.report.rules[i]!.does).not.toBe(does);
    h.now = ENDS;
    expect((await page()).report.complete).toBe(true);
  });
});

/** Without code of the platform: names in their order, no spaces. */
const sorted = (value: unknown): string =>
  Array.isArray(value)
    ? `[${value.map(sorted).join()}]`
    : typeof value === 'object' && value !== null
      ? `{${Object.entries(value)
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([name, one]) => `${JSON.stringify(name)}:${sorted(one)}`)
          .join()}}`
      : JSON.stringify(value);
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

describe('the signature of the monthly page', () => {
  const entries = async (): Promise<readonly Disclosure[]> =>
    (await recordsOf(h.log, PA_AUDIT)).map((record) => dataOf<Disclosure>(record));
  const signed = (hash: string) => h.get(`/ops/evidence/signatures/${hash}`, admin);

  it('is the hash of the report, which the audit names before the page leaves', async () => {
    await recorded(BEGINS, read());
    const { report, signature } = await page();
    expect(signature.sha256).toBe(sha256(sorted(report)));
    const [last] = (await entries()).filter(({ client }) => client === 'administrator');
    expect(last).toMatchObject({ client: 'administrator', operation: 'GET /ops/evidence', members: [] });
    expect(last!.query).toContain(signature.sha256);
    const found = await signed(signature.sha256);
    expect(found.json()).toEqual({
      sha256: signature.sha256,
      period: '2026-11',
      format: 'json',
      by: 'administrator',
      at: instant(h.now),
      partition: expect.any(Number) as number,
      offset: expect.any(Number) as number,
      day: '2026-11-01',
    });
  });

  it('of a CSV file is its last line, over the bytes before it', async () => {
    await recorded(BEGINS, read());
    const answer = await get('format=csv&period=2026-11');
    expect(answer.headers['content-type']).toMatch(/^text\/csv/);
    expect(answer.headers['content-disposition']).toContain('evidence-2026-11.csv');
    const [, text = '', hash = ''] = /^([\s\S]*\r\n)signature,sha256,(\w{64})\r\n$/.exec(answer.body)!;
    expect(hash).toBe(sha256(text));
    expect((await signed(hash)).json()).toMatchObject({ format: 'csv' });
    expect(text.match(/^figure,/gm)).toHaveLength(FIGURE_IDS.length);
    expect(text.match(/^rule,/gm)).toHaveLength(26);
  });

  it('is not found for anything that was changed, and cannot be written by another route', async () => {
    await recorded(BEGINS, read());
    const { report } = await page();
    const other = sha256(sorted({ ...report, period: '2026-10' }));
    expect((await signed(other)).statusCode).toBe(404);
    expect((await signed('x')).statusCode).toBe(400);
    // A search of an app with the same words is no signature.
    await recorded(BEGINS, read(1, { query: `sha256=${other}&period=2026-10` }));
    expect((await signed(other)).statusCode).toBe(404);
  });

  it('refuses other callers, other parameters, and a month to come', async () => {
    await recorded(BEGINS, read());
    for (const query of ['period=2026-13', 'period=2026-1', 'period=2027-01', 'lang=de', 'format=xml', 'month=2026-11'])
      expect((await get(query)).statusCode, query).toBe(400);
    expect((await h.get('/ops/evidence', { authorization: `Bearer ${PAYER}` })).statusCode).toBe(401);
    expect((await h.get('/ops/evidence', {})).statusCode).toBe(401);
    expect((await h.get('/ops/evidence', admin, 'HEAD')).statusCode).toBe(405);
  });
});

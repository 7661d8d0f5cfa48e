import { afterEach, beforeEach, expect, it } from 'vitest';
import { type DomainEvent, PA_ATTRIBUTION, PA_AUDIT, PA_FILE_ROWS, PA_MEMBERS } from '@provider-access/events';
import { typed } from '../../../test/groups.ts';
import { Harness, inNetwork, NPI, OTHER_NPI, panel, payerEvent, PAYER } from '../../../test/harness.ts';

let h: Harness;
beforeEach(async () => {
  h = await new Harness().start();
});
afterEach(() => h.stop());

const payer = { authorization: `Bearer ${PAYER}` };
const file = { source: 'north-mso', batch: 'roster.north-mso.2026-01-01.0123456789', asOf: '2026-01-01' };
const listed = (member: string, npi = NPI): DomainEvent =>
  payerEvent('payer.attribution-asserted.v1', member, { provider: { npi }, from: '2025-01-01', file });
interface Page {
  readonly rows: readonly { readonly subject: string; readonly row: unknown }[];
  readonly next?: string;
}
const forecast = (events: unknown, headers: Record<string, string> = payer) =>
  h.app.inject({
    method: 'POST',
    url: '/ops/sources/north-mso/roster/forecast',
    headers: { ...headers, 'content-type': 'application/json' },
    payload: JSON.stringify({ events }),
  });

it('A78 pages have each row of the source once, in the order of members, and none of another source', async () => {
  const members = Array.from({ length: 2100 }, (_, n) => `m-${String((n * 11) % 2100).padStart(4, '0')}`);
  await h.publish(...members.map((member) => listed(member)));
  await h.publish(
    payerEvent('payer.attribution-asserted.v1', 'm-other', {
      provider: { npi: NPI },
      from: '2025-01-01',
      file: { ...file, source: 'south-mso' },
    }),
  );
  const found: string[] = [];
  let pages = 0;
  for (let next: string | undefined = '/ops/sources/north-mso/roster'; next !== undefined; pages += 1) {
    const page: Page = (await h.get(next, payer)).json<Page>();
    found.push(...page.rows.map(({ subject }) => subject));
    next = page.next;
  }
  expect(found).toEqual(members.toSorted());
  expect(pages).toBe(3);
  // Each page is in the audit, with its members.
  const looked = (await typed(h, PA_AUDIT, 'pa.disclosure.v1')).filter((entry) => entry['action'] === 'file-rows');
  expect(new Set(looked.flatMap((entry) => entry['members'] as string[]))).toEqual(new Set(members));
});

it('refuses other callers, unknown sources and kinds, and a page that it did not make', async () => {
  const app = await h.app1('c1', [`npi|${NPI}`]);
  for (const caller of [app, {}]) {
    expect((await h.get('/ops/sources/north-mso/roster', caller)).statusCode).toBe(401);
    expect((await forecast([], caller)).statusCode).toBe(401);
  }
  for (const path of [
    'North/roster',
    'north..mso/roster',
    'a%2Fb/roster',
    'north-mso/opt-ins',
    `${'a'.repeat(41)}/roster`,
  ])
    expect((await h.get(`/ops/sources/${path}`, payer)).statusCode, path).toBe(404);
  const forged = [
    'x',
    Buffer.from('{}').toString('base64url'),
    Buffer.from(JSON.stringify({ values: [{ $gt: '' }], id: 'x' })).toString('base64url'),
    Buffer.from(JSON.stringify({ values: ['m'], id: 'x', index: 'by_list' })).toString('base64url'),
  ];
  for (const page of forged) {
    const answer = await h.get(`/ops/sources/north-mso/roster?page=${page}`, payer);
    expect([answer.statusCode, answer.body], page).toEqual([400, expect.stringContaining('follow the next link')]);
  }
});

it('A72 a forecast tells what the events would change, and appends nothing', async () => {
  await h.publish(inNetwork(), inNetwork(OTHER_NPI), ...panel('m1', 'm2'));
  const heads = (): Promise<unknown> => h.log.head([PA_ATTRIBUTION, PA_MEMBERS, PA_FILE_ROWS, 'pa.groups']);
  const before = await heads();
  const end = payerEvent('payer.attribution-ended.v1', 'm2', { provider: { npi: NPI }, to: '2025-06-01' });
  const answer = await forecast([listed('m1'), listed('m1', OTHER_NPI), end]);
  expect([answer.statusCode, answer.json()]).toEqual([
    200,
    {
      changes: [
        { member: 'm1', list: `npi|${OTHER_NPI}`, change: 'gained' },
        { member: 'm2', list: `npi|${NPI}`, change: 'lost' },
      ],
    },
  ]);
  expect(await heads()).toEqual(before);
});

it('a forecast names the event that it cannot read, and nothing of its data', async () => {
  for (const [events, why] of [
    ['none', /events is a list/],
    [[{ id: 'e1' }], /events\.0\.source/],
    [[{ ...listed('m1'), type: 'payer.unknown.v1' }], /not known/],
    [[{ ...listed('m1'), data: { provider: { npi: 'secret-of-m1' }, from: '2025-01-01' } }], /ten digits/],
  ] as const) {
    const answer = await forecast(events);
    expect([answer.statusCode, answer.body]).toEqual([400, expect.stringMatching(why)]);
    expect(answer.body).not.toContain('secret-of-m1');
  }
  expect((await forecast(Array.from({ length: 2001 }, () => ({})))).statusCode).toBe(400);
});

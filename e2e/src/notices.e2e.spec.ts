import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type DomainEvent, toStructured } from '@provider-access/events';
import { eventually } from '@provider-access/testing';
import { cliPlatform } from './cli-platform.ts';
import { type Fresh, freshPlatform, registerApp, type TestApp } from './harness.ts';
import { memberOf, publishTaken } from './payers.ts';
import { http, payerEvent } from './road.ts';

const { pa, at, platform } = cliPlatform();
const DAY_MS = 86_400_000;
const dayFrom = (days: number): string => new Date(Date.now() + days * DAY_MS).toISOString().slice(0, 10);

let serial = 0;
const say = (type: string, member: string, data: object): DomainEvent => ({
  ...payerEvent(`payer.${type}`, member, data),
  id: `notice-${serial++}`,
});
const enrolled = (member: string, more: object = {}): DomainEvent =>
  say('member-enrolled.v1', member, { coverageId: `c-${member}`, from: dayFrom(-30), accepted: dayFrom(-30), ...more });
const patient = (member: string, more: object): DomainEvent =>
  say('resource-recorded.v1', member, { resource: { resourceType: 'Patient', id: member, ...more } });
const rows = (name: string): string[] => readFileSync(at(name), 'utf8').trim().split('\r\n').slice(1);

test('N31, N37, N38, N40, N41: the mail house gets its list, and what was sent leaves it for a year', async () => {
  await publishTaken(
    platform(),
    enrolled('n-plain'),
    enrolled('n-spanish', { notices: { format: 'braille' } }),
    patient('n-spanish', { communication: [{ language: { coding: [{ system: 'urn:ietf:bcp:47', code: 'es' }] } }] }),
    enrolled('n-deceased'),
    patient('n-deceased', { deceasedDateTime: dayFrom(-10) }),
    enrolled('n-told'),
    say('notice-sent.v1', 'n-told', { kind: 'first', language: 'en', channel: 'mail', at: dayFrom(-20) }),
  );
  const due = dayFrom(-23);
  await eventually(async () => {
    expect(await pa('notices', 'due', '--out', 'list.csv')).toMatchObject({ code: 0 });
    expect(rows('list.csv').filter((row) => row.startsWith('n-'))).toEqual([
      `n-plain,enrolment,${due},yes,en,unknown,`,
      `n-spanish,enrolment,${due},yes,es,,braille`,
    ]);
  });
  await publishTaken(
    platform(),
    ...['n-plain', 'n-spanish'].map((member) =>
      say('notice-sent.v1', member, {
        kind: 'enrolment',
        language: 'en',
        channel: 'mail',
        at: dayFrom(-1),
        proof: 'run 7',
      }),
    ),
    say('notice-returned.v1', 'n-spanish', { sent: dayFrom(-1), reason: 'moved' }),
  );
  await eventually(async () => {
    const { stdout } = await pa('--json', 'notices', 'due', '--until', dayFrom(0));
    const { notices } = JSON.parse(stdout) as { notices: readonly { member: string }[] };
    expect(notices.map(({ member }) => member).filter((member) => member.startsWith('n-'))).toEqual(['n-spanish']);
  });
  const next = await pa('notices', 'due', '--until', dayFrom(400));
  expect(next.stdout).toMatch(/^n-plain +yearly /m);
});

test('N37: a receipt says what is wrong with a notice', async () => {
  const wrong = [
    say('notice-sent.v1', 'n-wrong', { kind: 'public', language: 'en', channel: 'web', at: dayFrom(-1) }),
    say('notice-sent.v1', 'n-wrong', { kind: 'first', language: 'en', channel: 'mail', at: dayFrom(3) }),
    say('notice-returned.v1', 'n-wrong', { sent: dayFrom(-2) }),
  ];
  const { base, payerToken } = platform();
  const answer = await http(`${base}/events`, {
    method: 'POST',
    token: payerToken,
    headers: { 'content-type': 'application/x-ndjson' },
    body: wrong.map((event) => JSON.stringify(toStructured(event))).join('\n'),
  });
  const receipt = /"receipt":"([^"]+)"/.exec(String(answer.body))![1]!;
  await eventually(async () => {
    const text = async (path: string): Promise<string> =>
      String((await http(`${base}${path}`, { token: payerToken })).body);
    const told = await text(`/events/receipts/${receipt}`);
    expect(told).toContain('"counts":{"parked":2,"recorded":1}');
    expect(told).toContain('"reason":"unknown-notice"');
    const letters = await text('/events/dead-letters?status=open');
    expect(letters).toContain('data.kind');
    expect(letters).toContain('a notice cannot have been sent after the event that reports it');
  });
});

test('N9: what representatives stated is listed for a review, and nothing changes silently', async () => {
  const years = (n: number): string => `${new Date().getUTCFullYear() - n}-01-01`;
  const proof = { kind: 'parent', reference: 'file 12', verifiedBy: 'call centre' };
  const byParent = (member: string, until?: string): DomainEvent =>
    say('member-opted-out.v2', member, {
      scope: 'global',
      setBy: 'personal-representative',
      proof: { ...proof, ...(until !== undefined && { until }) },
    });
  await publishTaken(
    platform(),
    byParent('r-ended', dayFrom(-3)),
    byParent('r-lasts', dayFrom(400)),
    patient('r-minor', { birthDate: years(10) }),
    byParent('r-minor'),
    byParent('r-deceased', dayFrom(-3)),
    patient('r-deceased', { deceasedBoolean: true }),
    say('member-opted-out.v2', 'r-own', { scope: 'global' }),
  );
  const listed = async (): Promise<readonly string[]> => {
    const { code, stdout } = await pa('reviews', '--out', 'reviews.csv');
    expect([code, stdout]).toEqual([0, expect.stringContaining('decisions of representatives are due for a review')]);
    return rows('reviews.csv').filter((row) => row.startsWith('r-'));
  };
  const ended = `,${dayFrom(-2)},authority-ended,parent,file 12,call centre,`;
  await eventually(async () => expect(await listed()).toEqual([expect.stringContaining(ended)]));
  expect(rows('reviews.csv')[0]).toMatch(/^r-ended,opt-out,/);
  const shown = await pa('--json', 'reviews');
  expect(JSON.parse(shown.stdout)).toMatchObject({ count: 1, reviews: [{ member: 'r-ended' }] });
  // The opt-out itself stays: only a statement of the payer ends it, and the entry with it.
  const consent = await http(`${platform().base}/ops/explain?client=none&member=r-ended`, {
    token: platform().administratorToken,
  });
  expect(String(consent.body)).toMatch(/"optOuts":\[\{[^\]]*"holds":true/);
  await publishTaken(platform(), say('member-opted-out.v2', 'r-ended', { scope: 'global' }));
  await eventually(async () => expect(await listed()).toEqual([]));
  const refused = await http(`${platform().base}/ops/reviews`, { token: platform().payerToken });
  expect(refused.status).toBe(401);
});

test('N33, N42: a member finds the notice without login, in the language of the browser', async () => {
  const ask = (language: string) => fetch(`${platform().base}/notice`, { headers: { 'accept-language': language } });
  const [english, spanish] = [await ask('en-US'), await ask('es-US')];
  expect([english.status, spanish.status]).toEqual([200, 200]);
  expect(await english.text()).toContain('You can say no');
  expect(await spanish.text()).toContain('Usted puede decir que no');
  expect(spanish.headers.get('set-cookie')).toBeNull();
});

describe('HOLD_UNTIL_NOTICE', () => {
  const npi = '1992999825';
  let fresh: Fresh;
  let app: TestApp;
  beforeAll(async () => {
    fresh = await freshPlatform({ env: { HOLD_UNTIL_NOTICE: 'true' } });
    const status = { npi, status: 'in-network', from: '2020-01-01' };
    await publishTaken(fresh.platform(), payerEvent('payer.network-status-changed.v1', npi, status));
    app = await registerApp(fresh.platform(), { name: 'Practice', npi });
  });
  afterAll(() => fresh?.dispose());
  const read = async (member: string) =>
    http(`${fresh.platform().base}/fhir/Patient/${member}`, { token: await app.tokens.get() });

  test('N39: no exchange before the first notice: a provider gets what it gets for an unknown member', async () => {
    await publishTaken(fresh.platform(), ...memberOf('n-held', { npi }), ...memberOf('n-told', { npi }));
    const notice = { kind: 'first', language: 'en', channel: 'mail', at: dayFrom(-2) };
    await publishTaken(fresh.platform(), say('notice-sent.v1', 'n-told', notice));
    await eventually(async () => expect((await read('n-told')).status).toBe(200));
    const [held, unknown] = [await read('n-held'), await read('n-nobody')];
    expect([held.status, String(held.body).replaceAll('n-held', 'x')]).toEqual([
      404,
      String(unknown.body).replaceAll('n-nobody', 'x'),
    ]);
    // N12: no answer says that providers see the member while nobody does.
    const optIn = async () => {
      const { base, payerToken } = fresh.platform();
      const event = say('member-opted-in.v2', 'n-held', { scope: 'global', setBy: 'member', channel: 'phone' });
      const answer = await http(`${base}/events`, {
        method: 'POST',
        token: payerToken,
        headers: { 'content-type': 'application/cloudevents+json' },
        body: JSON.stringify(toStructured(event)),
      });
      return JSON.parse(String(answer.body)) as object;
    };
    expect(await optIn()).toMatchObject({ status: 'held', reason: 'notice', deadLetters: [] });
    expect((await read('n-held')).status).toBe(404);
    await publishTaken(fresh.platform(), say('notice-sent.v1', 'n-held', notice));
    await eventually(async () => expect((await read('n-held')).status).toBe(200));
    expect(await optIn()).toMatchObject({ status: 'effective' });
    await publishTaken(fresh.platform(), say('notice-returned.v1', 'n-held', { sent: dayFrom(-2) }));
    await eventually(async () => expect((await read('n-held')).status).toBe(404));
  });
});

import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { dataOf, type Disclosure, encodeEvent, PA_AUDIT, PA_MEMBERS, PA_REGISTRY } from '@provider-access/events';
import { history } from '@provider-access/facts';
import { instant } from '@provider-access/kernel';
import { appendFacts, approval, attestedRecord, recordsOf } from '@provider-access/process/testing';
import { cases, variant } from '@provider-access/testing/variant';
import { ADMIN, enrolled, Harness, inNetwork, NPI, OTHER_NPI, panel, PAYER, payerEvent } from '../test/harness.ts';

/** Lists about the past (APPS.md P17). The oracle is `explain` of each pair and minute. */

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const MEMBERS = ['m1', 'm2'];
const APPS = ['c1', 'c2'];
const NPIS = [NPI, OTHER_NPI];
/** Providers of no attribution. */
const [THIRD_NPI, FAR_NPI] = ['1245319599', '1234567893'];
const admin = { authorization: `Bearer ${ADMIN}` };

interface Verdict {
  readonly decision: 'permit' | 'deny' | 'unknown';
  readonly reason?: string;
  readonly unknownBefore?: string;
}
interface Last extends Verdict {
  readonly grounds?: readonly object[];
}
interface Apps {
  readonly apps: readonly {
    readonly client: string;
    readonly last: Last;
    readonly periods: readonly { readonly from: string; readonly to: string }[];
  }[];
  readonly others: readonly { readonly client: string; readonly name: string; readonly last: Last }[];
  readonly unknown: readonly { readonly from: string; readonly to: string; readonly unknownBefore: string }[];
}
interface Line {
  readonly member?: string;
  readonly unknownBefore?: string;
  readonly members?: number;
  readonly unknown?: number;
}

let h: Harness;
beforeEach(async () => {
  h = await new Harness().start();
  return () => h.stop();
});
const now = (): string => instant(h.now);
const query = (values: Record<string, string | undefined>): string =>
  String(new URLSearchParams(Object.entries(values).filter((each): each is [string, string] => each[1] !== undefined)));
const get = (path: string, values: Record<string, string | undefined>, headers: Record<string, string> = admin) =>
  h.get(`${path}?${query(values)}`, headers);
async function apps(member: string, from: string, to?: string, known?: string): Promise<Apps> {
  const answer = await get('/ops/explain/apps', { member, from, to, known });
  expect([answer.statusCode, answer.body]).toEqual([200, expect.any(String)]);
  return answer.json<Apps>();
}
async function lines(client: string, at?: string, known?: string): Promise<readonly Line[]> {
  const answer = await get('/ops/explain/members', { client, at, known });
  expect([answer.statusCode, answer.headers['content-type']]).toEqual([
    200,
    expect.stringMatching(/^application\/x-ndjson/),
  ]);
  return answer.body
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
}
const explained = async (client: string, member: string, at: string, known?: string): Promise<Verdict> =>
  (await get('/ops/explain', { client, member, at, known })).json<Verdict>();

/** What happens in one minute. `at`: minutes from then, of what has a date of its own. */
interface Step {
  readonly does: keyof typeof EVENTS;
  readonly member: string;
  readonly npi: string;
  readonly app: string;
  readonly at: number;
}
let sent = 0;
const dated = ({ at }: Step): string => instant(h.now + at * MINUTE);
const publish = (type: string, step: Step, data: object, subject = step.member): Promise<void> =>
  h.publish(payerEvent(type, subject, data, { id: `step-${(sent += 1)}`, time: now() }));
const consent = (type: string, { member }: Step, data: Record<string, unknown>): Promise<void> =>
  h.consentSays(type, member, data);
const hold = { source: 'urn:payer', deadLetter: 'd1' };
const registry = (type: string, { app }: Step): Promise<void> =>
  appendFacts(h.log, [
    { topic: PA_REGISTRY, type, subject: app, at: now(), data: { client: app, by: 'tests', reason: 'a test' } },
  ]);
const EVENTS = {
  enrols: (s: Step) => publish('payer.member-enrolled.v1', s, { coverageId: `cov-${s.member}`, from: dated(s) }),
  terminates: (s: Step) => publish('payer.member-terminated.v1', s, { coverageId: `cov-${s.member}`, to: dated(s) }),
  attributes: (s: Step) => publish('payer.attribution-asserted.v1', s, { provider: { npi: s.npi }, from: dated(s) }),
  'ends an attribution': (s: Step) =>
    publish('payer.attribution-ended.v1', s, { provider: { npi: s.npi }, to: dated(s) }),
  'opts out': (s: Step) =>
    consent('pa.opted-out.v1', s, { scope: 'global', effective: dated(s), businessTime: now(), setBy: 'member' }),
  'opts in': (s: Step) => consent('pa.opted-in.v1', s, { effective: now(), businessTime: now(), setBy: 'member' }),
  holds: (s: Step) => consent('pa.access-held.v1', s, { ...hold, eventType: 'payer.member-opted-out.v1' }),
  releases: (s: Step) => consent('pa.access-released.v1', s, hold),
  'leaves the network': (s: Step) =>
    publish('payer.network-status-changed.v1', s, { npi: s.npi, status: 'out-of-network', from: dated(s) }, s.npi),
  'joins the network': (s: Step) =>
    publish('payer.network-status-changed.v1', s, { npi: s.npi, status: 'in-network', from: dated(s) }, s.npi),
  suspends: (s: Step) => registry('pa.app-suspended.v1', s),
  approves: (s: Step) => appendFacts(h.log, [approval(s.app, [`npi|${s.npi}`], 'system/*.rs', now())]),
} as const;
const names = Object.keys(EVENTS) as (keyof typeof EVENTS)[];
const step = fc.record<Step>({
  does: fc.constantFrom(...names),
  member: fc.constantFrom(...MEMBERS),
  npi: fc.constantFrom(...NPIS),
  app: fc.constantFrom(...APPS),
  at: fc.integer({ min: -3, max: 6 }),
});
const isIn = (at: string, periods: readonly { readonly from: string; readonly to: string }[]): boolean =>
  periods.some(({ from, to }) => from <= at && at < to);

/** Compares the lists with `explain` of each pair at each of the instants. @returns how many pairs were permitted */
async function compare(instants: readonly string[], to: string, known?: string): Promise<number> {
  let permitted = 0;
  const ofMembers = new Map<string, Apps>();
  for (const member of MEMBERS) ofMembers.set(member, await apps(member, instants[0]!, to, known));
  for (const at of instants) {
    const seen = new Map<string, readonly Line[]>();
    for (const client of APPS) seen.set(client, await lines(client, at, known));
    for (const member of MEMBERS)
      for (const client of APPS) {
        const { decision } = await explained(client, member, at, known);
        const { apps: found, unknown } = ofMembers.get(member)!;
        const periods = found.find((one) => one.client === client)?.periods ?? [];
        const listed = seen.get(client)!.some((line) => line.member === member && line.unknownBefore === undefined);
        const about = { at, known, member, client };
        expect({ ...about, said: isIn(at, periods), listed, isUnknown: isIn(at, unknown) }).toEqual({
          ...about,
          said: decision === 'permit',
          listed: decision === 'permit',
          isUnknown: decision === 'unknown',
        });
        if (decision === 'permit') permitted += 1;
      }
    for (const client of APPS) {
      const { members, unknown } = seen.get(client)!.at(-1)!;
      expect(members! + unknown!).toBe(seen.get(client)!.length - 1);
    }
  }
  const last = instant(Date.parse(to) - 1);
  for (const [member, { apps: seeing, others }] of ofMembers)
    for (const client of APPS) {
      const { decision, reason, unknownBefore } = await explained(client, member, last, known);
      const said = [...seeing, ...others].find((one) => one.client === client)?.last;
      // An app that the list leaves out was never bound to a provider of the member.
      expect({ member, client, ...(said ?? { decision: 'deny', reason: expect.any(String) }) }).toMatchObject({
        member,
        client,
        decision,
        ...(reason !== undefined && { reason }),
        ...(unknownBefore !== undefined && { unknownBefore }),
      });
    }
  return permitted;
}

describe('lists about the past', () => {
  it(`P17: say at each minute of random histories what explain says (seed ${variant.seed})`, async () => {
    let permitted = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 20 }), async (steps) => {
        await h.stop();
        h = await new Harness().start();
        await h.publish(inNetwork(), ...panel(...MEMBERS));
        for (const [n, client] of APPS.entries()) await h.app1(client, [`npi|${NPIS[n]!}`]);
        await h.advance(MINUTE);
        const instants: string[] = [now()];
        for (const each of steps) {
          await h.advance(MINUTE / 2);
          await EVENTS[each.does](each);
          await h.settle();
          await h.advance(MINUTE / 2);
          instants.push(now());
        }
        await h.advance(8 * MINUTE);
        permitted += await compare(instants, now());
        permitted += await compare(
          instants.filter((_, n) => n % 3 === 0),
          now(),
          now(),
        );
      }),
      { numRuns: cases(2), seed: variant.seed, endOnFailure: !variant.long },
    );
    expect(permitted).toBeGreaterThan(5);
  }, 600_000);

  it('P17: lists the apps of a member with the parts of the period, and audits the question', async () => {
    await h.publish(inNetwork(), ...panel('m1'));
    await h.advance(DAY);
    await h.app1('c1', [`npi|${NPI}`]);
    await h.app1('c2', [`npi|${OTHER_NPI}`]);
    const approved = now();
    await h.advance(DAY);
    const hour = instant(h.now + 60 * MINUTE);
    await h.publish(
      payerEvent('payer.member-terminated.v1', 'm1', { coverageId: 'cov-m1', to: hour }, { time: now() }),
    );
    await h.settle();
    await h.advance(DAY);
    const from = instant(Date.parse(approved) + MINUTE);
    const found = await apps('m1', from);
    expect(found).toEqual({
      member: 'm1',
      from,
      to: now(),
      apps: [
        { client: 'c1', name: 'c1', periods: [{ from, to: hour }], last: { decision: 'deny', reason: 'not-covered' } },
      ],
      others: [],
      moreOthers: 0,
      names: {},
      unknown: [],
    });
    const entries = (await recordsOf(h.log, PA_AUDIT)).map((record) => dataOf<Disclosure>(record));
    expect(entries.at(-1)).toMatchObject({ action: 'explain', client: 'administrator', members: ['m1'] });
  });

  it('says of each app why it can see the member, or cannot, and lists no app of other providers', async () => {
    await h.publish(inNetwork(), inNetwork(THIRD_NPI), ...panel('m1'), enrolled('m2'));
    await h.app1('c1', [`npi|${NPI}`]);
    await h.app1('both', [`npi|${NPI}`, `npi|${OTHER_NPI}`]);
    await h.app1('stopped', [`npi|${NPI}`]);
    await h.app1('matched', [`npi|${THIRD_NPI}`]);
    await h.app1('far', [`npi|${FAR_NPI}`]);
    await h.advance(MINUTE);
    const to = instant(h.now + 30 * DAY);
    const attested = { member: 'm1', npi: THIRD_NPI, group: 'g-matched', client: 'matched', from: now(), to };
    await h.attests(attestedRecord({ ...attested, attestedAt: now(), policy: 'accept/2026-01-01', job: 'j1' }));
    const since = now();
    const stop = { client: 'stopped', by: 'tests', reason: 'a test' };
    await appendFacts(h.log, [
      { topic: PA_REGISTRY, type: 'pa.app-suspended.v1', subject: 'stopped', at: now(), data: stop },
    ]);
    await h.advance(MINUTE);
    const from = now();
    await h.advance(MINUTE);
    const attribution = { kind: 'attribution', providers: [`npi|${NPI}`], from: '2025-01-01T00:00:00.000Z' };
    const permit = (ground: object) => ({ decision: 'permit', grounds: [ground], moreGrounds: 0 });
    const first = await apps('m1', from);
    expect(Object.fromEntries(first.apps.map(({ client, last }) => [client, last]))).toEqual({
      c1: permit(attribution),
      both: permit(attribution),
      matched: permit({ kind: 'attestation', providers: [`npi|${THIRD_NPI}`], from: since, to }),
    });
    expect(first.others).toEqual([
      { client: 'stopped', name: 'stopped', last: { decision: 'deny', reason: 'client-not-approved' } },
    ]);
    // Nobody is attributed, so each app is left out.
    expect(await apps('m2', from)).toMatchObject({ apps: [], others: [], moreOthers: 0 });

    const optOut = { scope: 'provider-specific', targets: [`npi|${OTHER_NPI}`], effective: now(), businessTime: now() };
    await h.consentSays('pa.opted-out.v1', 'm1', { ...optOut, setBy: 'member' });
    await h.settle();
    await h.advance(MINUTE);
    const second = await apps('m1', from);
    expect(second.apps.map(({ client, last }) => [client, last.decision, last.reason])).toEqual([
      ['both', 'deny', 'opted-out'],
      ['c1', 'permit', undefined],
      ['matched', 'permit', undefined],
    ]);
    const later = now();
    await h.advance(MINUTE);
    expect((await apps('m1', later)).others.map(({ client, last }) => [client, last])).toEqual([
      ['both', { decision: 'deny', reason: 'opted-out' }],
      ['stopped', { decision: 'deny', reason: 'client-not-approved' }],
    ]);
  });

  it('P17: names each member in the audit before the line leaves, and counts them at the end', async () => {
    const many = Array.from({ length: 230 }, (_, n) => `m${n}`);
    await h.publish(inNetwork(), ...panel(...many));
    await h.app1('c1', [`npi|${NPI}`]);
    await h.advance(MINUTE);
    const found = await lines('c1');
    expect(found.slice(0, -1).map(({ member }) => member)).toEqual(many.toSorted());
    expect(found.at(-1)).toEqual({ client: 'c1', at: now(), known: now(), members: 230, unknown: 0 });
    const entries = (await recordsOf(h.log, PA_AUDIT)).map((record) => dataOf<Disclosure>(record));
    const looks = entries.filter(({ action }) => action === 'explain');
    expect(looks.flatMap(({ members }) => members).toSorted()).toEqual(many.toSorted());
    expect(new Set(looks.map(({ client, operation }) => `${client} ${operation}`))).toEqual(
      new Set(['administrator GET /ops/explain/members']),
    );
    expect(await lines('nobody')).toEqual([{ client: 'nobody', at: now(), known: now(), members: 0, unknown: 0 }]);
  });

  it('P15, P17: says what is unknown, and lists nobody for it', async () => {
    await h.publish(inNetwork(), ...panel('m1'));
    await h.app1('c1', [`npi|${NPI}`]);
    await h.advance(DAY);
    const copied = now();
    await h.advance(DAY);
    const lost = now();
    await h.advance(DAY);
    const restoredAt = now();
    const event = { id: 'restore', source: 'urn:test', time: restoredAt, type: 'pa.log-restored.v1' };
    const key = { key: 'restore', partitionKey: 'r' };
    await h.log.append(PA_REGISTRY, [encodeEvent({ ...event, data: { restore: 'r1', copied, restoredAt } }, key)]);
    const accepted = { restore: 'r1', by: 'a test', reason: 'a test', at: restoredAt };
    await h.log.append(PA_REGISTRY, [
      encodeEvent({ ...event, id: 'accepted', type: 'pa.restore-accepted.v1', data: accepted }, key),
    ]);
    await h.settle();
    await h.advance(DAY);
    const from = instant(Date.parse(copied) - MINUTE);
    const found = await apps('m1', from);
    expect(found.unknown).toEqual([
      { from: instant(Date.parse(copied) + 1), to: restoredAt, unknownBefore: restoredAt },
    ]);
    expect(found.apps).toMatchObject([
      {
        client: 'c1',
        periods: [
          { from, to: instant(Date.parse(copied) + 1) },
          { from: restoredAt, to: now() },
        ],
      },
    ]);
    expect(await lines('c1', lost)).toEqual([
      { client: 'c1', at: lost, known: lost, members: 0, unknown: 0, unknownBefore: restoredAt },
    ]);
  });

  it('P17: refuses a period that is too long, turned round, or in the future, by name', async () => {
    await h.advance(DAY);
    for (const [values, text] of [
      [{ member: 'm1', from: instant(h.now - 367 * DAY) }, 'at most 366 days'],
      [{ member: 'm1', from: now(), to: instant(h.now - DAY) }, 'from must be before to'],
      [{ member: 'm1', from: now(), to: instant(h.now + DAY) }, 'to must not be in the future'],
      [{ member: 'm1', from: '2026-03-03' }, 'from must be an RFC 3339 instant'],
      [{ member: 'm1', from: instant(h.now - DAY), known: instant(h.now + 1) }, 'known must not be in the future'],
      [{ member: 'm1', from: instant(h.now - DAY), client: 'c1' }, 'no parameter client'],
    ] as const) {
      const refused = await get('/ops/explain/apps', values);
      expect([refused.statusCode, refused.body], text).toEqual([400, expect.stringContaining(text)]);
    }
    const refused = await get('/ops/explain/members', { client: 'c1', at: instant(h.now + DAY) });
    expect([refused.statusCode, refused.body]).toEqual([400, expect.stringContaining('at must not be in the future')]);
  });

  it('P17: refuses a member with more statements than one answer folds', async () => {
    await h.publish(inNetwork(), ...panel('m1'));
    await h.app1('c1', [`npi|${NPI}`]);
    const records = Array.from({ length: 10_001 }, (_, sequence) => {
      const time = instant(h.now + sequence);
      const data = { member: 'm1', coverageId: 'cov-m1', from: time, businessTime: time, sequence };
      const event = {
        id: `r-${sequence}`,
        source: 'urn:test',
        type: 'pa.coverage-changed.v1',
        time,
        subject: 'm1',
        data,
      };
      return encodeEvent({ ...event, extensions: { pasource: 'urn:payer' } }, { key: 'm1', partitionKey: 'm1' });
    });
    await h.log.append(PA_MEMBERS, records);
    await h.settle();
    await h.views.reader(history).waitFor(await h.log.head([PA_MEMBERS]), 60_000);
    await h.advance(DAY);
    const refused = await get('/ops/explain/apps', { member: 'm1', from: instant(h.now - DAY) });
    expect([refused.statusCode, refused.body]).toEqual([400, expect.stringContaining('too many changes')]);
  });

  it('P18: answers nobody but auditors', async () => {
    const app = await h.app1('c1', [`npi|${NPI}`]);
    for (const headers of [app, { authorization: `Bearer ${PAYER}` }, {}] as Record<string, string>[])
      for (const [path, values] of [
        ['/ops/explain/apps', { member: 'm1', from: instant(h.now - DAY) }],
        ['/ops/explain/members', { client: 'c1' }],
      ] as const)
        expect((await get(path, values, headers)).statusCode).toBe(401);
  });
});

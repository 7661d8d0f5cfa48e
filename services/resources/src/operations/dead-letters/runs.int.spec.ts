import type { PersonRole } from '@provider-access/kernel';
import { csrfOf, Sessions } from '@provider-access/smart';
import { eventually } from '@provider-access/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, condition, House, type Loose } from '../../../test/harness.ts';
import { park } from '../../../test/parked.ts';

const COLOUR = 'Condition: colour is not an element of Condition';
const FIX = [{ op: 'remove', path: '/resource/colour' }];
/** A value of a member, which no answer about a run may have. */
const SECRET = 'Rumpelstiltskin';

describe('many dead letters at once', () => {
  let house: House;
  beforeAll(async () => {
    house = await House.open();
  });
  afterAll(() => house.close());
  let named = 0;
  /** Letters with a cause of their own, so that no test meets another one's. */
  async function parked(resources: readonly object[]): Promise<{ cause: string; ids: readonly string[] }> {
    named += 1;
    const detail = `${COLOUR} (${named})`;
    const ids = await park(
      house,
      resources.map((resource) => ({ resource, detail })),
    );
    const { causes } = (await ask('GET', '/causes')).json();
    return { cause: causes.find((one: Loose) => one.detail === detail).cause as string, ids };
  }
  const ask = (method: 'GET' | 'POST', path: string, body?: object) =>
    house.call(method, `/events/dead-letters${path}`, { token: house.payerToken, ...(body !== undefined && { body }) });
  const begin = async (body: object): Promise<Loose> => {
    const answer = await ask('POST', '/runs', body);
    expect([answer.status, answer.text]).toEqual([202, answer.text]);
    return answer.json();
  };
  const ended = async (id: string): Promise<Loose> => {
    let run: Loose;
    await eventually(async () => {
      run = (await ask('GET', `/runs/${id}`)).json();
      expect(run.status).not.toBe('running');
    });
    return run;
  };
  const statusOf = async (id: string): Promise<string> => (await ask('GET', `/${id}`)).json().status as string;
  const bad = (id: string, more: object = {}): object => condition('m1', id, { colour: 'red', ...more });

  it('takes a correction from nobody who may not read what it changes', async () => {
    // A change with `test` tells by what it leaves open whether a member has a value.
    const guess = [{ op: 'test', path: '/resource/code/text', value: SECRET }, ...FIX];
    const { cause, ids } = await parked([bad('guessed')]);
    const begunBy = async (roles: readonly PersonRole[], body: object): Promise<Answer> => {
      const session = await house.app.get(Sessions).begin({ name: 'person anna', mark: 'person anna' }, roles);
      const headers = { cookie: `__Host-pa-session=${session.secret}`, 'x-csrf-token': csrfOf(session) };
      return house.call('POST', '/events/dead-letters/runs', { headers, body });
    };
    for (const patch of [guess, FIX]) {
      const refused = await begunBy(['engineer'], { cause, action: 'replay', patch });
      expect([refused.status, refused.text]).toEqual([403, expect.stringContaining('dead-letter-reader')]);
    }
    expect(await statusOf(ids[0]!)).toBe('open');
    // As it was sent, it tells nothing, and stays open.
    const plain = await begunBy(['engineer'], { cause, action: 'replay' });
    expect(plain.status).toBe(202);
    expect((await ended(plain.json<Loose>().id)).counts).toMatchObject({ failed: 1 });
    const read = await begunBy(['engineer', 'dead-letter-reader'], { cause, action: 'replay', patch: FIX });
    expect(read.status).toBe(202);
    expect((await ended(read.json<Loose>().id)).counts).toMatchObject({ recorded: 1 });
  });

  it('corrects each of a cause, names those that are still wrong, and leaves them open', async () => {
    const resources = Array.from({ length: 120 }, (_, i) => bad(`r${i}`));
    resources[7] = bad('r7', { taste: SECRET });
    resources[8] = condition('m1', 'r8', { taste: 'sweet' });
    const { cause, ids } = await parked(resources);
    const begun = await begin({ cause, action: 'replay', patch: FIX });
    expect(begun).toMatchObject({
      of: { count: 120, isMore: false },
      by: 'payer',
      isCorrected: true,
      action: 'replay',
    });
    const run = await ended(begun.id);
    expect(run).toMatchObject({ status: 'done', taken: 120, counts: { recorded: 118, failed: 2 } });
    expect(run.failures).toEqual([
      { deadLetter: ids[7], reason: 'invalid-resource', detail: 'Condition: taste is not an element of Condition' },
      {
        deadLetter: ids[8],
        reason: 'correction',
        detail: 'change 1 (remove /resource/colour): there is nothing at this place',
      },
    ]);
    await house.settled();
    for (const i of [0, 60, 119]) expect(await house.records.byTypeId('m1', 'Condition', `r${i}`)).toBeDefined();
    expect(await house.records.byTypeId('m1', 'Condition', 'r7')).toBeUndefined();
    expect(await Promise.all([0, 7, 8, 119].map((i) => statusOf(ids[i]!)))).toEqual([
      'replayed',
      'open',
      'open',
      'replayed',
    ]);
    const { runs } = (await ask('GET', '/runs')).json();
    expect(runs[0]).toEqual(run);
    // The correction may have data of members: nobody reads it, and the state forgets it.
    for (const text of [JSON.stringify(runs), JSON.stringify(begun)]) {
      expect(text).not.toContain(SECRET);
      expect(text).not.toContain('"patch"');
    }
    const stored = await house.state.streams.load<Loose>(`dead-letter-run/${begun.id}`);
    expect(JSON.stringify(stored)).not.toContain('"patch"');
  });

  it('sends nothing that intake would refuse', async () => {
    const { cause, ids } = await parked([bad('s1'), bad('s2')]);
    const heads = async () => (await house.log.head(['payer.member-events']))['payer.member-events'];
    const before = await heads();
    const { id } = await begin({ cause, action: 'replay' });
    expect(await ended(id)).toMatchObject({ taken: 2, counts: { failed: 2 } });
    expect(await heads()).toEqual(before);
    expect(await statusOf(ids[0]!)).toBe('open');
  });

  it('names what became a dead letter again only when it was sent', async () => {
    const { cause, ids } = await parked([bad('shared-id')]);
    await house.publish([{ subject: 'm2', resource: condition('m2', 'shared-id') }]);
    const { id } = await begin({ cause, action: 'replay', patch: FIX });
    const run = await ended(id);
    expect(run).toMatchObject({ taken: 1, counts: { parked: 1 } });
    expect(run.failures).toEqual([
      { deadLetter: ids[0], reason: 'owned-by-another-member', again: expect.stringMatching(/^dl-/) },
    ]);
  });

  it('ends although its own replays become dead letters of the same cause', async () => {
    await house.publish([{ subject: 'm2', resource: condition('m2', 'ours') }]);
    const { receipt } = await house.publish([{ subject: 'm1', resource: condition('m1', 'ours') }]);
    const [first] = receipt.items;
    expect(first).toMatchObject({ reason: 'owned-by-another-member' });
    let letter: Loose;
    await eventually(async () => {
      letter = (await ask('GET', `/${first.deadLetter}`)).json();
      expect(letter.status).toBe('open');
    });
    const { id } = await begin({ cause: letter.cause, action: 'replay' });
    const run = await ended(id);
    // The one of the test before has this cause, too, as soon as the view shows it.
    const { count } = run.of as { readonly count: number };
    expect(run).toMatchObject({ taken: count, counts: { parked: count } });
    const own = run.failures.find(({ deadLetter }: Loose) => deadLetter === first.deadLetter);
    await eventually(async () => {
      const again = (await ask('GET', `/${own.again}`)).json();
      expect(again).toMatchObject({ status: 'open', cause: letter.cause, attempt: 2 });
    });
  });

  it('discards all with a reason, and only those that were there', async () => {
    const { cause, ids } = await parked([bad('t1'), bad('t2')]);
    const { id } = await begin({ cause, action: 'discard', reason: 'a wrong feed' });
    expect(await ended(id)).toMatchObject({ taken: 2, counts: { discarded: 2 }, failures: [] });
    await eventually(async () => expect(await statusOf(ids[1]!)).toBe('discarded'));
    expect((await ask('GET', `/${ids[0]}`)).json().resolution).toMatchObject({ by: 'payer', reason: 'a wrong feed' });
    const again = await ask('POST', '/runs', { cause, action: 'discard', reason: 'x' });
    expect([again.status, again.text]).toEqual([404, expect.stringContaining('No open dead letter')]);
  });

  it('goes on where another process stopped, and stops when it is asked to', async () => {
    const { cause } = await parked([bad('u1'), bad('u2')]);
    // As a process leaves it that ended after its first step.
    const { streams } = house.state;
    const lease = (await house.state.leases.acquire('resources/dead-letter-runs', 'other', 60_000))!;
    const run = await begin({ cause, action: 'discard', reason: 'x' });
    const { deadLetters } = (await ask('GET', `?cause=${cause}`)).json();
    const [first] = deadLetters;
    const head = (await streams.load<Loose>(`dead-letter-run/${run.id}`))!;
    const step = { taken: 1, counts: { discarded: 1 }, after: { at: first.parkedAt, id: first.id } };
    await streams.append(`dead-letter-run/${run.id}`, head.version, [], { ...head.snapshot, ...step });
    const twice = await ask('POST', '/runs', { cause, action: 'replay' });
    expect([twice.status, twice.text]).toEqual([409, expect.stringContaining('of this cause now')]);
    await house.state.leases.release(lease);
    expect(await ended(run.id)).toMatchObject({ status: 'done', taken: 2, counts: { discarded: 2 } });

    const other = await parked([bad('v1')]);
    const held = (await house.state.leases.acquire('resources/dead-letter-runs', 'other', 60_000))!;
    const stopped = await begin({ cause: other.cause, action: 'discard', reason: 'x' });
    expect((await ask('POST', `/runs/${stopped.id}/stop`)).json()).toMatchObject({ status: 'stopped', taken: 0 });
    await house.state.leases.release(held);
    expect((await ask('POST', `/runs/${stopped.id}/stop`)).status).toBe(409);
    expect(await statusOf(other.ids[0]!)).toBe('open');
  });

  it.each<[string, object, number]>([
    ['no cause', { action: 'replay' }, 400],
    ['a cause that nobody has', { cause: 'invalid-data.aaaaaaaaaaaaaaaa', action: 'replay' }, 404],
    ['a discard without a reason', { cause: 'invalid-data.aaaaaaaaaaaaaaaa', action: 'discard' }, 400],
    ['a discard with a blank reason', { cause: 'invalid-data.aaaaaaaaaaaaaaaa', action: 'discard', reason: ' ' }, 400],
    ['an unknown change', { cause: 'invalid-data.aaaaaaaaaaaaaaaa', action: 'replay', patch: [{ op: 'move' }] }, 400],
    [
      'a change without a value',
      { cause: 'invalid-data.aaaaaaaaaaaaaaaa', action: 'replay', patch: [{ op: 'add', path: '/a' }] },
      400,
    ],
    ['another attribute', { cause: 'invalid-data.aaaaaaaaaaaaaaaa', action: 'replay', all: true }, 400],
    [
      'a large correction',
      {
        cause: 'invalid-data.aaaaaaaaaaaaaaaa',
        action: 'replay',
        patch: [{ op: 'add', path: '/a', value: 'x'.repeat(70_000) }],
      },
      413,
    ],
  ])('refuses %s', async (_what, body, status) => {
    const answer = await ask('POST', '/runs', body);
    expect([answer.status, answer.text]).toEqual([status, answer.text]);
    expect((await ask('GET', '/runs/run-x')).status).toBe(404);
    expect((await house.call('GET', '/events/dead-letters/runs')).status).toBe(401);
  });
});

describe('the check of a correction', () => {
  let house: House;
  beforeAll(async () => {
    house = await House.open();
  });
  afterAll(() => house.close());
  const parkedAs = async (input: Parameters<typeof park>[1][number]): Promise<string> =>
    (await park(house, [input]))[0]!;
  const check = async (id: string, body?: object): Promise<Loose> => {
    const call = { token: house.payerToken, ...(body !== undefined && { body }) };
    const answer = await house.call('POST', `/events/dead-letters/${id}/check`, call);
    return answer.status === 200 ? answer.json() : answer.status;
  };

  it('names what is wrong as intake does, without a value, and appends nothing', async () => {
    const id = await parkedAs({ resource: condition('m1', 'k1', { colour: SECRET }) });
    const before = await house.log.head(['payer.member-events', 'payer.member-events.dead-letter']);
    expect(await check(id)).toEqual({
      ok: false,
      reason: 'invalid-resource',
      detail: 'Condition: colour is not an element of Condition',
    });
    const other = condition('m2', 'k1');
    expect(await check(id, { resource: other })).toMatchObject({ ok: false, reason: 'names-another-member' });
    expect(await check(id, { resource: condition('m1', 'k1') })).toEqual({ ok: true });
    expect(await check(id, { specversion: '1.0' })).toBe(400);
    expect(await house.log.head(['payer.member-events', 'payer.member-events.dead-letter'])).toEqual(before);
    expect((await house.call('POST', `/events/dead-letters/${id}/check`)).status).toBe(401);
  });

  it('reads events of other services, and finds another member inside', async () => {
    const id = await parkedAs({ type: 'payer.member-opted-out.v2', data: { scope: 'everything' } });
    expect(await check(id)).toMatchObject({
      ok: false,
      reason: 'invalid-data',
      detail: expect.stringMatching(/^data\.scope/),
    });
    const proof = { setBy: 'member', channel: 'mail' };
    expect(await check(id, { scope: 'global', ...proof })).toEqual({ ok: true });
    await house.attribute('m7');
    const inside = await parkedAs({ resource: condition('m1', 'k2') });
    const contained = [{ resourceType: 'Patient', id: 'm7' }];
    const resource = condition('m1', 'k2', { contained, asserter: { reference: '#m7' } });
    expect(await check(inside, { resource })).toMatchObject({ ok: false, reason: 'names-another-member' });
  });
});

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Demographics } from '@provider-access/domain/pdex/match';
import type { State } from '@provider-access/engines/state';
import { openEmbeddedState } from '@provider-access/engines/state/embedded';
import type { AuditEntry } from '@provider-access/events';
import type { Refusal } from '@provider-access/kernel';
import { Metrics } from '@provider-access/service/observability';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { GuessGuard } from './guess-guard.ts';

const HOUR = 3_600_000;
const START = Date.parse('2027-01-11T09:00:00Z');
const app = { client: 'app-1', approvedAt: '2027-01-01T00:00:00.000Z' };

let folder: string;
let state: State;
let now: number;
let metrics: Metrics;
let guard: GuessGuard;
let entries: AuditEntry[];
const audit = { record: async (entry: AuditEntry) => void entries.push(entry) };
/** The match in which somebody guesses. */
const job = { client: 'app-1', group: 'g', job: 'j' };
const open = (file = ':memory:') => openEmbeddedState({ file, now: () => now });
/** Another process over the same store. */
const another = () => new GuessGuard({ state, metrics, clock: { now: () => now } }, audit);
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'guesses-'));
  now = START;
  entries = [];
  state = open();
  metrics = new Metrics();
  guard = another();
});
afterEach(async () => {
  await state.close();
  rmSync(folder, { recursive: true });
});

const person = (n: number, changes: Partial<Demographics> = {}): Demographics => ({
  memberIds: [],
  subscriberId: `M${n}`,
  birthDate: '1965-08-15',
  family: 'Johnson',
  given: ['Robert'],
  gender: 'male',
  ...changes,
});
/** Guesses of one person: another id each time. */
const guesses = (count: number, from = 0) => Array.from({ length: count }, (_, n) => person(from + n));
const refusal = async (of = app): Promise<Pick<Refusal, 'kind' | 'retryAfter'> | undefined> =>
  guard.admit(of).then(
    () => undefined,
    (error: Refusal) => ({ kind: error.kind, retryAfter: error.retryAfter }),
  );

describe('M77: ids of one person are guessed', () => {
  it('after 100 within an hour the next request is 429 until the hour is over', async () => {
    await guard.count(job, app, guesses(100));
    expect(await refusal()).toBeUndefined();
    await guard.count(job, app, guesses(1, 100));
    now += HOUR / 2;
    expect(await refusal()).toEqual({ kind: 'too-many-requests', retryAfter: 1800 });
    now += HOUR / 2;
    expect(await refusal()).toBeUndefined();
  });
  it('after 1,000 the operation is suspended, and stays so', async () => {
    await guard.count(job, app, guesses(1001));
    expect(await guard.isSuspended(app)).toBe(true);
    now += 1000 * 24 * HOUR;
    expect(await refusal()).toMatchObject({ kind: 'too-many-requests' });
    expect(await metrics.text()).toMatch(/^pa_match_suspensions_total\{?[^}]*\}? 1$/m);
    expect(entries).toEqual([expect.objectContaining({ ...job, reason: 'match-suspended', query: 'guesses=1000' })]);
    await guard.count(job, app, guesses(50, 2000));
    expect(entries).toHaveLength(1);
  });
  it('is not suspended while the audit cannot say so, and the next guess suspends it', async () => {
    const away = new GuessGuard(
      { state, metrics, clock: { now: () => now } },
      { record: () => Promise.reject(new Error('away')) },
    );
    await expect(away.count(job, app, guesses(1001))).rejects.toThrow('away');
    expect(await guard.isSuspended(app)).toBe(false);
    await guard.count(job, app, guesses(1, 1001));
    expect([await guard.isSuspended(app), entries.length]).toEqual([true, 1]);
  });
  it('counts across requests, processes and restarts', async () => {
    await state.close();
    state = open(join(folder, 'state.db'));
    for (let n = 0; n < 10; n++) await another().count(job, app, guesses(101, n * 101));
    await state.close();
    state = open(join(folder, 'state.db'));
    guard = another();
    expect(await guard.isSuspended(app)).toBe(true);
  });
  it('a slow attack of 99 an hour is suspended within a day', async () => {
    for (let n = 0; n < 11; n++) {
      await guard.count(job, app, guesses(99, n * 99));
      now += HOUR;
    }
    expect(await guard.isSuspended(app)).toBe(true);
  });
  it.each<[string, (n: number) => Demographics]>([
    [
      'one digit of the birth date varies',
      (n) => person(1, { birthDate: `1965-08-${String(10 + (n % 19))}`, given: [`R${n}`] }),
    ],
    ['the year varies', (n) => person(n, { birthDate: `${1900 + n}-08-15` })],
    [
      'the family name varies for one id',
      (n) => person(1, { family: `Name${n}`, birthDate: `19${10 + (n % 89)}-01-01` }),
    ],
  ])('%s', async (_what, of) => {
    await guard.count(
      job,
      app,
      Array.from({ length: 120 }, (_, n) => of(n)),
    );
    expect(await refusal()).toMatchObject({ kind: 'too-many-requests' });
  });
  it('a retry of the same work counts once', async () => {
    for (let n = 0; n < 5; n++) await guard.count(job, app, guesses(90));
    expect(await refusal()).toBeUndefined();
  });
});

describe('M77: what is no guess', () => {
  it('a practice with 1,000 patients of another payer', async () => {
    const patients = Array.from({ length: 1000 }, (_, n) =>
      person(n, {
        family: `Family${n % 300}`,
        birthDate: new Date(Date.UTC(1940, 0, 1 + ((n * 7919) % 25_000))).toISOString().slice(0, 10),
      }),
    );
    await guard.count(job, app, patients);
    expect(await refusal()).toBeUndefined();
  });
  it('the same patients again each hour', async () => {
    for (let n = 0; n < 24; n++) {
      await guard.count(job, app, guesses(50));
      now += HOUR;
    }
    expect(await refusal()).toBeUndefined();
  });
  it('a request without a miss', async () => {
    await guard.count(job, app, []);
    expect(await refusal()).toBeUndefined();
  });
});

describe('M77: each app has its own count', () => {
  it('another app is not slowed', async () => {
    await guard.count(job, app, guesses(1001));
    expect(await refusal({ ...app, client: 'app-2' })).toBeUndefined();
  });
  it('twenty apps that guess together are counted for the alert', async () => {
    for (let n = 0; n < 20; n++) await guard.count(job, { ...app, client: `app-${n}` }, guesses(60, n * 60));
    expect(await metrics.text()).toMatch(/^pa_match_guesses_total\{?[^}]*\}? 1180$/m);
  });
});

describe('M77: a suspension is lifted by a reviewer', () => {
  it('who approves the app again', async () => {
    await guard.count(job, app, guesses(1001));
    now += HOUR;
    const approved = { ...app, approvedAt: new Date(now).toISOString() };
    now += 1000;
    expect(await refusal(approved)).toBeUndefined();
    expect(await guard.isSuspended(approved)).toBe(false);
  });
  it('and the count begins anew', async () => {
    await guard.count(job, app, guesses(1001));
    now += HOUR;
    const approved = { ...app, approvedAt: new Date(now).toISOString() };
    await guard.count(job, approved, guesses(50, 5000));
    expect(await refusal(approved)).toBeUndefined();
    await guard.count(job, approved, guesses(1001, 6000));
    expect(await guard.isSuspended(approved)).toBe(true);
  });
});

describe('M77: calls of the state store', () => {
  /** Every call of every part of the store, by its name. */
  const watched = () => {
    const calls: string[] = [];
    const part = <P extends object>(name: string, of: P): P =>
      new Proxy(of, {
        get: (target, method) => {
          const call = Reflect.get(target, method, target) as (...args: unknown[]) => unknown;
          return (...args: unknown[]) => {
            calls.push(`${name}.${String(method)}`);
            return call.apply(target, args);
          };
        },
      });
    const of = { ...state, counters: part('counters', state.counters), claims: part('claims', state.claims) };
    return { calls, guard: new GuessGuard({ state: of, metrics, clock: { now: () => now } }, audit) };
  };
  const strangers = (batch: number, count: number) =>
    Array.from({ length: count }, (_, n) => person(n, { family: `F${batch}x${n}`, subscriberId: `S${batch}x${n}` }));

  it('are one for the questions of 50 bundles, and of 1 bundle', async () => {
    for (const count of [50, 1]) {
      const { calls, guard: of } = watched();
      await of.count(job, app, strangers(count, count));
      expect(calls).toEqual(['claims.claimMany']);
    }
  });
  it('are at most three more if some of them are guesses, however many', async () => {
    for (const count of [2, 50]) {
      const { calls, guard: of } = watched();
      await of.count(job, { ...app, client: `app-${count}` }, guesses(count));
      expect(calls).toEqual(['claims.claimMany', 'counters.hit', 'counters.hit']);
    }
  });
  it('are at most five with the suspension', async () => {
    await guard.count(job, app, guesses(999));
    const { calls, guard: of } = watched();
    await of.count(job, app, guesses(50, 999));
    expect(calls.length).toBeLessThanOrEqual(5);
    expect(await guard.isSuspended(app)).toBe(true);
  });
});

describe('M77: the same question', () => {
  it('with one id in two spellings is no guess of itself', async () => {
    for (let n = 0; n < 150; n++) {
      const id = `W-${n} x`;
      const of = { family: `F${n}`, subscriberId: id, memberIds: [{ value: id.toLowerCase().replace(' ', '') }] };
      await guard.count(job, app, [person(n, of)]);
    }
    expect(await refusal()).toBeUndefined();
  });
  it('may be asked again after a day, and near ones are guesses again', async () => {
    await guard.count(job, app, guesses(60));
    now += 24 * HOUR + 1;
    await guard.count(job, app, guesses(102));
    expect(await refusal()).toMatchObject({ kind: 'too-many-requests' });
  });
});

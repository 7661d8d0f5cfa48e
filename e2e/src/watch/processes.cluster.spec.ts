import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { ASSERTION_TYPE, form, http, json, optOut, tell } from '../road.ts';
import { IDLE, tryIt } from './tried.ts';
import { openWorld, type World } from './world.ts';

/** Alerts of processes and access, each tried by causing what it is for: see engines.cluster.spec.ts. */
describe.skipIf(!IDLE)('faults of processes and access (needs idle cores for some minutes: WATCH_FAULTS=1)', () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld();
  }, 300_000);
  afterAll(() => world?.close());

  const one = (service: string) => world.platform.processes().find((p) => p.service === service)!;
  const payer = () => ({ token: world.platform.payerToken });
  const letters = async (): Promise<{ id: string }[]> => json<{ deadLetters: { id: string }[] }>(await http(`${world.platform.base}/events/dead-letters?status=open`, payer())).deadLetters;
  const discardAll = async (): Promise<void> => {
    for (const { id } of await letters()) await http(`${world.platform.base}/events/dead-letters/${id}/discard`, { method: 'POST', ...payer(), headers: { 'content-type': 'application/json' }, body: '{"reason":"made by a test"}' });
  };
  test('an opt-out cannot be read: EventsParked', async () => {
    await discardAll();
    await vi.waitFor(async () => expect(await letters()).toEqual([]), { timeout: 20_000 });
    // Its member is denied: in that sense it is effective.
    await tryIt(world, { alerts: ['EventsParked'], stretch: 60, fault: () => tell(world.platform, optOut(world.members[1]!, { scope: 'nobody knows' })), seconds: 30, cure: discardAll, settles: 15 });
  }, 400_000);

  test('an opt-out says not whose it is: SourceDenied', async () => {
    const { subject: _, ...nobody } = optOut('');
    const fault = (): Promise<unknown> => http(`${world.platform.base}/events`, { method: 'POST', ...payer(), headers: { 'content-type': 'application/cloudevents+json' }, body: JSON.stringify({ specversion: '1.0', ...nobody }) });
    await tryIt(world, { alerts: ['SourceDenied'], stretch: 20, fault, seconds: 20, cure: discardAll, settles: 15 });
  }, 400_000);

  test('auth is killed and does not come back: ServiceAbsent', async () => {
    const auth = one('auth');
    await tryIt(world, { alerts: ['ServiceAbsent'], stretch: 20, seconds: 30, settles: 20, fault: async () => auth.child.kill('SIGKILL'), cure: () => world.platform.replace(auth) });
  }, 400_000);

  test('consent is started three times in a row: Restarts', async () => {
    const fault = async (): Promise<void> => {
      for (let n = 0; n < 3; n += 1) {
        await world.platform.replace(one('consent'));
        await sleep(3000);
      }
    };
    await tryIt(world, { alerts: ['Restarts'], stretch: 20, fault, seconds: 20, cure: async () => undefined, settles: 25, silentStretch: 150 });
  }, 400_000);

  test('consent gets a fifth of the time that it needs: EventLoopDelay', async () => {
    const { child } = one('consent');
    let starving = true;
    const starve = async (): Promise<void> => {
      while (starving) {
        child.kill('SIGSTOP');
        await sleep(900);
        child.kill('SIGCONT');
        await sleep(200);
      }
    };
    let starved: Promise<void> | undefined;
    await tryIt(world, {
      alerts: ['EventLoopDelay'], stretch: 30, seconds: 50, settles: 35,
      fault: async () => void (starved = starve()),
      cure: async () => {
        starving = false;
        await starved;
      },
    });
  }, 400_000);

  test('somebody sends assertions with a wrong key: TokenRefusals', async () => {
    let guessing = true;
    let guessed: Promise<unknown> | undefined;
    const guess = async (): Promise<void> => {
      while (guessing) {
        await http(`${world.platform.base}/auth/token`, form({ grant_type: 'client_credentials', scope: 'system/*.rs', client_assertion_type: ASSERTION_TYPE, client_assertion: 'eyJhbGciOiJFUzM4NCJ9.e30.c2lnbmF0dXJl' })).catch(() => undefined);
        await sleep(20);
      }
    };
    await tryIt(world, {
      alerts: ['TokenRefusals'], stretch: 30, seconds: 55, settles: 30,
      fault: async () => void (guessed = Promise.all([guess(), guess()])),
      cure: async () => {
        guessing = false;
        await guessed;
      },
    });
  }, 400_000);
});

import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '@provider-access/testing';
import { test } from 'vitest';
import { ASSERTION_TYPE, form, http, json, optOut, payerEvent, tell } from '../road.ts';
import { TRIAL_MS, tryIt } from './tried.ts';
import type { World } from './world.ts';

/** Alerts of processes and access. */
export function processFaults(world: () => World): void {
  const one = (service: string) =>
    world()
      .platform.processes()
      .find((p) => p.service === service)!;
  const payer = () => ({ token: world().platform.payerToken });
  const letters = async (): Promise<{ id: string }[]> =>
    json<{ deadLetters: { id: string }[] }>(
      await http(`${world().platform.base}/events/dead-letters?status=open`, payer()),
    ).deadLetters;
  const discardAll = async (): Promise<void> => {
    for (const { id } of await letters())
      await http(`${world().platform.base}/events/dead-letters/${id}/discard`, {
        method: 'POST',
        ...payer(),
        headers: { 'content-type': 'application/json' },
        body: '{"reason":"made by a test"}',
      });
  };
  test(
    'an opt-out cannot be read: EventsParked',
    async () => {
      await discardAll();
      await eventually(async () => (await letters()).length === 0, { what: 'no event is parked any more' });
      // Its member is denied, and in that sense it is effective.
      await tryIt(world(), {
        source: 'an opt-out came in whose scope cannot be read',
        alerts: { EventsParked: 60 },
        fault: () => tell(world().platform, optOut(world().members[1]!, { scope: 'nobody knows' })),
        cure: discardAll,
      });
    },
    TRIAL_MS,
  );

  // POST /events refuses an opt-out without a member. The end of a coverage without one denies everybody in the same
  // way.
  test(
    'a termination says not whose it is: SourceDenied',
    async () => {
      const { subject: _, ...nobody } = payerEvent('payer.member-terminated.v1', '', { to: '2026-01-01' });
      const fault = (): Promise<unknown> =>
        http(`${world().platform.base}/events`, {
          method: 'POST',
          ...payer(),
          headers: { 'content-type': 'application/cloudevents+json' },
          body: JSON.stringify({ specversion: '1.0', ...nobody }),
        });
      await tryIt(world(), {
        source: 'the end of a coverage came in that does not say whose it is',
        alerts: { SourceDenied: 20 },
        fault,
        cure: discardAll,
      });
    },
    TRIAL_MS,
  );

  test(
    'auth is killed and does not come back: ServiceAbsent',
    async () => {
      const auth = one('auth');
      await tryIt(world(), {
        source: 'the process of auth was killed with SIGKILL',
        alerts: { ServiceAbsent: 20 },
        fault: async () => auth.child.kill('SIGKILL'),
        cure: () => world().platform.replace(auth),
      });
    },
    TRIAL_MS,
  );

  test(
    'consent is started three times in a row: Restarts',
    async () => {
      const fault = async (): Promise<void> => {
        for (let n = 0; n < 3; n += 1) {
          await world().platform.replace(one('consent'));
          await sleep(3000);
        }
      };
      await tryIt(world(), {
        source: 'the process of consent was started three times in a row',
        alerts: { Restarts: 10 },
        fault,
        cure: async () => undefined,
        silentStretch: 150,
      });
    },
    TRIAL_MS,
  );

  test(
    'consent gets a fifth of the time that it needs: EventLoopDelay',
    async () => {
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
      await tryIt(world(), {
        source: 'the process of consent was stopped with SIGSTOP for 900 of every 1,100 ms',
        alerts: { EventLoopDelay: 30 },
        fault: async () => void (starved = starve()),
        cure: async () => {
          starving = false;
          await starved;
        },
      });
    },
    TRIAL_MS,
  );

  test(
    'somebody sends assertions with a wrong key: TokenRefusals',
    async () => {
      let guessing = true;
      let guessed: Promise<unknown> | undefined;
      const guess = async (): Promise<void> => {
        while (guessing) {
          await http(
            `${world().platform.base}/auth/token`,
            form({
              grant_type: 'client_credentials',
              scope: 'system/*.rs',
              client_assertion_type: ASSERTION_TYPE,
              client_assertion: 'eyJhbGciOiJFUzM4NCJ9.e30.c2lnbmF0dXJl',
            }),
          ).catch(() => undefined);
          await sleep(20);
        }
      };
      await tryIt(world(), {
        source: 'two clients sent assertions with a wrong signature all the time',
        alerts: { TokenRefusals: 30 },
        fault: async () => void (guessed = Promise.all([guess(), guess()])),
        cure: async () => {
          guessing = false;
          await guessed;
        },
      });
    },
    TRIAL_MS,
  );
}

import { setTimeout as sleep } from 'node:timers/promises';
import { eventually, exchange } from '@provider-access/testing';
import { http, json, optOut, payerEvent, tell } from '../road.ts';
import { trial } from './tried.ts';
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
  trial('an opt-out cannot be read: EventsParked', world, async () => {
    await discardAll();
    await eventually(async () => (await letters()).length === 0, { what: 'no event is parked any more' });
    // Its member is denied, and in that sense it is effective.
    return {
      source: 'an opt-out came in whose scope cannot be read',
      alerts: { EventsParked: 60 },
      fault: () => tell(world().platform, optOut(world().members[1]!, { scope: 'nobody knows' })),
      cure: discardAll,
    };
  });

  // POST /events refuses an opt-out without a member. The end of a coverage without one denies everybody in the same
  // way.
  trial('a termination says not whose it is: SourceDenied', world, async () => {
    const { subject: _, ...nobody } = payerEvent('payer.member-terminated.v1', '', { to: '2026-01-01' });
    const fault = (): Promise<unknown> =>
      http(`${world().platform.base}/events`, {
        method: 'POST',
        ...payer(),
        headers: { 'content-type': 'application/cloudevents+json' },
        body: JSON.stringify({ specversion: '1.0', ...nobody }),
      });
    return {
      source: 'the end of a coverage came in that does not say whose it is',
      alerts: { SourceDenied: 20 },
      fault,
      cure: discardAll,
    };
  });

  trial('auth is killed and does not come back: ServiceAbsent', world, async () => {
    const auth = one('auth');
    return {
      source: 'the process of auth was killed with SIGKILL',
      alerts: { ServiceAbsent: 20 },
      fault: async () => auth.child.kill('SIGKILL'),
      cure: () => world().platform.replace(auth),
    };
  });

  trial('consent is started three times in a row: Restarts', world, async () => {
    const fault = async (): Promise<void> => {
      for (let n = 0; n < 3; n += 1) {
        await world().platform.replace(one('consent'));
        await sleep(3000);
      }
    };
    return {
      source: 'the process of consent was started three times in a row',
      alerts: { Restarts: 10 },
      fault,
      cure: async () => undefined,
      silentStretch: 150,
    };
  });

  trial('consent gets a fifth of the time that it needs: EventLoopDelay', world, async () => {
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
    return {
      source: 'the process of consent was stopped with SIGSTOP for 900 of every 1,100 ms',
      alerts: { EventLoopDelay: 30 },
      fault: async () => void (starved = starve()),
      cure: async () => {
        starving = false;
        await starved;
      },
    };
  });

  trial('somebody sends assertions with a wrong key: TokenRefusals', world, async () => {
    let guessing = true;
    let guessed: Promise<unknown> | undefined;
    const guess = async (): Promise<void> => {
      while (guessing) {
        await http(`${world().platform.base}/auth/token`, exchange('eyJhbGciOiJFUzM4NCJ9.e30.c2lnbmF0dXJl')).catch(
          () => undefined,
        );
        await sleep(20);
      }
    };
    return {
      source: 'two clients sent assertions with a wrong signature all the time',
      alerts: { TokenRefusals: 30 },
      fault: async () => void (guessed = Promise.all([guess(), guess()])),
      cure: async () => {
        guessing = false;
        await guessed;
      },
    };
  });
}

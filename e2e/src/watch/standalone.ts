import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DomainEvent } from '@provider-access/events';
import { startPlatform, type PlatformProcess } from '@provider-access/cli';
import { eventually } from '@provider-access/testing';
import { COMPILED } from '../compiled.ts';
import { http, json, payerEvent, publishAll, registerApp } from '../road.ts';
import { guessingApp } from './guesses.ts';
import { sourcesOf } from './recorder.ts';
import { trial, TRIAL_MS, tryIt, type Scene } from './tried.ts';

const ROOT = process.getuid?.() === 0;
const MEMBER = 'watched-1';
/** The roster of a payer that sends one every minute. */
const ROSTER = { source: 'urn:roster', provider: { npi: '1234567893', tin: '900000001', contract: 'c' } };
const roster = (): DomainEvent => ({
  ...payerEvent('payer.attribution-asserted.v1', MEMBER, { provider: ROSTER.provider, from: '2020-01-01' }),
  source: ROSTER.source,
});
/** As in `unreadable.ts`. */
const MARK = 'nobody can project this';

interface View {
  readonly view: string;
  readonly passedOver?: number;
}

/**
 * Alerts that only `npm start` can raise, and those about unreadable records. No input from outside makes a projection
 * fail, so a fault is loaded into the process. It stands for a release whose code cannot read what another one wrote.
 */
export function standaloneFaults(): void {
  describe('faults of npm start', () => {
    const folder = mkdtempSync(join(tmpdir(), 'provider-access-watch-'));
    const volume = join(folder, 'volume');
    const fault = join(folder, 'unreadable');
    let platform: PlatformProcess;
    const lines: string[] = [];

    const mount = (...args: string[]): void => {
      const { status, stderr } = spawnSync('mount', args, { encoding: 'utf8' });
      if (status !== 0) throw new Error(`mount: ${stderr}`);
    };
    const start = (port?: number): Promise<PlatformProcess> => {
      const loaded = pathToFileURL(join(import.meta.dirname, 'unreadable.ts')).href;
      return startPlatform({
        dataDir: join(volume, 'data'),
        onLine: (line) => lines.push(line),
        ...(port !== undefined && { port }),
        env: {
          ...COMPILED,
          EXPECTED_FEEDS: `${ROSTER.source} payer.attribution-asserted 2m`,
          UNREADABLE: fault,
          NODE_OPTIONS: `${COMPILED['NODE_OPTIONS']!} --import=${loaded}`,
        },
      });
    };
    const readiness = async (): Promise<string> => (await http(`${platform.base}/health/ready`)).body.toString('utf8');
    const scene: Scene = {
      folder,
      sources: () => sourcesOf([{ service: 'standalone', base: platform.base }]),
      ready: () =>
        fetch(`${platform.base}/health/ready`).then(
          ({ status }) => status === 200,
          () => false,
        ),
      look: async () => [await readiness(), ...new Set(lines.splice(0))],
    };
    beforeAll(async () => {
      mkdirSync(volume);
      if (ROOT) mount('-t', 'tmpfs', '-o', 'size=1200m', 'tmpfs', volume);
      platform = await start();
      const enrolled = { coverageId: 'cov', from: '2020-01-01' };
      await publishAll(platform, [payerEvent('payer.member-enrolled.v1', MEMBER, enrolled)]);
    }, 300_000);
    afterAll(async () => {
      await platform?.kill();
      if (ROOT) spawnSync('umount', ['-l', volume]);
      rmSync(folder, { recursive: true, force: true });
    });

    trial(
      'the roster of a payer does not come: FeedSilent',
      () => scene,
      async () => {
        await publishAll(platform, [roster()]);
        return {
          source:
            'the source of a roster that is expected every two minutes sent nothing; a second counted as a minute',
          alerts: { FeedSilent: 60 },
          // Nobody sends the next roster.
          fault: async () => undefined,
          cure: () => publishAll(platform, [roster()]),
        };
      },
    );

    const enrolledLongAgo = 'watched-2';
    const about = (type: string, data: object): DomainEvent => payerEvent(`payer.${type}`, enrolledLongAgo, data);
    trial(
      'a notice is not sent: NoticesOverdue',
      () => scene,
      () => ({
        source: 'a member was enrolled who should have got a notice in 2020; a second counted as a minute',
        alerts: { NoticesOverdue: 60 },
        fault: () => {
          const enrolled = { coverageId: 'cov-2', from: '2020-01-01', accepted: '2020-01-01' };
          return publishAll(platform, [about('member-enrolled.v1', enrolled)]);
        },
        cure: () => {
          const at = new Date(Date.now() - 86_400_000).toISOString();
          const sent = { kind: 'enrolment', language: 'en', channel: 'mail', at };
          return publishAll(platform, [about('notice-sent.v1', sent)]);
        },
      }),
    );

    trial(
      'an app guesses who is a member: MatchGuesses',
      () => scene,
      async () => {
        const { guess, approveAgain } = await guessingApp(platform);
        return {
          source:
            'an app asked for one person with 1,001 ids, and its match was suspended; a second counted as a minute',
          alerts: { MatchGuesses: 60 },
          // The alert stays on for an hour.
          silentStretch: 600,
          fault: guess,
          cure: approveAgain,
        };
      },
    );

    test.skipIf(!ROOT)(
      'the disk of the data folder fills up (needs root for a tmpfs): DiskNearlyFull',
      async () => {
        await tryIt(scene, {
          source: 'the file system of the data folder of npm start was shrunk to 100 MiB, below MIN_FREE_BYTES',
          alerts: { DiskNearlyFull: 30 },
          fault: async () => {
            mount('-o', 'remount,size=100m', volume);
            await eventually(async () => expect(await readiness()).toMatch(/"ready":false.*"check":"disk"/));
          },
          cure: async () => {
            mount('-o', 'remount,size=1200m', volume);
            await eventually(scene.ready);
          },
        });
      },
      TRIAL_MS,
    );

    const views = async (): Promise<(readonly [service: string, view: View])[]> => {
      const { base, administratorToken: token } = platform;
      const all = json<Record<string, View[]>>(await http(`${base}/ops/views`, { token }));
      return Object.entries(all).flatMap(([service, of]) => of.map((view) => [service, view] as const));
    };
    const passedOver = async (): ReturnType<typeof views> =>
      (await views()).filter(([, view]) => view.passedOver !== undefined);

    trial(
      'a view passes over a record at which its projection fails: ViewStuck',
      () => scene,
      async () => {
        const resource = {
          resourceType: 'Observation',
          id: 'unreadable',
          status: 'final',
          code: { text: MARK },
          subject: { reference: `Patient/${MEMBER}` },
          effectiveDateTime: '2024-02-03',
        };
        return {
          source: 'a fault of a test made the projections throw at one record, and the views passed over it',
          variant: 'passed-over',
          alerts: { ViewStuck: 30 },
          fault: async () => {
            writeFileSync(fault, '');
            await publishAll(platform, [payerEvent('payer.resource-recorded.v1', MEMBER, { resource })]);
            await eventually(async () => (await passedOver()).length > 0);
          },
          // The steps of the runbook: the release that can read it, then a rebuild.
          cure: async () => {
            rmSync(fault);
            for (const [service, { view }] of await passedOver()) {
              const rebuild = `${platform.base}/ops/views/${service}/${view}/rebuild`;
              const answer = await http(rebuild, { method: 'POST', token: platform.administratorToken });
              expect(answer.status).toBeLessThan(300);
            }
            expect(await passedOver()).toEqual([]);
          },
        };
      },
    );

    trial(
      'a record of the registry cannot be read: RecordsUnreadable',
      () => scene,
      () => ({
        source: 'a fault of a test made the facts in memory throw at the registration of an app that was approved',
        alerts: { RecordsUnreadable: 10 },
        fault: async () => {
          writeFileSync(fault, '');
          // The answer to the approval may be an error, because the process does not know the app.
          await registerApp(platform, { name: MARK, npi: '1234567893' }).catch(() => undefined);
          await eventually(async () => expect(await readiness()).toContain('could not be read'));
        },
        cure: async () => {
          rmSync(fault);
          await platform.stop();
          platform = await start(Number(new URL(platform.base).port));
        },
      }),
    );
  });
}

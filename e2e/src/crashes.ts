import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bulkExport, type BulkResult } from '@provider-access/cli';
import { eventually, tokenRequest } from '@provider-access/testing';
import { drawing } from '@provider-access/testing/promises';
import { variant } from '@provider-access/testing/variant';
import { freshPlatform, publishAll, registerApp, type Fresh, type TestApp } from './harness.ts';
import {
  complete,
  handledOf,
  holdsExactly,
  openLetters,
  parkedIn,
  PATIENT,
  postStream,
  seenPayer,
  versionsOf,
  WAIT,
  written,
} from './interrupted.ts';
import { findGroup, http, json, kickOff, optIn, optOut, sealed, tell } from './road.ts';

/** Kills the whole platform with -9 in the middle of its work and starts it again. */

/** The phase of an export at the kill. Only in the first one the client stays and continues by itself. */
export const MOMENTS = ['download', 'accepted', 'chunk', 'opt-out', 'sealing'] as const;
export type Moment = (typeof MOMENTS)[number];

/** One kill for each of `intake` slices of a payer's events, and one at each phase of an export. */
export function testCrashes({
  intake,
  exports,
}: {
  readonly intake: number;
  readonly exports: readonly Moment[];
}): void {
  describe(`everything is killed with -9 (seed ${variant.seed})`, () => {
    const upTo = drawing(variant.seed);
    const { payer, organization } = seenPayer({ seed: 'crash', members: 10 });
    const leftOut = new Set<string>();
    let fresh: Fresh;
    let app: TestApp;

    beforeAll(async () => {
      fresh = await freshPlatform({
        env: {
          ...PATIENT,
          EXPORT_CHUNK_MEMBERS: '1',
          EXPORT_RUNNING_PER_CLIENT: '100',
          EXPORT_KICK_OFFS_PER_HOUR: '1000',
          EXPORT_POLLS_PER_MINUTE: '1000000',
          EXPORT_LEASE_SECONDS: '1',
        },
      });
      app = await registerApp(fresh.platform(), { name: 'Crash', npi: organization.npi, tin: organization.tin });
    });
    afterAll(() => fresh?.dispose());

    const exported = async (out: string): Promise<BulkResult> => {
      const group = await findGroup(fresh.platform(), await app.tokens.get(), organization.npi);
      return bulkExport({
        server: fresh.server(),
        token: () => app.tokens.get(),
        group: group.id,
        out: join(fresh.folder, out),
      });
    };

    test(
      'intake keeps every acknowledged event, killed during a stream and after one',
      { timeout: 600_000 + intake * 60_000 },
      async () => {
        let rest = [...payer.events()];
        const total = rest.length;
        for (let kill = 0; kill < intake; kill += 1) {
          // Alternately during a stream, and when a part of an acknowledged slice was handled, because records and
          // views lag then.
          const during = kill % 2 === 0;
          // Hundreds of rows acknowledge a stream. A payer that has sent everything sends it again, and nothing may
          // change by that.
          if (rest.length === 0) rest = [...payer.events()];
          const share = Math.floor(rest.length / (intake + 1 - kill));
          const slice = during ? rest : rest.slice(0, share);
          const point = 1 + upTo(share);
          let killed: Promise<void> | undefined;
          const { answered, receipt } = await postStream(fresh.platform(), slice, (count) => {
            if (during && count >= point) killed ??= fresh.platform().kill();
          });
          if (!during) {
            expect(answered).toBe(slice.length);
            await eventually(async () => (await handledOf(fresh.platform(), receipt)) >= point, {
              ...WAIT,
              interval: 5,
            });
          }
          await killed;
          await fresh.restart('kill');
          console.info(
            `intake kill ${kill + 1}: ${during ? 'answered' : 'handled'} row ${point};`,
            `${answered} acknowledged, ${rest.length - answered} of ${total} left`,
          );
          rest = rest.slice(answered);
        }
        const report = await publishAll(fresh.platform(), rest);
        expect(report.refused).toEqual([]);
        expect(report.outcomes['pending'] ?? 0).toBe(0);
        const { files } = await exported('after-intake');
        await holdsExactly(files, payer, organization.npi, leftOut);
        expect(await versionsOf(files, payer, organization.npi)).toEqual([]);
        await eventually(async () => expect(await openLetters(fresh.platform())).toEqual(parkedIn(payer)), WAIT);
      },
    );

    test(
      'export continues and is complete, without members who left, and what clients hold stays valid',
      { timeout: 600_000 + exports.length * 60_000 },
      async () => {
        for (const [kill, moment] of exports.entries()) {
          const share = moment === 'sealing' ? 1 : upTo(80) / 100;
          const result = await (moment === 'download'
            ? killedWhileDownloading(kill)
            : killedWhileWriting(kill, moment, share));
          await complete(result, payer, organization.npi, leftOut);
          // Members who left come back, so that another one can leave in the next round.
          for (const leaver of leftOut) expect((await tell(fresh.platform(), optIn(leaver))).status).toBe('effective');
          leftOut.clear();
        }
      },
    );

    /** The client disconnects after its export was accepted, and returns after the restart. */
    async function killedWhileWriting(kill: number, moment: Moment, share: number): Promise<BulkResult> {
      const token = await app.tokens.get();
      const group = (await findGroup(fresh.platform(), token, organization.npi)).id;
      const out = join(fresh.folder, `killed-${kill}`);
      const away = new Error('the client goes away');
      let status = '';
      const remembered =
        moment === 'chunk'
          ? await remember(fresh, app, organization.npi, organization.visible.at(-1)!.member)
          : undefined;
      const run = (whenAccepted: () => void): Promise<BulkResult> =>
        bulkExport({
          server: fresh.server(),
          token: () => app.tokens.get(),
          group,
          out,
          onAccepted: (url) => {
            status = url;
            whenAccepted();
          },
        });
      await expect(
        run(() => {
          throw away;
        }),
      ).rejects.toBe(away);
      const seen = moment === 'accepted' ? '' : await written(status, await app.tokens.get(), share);
      if (moment === 'opt-out') {
        const leaver = organization.visible[0]!.member;
        expect((await tell(fresh.platform(), optOut(leaver))).status).toBe('effective');
        leftOut.add(leaver);
      }
      await fresh.restart('kill');
      console.info(`export kill ${kill + 1}: ${moment} ${seen}`);
      await remembered?.();
      const accepted = status;
      const result = await run(() => undefined);
      expect([result.resumed, result.status]).toEqual([true, accepted]);
      return result;
    }

    /** The client stays and continues by itself. It does not ask again for the part of a file that it has. */
    async function killedWhileDownloading(kill: number): Promise<BulkResult> {
      const group = (await findGroup(fresh.platform(), await app.tokens.get(), organization.npi)).id;
      let restarted: Promise<void> | undefined;
      let seen = '';
      try {
        const result = await bulkExport({
          server: fresh.server(),
          token: () => app.tokens.get(),
          group,
          out: join(fresh.folder, `killed-${kill}`),
          onProgress: (text) => {
            if (!/MB/.test(text) || restarted !== undefined) return;
            seen = text;
            restarted = fresh.restart('kill');
          },
        });
        expect(seen).not.toBe('');
        return result;
      } finally {
        // A platform that is still starting would outlive a failed test.
        await restarted;
        console.info(`export kill ${kill + 1}: download ${seen}`);
      }
    }
  });
}

/** A platform with a small payer of its own, stopped and started. */
export function testStop(): void {
  test('stop and start: what clients hold stays valid', { timeout: 600_000 }, async () => {
    const { payer, organization } = seenPayer({ seed: 'restart', members: 4 });
    const fresh = await freshPlatform();
    try {
      await publishAll(fresh.platform(), payer.events());
      const app = await registerApp(fresh.platform(), { name: 'Stays', npi: organization.npi });
      const remembered = await remember(fresh, app, organization.npi, organization.visible[0]!.member);
      await fresh.restart('stop');
      await remembered();
    } finally {
      await fresh.dispose();
    }
  });
}

/**
 * Records tokens, registrations, page links, exports and a used assertion.
 * @returns a check of them after a restart
 */
async function remember(fresh: Fresh, app: TestApp, npi: string, member: string): Promise<() => Promise<void>> {
  const { base, dataDir } = fresh.platform();
  const exchange = () => tokenRequest(app, base);
  const used = exchange();
  const refused = async (): Promise<void> => {
    const replayed = await http(`${base}/auth/token`, used);
    expect([replayed.status, json<{ error: string }>(replayed).error]).toEqual([401, 'invalid_client']);
  };
  const exchanged = await http(`${base}/auth/token`, used);
  expect(exchanged.status).toBe(200);
  // A new token, because an older one could expire before the restart has ended.
  const { access_token: token } = json<{ access_token: string }>(exchanged);
  await refused();

  const search = await http(`${base}/fhir/ExplanationOfBenefit?patient=${member}&_count=2`, { token });
  const next = json<{ link: { relation: string; url: string }[] }>(search).link.find((l) => l.relation === 'next')!.url;
  const status = await kickOff(fresh.platform(), token, (await findGroup(fresh.platform(), token, npi)).id);
  const { output } = await sealed(status, token);
  const held = [`${base}/fhir/Patient/${member}`, next, output[0]!.url, status];
  const { registration_client_uri: registration, registration_access_token: registrationToken } = app.registration;
  const texts = async (): Promise<readonly (readonly [number, string])[]> => {
    const asked = [
      ...held.map((url) => http(url, { token })),
      http(`${base}/auth/jwks`),
      http(registration, { token: registrationToken }),
    ];
    return (await Promise.all(asked)).map((answer) => [answer.status, answer.body.toString('utf8')] as const);
  };
  const roleTokens = (): string[] =>
    ['payer', 'administrator'].map((role) => readFileSync(join(dataDir, `${role}.token`), 'utf8'));
  const [before, tokens] = [await texts(), roleTokens()];
  expect(before.map(([code]) => code)).toEqual([200, 200, 200, 200, 200, 200]);

  return async () => {
    expect(fresh.platform().base).toBe(base);
    expect(roleTokens()).toEqual(tokens);
    expect(await texts()).toEqual(before);
    await refused();
    expect((await http(`${base}/auth/token`, exchange())).status).toBe(200);
  };
}

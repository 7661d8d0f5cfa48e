import { join } from 'node:path';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { bulkExport, type BulkResult } from '@provider-access/cli';
import { syntheticPayer } from '@provider-access/synthetic';
import { freshPlatform, publishAll, registerApp, SEPARATE, type TestApp } from './harness.ts';
import { complete, holdsExactly, postStream, progressOf, sleep, versionsOf } from './interrupted.ts';
import { AS_OF, ASSERTION_TYPE, clientAssertion, findGroup, form, http, json, kickOff, optIn, optOut, seeded, sealed, tell } from './road.ts';

const SEED = Number(process.env['E2E_SEED'] ?? Date.now() % 1_000_000);
const KILLS = Number(process.env['E2E_KILLS'] ?? 7);
/** A start each, of one process or of seven. */
const LONG_MS = Math.max(120_000, KILLS * (SEPARATE ? 60_000 : 12_000));
type Fresh = Awaited<ReturnType<typeof freshPlatform>>;

describe(`kill -9 at any moment (again with E2E_SEED=${SEED} E2E_KILLS=${KILLS})`, () => {
  const random = seeded(SEED);
  const upTo = (n: number): number => Math.floor(random() * n);
  const payer = syntheticPayer({ seed: 'crash', members: 10, asOf: AS_OF });
  // The organization with most members: one chunk each.
  const organization = payer.providerOrganizations.map((o) => ({ ...o, visible: [...payer.ledger.visibleMembers(o.npi)] })).sort((a, b) => b.visible.length - a.visible.length)[0]!;
  let fresh: Fresh;
  let app: TestApp;

  beforeAll(async () => {
    fresh = await freshPlatform({ env: { EXPORT_CHUNK_MEMBERS: '1', EXPORT_RUNNING_PER_CLIENT: '100', EXPORT_KICK_OFFS_PER_HOUR: '1000', EXPORT_POLLS_PER_MINUTE: '1000000', EXPORT_LEASE_SECONDS: '1' } });
    app = await registerApp(fresh.platform(), { name: 'Crash', npi: organization.npi, tin: organization.tin });
  });
  afterAll(() => fresh?.dispose());

  test('intake: whatever was answered accepted is there, killed while events are posted and right after', async () => {
    let rest = [...payer.events()];
    const total = rest.length;
    const kills = Math.max(2, Math.floor(KILLS / 2));
    for (let kill = 0; kill < kills; kill += 1) {
      // Alternately in the middle of a stream, and after a slice of it was acknowledged: then records and views lag behind.
      const inTheMiddle = kill % 2 === 0;
      const slice = inTheMiddle ? rest : rest.slice(0, Math.floor(rest.length / (kills + 1 - kill)));
      const rows = 1 + upTo(Math.floor(rest.length / (kills + 1 - kill)));
      let killed: Promise<void> | undefined;
      const answered = await postStream(fresh.platform(), slice, (count) => {
        if (inTheMiddle && count >= rows) killed ??= fresh.platform().kill();
      });
      if (!inTheMiddle) {
        expect(answered).toBe(slice.length);
        await sleep(upTo(3) * 60);
      }
      await killed;
      await fresh.restart('kill');
      console.info(`${Math.round(performance.now())} ms: intake kill ${kill + 1}: ${inTheMiddle ? `while posting, after ${rows} rows or more` : 'after the answer'}; ${answered} acknowledged, ${rest.length - answered} of ${total} left`);
      rest = rest.slice(answered);
    }
    const report = await publishAll(fresh.platform(), rest);
    expect(report.refused).toEqual([]);
    expect(report.outcomes['pending'] ?? 0).toBe(0);

    const files = await exported('after-intake');
    await holdsExactly(files, payer, organization.npi, new Set());
    expect(await versionsOf(files, payer, organization.npi)).toEqual([]);

    const parked = [...payer.ledger.members()].flatMap((m) => m.parked.map((p) => p.event));
    await vi.waitFor(async () => {
      const { deadLetters } = json<{ deadLetters: { event: string }[] }>(await http(`${fresh.platform().base}/events/dead-letters?status=open`, { token: fresh.platform().payerToken }));
      expect(new Set(deadLetters.map((d) => d.event))).toEqual(new Set(parked));
    }, { timeout: 10_000 });
  }, LONG_MS);

  const leftOut = new Set<string>();
  test('export: it goes on where it was and is complete, without whoever left meanwhile', async () => {
    const moments = ['accepted', 'chunk', 'opt-out', 'sealing', 'download'] as const;
    const kills = Math.max(moments.length, Math.ceil(KILLS / 2));
    for (let kill = 0; kill < kills; kill += 1) {
      const moment = moments[kill % moments.length]!;
      const out = join(fresh.folder, `killed-${kill}`);
      const group = await findGroup(fresh.platform(), await app.tokens.get(), organization.npi);
      const token = await app.tokens.get();
      let status = '';
      let seen = '';
      const stop = new Error('the client goes away');
      let restarted: Promise<void> | undefined;
      const run = (whenAccepted: () => void): Promise<BulkResult> => bulkExport({ server: fresh.server(), token: () => app.tokens.get(), group: group.id, out, onAccepted: (url) => {
        status = url;
        whenAccepted();
      }, onProgress: (text) => {
        if (moment !== 'download' || !/MB/.test(text) || restarted !== undefined) return;
        seen = text;
        restarted = fresh.restart('kill');
      } });
      if (moment === 'download') {
        // The client goes on by itself: what it has of a file is not asked for again.
        const result = await run(() => undefined);
        await restarted;
        console.info(`${Math.round(performance.now())} ms: export kill ${kill + 1}: ${moment} ${seen}`);
        expect(seen).not.toBe('');
        await complete(result, payer, organization.npi, leftOut);
        continue;
      }
      await expect(run(() => {
        throw stop;
      })).rejects.toBe(stop);

      if (moment === 'chunk' || moment === 'sealing') {
        const share = moment === 'sealing' ? 1 : random() * 0.8;
        for (;;) {
          const progress = await progressOf(status, token);
          seen = JSON.stringify(progress);
          if (progress === 'sealed' || (progress !== undefined && progress.written >= Math.max(1, progress.planned * share))) break;
        }
      } else if (moment === 'opt-out') {
        const leaver = organization.visible.find((m) => !leftOut.has(m.member))!.member;
        await sleep(upTo(3) * 15);
        expect((await tell(fresh.platform(), optOut(leaver))).status).toBe('effective');
        leftOut.add(leaver);
      } else if (moment === 'accepted') await sleep(upTo(3) * 5);
      await fresh.restart('kill');
      console.info(`${Math.round(performance.now())} ms: export kill ${kill + 1}: ${moment} ${seen}`);

      const result = await bulkExport({ server: fresh.server(), token: () => app.tokens.get(), group: group.id, out });
      expect(result.resumed).toBe(true);
      expect(result.status).toBe(status);
      await complete(result, payer, organization.npi, leftOut);
      // Back in, so that there is somebody to leave in the next round.
      for (const leaver of leftOut) expect((await tell(fresh.platform(), optIn(leaver))).status).toBe('effective');
      leftOut.clear();
    }
  }, LONG_MS);

  async function exported(name: string): Promise<BulkResult['files']> {
    const group = await findGroup(fresh.platform(), await app.tokens.get(), organization.npi);
    return (await bulkExport({ server: fresh.server(), token: () => app.tokens.get(), group: group.id, out: join(fresh.folder, name) })).files;
  }
});

describe.each(['stop', 'kill'] as const)('%s and start', (how) => {
  test('tokens, registrations, page links, exports and replayed assertions are remembered', async () => {
    const fresh = await freshPlatform();
    onTestFinished(() => fresh.dispose());
    const payer = syntheticPayer({ seed: 'restart', members: 4, asOf: AS_OF });
    const organization = payer.providerOrganizations.find((o) => !payer.ledger.visibleMembers(o.npi).next().done)!;
    const [member] = payer.ledger.visibleMembers(organization.npi);
    await publishAll(fresh.platform(), payer.events());
    const app = await registerApp(fresh.platform(), { name: 'Stays', npi: organization.npi });
    const { base } = fresh.platform();
    const token = await app.tokens.get();

    const assertion = clientAssertion(app, `${base}/auth/token`);
    const exchange = form({ grant_type: 'client_credentials', scope: app.scope, client_assertion_type: ASSERTION_TYPE, client_assertion: assertion });
    expect((await http(`${base}/auth/token`, exchange)).status).toBe(200);
    const replayed = await http(`${base}/auth/token`, exchange);
    expect([replayed.status, json<{ error: string }>(replayed).error]).toEqual([401, 'invalid_client']);

    const read = `${base}/fhir/Patient/${member!.member}`;
    const search = await http(`${base}/fhir/ExplanationOfBenefit?patient=${member!.member}&_count=2`, { token });
    const next = json<{ link: { relation: string; url: string }[] }>(search).link.find((l) => l.relation === 'next')!.url;
    const group = await findGroup(fresh.platform(), token, organization.npi);
    const status = await kickOff(fresh.platform(), token, group.id);
    const manifest = await sealed(status, token);
    const before = await Promise.all([read, next, manifest.output[0]!.url, status].map((url) => http(url, { token })));
    const jwks = await http(`${base}/auth/jwks`);
    const metadata = await http(app.registration.registration_client_uri, { token: app.registration.registration_access_token });
    const [payerToken, administratorToken] = ['payer', 'administrator'].map((role) => readFileSync(join(fresh.platform().dataDir, `${role}.token`), 'utf8'));

    await fresh.restart(how);
    expect(fresh.platform().base).toBe(base);
    expect(['payer', 'administrator'].map((role) => readFileSync(join(fresh.platform().dataDir, `${role}.token`), 'utf8'))).toEqual([payerToken, administratorToken]);
    const after = await Promise.all([read, next, manifest.output[0]!.url, status].map((url) => http(url, { token })));
    expect(after.map((a) => a.status)).toEqual([200, 200, 200, 200]);
    expect(after.map((a) => a.body.toString('utf8'))).toEqual(before.map((b) => b.body.toString('utf8')));
    expect((await http(`${base}/auth/jwks`)).body.toString()).toBe(jwks.body.toString());
    expect((await http(app.registration.registration_client_uri, { token: app.registration.registration_access_token })).body.toString()).toBe(metadata.body.toString());
    const again = await http(`${base}/auth/token`, exchange);
    expect([again.status, json<{ error: string }>(again).error]).toEqual([401, 'invalid_client']);
    expect((await http(`${base}/auth/token`, form({ grant_type: 'client_credentials', scope: app.scope, client_assertion_type: ASSERTION_TYPE, client_assertion: clientAssertion(app, `${base}/auth/token`) }))).status).toBe(200);
  }, SEPARATE ? 300_000 : 60_000);
});

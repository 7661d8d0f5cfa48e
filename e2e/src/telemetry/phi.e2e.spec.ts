import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PlatformProcess } from '@provider-access/cli';
import { eventually } from '@provider-access/testing';
import { publishAll, registerApp, SEPARATE, SHARED, type TestApp } from '../harness.ts';
import { byMembers } from '../payers.ts';
import {
  findGroup,
  http,
  json,
  kickOff,
  optOut,
  repeatReads,
  sealed,
  takesEffect,
  texts,
  type HttpAnswer,
  type HttpCall,
} from '../road.ts';
import { LIMITS, sharedPayer } from '../world/context.ts';
import { MARK, marked } from './marks.ts';
import { badBodies, badEvents, brokenConnections, goodEvents, HEADERS, MEMBER, wrongRequests } from './phi-walk.ts';
import { undescribed } from './span-table.ts';
import { watchedPlatform, type Watched } from './watched.ts';

/**
 * Sends marked data through every path of the platform, and then looks for the mark in everything that leaves it:
 * spans, metrics (scraped and sent), logs, health, and every refusal. An error does not repeat the caller's own values
 * either, because it ends up in the caller's log.
 */
describe('marked data', () => {
  const payer = sharedPayer();
  const mine = byMembers(payer)[0]!;
  const errors: string[] = [];
  let fresh: Watched;
  let platform: PlatformProcess;
  let app: TestApp;
  let token: string;
  let group: string;
  let file: string;

  const ask = (path: string, call: HttpCall = {}): Promise<HttpAnswer> =>
    http(`${platform.base}${path}`, { token, ...call, headers: { ...HEADERS, ...call.headers } });
  const asAdministrator = (path: string, call: HttpCall = {}): Promise<HttpAnswer> =>
    ask(path, { token: platform.administratorToken, ...call });
  const asPayer = (path: string, call: HttpCall = {}): Promise<HttpAnswer> =>
    ask(path, { token: platform.payerToken, ...call });
  /** The content and headers of a refusal. */
  const note = (...answers: readonly HttpAnswer[]): void => {
    for (const { status, headers, body } of answers)
      if (status >= 400) errors.push(`${status} ${JSON.stringify(headers)} ${body.toString()}`);
  };

  beforeAll(async () => {
    // A platform of one's own continues what a caller's headers say, so marks could leave by more ways.
    fresh = await watchedPlatform({
      env: { ...LIMITS, ...(SHARED === undefined && { TRUST_TRACEPARENT: 'true' }) },
      shared: payer,
    });
    platform = fresh.platform();
    app = await registerApp(platform, { name: 'Mine', npi: mine.npi, tin: mine.tin });
    token = await app.tokens.get();
  }, 300_000);
  afterAll(() => fresh?.dispose());

  test('goes the road: published, read, searched, exported, downloaded', async () => {
    expect(
      (await publishAll(platform, goodEvents({ npi: mine.npi, tin: mine.tin, contract: mine.contract }))).outcomes,
    ).toEqual({ recorded: 5 });
    // Handled means decided. Views and the facts of the answering process follow.
    await eventually(async () =>
      (await ask(`/fhir/Patient/${MEMBER}`, { headers: { 'if-none-match': '' } })).body.includes(MARK.family),
    );
    for (const search of [
      `Patient?_id=${MEMBER}`,
      `Condition?patient=${MEMBER}`,
      `Observation?patient=Patient/${MEMBER}&_count=1`,
      `ExplanationOfBenefit?patient=${MEMBER}&_summary=count`,
    ])
      expect((await ask(`/fhir/${search}`)).status, search).toBeLessThan(500);
    group = (await findGroup(platform, token, mine.npi)).id;
    const status = await kickOff(platform, token, group);
    const manifest = await sealed(status, token);
    expect([...(await texts(manifest, token)).values()].join('')).toContain(MARK.diagnosis);
    file = new URL(manifest.output[0]!.url).pathname;
    expect((await ask(file, { headers: { range: 'bytes=0-99', 'if-none-match': '' } })).status).toBe(206);
    expect((await ask(new URL(status).pathname, { method: 'DELETE' })).status).toBe(202);
  });

  test('is asked about by who may', async () => {
    const explained = await asAdministrator(`/ops/explain?client=${app.clientId}&member=${MEMBER}`);
    expect(explained.status).toBe(200);
    for (const path of [
      `/ops/disclosures?member=${MEMBER}`,
      `/ops/disclosures/document?member=${MEMBER}`,
      `/ops/audit/AuditEvent?patient=${MEMBER}`,
      '/ops/audit/verification',
    ])
      expect((await asAdministrator(path)).status, path).toBe(200);
    note(
      await asAdministrator(
        `/ops/explain?client=${MARK.search}&member=${MARK.search} ${MARK.search}&at=${MARK.search}`.replaceAll(
          ' ',
          '%20',
        ),
      ),
      await asAdministrator(`/ops/disclosures?member=${MARK.search}&since=${MARK.search}`),
      await asAdministrator(`/ops/audit/AuditEvent?patient=${MARK.search}&date=${MARK.search}`),
      await asAdministrator(`/ops/audit/AuditEvent/${MARK.search}`),
      await asAdministrator(`/ops/audit/verification?page=${MARK.search}`),
    );
  });

  test('comes wrongly: parked, refused, discarded', async () => {
    const poison = badEvents(mine.visible[0]!.member);
    const report = await publishAll(platform, poison);
    expect((report.outcomes['parked'] ?? 0) + (report.outcomes['not-served'] ?? 0)).toBeGreaterThanOrEqual(
      poison.length - 1 - report.refused.length,
    );
    expect(report.refused.length).toBeLessThanOrEqual(2);
    const bodies = await badBodies(platform);
    for (const answer of bodies) errors.push(`${answer.status} ${answer.body.toString()}`);
    expect(bodies.every(({ status, body }) => status >= 400 || body.includes('refused'))).toBe(true);

    type Dead = { readonly deadLetters: { readonly id: string; readonly subject?: string }[] };
    const open = await eventually(async () => {
      const letters = json<Dead>(await asPayer('/events/dead-letters?status=open')).deadLetters.filter(
        (d) => d.subject === MEMBER,
      );
      return letters.length > 5 && letters;
    });
    const reason = {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ reason: MARK.reason }),
    };
    for (const [i, { id }] of open.entries())
      note(await asPayer(`/events/dead-letters/${id}/${i % 2 === 0 ? 'discard' : 'replay'}`, reason));
    note(
      await asPayer(`/events/dead-letters/${MARK.path}`),
      await asPayer(`/events/dead-letters/${MARK.path}/replay`, reason),
      await asPayer(`/events/dead-letters?cursor=${MARK.search}&status=${MARK.search}`),
      await asPayer(`/events/receipts/${MARK.path}`),
    );
  });

  test('is asked for wrongly, and over connections that break', async () => {
    note(...(await wrongRequests(platform.base, token, group)));
    errors.push(...(await brokenConnections(platform.base, token, file)));
  });

  test('is withdrawn: the member opts out and is asked for again', async () => {
    await takesEffect(platform, optOut(MEMBER, { scope: 'global', note: MARK.reason }));
    const refused = [await ask(`/fhir/Patient/${MEMBER}`), await ask(`/fhir/Condition/${MEMBER}-c1`)];
    expect(refused.map((r) => r.status)).toEqual([404, 404]);
    note(...refused);
    expect((await http(`${platform.base}/metrics`)).body.toString()).toContain('# TYPE');
    for (const path of ['/metrics', '/health/ready', '/health/live'])
      errors.push((await http(`${platform.base}${path}`)).body.toString());
  });

  // Renames the tables of the running platform, so that every request to them fails.
  test.skipIf(SEPARATE)('meets engines that fail (the tables of the one process: in `npm test`)', async () => {
    const break_ = `
      const { DatabaseSync } = require('node:sqlite');
      for (const name of ['views.db', 'state.db', 'log.db']) {
        const db = new DatabaseSync(process.argv[1] + '/' + name, { timeout: 5000 });
        const ours = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
        for (const { name: table } of db.prepare(ours).all())
          db.exec('ALTER TABLE "' + table + '" RENAME TO "gone_' + table + '"');
        db.close();
      }`;
    const child = spawn(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', '-e', break_, join(fresh.folder, 'data')],
      { stdio: 'inherit' },
    );
    expect(await new Promise((resolve) => child.once('exit', resolve))).toBe(0);
    // A repetition by the client does not help for these.
    repeatReads({ unavailable: 1 });
    const answers = await Promise.all([
      ask(`/fhir/Patient/${MEMBER}`),
      ask(`/fhir/Condition?patient=${MEMBER}`),
      ask(`/fhir/Group/${group}/$export`),
      ask(file),
      asAdministrator(`/ops/explain?client=${app.clientId}&member=${MEMBER}`),
      asPayer('/events', {
        method: 'POST',
        headers: { 'content-type': 'application/x-ndjson' },
        body: JSON.stringify({
          specversion: '1.0',
          id: MARK.body,
          source: 'x',
          type: 'payer.resource-recorded.v1',
          time: new Date().toISOString(),
          subject: MEMBER,
          data: { resource: { resourceType: 'Patient', id: MEMBER } },
        }),
      }),
      asPayer('/events/dead-letters'),
      asPayer(`/events/receipts/${MARK.path}`),
    ]);
    expect(answers.some((a) => a.status >= 500)).toBe(true);
    for (const answer of answers) errors.push(`${answer.status} ${answer.body.toString()}`);
  });

  test('is nowhere in spans, metrics, logs and errors', async () => {
    const { spans, lines, received } = await fresh.emitted();
    // Every part was at work, so a mark would have appeared.
    expect(spans.length).toBeGreaterThan(200);
    const names = new Set(spans.map((s) => s.name));
    for (const name of [
      'GET /fhir/:type/:id',
      'GET /fhir/:type',
      'POST /events',
      'process payer.member-events',
      'process payer.member-events.dead-letter',
      'bulkWrite resources_records_v1',
      'write chunk',
      'GET /ops/explain',
      'GET /fhir/bulk/:job/:file',
      'POST /auth/token',
    ])
      expect(names).toContain(name);
    // On the standalone, the engines failed.
    if (!SEPARATE) expect(spans.some((s) => s.failed)).toBe(true);
    expect(lines.filter((line) => line.includes('"msg":"request"')).length).toBeGreaterThan(100);
    expect(errors.length).toBeGreaterThan(50);

    // Errors and failing engines make no unknown spans either.
    expect(undescribed(spans)).toEqual([]);
    expect(marked(spans.map((span) => JSON.stringify(span)))).toEqual([]);
    // The same in the raw bytes, and in metrics too.
    expect(received.some(({ body }) => body.includes('pa_log_appended_total'))).toBe(true);
    expect(marked(received.map(({ body }) => body.toString('latin1')))).toEqual([]);
    expect(marked(lines)).toEqual([]);
    expect(marked(errors)).toEqual([]);
    // Nor the id of any other member.
    const others = /m-0000\d\d/;
    expect([...lines, ...spans.map((s) => JSON.stringify(s))].filter((text) => others.test(text))).toEqual([]);
  });
});

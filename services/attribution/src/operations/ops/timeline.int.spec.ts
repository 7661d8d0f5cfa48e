import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { Audit } from '@provider-access/audit';
import { encodeEvent, PA_RECORDS } from '@provider-access/events';
import { ProjectionSet } from '@provider-access/engines/views';
import { directory, recordId } from '@provider-access/records';
import { ADMIN, Harness, inNetwork, NPI, panel, payerEvent } from '../../../test/harness.ts';

/** What happened to one member over time (PEOPLE.md, "What each page must answer"). */
const admin = { authorization: `Bearer ${ADMIN}` };
const DAY = 86_400_000;
let h: Harness;
beforeEach(async () => {
  h = await new Harness().start();
  return () => h.stop();
});
const at = (days: number): string => new Date(h.now + days * DAY).toISOString();
interface Timeline {
  readonly coverage: readonly object[];
  readonly releases: readonly { readonly released: number; readonly refused: number; readonly day: string }[];
  readonly releasesFrom?: string;
}
async function timeline(query: Record<string, string> = {}): Promise<Timeline> {
  const answer = await h.get(
    `/ops/explain/timeline?${new URLSearchParams({ member: 'm1', from: at(-30), ...query })}`,
    admin,
  );
  expect([answer.statusCode, answer.body]).toEqual([200, expect.any(String)]);
  return answer.json<Timeline>();
}
const audit = (): Audit => h.app.get(Audit, { strict: false });
const entry = { client: 'c1', action: 'read' as const, members: ['m1'], resources: 1 };

describe('the timeline of a member', () => {
  it('has coverage, attributions, opt-outs and holds of the period, each with its interval', async () => {
    await h.publish(inNetwork(), ...panel('m1'));
    const optOut = { scope: 'global', effective: at(-1), businessTime: at(-1), setBy: 'member' };
    await h.consentSays('pa.opted-out.v1', 'm1', optOut);
    const hold = { source: 'urn:payer', deadLetter: 'd1', eventType: 'payer.member-opted-out.v1' };
    await h.consentSays('pa.access-held.v1', 'm1', hold);
    expect(await timeline()).toMatchObject({
      member: 'm1',
      coverage: [{ coverageId: 'cov-m1', from: expect.any(String) }],
      attributions: [{ providers: [`npi|${NPI}`], group: expect.any(String) }],
      optOuts: [{ scope: 'global', from: at(-1) }],
      holds: [{ deadLetter: 'd1', eventType: 'payer.member-opted-out.v1' }],
      releases: [],
    });
  });

  it('leaves out what ended before the period', async () => {
    await h.publish(
      payerEvent('payer.member-enrolled.v1', 'm1', { coverageId: 'old', from: '2020-01-01' }),
      payerEvent('payer.member-terminated.v1', 'm1', { coverageId: 'old', to: '2021-01-01' }),
    );
    expect((await timeline()).coverage).toEqual([]);
    const to = '2021-02-01T00:00:00Z';
    expect((await timeline({ from: '2020-06-01T00:00:00Z', to })).coverage).toMatchObject([{ coverageId: 'old' }]);
  });

  it('counts releases and refusals by day and app, and no looks of the payer', async () => {
    await h.publish(inNetwork(), ...panel('m1'));
    for (let n = 0; n < 3; n++) await audit().record({ ...entry, outcome: 'released' });
    await audit().record({ ...entry, outcome: 'refused', reason: 'opted-out', resources: 0 });
    await audit().record({ ...entry, client: 'c2', outcome: 'released', members: ['m2'] });
    await audit().record({ ...entry, client: 'administrator', action: 'explain', outcome: 'released' });
    h.now += DAY;
    await audit().record({ ...entry, outcome: 'released' });
    h.now += 1;
    await expect.poll(async () => (await timeline()).releases.length).toBe(2);
    const { releases } = await timeline();
    expect(releases).toMatchObject([
      { day: at(-1).slice(0, 10), client: 'c1', released: 3, refused: 1 },
      { day: at(0).slice(0, 10), client: 'c1', released: 1, refused: 0 },
    ]);
  });

  it('counts more releases than a page of the audit has', async () => {
    const many = Array.from({ length: 2_500 }, () => audit().record({ ...entry, outcome: 'released' }));
    await Promise.all(many);
    h.now += 1;
    const counted = async () => (await timeline()).releases.reduce((sum, { released }) => sum + released, 0);
    await expect.poll(counted).toBe(2_500);
    expect((await timeline()).releasesFrom).toBeUndefined();
  });

  it('names each provider as the directory of the payer does, in the list of disclosures too', async () => {
    await h.publish(inNetwork(), ...panel('m1'));
    expect(await timeline()).toMatchObject({ names: {} });
    const views = new ProjectionSet({ log: h.log, views: h.views, projections: [directory] });
    await views.start();
    onTestFinished(() => views.stop());
    await h.app1('c1', [`npi|${NPI}`]);
    await audit().record({ ...entry, outcome: 'released' });
    const identifier = [{ system: 'http://hl7.org/fhir/sid/us-npi', value: NPI }];
    const line = JSON.stringify({ resourceType: 'Organization', id: 'o1', identifier, name: 'Riverside <Clinic>' });
    const common = { member: 'shared', type: 'Organization', id: 'o1', versionId: 1, lastUpdated: at(0) };
    const lists = { references: [], tokens: [], labels: [] };
    const data = { ...common, ...lists, businessTime: at(0), sequence: 0, contentHash: 'x', line };
    const event = {
      id: 'r-o1',
      source: 'urn:test',
      type: 'pa.record-accepted.v1',
      time: at(0),
      subject: 'shared',
      data,
    };
    await h.log.append(PA_RECORDS, [encodeEvent(event, { key: recordId('shared', 'Organization', 'o1') })]);
    expect(await h.views.reader(directory).waitFor(await h.log.head([PA_RECORDS]), 60_000)).toBe(true);
    const names = { [`npi|${NPI}`]: 'Riverside <Clinic>' };
    expect(await timeline()).toMatchObject({ names });
    await expect
      .poll(async () => (await h.get('/ops/disclosures?member=m1', admin)).json())
      .toMatchObject({ disclosures: [{ client: 'c1', names }] });
    const page = (await h.get('/ops/disclosures/document?member=m1', admin)).body;
    expect(page).toContain(`Riverside &#60;Clinic&#62; (NPI ${NPI})`);
  });

  it('says of whom nothing is known, and refuses what is no period', async () => {
    expect(await timeline({ member: 'nobody' })).toMatchObject({ known: false, coverage: [], releases: [] });
    const wrong: readonly Readonly<Record<string, string>>[] = [
      { member: '' },
      { from: '2026-01-01' },
      { from: at(1) },
      { to: at(1) },
      { from: at(-400) },
      { colour: 'red' },
    ];
    for (const query of wrong) {
      const asked = new URLSearchParams({ member: 'm1', from: at(-30), ...query });
      expect((await h.get(`/ops/explain/timeline?${asked}`, admin)).statusCode, JSON.stringify(query)).toBe(400);
    }
    expect((await h.get('/ops/explain/timeline?member=m1', admin)).statusCode).toBe(400);
  });

  it('is in the audit as a look at the member, and no app may ask', async () => {
    await timeline();
    await expect
      .poll(async () => (await h.get('/ops/disclosures/looks?member=m1', admin)).json())
      .toMatchObject({
        looks: expect.arrayContaining([expect.objectContaining({ operation: 'GET /ops/explain/timeline' })]),
      });
    const app = await h.app1('c1', [`npi|${NPI}`]);
    expect((await h.get(`/ops/explain/timeline?member=m1&from=${at(-1)}`, app)).statusCode).toBe(401);
  });
});

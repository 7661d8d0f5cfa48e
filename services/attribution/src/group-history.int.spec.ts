import { afterEach, describe, expect, it } from 'vitest';
import { instant } from '@provider-access/kernel';
import { checkShape } from '@provider-access/fhir';
import { PA_AUDIT } from '@provider-access/events';
import { Harness, inNetwork, NPI, panel } from '../test/harness.ts';
import { type GroupJson, members, onlyGroup, typed } from '../test/groups.ts';

const HOUR = 3_600_000;
interface HistoryJson {
  readonly type: string;
  readonly total: number;
  readonly link: readonly { readonly relation: string; readonly url: string }[];
  readonly entry?: readonly {
    readonly fullUrl: string;
    readonly resource: GroupJson;
    readonly request: object;
    readonly response: object;
  }[];
}

/** ADR 0054. */
describe('the history of a Group', () => {
  let h: Harness;
  afterEach(() => h.stop());
  async function started(): Promise<{ app: Record<string, string>; group: GroupJson; vid: string }> {
    h = await new Harness().start();
    await h.publish(inNetwork(), ...panel('m1', 'm2'));
    const app = await h.app1('c1', [`npi|${NPI}`]);
    const group = await onlyGroup(h, app);
    return { app, group, vid: String(Date.parse(group.meta.lastUpdated)) };
  }
  const history = async (id: string, app: Record<string, string>, query = ''): Promise<HistoryJson> => {
    const answer = await h.get(`/fhir/Group/${id}/_history${query}`, app);
    expect([answer.statusCode, answer.headers['content-type']]).toEqual([200, 'application/fhir+json; charset=utf-8']);
    const bundle = answer.json<HistoryJson>();
    expect(checkShape(bundle)).toEqual([]);
    return bundle;
  };
  const optOut = (member: string): Promise<void> => {
    const at = instant(h.now);
    return h.consentSays('pa.opted-out.v1', member, {
      scope: 'global',
      effective: at,
      businessTime: at,
      setBy: 'member',
    });
  };

  it('has the version that the client sees now, which is a read of it', async () => {
    const { app, group, vid } = await started();
    const { entry, ...bundle } = await history(group.id, app);
    expect(bundle).toMatchObject({ type: 'history', total: 1 });
    expect(bundle.link).toEqual([{ relation: 'self', url: expect.stringMatching(/\/fhir\/Group\/[^/]+\/_history$/) }]);
    expect(entry).toEqual([
      {
        fullUrl: expect.stringContaining(`/fhir/Group/${group.id}`),
        resource: group,
        request: { method: 'PUT', url: `Group/${group.id}` },
        response: { status: '200', etag: `W/"${vid}"`, lastModified: group.meta.lastUpdated },
      },
    ]);
    const version = await h.get(`/fhir/Group/${group.id}/_history/${vid}`, app);
    const read = await h.get(`/fhir/Group/${group.id}`, app);
    expect([version.statusCode, version.body]).toEqual([200, read.body]);
    for (const name of ['etag', 'last-modified', 'cache-control'])
      expect(version.headers[name]).toBe(read.headers[name]);
    const tag = { ...app, 'if-none-match': `W/"${vid}"` };
    expect((await h.get(`/fhir/Group/${group.id}/_history/${vid}`, tag)).statusCode).toBe(304);
  });

  it('shows no member who opted out since, in any version', async () => {
    const { group, vid } = await started();
    await h.advance(HOUR);
    await optOut('m2');
    const app = await h.token('c1');
    const { entry, total } = await history(group.id, app);
    expect(total).toBe(1);
    expect(members(entry![0]!.resource)).toEqual(['Patient/m1']);
    // The former version looks as one that never was.
    const [former, never] = await Promise.all(
      [vid, '17'].map((one) => h.get(`/fhir/Group/${group.id}/_history/${one}`, app)),
    );
    expect([former!.statusCode, former!.body]).toEqual([404, never!.body]);
    expect(JSON.stringify(await history(group.id, app))).not.toMatch(/\bm2\b/);
    expect((await h.get(`/fhir/Group/${group.id}/_history/${entry![0]!.resource.meta.versionId}`, app)).json()).toEqual(
      entry![0]!.resource,
    );
  });

  it('keeps to _since and _at', async () => {
    const { app, group } = await started();
    const { lastUpdated } = group.meta;
    const [before, after] = [-1, 1].map((ms) => new Date(Date.parse(lastUpdated) + ms).toISOString());
    for (const [query, total] of [
      [`_since=${before}`, 1],
      [`_since=${lastUpdated}`, 1],
      [`_since=${after}`, 0],
      [`_at=${after}`, 1],
      [`_at=${before}`, 0],
      ['_count=1', 1],
    ] as const)
      expect([query, (await history(group.id, app, `?${query}`)).total]).toEqual([query, total]);
    for (const [query, code] of [
      ['_since=x', 'value'],
      ['_count=0', 'value'],
      ['_since=2026&_since=2026', 'value'],
      ['_summary=true', 'not-supported'],
      ['_sort=-_lastUpdated', 'not-supported'],
    ] as const) {
      const answer = await h.get(`/fhir/Group/${group.id}/_history?${query}`, app);
      const expression = query.slice(0, query.indexOf('='));
      expect([query, answer.statusCode, answer.json()]).toMatchObject([
        query,
        400,
        { issue: [{ code, expression: [expression] }] },
      ]);
      expect(answer.body).toContain(expression);
    }
  });

  it('is for clients alone that may see the Group, and audits what left', async () => {
    const { app, group, vid } = await started();
    const other = await h.app1('c2', ['npi|1245319599']);
    const paths = [`/fhir/Group/${group.id}/_history`, `/fhir/Group/${group.id}/_history/${vid}`];
    const unknown = (await h.get('/fhir/Group/none/_history', app)).body;
    for (const path of paths) {
      const answer = await h.get(path, other);
      expect([answer.statusCode, answer.body]).toEqual([404, unknown]);
      expect((await h.get(path, {})).statusCode).toBe(401);
    }
    for (const path of paths) expect((await h.get(path, app)).statusCode).toBe(200);
    await h.publish(inNetwork(NPI, 'out-of-network'));
    for (const path of paths) expect((await h.get(path, app)).statusCode).toBe(404);
    const audited = (await typed(h, PA_AUDIT, 'pa.disclosure.v1')).filter(({ action }) => action === 'group-read');
    expect(audited.map(({ client, outcome }) => `${client} ${outcome}`)).toEqual(
      expect.arrayContaining(['c1 released', 'c2 refused', 'c1 refused']),
    );
    expect(audited.find(({ outcome }) => outcome === 'released')!['members']).toEqual(['m1', 'm2']);
  });
});

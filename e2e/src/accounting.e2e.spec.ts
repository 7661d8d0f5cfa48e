import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '@provider-access/testing';
import type { PlatformProcess } from '@provider-access/cli';
import { freshPlatform, registerApp, type TestApp } from './harness.ts';
import { byMembers } from './payers.ts';
import { findGroup, http, type HttpAnswer, type HttpCall, json, kickOff, sealed } from './road.ts';
import { LIMITS, sharedPayer } from './world/context.ts';

interface Event {
  readonly outcomeDesc?: string;
}
interface Given {
  readonly client: string;
  readonly outcome: string;
  readonly action: string;
  readonly resources?: number;
}

describe('a payer who asks what an app has tried', () => {
  const payer = sharedPayer();
  const [mine, theirs] = [byMembers(payer)[0]!, byMembers(payer)[1]!];
  const { member } = mine.visible[0]!;
  let fresh: Awaited<ReturnType<typeof freshPlatform>>;
  let platform: PlatformProcess;
  let app: TestApp;
  let status: string;
  let file: string;

  const ask = async (path: string, call: HttpCall = {}): Promise<HttpAnswer> =>
    http(path.startsWith('http') ? path : `${platform.base}${path}`, { token: await app.tokens.get(), ...call });
  const asPayer = async <T>(path: string): Promise<T> => {
    const answer = await http(`${platform.base}${path}`, { token: platform.administratorToken });
    expect(answer.status, path).toBe(200);
    return json<T>(answer);
  };

  beforeAll(async () => {
    fresh = await freshPlatform({ env: LIMITS, shared: payer });
    platform = fresh.platform();
    app = await registerApp(platform, { name: 'Curious', npi: mine.npi, tin: mine.tin });
    const other = await registerApp(platform, { name: 'Theirs', npi: theirs.npi, tin: theirs.tin });
    const token = await other.tokens.get();
    status = await kickOff(platform, token, (await findGroup(platform, token, theirs.npi)).id, '?_type=Patient');
    file = (await sealed(status, token)).output[0]!.url;
  });
  afterAll(() => fresh?.dispose());

  test('sees each search that asked about a member, also if it only counted or found nothing', async () => {
    for (const query of ['_summary=count', 'code=none&_summary=count', 'code=none&_count=0', 'code=none']) {
      const answer = await ask(`/fhir/Condition?patient=${member}&${query}`);
      expect([query, answer.status]).toEqual([query, 200]);
    }
    const listed = async (): Promise<unknown[]> =>
      (await asPayer<{ disclosures: Given[] }>(`/ops/disclosures?member=${member}`)).disclosures
        .filter(({ client }) => client === app.clientId)
        .map(({ outcome, action, resources }) => [outcome, action, resources]);
    await eventually(async () => expect(await listed()).toEqual(Array(4).fill(['released', 'search', 0])));
  });

  test('sees the attempts on the export of another app, and the requests that were wrong', async () => {
    for (const [method, url] of [
      ['GET', status],
      ['DELETE', status],
      ['HEAD', file],
      ['GET', `/fhir/bulk/${'a'.repeat(26)}`],
    ] as const)
      expect([method, url, (await ask(url, { method })).status]).toEqual([method, url, 404]);
    const wrong = ['nonsense=1', 'patient=a%20b', '_summary=count'];
    for (const query of wrong) expect((await ask(`/fhir/Condition?${query}`)).status, query).toBe(400);
    const reasons = async (): Promise<string[]> => {
      const found = await asPayer<{ entry?: { resource: Event }[] }>(
        `/ops/audit/AuditEvent?agent=${app.clientId}&outcome=4&_count=200`,
      );
      return (found.entry ?? []).map(({ resource }) => resource.outcomeDesc!).toSorted();
    };
    const expected = [
      ...['export-of-another', 'export-of-another', 'export-of-another', 'export-unknown'],
      ...['invalid-value', 'not-supported', 'required'],
    ];
    await eventually(async () => expect(await reasons()).toEqual(expected));
  });
});

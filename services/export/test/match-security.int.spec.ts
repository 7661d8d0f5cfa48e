import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PA_AUDIT } from '@provider-access/events';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { Platform } from './harness.ts';
import { bundle, groupsOf, match, namesOf, PAYER, post, requestOf, TestFinder } from './match-requests.ts';

let platform: Platform;
let finder: TestFinder;
beforeEach(async () => {
  finder = new TestFinder({ S1: 'm1' });
  platform = await Platform.start({ kickOffsPerHour: 1000, chunkMembers: 100, payerIdentifiers: [PAYER], finder });
  await platform.client('c1');
  await platform.client('c2');
  await platform.members(['m1'], { group: 'g-else', provider: 'npi|1245319599' });
  await platform.resources([{ member: 'm1', type: 'Patient', id: 'm1' }]);
  await platform.derived();
});
afterEach(() => platform.dispose());

/** What the audit has with this reason. */
const entriesWith = async (reason: string): Promise<readonly Record<string, unknown>[]> =>
  (await platform.events(PA_AUDIT)).map(({ data }) => data).filter((data) => data['reason'] === reason);
const jobId = (path: string): string => path.split('/').at(-1)!;

describe('M17: a Consent of another patient', () => {
  const hostile = (place: number, subscriber = 'S1'): object =>
    bundle(place, { subscriber, family: 'Zwjkqplanted', consentOf: 'zwjkq-victim' });

  it('is not matched, and is a security event in the audit that names app, job and place', async () => {
    const job = await match(platform, bundle(1, { subscriber: 'S9' }), hostile(2), hostile(3));
    const { match: matched, nomatch } = await groupsOf(platform, job);
    expect([matched!.quantity, nomatch!.quantity]).toEqual([0, 3]);
    const entries = await entriesWith('consent-of-another');
    expect(entries).toEqual([
      expect.objectContaining({
        ...{ client: 'c1', action: 'export-requested', outcome: 'refused', job: jobId(job), types: ['Group'] },
        ...{ members: [], resources: 0, count: 2, query: 'bundle=2&bundle=3' },
      }),
    ]);
    expect(JSON.stringify(entries)).not.toMatch(/zwjkq|johnson|"S1"|"m1"/i);
  });

  it('costs the same if the payer knows the person as if not', async () => {
    for (const subscriber of ['S1', 'S9']) await platform.manifest(await match(platform, hostile(1, subscriber)));
    const shown = (await entriesWith('consent-of-another')).map(({ job: _job, at: _at, group: _group, ...of }) => of);
    expect(shown).toHaveLength(2);
    expect(shown[0]).toEqual(shown[1]);
    expect(finder.queries).toBe(0);
  });

  it('in 1,000 bundles has few entries', async () => {
    await platform.manifest(await match(platform, ...Array.from({ length: 1000 }, (_, at) => hostile(at + 1))));
    const entries = await entriesWith('consent-of-another');
    expect(entries.length).toBeLessThanOrEqual(20);
    expect(entries.reduce((sum, { count }) => sum + Number(count), 0)).toBe(1000);
  });

  it('is none for other faults, and for people who are matched or unknown', async () => {
    const job = await match(platform, bundle(1, { subscriber: 'S1' }), bundle(2, { subscriber: 'S9' }), {
      name: 'MemberBundle',
    });
    expect(namesOf((await groupsOf(platform, job))['match']!)).toEqual(['Patient/m1']);
    expect(await entriesWith('consent-of-another')).toEqual([]);
  });
});

describe('M77: an app that guesses', () => {
  /** Ids of one person, who is nobody here. */
  const guesses = (count: number, from = 0): string =>
    requestOf(
      ...Array.from({ length: count }, (_, at) => bundle(at + 1, { subscriber: `G${from + at}`, family: 'Victim' })),
    );
  const sent = async (body: string, client = 'c1'): Promise<Response> =>
    post(platform, body, { token: await platform.token(client) });
  const ended = async (answer: Response): Promise<void> => {
    expect(answer.status).toBe(202);
    await platform.manifest(answer.headers.get('content-location')!.replace('http://test', ''));
  };

  it('gets 429 with Retry-After after 100 near-equal misses within an hour', async () => {
    await ended(await sent(guesses(101)));
    const refused = await sent(guesses(1, 101));
    expect([refused.status, Number(refused.headers.get('retry-after')) > 0]).toEqual([429, true]);
    expect(await refused.text()).not.toContain('Victim');
    expect(await entriesWith('match-suspended')).toEqual([]);
    expect((await sent(guesses(1), 'c2')).status).toBe(202);
  });

  it('is suspended after 1,000, with one entry in the audit, until a reviewer approves it again', async () => {
    await ended(await sent(guesses(1)));
    const running = await sent(guesses(1000, 1));
    await ended(running);
    const refused = await sent(guesses(1, 2000));
    expect([refused.status, await refused.text()]).toEqual([429, expect.stringContaining('suspended')]);
    const entries = await entriesWith('match-suspended');
    expect(entries).toEqual([
      expect.objectContaining({
        ...{ client: 'c1', action: 'export-requested', outcome: 'refused', members: [], resources: 0 },
        job: jobId(running.headers.get('content-location')!),
        query: 'guesses=1000',
      }),
    ]);
    expect(JSON.stringify(entries)).not.toMatch(/Victim|G\d/);
    expect(await platform.main.app.get<ServicePorts>(PORTS).metrics.text()).toMatch(
      /^pa_match_suspensions_total\{?[^}]*\}? 1$/m,
    );
    expect((await platform.fetch('/fhir/bulk')).status).toBe(200);
    await platform.advance(1000);
    await platform.approve('c1');
    await ended(await sent(guesses(1, 3000)));
  }, 60_000);
});

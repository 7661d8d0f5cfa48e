import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { TransactionTimes } from '@provider-access/engines/state';
import { PA_ATTESTATIONS } from '@provider-access/events';
import { recordsOf } from '@provider-access/process/testing';
import { eventually } from '@provider-access/testing';
import { Platform } from './harness.ts';
import { AMBIGUOUS, bundle, groupsOf, match, namesOf, PAYER, post, requestOf, TestFinder } from './match-requests.ts';

const MATCH = 'http://hl7.org/fhir/us/davinci-pdex/OperationDefinition/';
const people = { S1: 'm1', S2: 'm2', S3: 'm3', S4: 'm4', S5: 'm5' };

let platform: Platform;
let finder: TestFinder;
const start = async (...[config, wrap]: Parameters<typeof Platform.start>): Promise<void> => {
  finder = new TestFinder(people);
  platform = await Platform.start(
    { kickOffsPerHour: 10_000, chunkMembers: 2, payerIdentifiers: [PAYER], finder, ...config },
    wrap,
  );
  await platform.client('c1');
  await platform.client('c2');
  // Nobody is attributed to the provider of these apps.
  const elsewhere = { group: 'g-else', provider: 'npi|1245319599' };
  await platform.members(['m1', 'm2', 'm3', 'm4'], elsewhere);
  await platform.resources(Object.values(people).map((member) => ({ member, type: 'Patient', id: member })));
  await platform.optOut('m3');
  await platform.held('m4');
  await platform.derived();
};

/** The calls of the state store about guesses, until the job is sealed. */
async function guardCalls(run: () => Promise<string>): Promise<readonly string[]> {
  const { claims, counters } = platform.state;
  const spies = [
    vi.spyOn(claims, 'claimMany'),
    vi.spyOn(claims, 'claim'),
    vi.spyOn(claims, 'get'),
    vi.spyOn(counters, 'hit'),
  ];
  await platform.manifest(await run());
  const calls = spies.flatMap(({ mock }, at) =>
    mock.calls.filter(([name]) => /^match-(?!bundles)/.test(name)).map(() => ['claimMany', 'claim', 'get', 'hit'][at]!),
  );
  vi.restoreAllMocks();
  return calls;
}

describe('M77: what the count of guesses costs', () => {
  beforeAll(() => start({ chunkMembers: 100 }));
  afterAll(() => platform.dispose());

  it('a request of 1,000 people whom nobody knows calls the state store twice for 50 of them', async () => {
    const family = (place: number): string => `Stranger ${place}`;
    const all = Array.from({ length: 1000 }, (_, at) => bundle(at + 1, { subscriber: `X${at}`, family: family(at) }));
    const calls = await guardCalls(() => match(platform, ...all));
    // One question whether the app is suspended, and one write of all keys. The kick-off asks twice.
    expect(calls.filter((name) => name === 'claimMany')).toHaveLength(20);
    expect(calls.length).toBeLessThanOrEqual(2 + 20 * 2);
  });
});

describe('what a match answers', () => {
  beforeAll(() => start());
  afterAll(() => platform.dispose());

  it('M2, M50, M51, M52: Groups of matched and not matched members, as NDJSON files of a job', async () => {
    const job = await match(
      platform,
      ...['S1', 'S2', 'S3', 'S9'].map((subscriber, at) => bundle(at + 1, { subscriber })),
    );
    const manifest = await platform.manifest(job);
    expect(manifest.output.map(({ type, count }) => [type, count])).toEqual([
      ['Group', 1],
      ['Group', 1],
    ]);
    const { match: matched, nomatch } = await groupsOf(platform, job);
    expect([matched!.quantity, namesOf(matched!)]).toEqual([2, ['Patient/m1', 'Patient/m2']]);
    expect(matched!.contained!.map(({ id }) => id)).toEqual(['p1', 'p2']);
    expect([nomatch!.quantity, namesOf(nomatch!)]).toEqual([2, ['#p3', '#p4']]);
  });

  it('M51: a Group of matched members also if nobody matches, which claims no profile', async () => {
    const { match: matched } = await groupsOf(platform, await match(platform, bundle(1, { subscriber: 'S9' })));
    expect([matched!.quantity, matched!.member, matched!.contained, matched!.meta.profile]).toEqual([
      0,
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('M59: opted out, held, not covered and unknown differ in the contained Patient, and cost the same', async () => {
    const costs: number[] = [];
    const entries: string[] = [];
    for (const subscriber of ['S3', 'S4', 'S5', 'S9']) {
      const before = finder.queries;
      const { nomatch } = await groupsOf(platform, await match(platform, bundle(1, { subscriber })));
      costs.push(finder.queries - before);
      const { id: _id, identifier: _identifier, meta, ...rest } = nomatch! as unknown as Record<string, object>;
      const text = JSON.stringify({ ...rest, meta: { ...meta, lastUpdated: '' } });
      entries.push(text.replaceAll(subscriber, 'ID'));
    }
    expect(new Set(entries).size).toBe(1);
    expect(costs).toEqual([1, 1, 1, 1]);
  });

  it('M59, M77: each reason for a miss costs the same calls of the state store', async () => {
    const costs: (readonly string[])[] = [];
    for (const subscriber of ['S3', 'S4', 'S5', 'S9', AMBIGUOUS]) {
      // Other people than in the test above, because the same question is not counted again.
      const all = [1, 2].map((place) => bundle(place, { subscriber, family: `Cost ${subscriber} ${place}` }));
      costs.push(await guardCalls(() => match(platform, ...all)));
    }
    expect(costs[0]).toContain('claimMany');
    expect(new Set(costs.map(String)).size, JSON.stringify(costs)).toBe(1);
  });

  it('M6, M17: a bad bundle is not matched, and the error file names place and element, never a value', async () => {
    const bad = bundle(2, { subscriber: 'S2', consentOf: 'somebody-else' });
    const job = await match(platform, bundle(1, { subscriber: 'S1' }), bad, { name: 'MemberBundle' });
    const { match: matched, nomatch } = await groupsOf(platform, job);
    expect([namesOf(matched!), nomatch!.quantity]).toEqual([['Patient/m1'], 2]);
    const { OperationOutcome } = await platform.lines(await platform.manifest(job), 'error');
    const texts = OperationOutcome!.map((one) => JSON.stringify(one));
    expect(texts).toEqual([
      expect.stringContaining('MemberBundle 2: Consent.patient'),
      expect.stringContaining('MemberBundle 3: MemberBundle.part'),
    ]);
    expect(texts.join()).not.toContain('somebody-else');
  });

  it('M18, M34: a period that is over, and an NPI of another app, do not match', async () => {
    const job = await match(
      platform,
      bundle(1, { subscriber: 'S1', period: { end: '2020-01-01' } }),
      bundle(2, { subscriber: 'S2', npi: '1245319599' }),
    );
    const { match: matched, nomatch } = await groupsOf(platform, job);
    expect([matched!.quantity, nomatch!.quantity]).toEqual([0, 2]);
  });

  it('M58: one person with two coverages has one attestation and two entries', async () => {
    const job = await match(platform, bundle(1, { subscriber: 'S1' }), bundle(2, { subscriber: 'S1' }));
    const { match: matched } = await groupsOf(platform, job);
    expect(namesOf(matched!)).toEqual(['Patient/m1', 'Patient/m1']);
    const attested = (await platform.events(PA_ATTESTATIONS)).filter(
      ({ type, data }) => type === 'pa.member-attested.v1' && data['job'] === job.split('/').at(-1),
    );
    expect(attested).toHaveLength(1);
  });
});

describe('M74: what a delta of a matched Group brings', () => {
  beforeAll(() => start());
  afterAll(() => platform.dispose());

  it('is a newly matched member whole, also since an export of a process whose clock is ahead', async () => {
    // The export of another process, before the match (ADR 0023).
    const ahead = platform.clock.now() + 60_000;
    await new TransactionTimes(platform.state.streams).raise(ahead);
    const { match: matched } = await groupsOf(platform, await match(platform, bundle(1, { subscriber: 'S1' })));
    const since = `?_type=Patient&_since=${encodeURIComponent(new Date(ahead).toISOString())}`;
    const delta = await platform.kickOff(since, { group: matched!.id });
    const { Patient = [] } = await platform.lines(await platform.manifest(delta));
    expect(Patient.map(({ id }) => id)).toEqual(['m1']);
  });
});

describe('M73: what ends access after a match', () => {
  beforeAll(() => start());
  afterAll(() => platform.dispose());

  it('an opt-out removes entry, contained Patient and number, in a range too; another app gets 404', async () => {
    const job = await match(platform, bundle(1, { subscriber: 'S1' }), bundle(2, { subscriber: 'S2' }));
    const manifest = await platform.manifest(job);
    const other = await platform.token('c2');
    expect((await platform.fetch(job, { token: other })).status).toBe(404);
    expect((await platform.fetch(manifest.output[0]!.url, { token: other })).status).toBe(404);
    const etag = (await platform.fetch(manifest.output[0]!.url)).headers.get('etag');
    await platform.optOut('m1');
    const { match: matched } = await groupsOf(platform, job);
    expect([matched!.quantity, namesOf(matched!), matched!.contained!.map(({ id }) => id)]).toEqual([
      1,
      ['Patient/m2'],
      ['p2'],
    ]);
    const ranged = await platform.fetch(manifest.output[0]!.url, {
      headers: { range: 'bytes=10-', 'if-range': etag! },
    });
    expect([ranged.status, (await ranged.text()).includes('m1')]).toEqual([200, false]);
    await platform.optOut('m2');
    const { match: nobody } = await groupsOf(platform, job);
    expect([nobody!.quantity, nobody!.member, nobody!.contained]).toEqual([0, undefined, undefined]);
  });
});

describe('what a match refuses', () => {
  beforeAll(() => start());
  afterAll(() => platform.dispose());
  const one = requestOf(bundle(1, { subscriber: 'S1' }));

  it.each([
    ['the canonical', `${MATCH}ProviderMemberMatch`, 202],
    ['the other spelling', `${MATCH}provider-member-match`, 202],
    ['system/Group.rs', 'system/Group.rs', 202],
    ['system/*.rs', 'system/*.rs', 202],
    ['system/Group.r', 'system/Group.r', 403],
    ['system/Patient.rs', 'system/Patient.rs', 403],
  ])('M3: with %s', async (_name, scope, status) => {
    const token = await platform.token('c1', scope);
    const response = await post(platform, one, { token });
    expect(response.status).toBe(status);
    if (status !== 202) return;
    // The scope of the operation covers its status and files too.
    const job = response.headers.get('content-location')!.replace('http://test', '');
    const { output } = await platform.manifest(job, token);
    expect((await platform.fetch(output[0]!.url, { token })).status).toBe(200);
    await platform.fetch(job, { token, method: 'DELETE' });
  });

  it.each([
    ['no JSON', '{', 400],
    ['nothing', '', 400],
    ['no Parameters', '{"resourceType":"Bundle"}', 400],
    ['no bundle', '{"resourceType":"Parameters","parameter":[{"name":"x"}]}', 400],
    ['a prototype', '{"__proto__":{"resourceType":"Parameters"}}', 400],
    ['too many bytes', `{"x":"${'x'.repeat(17 * 1024 * 1024)}"}`, 413],
  ])('M5: %s', async (_name, body, status) => {
    const response = await post(platform, body);
    expect(response.status).toBe(status);
    expect(((await response.json()) as { resourceType: string }).resourceType).toBe('OperationOutcome');
  });

  it('M4: more than 1,000 bundles are 413, and 1,000 are one job', async () => {
    const all = (count: number): string =>
      requestOf(...Array.from({ length: count }, (_, at) => bundle(at + 1, { subscriber: 'S1' })));
    const refused = await post(platform, all(1001));
    expect([refused.status, await refused.text()]).toEqual([413, expect.stringContaining('1001 bundles')]);
    expect((await post(platform, all(1000))).status).toBe(202);
  });

  it('M4: more than 100,000 bundles in a day are 429 with Retry-After', async () => {
    await platform.state.counters.hit('match-bundles/c1', 86_400_000, 100_000);
    const refused = await post(platform, one);
    expect([refused.status, Number(refused.headers.get('retry-after')) > 0]).toEqual([429, true]);
  });

  it('M1: other methods are 405', async () => {
    const response = await platform.fetch('/fhir/Group/$provider-member-match');
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST']);
  });
});

describe('M75: what was submitted', () => {
  afterEach(() => platform.dispose());
  const planted = 'Zwjkqplanted';

  it('is in files of the job alone, and is deleted with them', async () => {
    await start({ leaseMs: 200 });
    const job = await match(
      platform,
      bundle(1, { subscriber: 'S1', family: planted }),
      bundle(2, { subscriber: 'S9', family: planted }),
    );
    await platform.manifest(job);
    for (const topic of [PA_ATTESTATIONS, 'pa.exports', 'pa.audit'])
      expect(JSON.stringify(await platform.events(topic))).not.toContain(planted);
    const withName = async (): Promise<string[]> => {
      const found: string[] = [];
      for (const name of await platform.fileNames()) {
        const bytes = await platform.blobs.get(name);
        if (bytes !== undefined && Buffer.from(bytes).toString('latin1').includes(planted)) found.push(name);
      }
      return found;
    };
    expect((await withName()).every((name) => name.startsWith(`jobs/${job.split('/').at(-1)}/`))).toBe(true);
    expect((await withName()).length).toBeGreaterThan(0);
    expect((await platform.fetch(job, { method: 'DELETE' })).status).toBe(202);
    await eventually(async () => expect([platform.failures, await platform.fileNames()]).toEqual([[], []]));
  });

  it('waits for a topic that no view follows, so that an earlier build takes no step of the job', async () => {
    await start();
    await match(platform, bundle(1, { subscriber: 'S1' }));
    const [requested] = await recordsOf(platform.log, 'pa.exports');
    const { positions, match: file } = JSON.parse(String(requested!.value)) as {
      positions: Record<string, number[]>;
      match: string;
    };
    expect([positions['pa.export-matches'], file]).toEqual([[1], expect.stringContaining('/submitted/')]);
  });
});

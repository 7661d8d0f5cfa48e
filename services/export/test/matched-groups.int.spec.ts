import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ExportRequested, type MembersMatched, PA_ATTESTATIONS, PA_EXPORTS } from '@provider-access/events';
import { Gate, interfered } from './faults.ts';
import { NPI, Platform } from './harness.ts';

/** The result of a match of the app c1: m1 and m2, who are attributed to somebody else (MATCH.md M70 to M74). */
const MATCHED = 'match-1';
const OF_ANOTHER = { group: 'g-other', provider: 'npi|1093817465' };
const DAY = 24 * 3_600_000;

describe('M70 an export of a matched Group', () => {
  let platform: Platform;
  let chunk: Gate | undefined;
  const iso = (later = 0): string => new Date(platform.clock.now() + later).toISOString();
  const matched = (members: readonly string[], group = MATCHED): Promise<void> => {
    const common = { group, client: 'c1', from: iso(), to: iso(30 * DAY), policy: 'accept', job: `job-${group}` };
    const npi = NPI.replace('npi|', '');
    return platform.append(PA_ATTESTATIONS, [
      ...members.map((member) => ({
        ...{ type: 'pa.member-attested.v1', subject: member, at: iso() },
        data: { ...common, member, npi, attestedAt: iso() },
      })),
      result({ ...common, npis: [npi], submitted: 3, matched: members.length }),
    ]);
  };
  const withdraw = (member: string): Promise<void> =>
    platform.append(PA_ATTESTATIONS, [
      {
        ...{ type: 'pa.attestation-ended.v1', subject: member, at: iso() },
        data: { member, group: MATCHED, client: 'c1', reason: 'withdrawn', at: iso() },
      },
    ]);
  beforeEach(async () => {
    chunk = undefined;
    platform = await Platform.start({ chunkMembers: 2, kickOffsPerHour: 1000, runningPerClient: 1000 }, (blobs) =>
      interfered(blobs, (action, name) =>
        action === 'put' && name.includes('chunk.json') ? chunk?.pass() : undefined,
      ),
    );
    await platform.client('c1');
    await platform.client('c2');
    await platform.group();
    await platform.members(['m1', 'm2', 'm3'], OF_ANOTHER);
    await platform.resources(['m1', 'm2', 'm3'].map((member) => ({ member, type: 'Patient', id: member })));
    await matched(['m1', 'm2']);
  });
  afterEach(() => platform.dispose());
  const ask = async (query = '?_type=Patient', client = 'c1', group = MATCHED): Promise<Response> =>
    platform.fetch(`/fhir/Group/${group}/$export${query}`, {
      headers: { prefer: 'respond-async' },
      token: await platform.token(client),
    });
  const kickOff = async (query?: string): Promise<string> => {
    const answer = await ask(query);
    expect(answer.status).toBe(202);
    return new URL(answer.headers.get('content-location')!).pathname;
  };
  const output = async (job: string): Promise<readonly { url: string; count: number }[]> => {
    const status = await platform.finish(job, await platform.token('c1'));
    return ((await status.json()) as { output: { url: string; count: number }[] }).output;
  };
  const patients = async (job: string): Promise<readonly string[]> => {
    const ids: string[] = [];
    for (const { url } of await output(job)) {
      const file = await platform.fetch(new URL(url).pathname, { token: await platform.token('c1') });
      const lines = (await file.text()).split('\n').filter((line) => line !== '');
      if (file.status === 200) ids.push(...lines.map((line) => (JSON.parse(line) as { id: string }).id));
    }
    return ids.toSorted();
  };

  it('has the members who matched, and runs on no earlier build', async () => {
    expect(await patients(await kickOff())).toEqual(['m1', 'm2']);
    const [requested] = (await platform.events(PA_EXPORTS))
      .filter(({ type }) => type === 'pa.export-requested.v1')
      .map(({ data }) => data as unknown as ExportRequested);
    expect(requested!.positions).toHaveProperty(['pa.export-matched-groups']);
  });

  it('does not exist for another app of the same provider, with the bytes of an unknown Group', async () => {
    const [foreign, unknown] = [await ask(undefined, 'c2'), await ask(undefined, 'c2', 'nobody')];
    expect([foreign.status, await foreign.text()]).toEqual([404, await unknown.text()]);
    expect(unknown.status).toBe(404);
  });

  it('has no attribution list', async () => {
    const answer = await ask('?_type=Group,Patient');
    expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining('no attribution list')]);
  });

  it('M72 decides about each member again, and has nothing of one who opted out', async () => {
    await platform.optOut('m2');
    expect(await patients(await kickOff())).toEqual(['m1']);
  });

  it.each<[string, () => Promise<unknown>]>([
    ['M73 an opt-out', () => platform.optOut('m1')],
    ['M73 M19 a withdrawal', () => withdraw('m1')],
  ])('%s while the job runs is not in its files', async (_name, close) => {
    chunk = new Gate();
    const job = await kickOff();
    await chunk.reached;
    await close();
    chunk.letThrough();
    expect(await patients(job)).toEqual(['m2']);
  });

  it.each<[string, () => Promise<unknown>]>([
    ['M73 an opt-out', () => platform.optOut('m1')],
    ['M73 M19 a withdrawal', () => withdraw('m1')],
  ])('%s after the job closes status and files', async (_name, close) => {
    const job = await kickOff();
    expect(await patients(job)).toEqual(['m1', 'm2']);
    await close();
    expect((await output(job)).map(({ count }) => count)).toEqual([1]);
    expect(await patients(job)).toEqual(['m2']);
  });

  it('M71 M73 the expiry closes the kick-off, and tells the app to match again', async () => {
    await platform.append(PA_ATTESTATIONS, [result({ ...EMPTY, group: 'short', from: iso(), to: iso(1) })]);
    await platform.advance(1000);
    const answer = await ask(undefined, 'c1', 'short');
    expect([answer.status, await answer.text()]).toEqual([404, expect.stringContaining('Match again')]);
  });

  it('M74 a delta brings a newly matched member whole', async () => {
    const since = encodeURIComponent(iso());
    await matched(['m3'], 'match-2');
    const answer = await ask(`?_type=Patient&_since=${since}`, 'c1', 'match-2');
    expect(await patients(new URL(answer.headers.get('content-location')!).pathname)).toEqual(['m3']);
  });
});

const result = (data: MembersMatched) => ({
  type: 'pa.members-matched.v1',
  subject: data.group,
  at: data.from,
  data,
});
const EMPTY = { client: 'c1', npis: [], policy: 'accept', job: 'j', submitted: 0, matched: 0 };

import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Blobs } from '@provider-access/engines/blob';
import { PA_ATTESTATIONS, textOf } from '@provider-access/events';
import { interfered } from './faults.ts';
import { NPI, Platform } from './harness.ts';
import { bundle, groupsOf, match, namesOf, PAYER, TestFinder } from './match-requests.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** The members of the result. `GONE` comes last in every file, so that a download that has begun has not sent it. */
const [STAYS, GONE] = ['mem-a', 'mem-b'] as const;

/** What ends access, and when it has: no row waits for anything but the position of its event. */
interface End {
  readonly what: string;
  /** Resolves when the facts have passed the event. */
  ends(platform: Platform, group: string): Promise<unknown>;
  /** Whether nothing of the matched Group is left. Otherwise only what is about `GONE` ends. */
  readonly everything: boolean;
  /** How status, files and kick-offs are answered if nothing is left. */
  readonly status?: number;
}
const ended =
  (reason: 'entered-in-error' | 'withdrawn'): End['ends'] =>
  (platform, group) => {
    const at = new Date(platform.clock.now()).toISOString();
    const data = { member: GONE, group, client: 'c1', reason, at };
    return platform.append(PA_ATTESTATIONS, [{ type: 'pa.attestation-ended.v1', subject: GONE, at, data }]);
  };
const ENDS: readonly End[] = [
  { what: 'an opt-out', ends: (platform) => platform.optOut(GONE), everything: false },
  { what: 'M19 a Consent that is entered in error', ends: ended('entered-in-error'), everything: false },
  { what: 'M78 a withdrawal by the payer', ends: ended('withdrawn'), everything: false },
  { what: 'M71 the expiry', ends: (platform) => platform.advance(30 * DAY), everything: true, status: 404 },
  { what: 'the suspension of the app', ends: (platform) => platform.suspend('c1'), everything: true, status: 401 },
  {
    what: 'P3 M34 the end of the binding',
    ends: (platform) => platform.endBinding('c1'),
    everything: true,
    status: 404,
  },
  {
    what: 'P3 an end of the binding that was stated before',
    ends: async (platform) => {
      await platform.endBinding('c1', platform.clock.now() + HOUR);
      await platform.advance(HOUR);
    },
    everything: true,
    status: 404,
  },
  {
    what: 'M31 a provider who leaves the network',
    ends: (platform) => {
      const at = '2021-01-01T00:00:00.000Z';
      const data = { provider: NPI, status: 'out-of-network', from: at, businessTime: at };
      return platform.append('pa.providers', [{ type: 'pa.network-status-recorded.v1', subject: NPI, data }]);
    },
    everything: true,
    status: 404,
  },
];

/** Jobs that wait before their chunk is stored. */
class Held {
  #open!: () => void;
  readonly #opened = new Promise<void>((resolve) => (this.#open = resolve));
  readonly #reached: (() => void)[] = [];
  isHolding = false;
  pass(name: string): Promise<void> | undefined {
    if (!this.isHolding || !name.includes('chunk.json')) return undefined;
    this.#reached.shift()?.();
    return this.#opened;
  }
  /** Resolves when the job that `start` starts has reached the place. */
  async at(start: () => Promise<string>): Promise<string> {
    const reached = new Promise<void>((resolve) => this.#reached.push(resolve));
    this.isHolding = true;
    const job = await start();
    await reached;
    this.isHolding = false;
    return job;
  }
  letThrough(): void {
    this.#open();
  }
}

describe.each(ENDS)('M73 $what', ({ ends, everything, status: closed }) => {
  let platform: Platform;
  let token: string;
  let group: string;
  let url: string;
  const jobs = { match: '', export: '', 'running match': '', 'running export': '' };
  const held = new Held();
  let meanwhile: (() => Promise<unknown>) | undefined;
  let download: { readonly text: () => string; readonly ended: Promise<string> };
  let begun: { readonly status: number; readonly body: string };

  /** An answer, or what was received until the connection was cut. */
  const received = async (path: string, headers: Record<string, string> = {}): Promise<typeof begun> => {
    const answer = await platform.fetch(path, { token, headers });
    return { status: answer.status, body: await answer.text().catch((error: unknown) => String(error)) };
  };
  const exported = (query: string): Promise<string> => platform.kickOff(query, { token, group });

  beforeAll(async () => {
    const config = {
      ...{ kickOffsPerHour: 10_000, runningPerClient: 1000, payerIdentifiers: [PAYER] },
      // Files outlive the attestations, so that the expiry of the Group is what closes them.
      keepMs: 60 * DAY,
      finder: new TestFinder({ [STAYS]: STAYS, [GONE]: GONE }),
    };
    const wrap = (blobs: Blobs): Blobs =>
      interfered(blobs, (action, name) => {
        if (action === 'put') return held.pass(name);
        if (action !== 'range' || meanwhile === undefined) return undefined;
        const happens = meanwhile;
        meanwhile = undefined;
        return happens().then(() => undefined);
      });
    platform = await Platform.start(config, wrap);
    // A process writes one chunk at a time, and two of them wait.
    await platform.another(config, wrap);
    await platform.client('c1');
    await platform.members([STAYS, GONE], { group: 'g-else', provider: 'npi|1245319599' });
    await platform.resources(
      [STAYS, GONE].flatMap((member) => [
        { member, type: 'Patient', id: member },
        // Incompressible data of more than a stretch for each member.
        ...Array.from({ length: 24 }, (_, i) => ({
          ...{ member, type: 'DocumentReference', id: `${member}-${i}` },
          text: randomBytes(150_000).toString('base64'),
        })),
      ]),
    );
    await platform.derived();
    token = await platform.token('c1');
    const both = [STAYS, GONE].map((subscriber, at) => bundle(at + 1, { subscriber }));
    jobs.match = await match(platform, ...both);
    const { match: matched } = await groupsOf(platform, jobs.match);
    group = matched!.id;
    expect(namesOf(matched!)).toEqual([`Patient/${STAYS}`, `Patient/${GONE}`]);
    ({ url } = (await platform.manifest(jobs.match)).output[0]!);
    jobs.export = await exported('?_type=Patient,DocumentReference');
    const documents = (await platform.manifest(jobs.export)).output.find(({ type }) => type !== 'Patient')!;
    expect(documents.count).toBe(48);
    jobs['running match'] = await held.at(() => match(platform, ...both));
    jobs['running export'] = await held.at(() => exported('?_type=Patient'));

    const reader = (await platform.fetch(documents.url, { token })).body!.getReader();
    let text = textOf(await reader.read());
    meanwhile = () => ends(platform, group);
    begun = await received(url);
    const rest = (async (): Promise<string> => {
      for (let next = await reader.read(); !next.done; next = await reader.read()) text += textOf(next);
      return 'an ordinary end';
    })();
    download = { text: () => text, ended: rest.catch(() => 'cut') };
    held.letThrough();
    // The expiry of the Group is later than that of a token.
    token = await platform.token('c1');
  });
  afterAll(() => {
    held.letThrough();
    return platform.dispose();
  });

  it('is decided anew for the file of the match, between the decision and the first byte', () => {
    expect(begun.body).not.toContain(`Patient/${GONE}`);
    expect(begun.body).not.toContain('"p2"');
    expect(begun.body.includes(`Patient/${STAYS}`)).toBe(!everything);
  });

  it('cuts a download that is running', async () => {
    expect(await download.ended).toBe('cut');
    expect(download.text()).toContain(`"${STAYS}-`);
    expect(download.text()).not.toContain(`"${GONE}-`);
  });

  it('closes the status and the file of the match', async () => {
    const status = await received(jobs.match);
    const file = await received(url, { range: 'bytes=0-' });
    expect(file.body).not.toContain(GONE);
    if (closed === 401) return expect([status.status, file.status]).toEqual([401, 401]);
    const { quantity, member } = JSON.parse(file.body) as { quantity: number; member?: object[] };
    expect([status.status, quantity, member?.length ?? 0]).toEqual(everything ? [200, 0, 0] : [200, 1, 1]);
  });

  it('closes the status and the files of an export of the matched Group', async () => {
    const status = await received(jobs.export);
    if (closed === 401) return expect(status.status).toBe(401);
    const { output } = JSON.parse(status.body) as { output: { type: string; count: number; url: string }[] };
    expect(output.map(({ type, count }) => [type, count])).toEqual(
      everything
        ? []
        : [
            ['DocumentReference', 24],
            ['Patient', 1],
          ],
    );
    for (const type of ['Patient', 'DocumentReference']) {
      const { status: of, body } = await received(`${jobs.export}/${type}-0-1.ndjson`);
      expect(body).not.toContain(`"${GONE}`);
      if (everything) expect(of).toBe(404);
    }
  });

  it('leaves jobs that were running without the member', async () => {
    if (closed === 401) return expect((await received(jobs['running match'])).status).toBe(401);
    const { match: matched, nomatch } = await groupsOf(platform, jobs['running match']);
    // The attestation that the running match makes is another one: neither an expiry nor a withdrawal reaches it.
    const { output } = await platform.manifest(jobs['running export']);
    const patients = (await platform.lines({ ...(await platform.manifest(jobs['running export'])) })).Patient ?? [];
    expect([output.length, patients.map(({ id }) => id)]).toEqual(everything ? [0, []] : [1, [STAYS]]);
    expect(matched).toBeDefined();
    expect(nomatch === undefined || nomatch.quantity > 0).toBe(true);
  });

  it('closes a new kick-off', async () => {
    if (everything) {
      const answer = await platform.fetch(`/fhir/Group/${group}/$export`, {
        token,
        headers: { prefer: 'respond-async' },
      });
      return expect(answer.status).toBe(closed);
    }
    const { Patient } = await platform.lines(await platform.manifest(await exported('?_type=Patient')));
    expect(Patient!.map(({ id }) => id)).toEqual([STAYS]);
  });
});

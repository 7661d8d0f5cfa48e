import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ExportRequested, PA_ATTRIBUTION, PA_EXPORTS, PA_GROUPS } from '@provider-access/events';
import { LONG_AGO } from '@provider-access/process/testing';
import { JobViews } from '@provider-access/jobs';
import { Gate, interfered } from './faults.ts';
import { GROUP, NPI, Platform } from './harness.ts';

/** By the page: the old id answers for a year (A2). By ADR 0098 a roll-out takes a day. */
const ROLL_OUT_MS = 24 * 3_600_000;
const FORMER_ID_MS = 365 * ROLL_OUT_MS;

/** A list whose members are attributed by NPI (m1, m3), and by NPI and TIN (m2, m3) (A2, ADR 0098). */
const TAXED = 'g-taxed';
const TIN = 'tin|123456789';
const MEMBERS = ['m1', 'm2', 'm3'];

describe('A2 an export of a list with two parts', () => {
  let platform: Platform;
  let chunk: Gate | undefined;
  const now = (): string => new Date(platform.clock.now()).toISOString();
  const openTaxed = (openedAt = LONG_AGO): Promise<void> =>
    platform.append(PA_GROUPS, [
      { type: 'pa.group-opened.v1', subject: TAXED, data: { group: TAXED, providers: [NPI, TIN], openedAt } },
    ]);
  const attributed = (member: string, from = LONG_AGO): Promise<void> =>
    platform.append(PA_ATTRIBUTION, [
      {
        type: 'pa.member-attributed.v1',
        subject: member,
        at: from,
        data: { member, group: TAXED, providers: [NPI, TIN], from, businessTime: from },
      },
    ]);
  const unattributed = (member: string): Promise<void> => platform.unattribute(member, { provider: TIN });
  beforeEach(async () => {
    chunk = undefined;
    platform = await Platform.start({ chunkMembers: 2, kickOffsPerHour: 1000, runningPerClient: 1000 }, (blobs) =>
      interfered(blobs, (action, name) =>
        action === 'put' && name.includes('chunk.json') ? chunk?.pass() : undefined,
      ),
    );
    await platform.client('c1');
    await platform.client('c2', TIN);
    await platform.group();
    await platform.members(['m1', 'm3']);
    await platform.resources(MEMBERS.map((member) => ({ member, type: 'Patient', id: member })));
  });
  afterEach(() => platform.dispose());
  const both = async (): Promise<void> => {
    await openTaxed();
    await platform.members(['m2'], { group: 'g-other', provider: 'npi|1093817465' });
    await attributed('m2');
    await attributed('m3');
  };
  const kickOff = async (id: string, query = '?_type=Patient', client = 'c1'): Promise<string> => {
    const answer = await platform.fetch(`/fhir/Group/${id}/$export${query}`, {
      headers: { prefer: 'respond-async' },
      token: await platform.token(client),
    });
    expect([id, answer.status]).toEqual([id, 202]);
    return new URL(answer.headers.get('content-location')!).pathname;
  };
  const patients = async (job: string, client = 'c1'): Promise<string[]> => {
    const status = await platform.finish(job, await platform.token(client));
    const manifest = (await status.json()) as { output: { url: string }[] };
    const ids: string[] = [];
    for (const { url } of manifest.output) {
      const file = await platform.fetch(new URL(url).pathname, { token: await platform.token(client) });
      const text = await file.text();
      ids.push(
        ...text
          .trim()
          .split('\n')
          .map((line) => (JSON.parse(line) as { id: string }).id),
      );
    }
    return ids.toSorted();
  };
  const requested = async (): Promise<ExportRequested[]> =>
    (await platform.events(PA_EXPORTS))
      .filter(({ type }) => type === 'pa.export-requested.v1')
      .map(({ data }) => data as unknown as ExportRequested);

  it('has the members of both, each once, under either id', async () => {
    await both();
    for (const id of [GROUP, TAXED]) expect(await patients(await kickOff(id))).toEqual(MEMBERS);
    // Patients that a kick-off names are decided before the job exists.
    for (const member of MEMBERS) {
      const answer = await platform.fetch(`/fhir/Group/${TAXED}/$export`, {
        method: 'POST',
        headers: { prefer: 'respond-async', 'content-type': 'application/fhir+json' },
        body: JSON.stringify({
          resourceType: 'Parameters',
          parameter: [{ name: 'patient', valueReference: { reference: `Patient/${member}` } }],
        }),
      });
      expect([member, answer.status]).toEqual([member, 202]);
      expect(await patients(new URL(answer.headers.get('content-location')!).pathname)).toEqual([member]);
    }
  });

  it('has the part with the TIN alone for a client of the TIN, whatever the job says about the list', async () => {
    await both();
    expect(await patients(await kickOff(TAXED, '?_type=Patient', 'c2'), 'c2')).toEqual(['m2', 'm3']);
    const foreign = await platform.fetch(`/fhir/Group/${GROUP}/$export`, {
      headers: { prefer: 'respond-async' },
      token: await platform.token('c2'),
    });
    const unknown = await platform.fetch(`/fhir/Group/${'a'.repeat(26)}/$export`, {
      headers: { prefer: 'respond-async' },
      token: await platform.token('c2'),
    });
    expect([foreign.status, await foreign.text()]).toEqual([404, await unknown.text()]);
  });

  it('decides by both parts again at the seal and at each download', async () => {
    await both();
    chunk = new Gate();
    const job = await kickOff(GROUP);
    await chunk.reached;
    await unattributed('m3');
    chunk.letThrough();
    expect(await patients(job)).toEqual(MEMBERS);
    await unattributed('m2');
    expect(await patients(job)).toEqual(['m1', 'm3']);
    // The client is bound to the TIN alone from now on: nobody is left whom the payer attributes by the NPI.
    await attributed('m2', now());
    await platform.approve('c1', TIN);
    expect(await patients(job)).toEqual(['m2']);
  });

  it('is never run by an earlier build, and an export of one Group has no such mark', async () => {
    await platform.manifest(await kickOff(GROUP));
    await both();
    const [job] = [(await kickOff(GROUP)).split('/').at(-1)!];
    // Partitions of a topic have no order.
    const [single, joined] = (await requested()).toSorted(
      (a, b) => Number(a.also !== undefined) - Number(b.also !== undefined),
    );
    expect([single!.also, joined!.also]).toEqual([undefined, { group: TAXED, since: expect.any(String) as unknown }]);
    const views = (await platform.another({ waitMs: 100 })).app.get(JobViews, { strict: false });
    // What an earlier build asks before each step.
    expect(await views.passed(single!.positions)).toBe(true);
    expect(await views.passed(joined!.positions)).toBe(false);
    await expect(views.assertPassed((await platform.streams().load(job))!)).resolves.toBeUndefined();
  });

  it('brings everything of the other part once, in the first delta after both became one list', async () => {
    await both();
    platform.clock.offset += 1000;
    // An earlier build exported each part until now. The kick-off is the first look of this one.
    const before = now();
    const later = async (since: string, id = GROUP): Promise<string[]> =>
      patients(await kickOff(id, `?_type=Patient&_since=${since}`));
    platform.clock.offset += 1000;
    expect(await later(before)).toEqual(['m2']);
    // A chain of deltas that began under the other id lacks the others.
    expect(await later(before, TAXED)).toEqual(['m1']);
    // During the roll-out an earlier build may have exported the part alone once more.
    platform.clock.offset += 1000;
    expect(await later(now())).toEqual(['m2']);
    await platform.advance(ROLL_OUT_MS);
    expect(await later(now())).toEqual([]);
  });

  it('names the list by its own id, also in an export under the former one', async () => {
    await both();
    const job = await kickOff(TAXED, '?_type=Group,Patient');
    const lines = await platform.lines(await platform.manifest(job));
    const [group] = lines['Group'] as unknown as {
      id: string;
      quantity: number;
      identifier: { value: string }[];
      member: { entity: { reference: string } }[];
    }[];
    expect([group!.id, group!.quantity]).toEqual([GROUP, 3]);
    expect(group!.identifier.map(({ value }) => value)).toEqual([NPI.slice(4), TIN.slice(4)]);
    expect(group!.member.map(({ entity }) => entity.reference.slice(8)).toSorted()).toEqual(MEMBERS);
  });

  it('is refused under the former id after a year, as under an unknown one', async () => {
    await both();
    await kickOff(TAXED);
    await platform.advance(FORMER_ID_MS + ROLL_OUT_MS + 1000);
    const answer = await platform.fetch(`/fhir/Group/${TAXED}/$export`, {
      headers: { prefer: 'respond-async' },
      token: await platform.token(),
    });
    expect(answer.status).toBe(404);
    await kickOff(GROUP);
  });
});

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PA_AUDIT, PA_PROVIDERS } from '@provider-access/events';
import { Gate, interfered, type Interference } from './faults.ts';
import { GROUP, NPI, Platform } from './harness.ts';

const SECOND = 'npi|1093817465';

/** docs/regulation.md#who-may-see-what: only providers in network, from the kick-off to the last byte. */
describe('R12: a provider out of network', () => {
  let platform: Platform;
  let interference: Interference = () => undefined;
  beforeEach(async () => {
    interference = () => undefined;
    platform = await Platform.start({}, (blobs) => interfered(blobs, (action, name) => interference(action, name)));
    await platform.client('c1');
    await platform.client('c3', SECOND);
    await platform.group();
    await platform.members(['m1', 'm2']);
    await platform.resources(['m1', 'm2'].map((member) => ({ member, type: 'Patient', id: member })));
  });
  afterEach(() => platform.dispose());

  const network = async (status: string): Promise<void> => {
    const at = new Date(platform.clock.now() - 60_000).toISOString();
    await platform.append(PA_PROVIDERS, [
      {
        type: 'pa.network-status-recorded.v1',
        subject: NPI,
        data: { provider: NPI, status, from: at, businessTime: at },
      },
    ]);
  };
  const answerOf = async (response: Response): Promise<unknown> => {
    const { date: _date, 'keep-alive': _keepAlive, ...headers } = Object.fromEntries(response.headers);
    return { status: response.status, headers, body: await response.text() };
  };

  it.each([
    ['GET', '$export', ''],
    ['GET', '$davinci-data-export', '?_type=Patient'],
    ['POST', '$export', ''],
    ['POST', '$davinci-data-export', '?_type=Nonsense'],
  ])(
    'gets for %s %s%s of its Group what a foreign and an unknown Group give, to the byte',
    async (method, op, query) => {
      await network('out-of-network');
      const other = await platform.token('c3');
      const kickOff = async (group: string, token?: string): Promise<unknown> =>
        answerOf(
          await platform.fetch(`/fhir/Group/${group}/${op}${query}`, {
            method,
            headers: { prefer: 'respond-async' },
            ...(token !== undefined && { token }),
          }),
        );
      const own = await kickOff(GROUP);
      expect(own).toMatchObject({ status: 404 });
      for (const same of [
        await kickOff(GROUP, other),
        await kickOff('a'.repeat(26)),
        await kickOff('a'.repeat(26), other),
        await kickOff('no..id'),
      ])
        expect(same).toEqual(own);
      expect(await platform.events('pa.exports')).toEqual([]);
    },
  );

  it('is audited by its reason, as is every other Group that does not exist for the client', async () => {
    await network('out-of-network');
    await platform.fetch(`/fhir/Group/${GROUP}/$export`);
    await platform.fetch(`/fhir/Group/${GROUP}/$export`, { token: await platform.token('c3') });
    await platform.fetch(`/fhir/Group/${'a'.repeat(26)}/$export`);
    const refused = { action: 'export-requested', outcome: 'refused', members: [], resources: 0 };
    const entries = (await platform.events(PA_AUDIT)).map(
      ({ data: { at: _at, agent: _agent, purpose: _purpose, query: _query, ...entry } }) => entry,
    );
    expect(entries).toHaveLength(3);
    expect(entries).toEqual(
      expect.arrayContaining([
        { ...refused, client: 'c1', reason: 'not-in-network', group: GROUP },
        { ...refused, client: 'c3', reason: 'group-of-another', group: GROUP },
        { ...refused, client: 'c1', reason: 'group-unknown' },
      ]),
    );
  });

  it('exports again when the provider is back', async () => {
    await network('out-of-network');
    expect((await platform.fetch(`/fhir/Group/${GROUP}/$export`)).status).toBe(404);
    await network('in-network');
    const manifest = await platform.manifest(await platform.kickOff());
    expect(manifest.output).toMatchObject([{ type: 'Patient', count: 2 }]);
  });

  it('that leaves the network while the export runs gets an export without members', async () => {
    const gate = new Gate();
    let once = false;
    interference = async (action, name) => {
      if (action !== 'put' || once || !name.endsWith('chunk.json')) return;
      once = true;
      await gate.pass();
    };
    const job = await platform.kickOff();
    await gate.reached;
    await network('out-of-network');
    gate.letThrough();
    expect(await platform.manifest(job)).toMatchObject({ output: [] });
    // What was dropped at the seal stays out, also when the provider comes back.
    await network('in-network');
    expect(await platform.manifest(job)).toMatchObject({ output: [] });
  });

  it('that leaves the network after the export gets no entry of the manifest and no file', async () => {
    const job = await platform.kickOff();
    const [file] = (await platform.manifest(job)).output;
    const unknown = await answerOf(await platform.fetch(file!.url.replace('Patient', 'Nothing')));
    await network('out-of-network');
    expect(await platform.manifest(job)).toMatchObject({ output: [] });
    expect(await answerOf(await platform.fetch(file!.url))).toEqual(unknown);
  });

  it('of a client that is not approved or suspended gets 401, as for every Group', async () => {
    const token = await platform.token('c1');
    await platform.suspend('c1');
    const own = await answerOf(await platform.fetch(`/fhir/Group/${GROUP}/$export`, { token }));
    expect(own).toMatchObject({ status: 401 });
    expect(await answerOf(await platform.fetch('/fhir/Group/none/$export', { token }))).toEqual(own);
  });
});

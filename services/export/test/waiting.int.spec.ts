import { afterEach, describe, expect, it } from 'vitest';
import { Gate, interfered } from './faults.ts';
import { GROUP, Platform } from './harness.ts';

let platform: Platform;
afterEach(() => platform.dispose());

async function populated(...[config, wrap]: Parameters<typeof Platform.start>): Promise<void> {
  platform = await Platform.start({ chunkMembers: 1, attempts: 2, ...config }, wrap);
  await platform.client('c1');
  await platform.group();
  await platform.members(['m1', 'm2']);
  await platform.resources(['m1', 'm2'].map((member) => ({ member, type: 'Patient', id: member })));
}
const patients = async (job: string): Promise<string[]> =>
  ((await platform.lines(await platform.manifest(job)))['Patient'] ?? []).map((r) => r.id).toSorted();

describe('while the intake of the payer’s events stands still', () => {
  it('a kick-off answers 503 and leaves nothing behind', async () => {
    await populated({ waitMs: 50, runningPerClient: 1 });
    await platform.published();
    const refused = await platform.fetch(`/fhir/Group/${GROUP}/$export`);
    expect([refused.status, refused.headers.get('content-location')]).toEqual([503, null]);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(((await refused.json()) as { issue: { code: string }[] }).issue[0]!.code).toBe('transient');
    expect([
      await platform.events('pa.exports'),
      await platform.events('pa.audit'),
      await platform.fileNames(),
    ]).toEqual([[], [], []]);
    // The refused kick-off has not kept the only slot.
    await platform.derived();
    expect(await patients(await platform.kickOff())).toEqual(['m1', 'm2']);
  });

  // Old facts before a chunk is written, and a lag after all chunks are written, for which the seal waits.
  it.each([
    ['a chunk', '/plan/', 61_000, 'chunk.json'],
    ['the seal', '/1/', 0, 'manifest.json'],
  ])('%s waits, however often it is tried, and releases nothing', async (_, where, older, then) => {
    const gate = new Gate();
    let once = false;
    let fails = false;
    await populated({ waitMs: 20 }, (blobs) =>
      interfered(blobs, (action, name) => {
        if (fails && action === 'put' && name.endsWith(then)) {
          fails = false;
          throw new Error('once');
        }
        if (once || action !== 'put' || !name.includes(where)) return;
        once = true;
        return gate.pass();
      }),
    );
    const job = await platform.kickOff();
    await gate.reached;
    await platform.published();
    platform.clock.offset += older;
    gate.letThrough();
    const attempts = async (): Promise<number> => platform.failures.length;
    await expect.poll(attempts).toBeGreaterThan(4);
    expect((await platform.fetch(job)).status).toBe(202);
    expect((await platform.fetch(`${job}/Patient-0-0.ndjson`)).status).toBe(404);
    const given = (await platform.events('pa.audit')).filter(
      ({ data }) => data['action'] === 'download' && data['outcome'] === 'released',
    );
    expect(given).toEqual([]);
    // Waiting does not count as an attempt: the next failure is the first of two.
    fails = true;
    await platform.derived();
    expect(await patients(job)).toEqual(['m1', 'm2']);
    expect(platform.failures).toContain('Error');
  });
});

describe('a job in one process', () => {
  it('goes from step to step without a poll of the queues', async () => {
    // A poll finds items of other processes, and those whose time has come. This test has one, at the start.
    await populated({ pollMs: 3_600_000 });
    expect(await patients(await platform.kickOff())).toEqual(['m1', 'm2']);
  });
});

describe('a job whose views have less than there was at its kick-off', () => {
  it('is not begun: they were lost, or are of another version; it goes on when they have it', async () => {
    await populated({ waitMs: 30 });
    await platform.published();
    const positions = await platform.log.head(['payer.member-events', 'payer.provider-events']);
    const now = new Date(platform.clock.now()).toISOString();
    await platform.streams().execute({
      kind: 'request',
      data: {
        job: 'early',
        client: 'c1',
        group: GROUP,
        operation: '$export',
        request: 'http://test/x',
        types: ['Patient'],
        warnings: [],
        positions: Object.fromEntries(Object.entries(positions).map(([t, o]) => [t, [...o]])),
        transactionTime: now,
        requestedAt: now,
      },
    });
    const status = async (): Promise<string | undefined> => (await platform.streams().load('early'))?.status;
    await expect.poll(() => platform.failures.length).toBeGreaterThan(2);
    expect([await status(), await platform.fileNames()]).toEqual(['requested', []]);
    await platform.derived();
    await expect.poll(status).toBe('sealed');
  });
});

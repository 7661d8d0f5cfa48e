import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { BlobStoreFull } from '@provider-access/engines/blob';
import { afterEach, describe, expect, it } from 'vitest';
import type { JobStreams } from '@provider-access/jobs';
import { Gate, interfered } from './faults.ts';
import { GROUP, Platform } from './harness.ts';

const MEMBERS = Array.from({ length: 6 }, (_, i) => `m${i}`);
let platform: Platform;
afterEach(() => platform?.dispose());

async function populated(...[config, wrap, engine]: Parameters<typeof Platform.start>): Promise<Platform> {
  platform = await Platform.start({ chunkMembers: 2, ...config }, wrap, engine);
  await platform.client('c1');
  await platform.group();
  await platform.members(MEMBERS);
  await platform.resources([
    ...MEMBERS.flatMap((member) => [
      { member, type: 'Patient', id: member, references: ['Organization/payer'] },
      { member, type: 'Observation', id: `${member}-o`, references: ['Practitioner/p'] },
    ]),
    { member: 'shared', type: 'Organization', id: 'payer' },
    { member: 'shared', type: 'Practitioner', id: 'p' },
  ]);
  return platform;
}
const expected = [...MEMBERS, ...MEMBERS.map((m) => `${m}-o`), 'payer', 'p'].toSorted();
const idsIn = async (job: string): Promise<string[]> =>
  Object.values(await platform.lines(await platform.manifest(job)))
    .flat()
    .map((r) => r.id)
    .toSorted();

describe('a process that dies', () => {
  // Every kind of file that a job writes, before and after the write.
  it.each(['/plan/', '/0/', 'chunk.json', '/seal/', 'slice.json', 'manifest.json'])(
    'at %s goes on after the restart: nothing missing, nothing twice',
    async (where) => {
      let dead = false;
      const died = new Gate();
      await populated(
        { attempts: 1_000_000, sealChunks: 1 },
        (blobs) =>
          interfered(blobs, (action, name) => {
            if (dead || (action !== 'range' && action !== 'get' && name.includes(where))) {
              dead = true;
              void died.pass();
              throw new Error('this process is dead');
            }
          }),
        'embedded',
      );
      const job = await platform.kickOff();
      await died.reached;
      await platform.restart({ chunkMembers: 2, sealChunks: 1 });
      expect(await idsIn(job)).toEqual(expected);
    },
  );

  it('with its state store continues from the log: nothing is missing or twice, and it can be deleted', async () => {
    let dead = false;
    const died = new Gate();
    await populated(
      { attempts: 1_000_000 },
      (blobs) =>
        interfered(blobs, (action, name) => {
          if (dead || (action !== 'range' && action !== 'get' && name.includes('/1/'))) {
            dead = true;
            void died.pass();
            throw new Error('this process is dead');
          }
        }),
      'embedded',
    );
    const job = await platform.kickOff();
    await died.reached;
    await platform.close();
    for (const end of ['', '-wal', '-shm']) await rm(join(platform.folder, `state.sqlite${end}`), { force: true });
    await platform.open({ chunkMembers: 2 });
    expect(await idsIn(job)).toEqual(expected);
    expect(
      (
        await platform.streams().execute({
          kind: 'cancel',
          data: { job: job.split('/').at(-1)!, reason: 'test', at: new Date().toISOString() },
        })
      ).ok,
    ).toBe(true);
    await expect.poll(async () => (await platform.fetch(job)).status).toBe(404);
  });

  it('in the middle of a chunk is replaced by a higher fence, and its own result is refused', async () => {
    let failures = 2;
    await populated({}, (blobs) =>
      interfered(blobs, (action, name) => {
        if (action === 'put' && name.endsWith('chunk.json') && failures-- > 0) throw new Error('gone');
      }),
    );
    const job = await platform.kickOff();
    expect(await idsIn(job)).toEqual(expected);
    const id = job.split('/').at(-1)!;
    const fences = new Map<string, Set<number>>();
    for await (const { name } of platform.blobs.list(`jobs/${id}/`)) {
      const [, , chunk, fence] = name.split('/') as [string, string, string, string];
      if (/^\d+$/.test(chunk)) fences.set(chunk, (fences.get(chunk) ?? new Set()).add(Number(fence)));
    }
    expect([...fences.values()].reduce((n, f) => n + f.size, 0)).toBe(3 + 2);
    const counted = (await platform.streams().load(id))!.written;
    for (const [chunk, all] of fences) expect(counted[Number(chunk)]).toBe(Math.max(...all));
  });

  // Before the first write, and after the last write but before its event.
  it.each(['writer', 'put'])(
    'or seems dead while another does its chunk (it waits at %s): what it brings late is refused',
    async (where) => {
      const gate = new Gate();
      let once = false;
      await populated({ chunkMembers: 10 }, (blobs) =>
        interfered(blobs, (action, name) => {
          if (once || action !== where || !/\/0\/\d+\//.test(name) || (where === 'put' && !name.endsWith('chunk.json')))
            return;
          once = true;
          return gate.pass();
        }),
      );
      const job = await platform.kickOff();
      const id = job.split('/').at(-1)!;
      await gate.reached;
      platform.clock.offset += 31_000;
      const item = (await platform.state.work.take('export-chunk', 'another', 30_000))!;
      expect(item.payload).toEqual({ job: id, chunk: 0 });
      await platform.writeAsAnother(item, MEMBERS);
      gate.letThrough();
      expect(await idsIn(job)).toEqual(expected);
      const { written } = (await platform.streams().load(id))!;
      expect(written).toEqual([item.fence]);
      const events = (await platform.events('pa.exports')).filter((e) => e.type === 'pa.export-chunk-written.v1');
      expect(events.map((e) => e.data['fence'])).toEqual([item.fence]);
    },
  );

  it('a result that comes after its lease was lost changes nothing', async () => {
    await populated();
    const streams: JobStreams = platform.streams();
    const data = {
      job: 'x',
      client: 'c1',
      group: GROUP,
      operation: '$export' as const,
      request: '',
      types: ['Patient'],
      warnings: [],
      positions: {},
      transactionTime: '',
      requestedAt: '',
    };
    await streams.execute({ kind: 'request', data });
    await streams.execute({ kind: 'plan', data: { job: 'x', members: 1, chunks: 2, plan: '' } });
    const chunk = (fence: number) =>
      streams.execute({
        kind: 'write-chunk',
        data: { job: 'x', chunk: 0, fence, summary: '', members: 0, refused: 0, resources: 0, bytes: 0 },
      });
    expect((await chunk(1_000_007)).ok).toBe(true);
    expect(await chunk(1_000_006)).toMatchObject({ ok: false, refusal: 'stale-fence' });
  });
});

describe('a disk that is full', () => {
  it('makes the job wait, says so in readiness, and costs nothing', async () => {
    let full = true;
    await populated({ attempts: 1_000_000 }, (blobs) =>
      interfered(blobs, (action, name) => {
        if (full && action === 'writer' && name.startsWith('jobs/')) throw new BlobStoreFull('full');
      }),
    );
    const job = await platform.kickOff();
    const storage = async () => (await platform.readiness()).find((c) => c.name === 'storage')!;
    await expect.poll(storage).toMatchObject({ ready: true, detail: expect.stringContaining('full') as string });
    const status = await platform.fetch(job);
    expect([status.status, status.headers.get('x-progress')]).toEqual([202, '0 members written']);
    full = false;
    expect(await idsIn(job)).toEqual(expected);
    expect(await storage()).toEqual({ name: 'storage', ready: true });
  });

  it('for too long fails the job by name, and never leaves a part of it', async () => {
    await populated({ attempts: 3 }, (blobs) =>
      interfered(blobs, (action, name) => {
        if (action === 'writer' && name.includes('/1/')) throw new BlobStoreFull('full');
      }),
    );
    const job = await platform.kickOff();
    const response = await platform.finish(job);
    const outcome = (await response.json()) as { resourceType: string; issue: { diagnostics: string }[] };
    expect(response.status).toBe(500);
    expect(outcome).toMatchObject({
      resourceType: 'OperationOutcome',
      issue: [{ diagnostics: expect.stringContaining('storage') as string }],
    });
    expect((await platform.fetch(`${job}/Patient-0-0.ndjson`)).status).toBe(404);
    expect((await platform.fetch(job, { method: 'DELETE' })).status).toBe(202);
    expect((await platform.fetch(job)).status).toBe(404);
  });
});

describe('an export of nobody', () => {
  it('exports nothing, and not everybody', async () => {
    await populated();
    await platform.group('g-empty');
    const manifest = await platform.manifest(await platform.kickOff('', { group: 'g-empty' }));
    expect(manifest).toMatchObject({ output: [], deleted: [], error: [] });
  });
});

describe('a job', () => {
  it('writes in worker threads as it does here', async () => {
    await populated({ writers: 2 }, undefined, 'embedded');
    expect(await idsIn(await platform.kickOff())).toEqual(expected);
  });

  it('is deleted: running or done, with its files, and is not there any more', async () => {
    const gate = new Gate();
    await populated({ leaseMs: 200 }, (blobs) =>
      interfered(blobs, (action, name) => (action === 'put' && name.endsWith('/1.json') ? gate.pass() : undefined)),
    );
    const running = await platform.kickOff();
    await gate.reached;
    expect((await platform.fetch(running, { method: 'DELETE' })).status).toBe(202);
    expect((await platform.fetch(running)).status).toBe(404);
    gate.letThrough();
    const done = await platform.kickOff();
    const [file] = (await platform.manifest(done)).output;
    expect((await platform.fetch(done, { method: 'DELETE' })).status).toBe(202);
    for (const path of [done, file!.url]) expect((await platform.fetch(path)).status).toBe(404);
    expect((await platform.fetch(done, { method: 'DELETE' })).status).toBe(404);
    await expect.poll(async () => platform.fileNames()).toEqual([]);
  });

  it('expires after its time: gone at once, its files a while later', async () => {
    await populated({ graceMs: 50 });
    const job = await platform.kickOff();
    const {
      output: [file],
    } = await platform.manifest(job);
    const response = await platform.fetch(job);
    expect(Date.parse(response.headers.get('expires')!) - Date.now()).toBeGreaterThan(71 * 3_600_000);
    platform.clock.offset = 73 * 3_600_000;
    await expect.poll(async () => (await platform.fetch(job)).status).toBe(404);
    expect((await platform.fetch(file!.url)).status).toBe(404);
    await expect.poll(async () => platform.fileNames()).toEqual([]);
  });

  it('that failed says so for as long as others are kept, then is gone; its files go at once', async () => {
    await populated({ attempts: 1, graceMs: 50, leaseMs: 50 }, (blobs) =>
      interfered(blobs, (action, name) => {
        if (action === 'put' && /\/2\/\d+\/chunk\.json$/.test(name)) throw new Error('gone');
      }),
    );
    const job = await platform.kickOff();
    expect((await platform.finish(job)).status).toBe(500);
    await expect.poll(async () => platform.fileNames()).toEqual([]);
    platform.clock.offset = 71 * 3_600_000;
    expect((await platform.fetch(job)).status).toBe(500);
    platform.clock.offset = 73 * 3_600_000;
    expect((await platform.fetch(job)).status).toBe(404);
    await expect.poll(async () => (await platform.streams().load(job.split('/').at(-1)!))?.status).toBe('expired');
  });

  it('that expires while a file is on its way to the client lets it arrive whole', async () => {
    // Shorter than the bound of the facts, so that moving the clock does not make them too old.
    await populated({ keepMs: 30_000, graceMs: 10_000 });
    await platform.resources(
      MEMBERS.flatMap((member) =>
        Array.from({ length: 10 }, (_, i) => ({
          member,
          type: 'DocumentReference',
          id: `${member}-d${i}`,
          text: randomBytes(120_000).toString('base64'),
        })),
      ),
    );
    const job = await platform.kickOff('?_type=DocumentReference');
    const { output } = await platform.manifest(job);
    const response = await platform.fetch(output[0]!.url);
    const reader = response.body!.getReader();
    let bytes = (await reader.read()).value!.length;
    platform.clock.offset = 31_000;
    await expect.poll(async () => (await platform.streams().load(job.split('/').at(-1)!))?.status).toBe('expired');
    expect((await platform.fetch(output[0]!.url)).status).toBe(404);
    for (let next = await reader.read(); !next.done; next = await reader.read()) bytes += next.value.length;
    expect(bytes).toBe(Number(response.headers.get('content-length')));
    // The grace period is over.
    platform.clock.offset = 55_000;
    await expect.poll(async () => platform.fileNames()).toEqual([]);
  });

  it('is one of so many at a time, and the next may start when one is done', async () => {
    const gate = new Gate();
    await populated({ runningPerClient: 2 }, (blobs) =>
      interfered(blobs, (action, name) => (action === 'put' && name.includes('/plan/') ? gate.pass() : undefined)),
    );
    const answers = await Promise.all([1, 2, 3].map(() => platform.fetch(`/fhir/Group/${GROUP}/$export`)));
    expect(answers.map((a) => a.status).toSorted()).toEqual([202, 202, 429]);
    const refused = answers.find((a) => a.status === 429)!;
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(((await refused.json()) as { resourceType: string }).resourceType).toBe('OperationOutcome');
    gate.letThrough();
    for (const accepted of answers.filter((a) => a.status === 202))
      await platform.manifest(accepted.headers.get('content-location')!);
    await expect.poll(async () => (await platform.fetch(`/fhir/Group/${GROUP}/$export`)).status).toBe(202);
  });

  it('is asked for, and started, only so often', async () => {
    await populated({ pollsPerMinute: 3, kickOffsPerHour: 1 });
    const job = await platform.kickOff();
    const statuses = [];
    for (let i = 0; i < 5; i++) statuses.push((await platform.fetch(job)).status);
    expect(statuses.slice(3)).toEqual([429, 429]);
    expect((await platform.fetch(`/fhir/Group/${GROUP}/$export`)).status).toBe(429);
  });

  it('shows honest progress and when to ask again', async () => {
    const gate = new Gate();
    await populated({}, (blobs) =>
      interfered(blobs, (action, name) =>
        action === 'put' && /\/2\/\d+\/chunk\.json$/.test(name) ? gate.pass() : undefined,
      ),
    );
    const job = await platform.kickOff();
    await expect.poll(async () => (await platform.fetch(job)).headers.get('x-progress')).toBe('4 members written');
    const retry = Number((await platform.fetch(job)).headers.get('retry-after'));
    expect(retry >= 1 && retry <= 5).toBe(true);
    gate.letThrough();
    expect(await idsIn(job)).toEqual(expected);
  });

  it('counts nobody in its progress whom the client may not see', async () => {
    const gate = new Gate();
    await populated({}, (blobs) =>
      interfered(blobs, (action, name) => (action === 'put' && name.includes('/seal/') ? gate.pass() : undefined)),
    );
    for (const member of MEMBERS.slice(1)) await platform.optOut(member);
    const job = await platform.kickOff();
    await gate.reached;
    // Of three chunks of two members one had a member to write.
    await expect.poll(async () => (await platform.fetch(job)).headers.get('x-progress')).toBe('1 member written');
    gate.letThrough();
    await platform.manifest(job);
  });
});

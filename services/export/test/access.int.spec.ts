import { textOf } from '@provider-access/events';
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '@provider-access/testing';
import { Gate, interfered, type Interference } from './faults.ts';
import { GROUP, NPI, Platform } from './harness.ts';

const MEMBERS = ['m1', 'm2', 'm3', 'm4'];

/** After an opt-out, no answer contains the member, at any step of an export (docs/architecture.md#an-export). */
describe('a member who opts out', () => {
  let platform: Platform;
  let interference: Interference = () => undefined;
  beforeEach(async () => {
    interference = () => undefined;
    platform = await Platform.start({ chunkMembers: 10 }, (blobs) =>
      interfered(blobs, (action, name) => interference(action, name)),
    );
    await platform.client('c1');
    await platform.group();
    await platform.members(MEMBERS);
    await platform.resources([
      ...MEMBERS.flatMap((member) => [
        { member, type: 'Patient', id: member, references: [`Organization/of-${member}`, 'Organization/all'] },
        { member, type: 'Observation', id: `${member}-o` },
      ]),
      ...MEMBERS.map((member) => ({ member: 'shared', type: 'Organization', id: `of-${member}` })),
      { member: 'shared', type: 'Organization', id: 'all' },
    ]);
  });
  afterEach(() => platform.dispose());

  const idsIn = async (job: string): Promise<string[]> =>
    Object.values(await platform.lines(await platform.manifest(job)))
      .flat()
      .map((r) => r.id)
      .toSorted();
  const everything = (members: readonly string[]): string[] =>
    [...members.flatMap((m) => [m, `${m}-o`, `of-${m}`]), 'all'].toSorted();
  const stored = async (): Promise<string> => {
    let text = '';
    for await (const { name } of platform.blobs.list('jobs/'))
      if (name.endsWith('.index')) text += Buffer.from((await platform.blobs.get(name))!).toString();
    return text;
  };
  const holdAt = (where: (name: string) => boolean): Gate => {
    const gate = new Gate();
    let once = false;
    interference = async (action, name) => {
      if (action !== 'put' || once || !where(name)) return;
      once = true;
      await gate.pass();
    };
    return gate;
  };

  it('before the kick-off is not written', async () => {
    await platform.optOut('m1');
    const job = await platform.kickOff();
    expect(await idsIn(job)).toEqual(everything(['m2', 'm3', 'm4']));
    expect(await stored()).not.toContain('"m1"');
  });

  it('between kick-off and write is not written', async () => {
    const gate = holdAt((name) => name.includes('/plan/'));
    const job = await platform.kickOff();
    await gate.reached;
    await platform.optOut('m1');
    gate.letThrough();
    expect(await idsIn(job)).toEqual(everything(['m2', 'm3', 'm4']));
    expect(await stored()).not.toContain('"m1"');
  });

  it('between write and seal is dropped, with what only they brought along, for good', async () => {
    const gate = holdAt((name) => name.endsWith('chunk.json'));
    const job = await platform.kickOff();
    await gate.reached;
    await platform.optOut('m1');
    gate.letThrough();
    expect(await idsIn(job)).toEqual(everything(['m2', 'm3', 'm4']));
    expect(await stored()).toContain('"m1"');
    // After an opt-in, the client must start a new export. The files of the old one do not change back.
    await platform.optIn('m1');
    expect(await idsIn(job)).toEqual(everything(['m2', 'm3', 'm4']));
    expect(await idsIn(await platform.kickOff())).toEqual(everything(MEMBERS));
  });

  it('between seal and download is not served, nor counted, and the file has another ETag', async () => {
    const job = await platform.kickOff();
    const before = await platform.manifest(job);
    const patients = before.output.find((f) => f.type === 'Patient')!;
    const first = await platform.fetch(patients.url);
    const tag = first.headers.get('etag')!;
    const length = (await first.arrayBuffer()).byteLength;
    await platform.optOut('m1');
    const after = await platform.manifest(job);
    expect(after.output.find((f) => f.url === patients.url)!.count).toBe(patients.count - 1);
    expect(await idsIn(job)).toEqual(everything(['m2', 'm3', 'm4']));
    const again = await platform.fetch(patients.url, { headers: { range: 'bytes=5-', 'if-range': tag } });
    expect([again.status, again.headers.get('etag') === tag]).toEqual([200, false]);
    const body = await again.text();
    expect(body.length).toBeLessThan(length);
    expect(body).not.toContain('"m1"');
  });

  it('takes a file with them when they were all that was in it', async () => {
    await platform.resources([{ member: 'm1', type: 'Goal', id: 'only' }]);
    const job = await platform.kickOff('?_type=Goal');
    const [file] = (await platform.manifest(job)).output;
    expect((await platform.fetch(file!.url)).status).toBe(200);
    await platform.optOut('m1');
    expect((await platform.manifest(job)).output).toEqual([]);
    const gone = await platform.fetch(file!.url);
    const never = await platform.fetch(`${job}/Goal-9-9.ndjson`);
    expect([gone.status, await gone.text()]).toEqual([404, await never.text()]);
  });

  describe.each(['identity', 'gzip'])('between the decision and the first byte (%s)', (coding) => {
    /** The answer to a download, if `happens` runs after the decision and before the first byte. */
    const meanwhile = async (
      url: string,
      happens: () => Promise<unknown>,
      headers: Record<string, string> = {},
    ): Promise<Response> => {
      let once = false;
      interference = (action) => {
        if (action !== 'range' || once) return undefined;
        once = true;
        return happens().then(() => undefined);
      };
      const answer = await platform.fetch(url, { headers: { 'accept-encoding': coding, ...headers } });
      expect(once).toBe(true);
      return answer;
    };

    it('is decided anew: the file without them', async () => {
      const [file] = (await platform.manifest(await platform.kickOff('?_type=Patient'))).output;
      const answer = await meanwhile(file!.url, () => platform.optOut('m1'));
      expect([
        answer.status,
        (await answer.text())
          .split('\n')
          .filter((l) => l !== '')
          .map((l) => (JSON.parse(l) as { id: string }).id),
      ]).toEqual([200, ['m2', 'm3', 'm4']]);
    });

    it('a range of what the file was before becomes the whole of what it is', async () => {
      const [file] = (await platform.manifest(await platform.kickOff('?_type=Patient'))).output;
      const etag = (await platform.fetch(file!.url, { headers: { 'accept-encoding': coding } })).headers.get('etag')!;
      const answer = await meanwhile(file!.url, () => platform.optOut('m1'), { range: 'bytes=0-', 'if-range': etag });
      expect([answer.status, answer.headers.get('content-range'), answer.headers.get('etag') === etag]).toEqual([
        200,
        null,
        false,
      ]);
      expect(await answer.text()).not.toContain('"m1"');
    });

    it('a file of nobody else is not there, as one that never was', async () => {
      await platform.resources([{ member: 'm1', type: 'Goal', id: 'only' }]);
      const job = await platform.kickOff('?_type=Goal');
      const [file] = (await platform.manifest(job)).output;
      const answer = await meanwhile(file!.url, () => platform.optOut('m1'));
      const never = await platform.fetch(`${job}/Goal-9-9.ndjson`);
      expect([answer.status, await answer.text()]).toEqual([404, await never.text()]);
      // The answer has no headers of the file either.
      expect(
        ['etag', 'content-encoding', 'accept-ranges', 'expires'].map((header) => answer.headers.get(header)),
      ).toEqual([null, null, null, null]);
    });

    it('a job that is deleted meanwhile is not there', async () => {
      const job = await platform.kickOff('?_type=Patient');
      const [file] = (await platform.manifest(job)).output;
      expect((await meanwhile(file!.url, () => platform.fetch(job, { method: 'DELETE' }))).status).toBe(404);
    });
  });

  it('is refused and audited by reason, never named to the client', async () => {
    await platform.optOut('m1');
    const job = await platform.kickOff();
    const manifest = await platform.manifest(job);
    expect(JSON.stringify(manifest)).not.toMatch(/\bm1\b/);
    const audit: {
      outcome: string;
      reason?: string;
      members: string[];
      job?: string;
      file?: string;
      resources: number;
    }[] = [];
    await platform.lines(manifest);
    for (let p = 0; p < (await platform.log.partitions('pa.audit')); p++) {
      for (const record of await platform.log.read('pa.audit', p, 0, 1000)) audit.push(JSON.parse(textOf(record)));
    }
    expect(audit.find((a) => a.outcome === 'refused')).toMatchObject({ reason: 'opted-out', members: ['m1'] });
    const files = audit.filter((a) => a.file !== undefined);
    expect(files).toHaveLength(manifest.output.length);
    expect(files.flatMap((f) => f.members)).toEqual(expect.not.arrayContaining(['m1']));
    expect(files.reduce((n, f) => n + f.resources, 0)).toBe(manifest.output.reduce((n, f) => n + f.count, 0));
  });
});

describe('in the middle of a download', () => {
  let platform: Platform;
  beforeAll(async () => {
    platform = await Platform.start();
    await platform.client('c1');
    await platform.group();
    await platform.members(MEMBERS);
    // Incompressible data of more than a stretch for each member.
    await platform.resources(
      MEMBERS.flatMap((member) =>
        Array.from({ length: 12 }, (_, i) => ({
          member,
          type: 'DocumentReference',
          id: `${member}-${i}`,
          text: randomBytes(150_000).toString('base64'),
        })),
      ),
    );
  });
  afterAll(() => platform.dispose());

  const network = (status: string, at: string): Promise<void> =>
    platform.append('pa.providers', [
      {
        type: 'pa.network-status-recorded.v1',
        subject: NPI,
        data: { provider: NPI, status, from: at, businessTime: at },
      },
    ]);
  const version = (number: number, labels: readonly string[]): Promise<void> => {
    platform.clock.offset += 1;
    const at = new Date(platform.clock.now()).toISOString();
    return platform.resources([{ member: 'm4', type: 'DocumentReference', id: 'm4-3', at, version: number, labels }]);
  };
  // Each row undoes its change, so that the next row begins with a client that sees every member.
  const rows: Record<string, { ends(job: string): Promise<unknown>; undo(): Promise<unknown> }> = {
    'a member who opts out': { ends: () => platform.optOut('m4'), undo: () => platform.optIn('m4') },
    'a provider who leaves the network': {
      ends: () => network('out-of-network', '2021-01-01T00:00:00.000Z'),
      undo: () => network('in-network', '2021-01-02T00:00:00.000Z'),
    },
    // N4: only the line would have to go, but a segment is decided as a whole.
    'a resource that gets a label': {
      ends: () => version(2, ['http://terminology.hl7.org/CodeSystem/v3-ActCode|HIV']),
      undo: () => version(3, []),
    },
    'a client that is suspended': { ends: () => platform.suspend('c1'), undo: () => platform.approve('c1') },
    'P3 a binding that ends': { ends: () => platform.endBinding('c1'), undo: () => platform.approve('c1') },
    'P3 a binding whose end was stated before': {
      ends: async () => {
        await platform.endBinding('c1', platform.clock.now() + 1000);
        await platform.advance(1000);
      },
      undo: () => platform.approve('c1'),
    },
    'a job that is deleted': {
      ends: async (job) => expect((await platform.fetch(job, { method: 'DELETE' })).status).toBe(202),
      undo: async () => undefined,
    },
  };
  it.each(Object.keys(rows))('%s ends it: the connection is cut', async (what) => {
    const job = await platform.kickOff('?_type=DocumentReference');
    const [file] = (await platform.manifest(job)).output;
    expect(file!.count).toBe(48);
    const response = await platform.fetch(file!.url);
    const reader = response.body!.getReader();
    let text = Buffer.from((await reader.read()).value!).toString();
    await rows[what]!.ends(job);
    const rest = (async (): Promise<void> => {
      for (let next = await reader.read(); !next.done; next = await reader.read()) text += textOf(next);
    })();
    await expect(rest).rejects.toThrow();
    expect(text).toContain('"m1-');
    expect(text).not.toContain('"m4-');
    await rows[what]!.undo();
  });

  it('drops what is on its way to a client that reads slowly: the connection is reset', async () => {
    const job = await platform.kickOff('?_type=DocumentReference');
    const [file] = (await platform.manifest(job)).output;
    const { hostname, port } = new URL(platform.url);
    const socket = connect({ host: hostname, port: Number(port) });
    let received = '';
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1');
      // The server and its kernel keep the rest.
      socket.pause();
    });
    const ended = new Promise<string>((resolve) => {
      socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.name));
      socket.once('end', () => resolve('an ordinary end'));
    });
    socket.write(
      `GET ${new URL(file!.url).pathname} HTTP/1.1\r\nhost: test\r\nauthorization: Bearer ` +
        `${await platform.token()}\r\naccept-encoding: identity\r\n\r\n`,
    );
    await eventually(() => received.includes('"m1-'));
    await platform.optOut('m4');
    socket.on('data', () => socket.resume()).resume();
    expect(await ended).toBe('ECONNRESET');
    expect(received).not.toContain('"m4-');
    socket.destroy();
    await platform.optIn('m4');
  });
});

describe('another client', () => {
  let platform: Platform;
  beforeEach(async () => {
    platform = await Platform.start();
    await platform.client('c1');
    await platform.client('c2');
    await platform.client('c3', 'npi|1093817465');
    await platform.group();
    await platform.members(['m1']);
    await platform.resources([{ member: 'm1', type: 'Patient', id: 'm1' }]);
  });
  afterEach(() => platform.dispose());

  it('gets for a job and a file what it gets for one that never was, to the byte', async () => {
    const job = await platform.kickOff();
    const [file] = (await platform.manifest(job)).output;
    const token = await platform.token('c2');
    const unknown = `/fhir/bulk/${'a'.repeat(26)}`;
    const answers = [];
    for (const [path, method] of [
      [job, 'GET'],
      [unknown, 'GET'],
      [file!.url, 'GET'],
      [`${unknown}/Patient-0-0.ndjson`, 'GET'],
      [`${job}/nothing`, 'GET'],
      [job, 'DELETE'],
      [unknown, 'DELETE'],
      ['/fhir/bulk/..%2f..%2fetc', 'GET'],
    ] as const) {
      const response = await platform.fetch(path, { token, method });
      answers.push([response.status, await response.text(), response.headers.get('content-type')]);
    }
    expect(new Set(answers.map((a) => JSON.stringify(a))).size).toBe(1);
    expect(answers[0]![0]).toBe(404);
    expect((await platform.fetch(job)).status).toBe(200);
  });

  it('gets the same for its neighbour’s Group as for one that does not exist', async () => {
    const token = await platform.token('c3');
    const foreign = await platform.fetch(`/fhir/Group/${GROUP}/$export`, { token });
    const missing = await platform.fetch('/fhir/Group/none/$export', { token });
    expect([foreign.status, await foreign.text()]).toEqual([404, await missing.text()]);
  });

  it('without a token, with a token of a suspended client or with nonsense gets 401', async () => {
    const job = await platform.kickOff();
    const [file] = (await platform.manifest(job)).output;
    const suspended = await platform.token('c2');
    await platform.suspend('c2');
    for (const path of [`/fhir/Group/${GROUP}/$export`, job, file!.url.replace('http://test', '')]) {
      expect((await fetch(platform.url + path)).status).toBe(401);
      expect((await platform.fetch(path, { token: 'nonsense' })).status).toBe(401);
      expect((await platform.fetch(path, { token: suspended })).status).toBe(401);
    }
  });

  it('with a narrower token sees only what that token covers', async () => {
    await platform.resources([{ member: 'm1', type: 'Coverage', id: 'c' }]);
    const job = await platform.kickOff();
    const coverage = (await platform.manifest(job)).output.find((f) => f.type === 'Coverage')!;
    const narrow = await platform.token('c1', 'system/Group.rs system/Patient.rs');
    const manifest = (await (await platform.fetch(job, { token: narrow })).json()) as { output: { type: string }[] };
    expect(manifest.output.map((f) => f.type)).toEqual(['Patient']);
    expect((await platform.fetch(coverage.url, { token: narrow })).status).toBe(403);
    expect((await platform.fetch(`/fhir/Group/${GROUP}/$export?_type=Coverage`, { token: narrow })).status).toBe(403);
    expect(
      (await platform.fetch(`/fhir/Group/${GROUP}/$export`, { token: await platform.token('c1', 'system/Patient.rs') }))
        .status,
    ).toBe(403);
  });
});

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '@provider-access/testing';
import { Gate, interfered } from './faults.ts';
import { GROUP, Platform } from './harness.ts';

interface Listed {
  id: string;
  url: string;
  group: string;
  request: string;
  requestedAt: string;
  state: string;
  progress?: string;
  message?: string;
  transactionTime?: string;
  expiresAt?: string;
}
const HOUR = 3_600_000;

describe("the list of a client's exports", () => {
  let platform: Platform;
  let broken = false;
  /** Holds exports before the end of their chunk. */
  let chunk: Gate | undefined;
  beforeEach(async () => {
    broken = false;
    chunk = undefined;
    platform = await Platform.start({ attempts: 2, runningPerClient: 1000, kickOffsPerHour: 1000 }, (blobs) =>
      interfered(blobs, (action, name) => {
        if (broken && action === 'put') throw new Error('the storage refuses');
        return action === 'put' && name.includes('chunk.json') ? chunk?.pass() : undefined;
      }),
    );
    await platform.client('c1');
    await platform.client('c2');
    await platform.group();
    await platform.members(['m1']);
    await platform.resources([{ member: 'm1', type: 'Patient', id: 'm1' }]);
  });
  afterEach(() => platform.dispose());

  const list = async (token?: string): Promise<{ total: number; exports: Listed[] }> => {
    const answer = await platform.fetch('/fhir/bulk', token === undefined ? {} : { token });
    expect([answer.status, answer.headers.get('cache-control')]).toEqual([200, 'no-store']);
    expect(answer.headers.get('content-type')).toContain('application/json');
    return (await answer.json()) as { total: number; exports: Listed[] };
  };
  const idOf = (job: string): string => job.split('/').at(-1)!;

  it('is empty before the first one', async () => {
    expect(await list()).toEqual({ total: 0, exports: [] });
  });

  it('has what the status request says: the newest first, with state, expiry and the kick-off', async () => {
    const first = await platform.kickOff('?_type=Patient');
    const manifest = await platform.finish(first);
    platform.clock.offset += 1000;
    broken = true;
    const second = await platform.kickOff();
    const failed = await platform.finish(second);
    expect(failed.status).toBe(500);
    const { issue } = (await failed.json()) as { issue: { diagnostics: string }[] };

    const { total, exports } = await list();
    expect(total).toBe(2);
    expect(exports).toEqual([
      {
        id: idOf(second),
        url: `http://test${second}`,
        group: GROUP,
        request: `http://test/fhir/Group/${GROUP}/$export`,
        requestedAt: expect.any(String),
        state: 'failed',
        message: issue[0]!.diagnostics,
        expiresAt: expect.any(String),
      },
      {
        id: idOf(first),
        url: `http://test${first}`,
        group: GROUP,
        request: `http://test/fhir/Group/${GROUP}/$export?_type=Patient`,
        requestedAt: expect.any(String),
        state: 'complete',
        transactionTime: ((await manifest.json()) as { transactionTime: string }).transactionTime,
        expiresAt: expect.any(String),
      },
    ]);
    // The Expires header has whole seconds.
    expect(Math.floor(Date.parse(exports[1]!.expiresAt!) / 1000)).toBe(
      Date.parse(manifest.headers.get('expires')!) / 1000,
    );
  });

  it('says how far a running export is', async () => {
    chunk = new Gate();
    const job = await platform.kickOff();
    await chunk.reached;
    await eventually(async () =>
      expect((await list()).exports).toMatchObject([
        { id: idOf(job), state: 'running', progress: '0 members written' },
      ]),
    );
    chunk.letThrough();
    await platform.finish(job);
    const [complete] = (await list()).exports;
    expect(complete).toMatchObject({ state: 'complete' });
    expect(complete).not.toHaveProperty('progress');
  });

  it('leaves out what a status request would not answer: cancelled and expired exports', async () => {
    const cancelled = await platform.kickOff();
    await platform.finish(cancelled);
    expect((await platform.fetch(cancelled, { method: 'DELETE' })).status).toBe(202);
    expect(await list()).toEqual({ total: 0, exports: [] });
    const kept = await platform.kickOff();
    await platform.finish(kept);
    expect((await list()).total).toBe(1);
    platform.clock.offset += 73 * HOUR;
    expect((await platform.fetch(kept)).status).toBe(404);
    expect(await list()).toEqual({ total: 0, exports: [] });
  });

  it('never has an export of another client, whatever the request names', async () => {
    const job = await platform.kickOff();
    await platform.finish(job);
    const other = await platform.token('c2');
    const empty = await (await platform.fetch('/fhir/bulk', { token: other })).text();
    expect(JSON.parse(empty)).toEqual({ total: 0, exports: [] });
    for (const query of [
      '?client=c1',
      '?client[]=c1',
      `?job=${idOf(job)}`,
      '?_page=%00',
      '?%ZZ',
      '?client=c2&client=c1',
    ]) {
      const answer = await platform.fetch(`/fhir/bulk${query}`, { token: other });
      expect([answer.status, await answer.text()], query).toEqual([200, empty]);
    }
  });

  it('has the newest 100 and the number of all', async () => {
    const streams = platform.streams();
    const ids = Array.from(
      { length: 103 },
      (_, i) => `${'a'.repeat(23)}${String.fromCharCode(97 + (i % 26))}b${'abcd'[Math.floor(i / 26)]}`,
    );
    // In another order than that of the ids, which is the order of the index.
    for (const [i, job] of ids.entries()) {
      const at = new Date(Date.UTC(2026, 0, 1) + ((i * 37) % 103) * 60_000).toISOString();
      const executed = await streams.execute({
        kind: 'request',
        data: {
          job,
          client: 'c1',
          group: GROUP,
          operation: '$export',
          request: `http://test/fhir/Group/${GROUP}/$export`,
          types: ['Patient'],
          warnings: [],
          positions: {},
          transactionTime: at,
          requestedAt: at,
        },
      });
      expect(executed.ok).toBe(true);
    }
    await eventually(async () => expect((await list()).total).toBe(103));
    const { exports } = await list();
    const times = exports.map((e) => e.requestedAt);
    expect(times).toEqual(
      Array.from({ length: 100 }, (_, i) => new Date(Date.UTC(2026, 0, 1) + (102 - i) * 60_000).toISOString()),
    );
  });

  it('without a valid token is 401, and other methods are 405', async () => {
    expect((await fetch(`${platform.url}/fhir/bulk`)).status).toBe(401);
    const suspended = await platform.token('c2');
    await platform.suspend('c2');
    for (const token of ['nonsense', suspended])
      expect((await platform.fetch('/fhir/bulk', { token })).status).toBe(401);
    for (const method of ['DELETE', 'POST', 'PUT']) {
      const answer = await platform.fetch('/fhir/bulk', { method });
      expect([answer.status, answer.headers.get('allow')], method).toEqual([405, 'GET, HEAD']);
    }
  });
});

it('a list that is requested too often is 429 with Retry-After, for its client alone', async () => {
  const platform = await Platform.start({ pollsPerMinute: 3 });
  try {
    await platform.client('c1');
    await platform.client('c2');
    const statuses = [];
    for (let i = 0; i < 4; i++) statuses.push(await platform.fetch('/fhir/bulk'));
    expect(statuses.map((a) => a.status)).toEqual([200, 200, 200, 429]);
    expect(Number(statuses[3]!.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await platform.fetch('/fhir/bulk', { token: await platform.token('c2') })).status).toBe(200);
  } finally {
    await platform.dispose();
  }
});

// eslint-disable-next-line no-restricted-imports -- statements are what is counted
import { StatementSync } from 'node:sqlite';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { State } from '@provider-access/engines/state';
import type { ViewDocument, Views } from '@provider-access/engines/views';
import { eventually } from '@provider-access/testing';
import { exportJobs } from '@provider-access/jobs';
import { Gate, interfered } from './faults.ts';
import { type ExportProcess, type ManifestBody, Platform } from './harness.ts';

/**
 * A process whose view of jobs is behind what another process has told the client: the other one has its own version of
 * the view in a roll-out, and waits for that one only.
 */
let platform: Platform;
let late: ExportProcess;
/** What the view of the late process shows: the documents of a moment. Undefined: it is up to date. */
let stopped: ReadonlyMap<string, ViewDocument> | undefined;
/** Calls of the late process about jobs: the place that is asked, and the id. */
const calls: string[] = [];
afterEach(() => {
  stopped = undefined;
  vi.restoreAllMocks();
  return platform.dispose();
});

const lateViews = (views: Views): Views =>
  replaced(views, {
    reader: (projection) => {
      const reader = views.reader(projection);
      if (projection !== exportJobs) return reader;
      return replaced(reader, {
        kept: () => undefined,
        get: async (id, load) => {
          calls.push(`view ${id}`);
          return stopped === undefined ? reader.get(id, load) : stopped.get(id);
        },
      });
    },
  });
const countedState = (state: State): State => ({
  ...state,
  streams: replaced(state.streams, {
    load: async (stream) => {
      calls.push(stream.replace('export/', 'stream '));
      return state.streams.load(stream);
    },
  }),
});
/** An object with other methods in place of some. */
const replaced = <T extends object>(of: T, others: Partial<T>): T =>
  new Proxy(of, {
    get: (_, name: string & keyof T) => {
      const value = others[name] ?? of[name];
      return typeof value === 'function' && others[name] === undefined ? value.bind(of) : value;
    },
  });

const MEMBERS = ['m1', 'm2'];
async function start(engine: 'memory' | 'embedded' = 'memory', wrap?: Parameters<typeof Platform.start>[1]) {
  platform = await Platform.start({ chunkMembers: 1 }, wrap, engine);
  for (const client of ['c1', 'c2']) await platform.client(client);
  await platform.group();
  await platform.members(MEMBERS);
  await platform.resources(MEMBERS.map((member) => ({ member, type: 'Patient', id: member })));
  await platform.derived();
}
const another = async (wrap?: Parameters<typeof Platform.start>[1]): Promise<void> => {
  late = await platform.another({ chunkMembers: 1 }, wrap, countedState, lateViews);
};
const planning =
  (gate: Gate): Parameters<typeof Platform.start>[1] =>
  (blobs) =>
    interfered(blobs, (action, name) => (action === 'put' && name.includes('/plan/') ? gate.pass() : undefined));
const idOf = (job: string): string => job.split('/').at(-1)!;
const stopView = async (...jobs: string[]): Promise<void> => {
  const documents = await platform.reader(exportJobs).getMany(jobs.map(idOf));
  stopped = new Map(documents.filter((d) => d !== undefined).map((d) => [d._id, d]));
};
async function askLate(path: string, method = 'GET', client = 'c1'): Promise<Response> {
  return fetch(late.url + path.replace('http://test', ''), {
    method,
    headers: { authorization: `Bearer ${await platform.token(client)}`, 'accept-encoding': 'identity' },
  });
}

describe('a process whose view of jobs is behind', () => {
  it('knows an export from its kick-off, while it runs, and its files', async () => {
    const gate = new Gate();
    const wrap = planning(gate);
    await start('memory', wrap);
    await another(wrap);
    await stopView();
    const job = await platform.kickOff();
    const running = await askLate(job);
    expect([running.status, running.headers.get('x-progress')]).toEqual([202, 'planning']);
    gate.letThrough();
    const { output } = await platform.manifest(job);
    // Processes of 0.2.0 answer 404 for files until the view that they share has the seal.
    const sealed = await askLate(job);
    expect([sealed.status, sealed.headers.get('x-progress')]).toEqual([202, '2 members written']);
    const lines: string[] = [];
    for (const { url } of output) lines.push(...(await (await askLate(url)).text()).trim().split('\n'));
    expect(lines.map((line) => (JSON.parse(line) as { id: string }).id).toSorted()).toEqual(MEMBERS);
    expect((await askLate(output[0]!.url, 'HEAD')).status).toBe(200);
    stopped = undefined;
    const told = await eventually(async () => {
      const answer = await askLate(job);
      return answer.status === 200 && answer;
    });
    expect(((await told.json()) as ManifestBody).output).toEqual(output);
  });

  it('knows files of an export that it saw running', async () => {
    const gate = new Gate();
    const wrap = planning(gate);
    await start('memory', wrap);
    await another(wrap);
    const job = await platform.kickOff();
    await stopView(job);
    expect(stopped!.size).toBe(1);
    gate.letThrough();
    const { output } = await platform.manifest(job);
    expect((await askLate(job)).status).toBe(202);
    expect((await askLate(output[0]!.url)).status).toBe(200);
  });

  it('deletes an export that it does not see, and knows at once what another process deleted', async () => {
    await start();
    await another();
    await stopView();
    const first = await platform.kickOff();
    expect((await askLate(first, 'DELETE')).status).toBe(202);
    const second = await platform.kickOff();
    const { output } = await platform.manifest(second);
    await stopView(second);
    expect((await askLate(second)).status).toBe(200);
    expect((await platform.fetch(second, { method: 'DELETE' })).status).toBe(202);
    for (const path of [first, second, output[0]!.url])
      for (const method of ['GET', 'DELETE']) {
        if (method === 'DELETE' && path === output[0]!.url) continue;
        expect([path, method, (await askLate(path, method)).status]).toEqual([path, method, 404]);
      }
  });

  it('ends a download of an export that another process deletes meanwhile', async () => {
    const gate = new Gate();
    let isSealed = false;
    await start();
    await another((blobs) =>
      interfered(blobs, (action, name) =>
        isSealed && action === 'get' && name.endsWith('.index') ? gate.pass() : undefined,
      ),
    );
    const job = await platform.kickOff();
    const { output } = await platform.manifest(job);
    await stopView(job);
    isSealed = true;
    const answer = askLate(output[0]!.url);
    await gate.reached;
    expect((await platform.fetch(job, { method: 'DELETE' })).status).toBe(202);
    gate.letThrough();
    expect((await answer).status).toBe(404);
  });

  it('knows an export whose stream was lost, from the view', async () => {
    await start();
    await another();
    const job = await platform.kickOff();
    await platform.manifest(job);
    vi.spyOn(platform.state.streams, 'load').mockResolvedValue(undefined);
    expect((await askLate(job)).status).toBe(200);
  });
});

const UNKNOWN = `/fhir/bulk/${'a'.repeat(26)}`;
/** What a client may not see of exports, in every place in which it may be, next to what never was. */
async function unseen(): Promise<Record<string, readonly [job: string, client: string]>> {
  const [deleted, deletedLater] = [await platform.kickOff(), await platform.kickOff()];
  const inBoth = await platform.kickOff();
  for (const job of [deleted, deletedLater, inBoth]) await platform.manifest(job);
  await platform.fetch(deleted, { method: 'DELETE' });
  await platform.settled();
  await stopView(deleted, deletedLater, inBoth);
  await platform.fetch(deletedLater, { method: 'DELETE' });
  const inStream = await platform.kickOff();
  await platform.manifest(inStream);
  const goneInStream = await platform.kickOff();
  await platform.fetch(goneInStream, { method: 'DELETE' });
  return {
    'never was': [UNKNOWN, 'c1'],
    'never was, for the other': [UNKNOWN, 'c2'],
    foreign: [inBoth, 'c2'],
    'foreign, in the stream alone': [inStream, 'c2'],
    'foreign and deleted': [deleted, 'c2'],
    deleted: [deleted, 'c1'],
    'deleted, in the stream alone': [deletedLater, 'c1'],
    'begun and deleted, in the stream alone': [goneInStream, 'c1'],
  };
}
const ATTEMPTS = [
  ['GET', ''],
  ['DELETE', ''],
  ['GET', '/Patient-0-0.ndjson'],
  ['HEAD', '/Patient-0-0.ndjson'],
] as const;

describe('whatever is refused', () => {
  it('costs the same calls, and is answered alike', async () => {
    await start();
    await another();
    const kinds = await unseen();
    const answers = new Set<string>();
    for (const [kind, [job, client]] of Object.entries(kinds))
      for (const [method, file] of ATTEMPTS) {
        const cost = async (): Promise<string> => {
          calls.length = 0;
          const answer = await askLate(job + file, method, client);
          answers.add(`${method === 'HEAD'} ${answer.status} ${await answer.text()}`);
          const asked = calls.filter((call) => call.endsWith(idOf(job))).map((call) => call.split(' ')[0]);
          return [kind, method, file, ...asked.toSorted()].join(' ');
        };
        // The process also follows the events of jobs, which asks too.
        await expect.poll(cost).toBe([kind, method, file, 'stream', 'view'].join(' '));
      }
    expect([...answers].map((text) => text.slice(0, 9)).toSorted()).toEqual(['false 404', 'true 404 ']);
  });

  it('costs the same statements, also of an export that memory has', async () => {
    await start('embedded');
    const [kept, deleted] = [await platform.kickOff(), await platform.kickOff()];
    for (const job of [kept, deleted]) await platform.manifest(job);
    await platform.fetch(deleted, { method: 'DELETE' });
    await platform.settled();
    const statements: string[] = [];
    for (const method of ['get', 'all', 'iterate'] as const) {
      const original = StatementSync.prototype[method] as (...values: unknown[]) => unknown;
      vi.spyOn(StatementSync.prototype, method).mockImplementation(function (
        this: StatementSync,
        ...values: unknown[]
      ) {
        const sql = this.sourceSQL;
        if (/export_jobs_|streams/.test(sql)) statements.push(`${method} ${sql} ${values.length}`);
        return original.apply(this, values) as never;
      });
    }
    const cost = async (job: string, client: string, [method, file]: readonly [string, string]): Promise<string[]> => {
      statements.length = 0;
      const answer = await platform.fetch(job + file, { method, token: await platform.token(client) });
      return [String(answer.status), ...statements.toSorted()];
    };
    // The first request fills the memory.
    await cost(kept, 'c1', ['GET', '']);
    expect(await cost(kept, 'c1', ['GET', ''])).toEqual(['200']);
    for (const attempt of ATTEMPTS) {
      const none = await cost(UNKNOWN, 'c2', attempt);
      expect(none).toHaveLength(3);
      expect(await cost(kept, 'c2', attempt)).toEqual(none);
      expect(await cost(deleted, 'c2', attempt)).toEqual(none);
      expect(await cost(deleted, 'c1', attempt)).toEqual(none);
    }
  });
});

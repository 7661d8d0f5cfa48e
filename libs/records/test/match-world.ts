import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Demographics, type Found, storedKeys } from '@provider-access/domain/pdex/match';
import { encodeEvent, PA_RECORDS } from '@provider-access/events';
import { type MemoryLog, openMemoryLog } from '@provider-access/engines/log/memory';
import { ProjectionSet, type ViewDocument, type Views } from '@provider-access/engines/views';
import { openEmbeddedViews } from '@provider-access/engines/views/embedded';
import { openMemoryViews } from '@provider-access/engines/views/memory';
import { memberKeys, recordId, records, RecordsReader, VERSION_HEADER } from '../src/index.ts';
import { MatchIndex } from '../src/match-index.ts';

const MB = { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v2-0203', code: 'MB' }] };
export const OURS = 'https://payer.example/members';
const PERSON = { family: 'Smith', given: ['Robert'], birthDate: '1980-03-04', gender: 'male', zip: '01103' };
type Who = Partial<typeof PERSON> & { readonly id?: string };

export const patientOf = (member: string, who: Who = {}): object => {
  const { family, given, birthDate, gender, zip, id } = { ...PERSON, ...who };
  return {
    ...{ resourceType: 'Patient', id: member, birthDate, gender },
    ...(id !== undefined && { identifier: [{ type: MB, system: OURS, value: id }] }),
    ...{ name: [{ family, given }], address: [{ postalCode: zip }] },
  };
};
export const asked = (who: Who & { readonly subscriberId?: string } = {}): Demographics => {
  const { id, ...others } = { ...PERSON, ...who };
  return { ...others, memberIds: id === undefined ? [] : [{ system: OURS, value: id }] };
};
export const ORDER = { versionId: 1, businessTime: 0, sequence: 0 };
/** The build of the view that answers, since these worlds rebuild nothing before they fill it. */
const BUILD = 1;
const A_TRANSACTION = 20_000;
/** Above the offsets of the records that a test appends. */
const FIRST_OFFSET = 1_000_000;

const READS = ['get', 'getMany', 'find', 'having', 'ids', 'versions', 'countElements'] as const;

interface Opened {
  readonly views: Views;
  readonly close: () => Promise<void>;
}
export const ENGINES: Readonly<Record<string, () => Promise<Opened>>> = {
  memory: async () => {
    const views = openMemoryViews();
    return { views, close: async () => views.close() };
  },
  SQLite: async () => {
    const folder = await mkdtemp(join(tmpdir(), 'match-'));
    const views = openEmbeddedViews({ file: join(folder, 'views.db') });
    return {
      views,
      close: async () => {
        await views.close();
        await rm(folder, { recursive: true, force: true });
      },
    };
  },
};

/** A log with the two views, and the member facts as documents. */
export class World {
  readonly log: MemoryLog = openMemoryLog();
  readonly facts = new Map<string, object>();
  readonly withheld = new Set<string>();
  readonly consentsRead: string[] = [];
  readonly set: ProjectionSet;
  readonly index: MatchIndex;
  readonly #opened: Opened;
  #calls: string[] = [];
  #n = 0;

  private constructor(opened: Opened) {
    this.#opened = opened;
    const { views } = opened;
    this.set = new ProjectionSet({ log: this.log, views, projections: [records, memberKeys] });
    const members = {
      getMany: async (ids: readonly string[]) => {
        this.#calls.push('facts');
        return ids.map((id) => this.facts.get(id) && ({ _id: id, members: this.facts.get(id) } as ViewDocument));
      },
    };
    this.index = new MatchIndex({ views, log: this.log, records: new RecordsReader(views), members, systems: [] });
    for (const name of READS) {
      const store = views.store as unknown as Record<string, ((...args: unknown[]) => unknown) | undefined>;
      const method = store[name]?.bind(store);
      if (method === undefined) continue;
      store[name] = (...args) => {
        this.#calls.push(name);
        return method(...args);
      };
    }
  }
  static async open(engine: string): Promise<World> {
    const world = new World(await ENGINES[engine]!());
    await world.set.start();
    return world;
  }
  get views(): Views {
    return this.#opened.views;
  }
  async close(): Promise<void> {
    await this.set.stop();
    await this.#opened.close();
    await this.log.close();
  }

  /** Appends a version of a resource, or its end. */
  async put(member: string, resource: object, of: { day?: number; gone?: 'deleted' | 'merged' } = {}): Promise<void> {
    const { resourceType: type, id } = resource as { resourceType: string; id: string };
    const at = new Date((of.day ?? 1) * 86_400_000).toISOString();
    const common = { member, type, id, versionId: of.day ?? 1, lastUpdated: at, businessTime: at, sequence: 0 };
    const live = { ...common, contentHash: 'h', references: [], tokens: [], line: JSON.stringify(resource) };
    const event = of.gone === undefined ? 'pa.record-accepted.v1' : 'pa.record-deleted.v1';
    const data = of.gone === undefined ? live : { ...common, reason: of.gone };
    const record = encodeEvent(
      { id: `e${(this.#n += 1)}`, source: '/resources', type: event, time: at, data },
      { key: recordId(member, type, id), partitionKey: member },
    );
    // As intake marks a first version, so that the view does not look for the document.
    const headers = { ...record.headers, [VERSION_HEADER]: String(of.day ?? 1) };
    await this.log.append(PA_RECORDS, [{ ...record, headers }]);
  }
  patient(member: string, who?: Who, day?: number): Promise<void> {
    return this.put(member, patientOf(member, who), day === undefined ? {} : { day });
  }
  coverage(member: string, of: { id?: string; subscriberId?: string }, name = `${member}-c`, day?: number) {
    const identifier = of.id === undefined ? {} : { identifier: [{ type: MB, system: OURS, value: of.id }] };
    const { subscriberId } = of;
    return this.put(
      member,
      { resourceType: 'Coverage', id: name, ...identifier, ...(subscriberId !== undefined && { subscriberId }) },
      day === undefined ? {} : { day },
    );
  }
  async find(...of: readonly Demographics[]): Promise<readonly Found[]> {
    return this.index
      .finder(() => ({
        readConsents: async (member) => void this.consentsRead.push(member),
        withheld: ({ member }) => this.withheld.has(member),
      }))
      .find(of);
  }
  /** The names of the queries that a search costs. */
  async queries(...of: readonly Demographics[]): Promise<readonly string[]> {
    this.#calls = [];
    this.consentsRead.length = 0;
    await this.find(...of);
    return [...this.#calls, ...this.consentsRead.map(() => 'consents')].toSorted();
  }
  /**
   * Puts documents of strangers into the index, from number `from` to number `to`. They do not come by the log, because
   * a hundred thousand records would take minutes.
   */
  async fill(from: number, to: number): Promise<void> {
    for (let at = from; at < to; at += A_TRANSACTION)
      await this.views.store.apply(
        memberKeys,
        BUILD,
        Array.from({ length: Math.min(A_TRANSACTION, to - at) }, (_, i) => {
          const n = at + i;
          const resource = patientOf(`f${n}`, { id: `F${n}`, birthDate: `19${10 + (n % 90)}-01-01` });
          return {
            ...{ id: `f${n}/Patient/f${n}`, part: 'member', partition: 0, offset: FIRST_OFFSET + n },
            value: { ...ORDER, keys: storedKeys(resource) },
          };
        }),
      );
  }
  /** Compares the queries and the answers to the same hundred questions while the index grows to these sizes (M44). */
  async costs(sizes: readonly number[]): Promise<readonly unknown[]> {
    await this.patient('m1', { id: 'W1', family: 'Only' });
    const questions = Array.from({ length: 100 }, (_, n) =>
      asked({ id: n % 2 ? 'W1' : `W${n}`, family: n % 3 ? 'Only' : 'Nobody' }),
    );
    await this.find(...questions);
    const found: unknown[] = [];
    let size = 0;
    for (const next of sizes) {
      await this.fill(size, next);
      size = next;
      found.push({ queries: await this.queries(...questions), answers: await this.find(...questions) });
    }
    return found;
  }
}

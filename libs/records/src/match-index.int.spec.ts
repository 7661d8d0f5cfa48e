import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Demographics, type Found, storedKeys } from '@provider-access/domain/pdex/match';
import { encodeEvent, PA_RECORDS } from '@provider-access/events';
import { type MemoryLog, openMemoryLog } from '@provider-access/engines/log/memory';
import { ProjectionSet, type ViewDocument, type Views } from '@provider-access/engines/views';
import { openEmbeddedViews } from '@provider-access/engines/views/embedded';
import { openMemoryViews } from '@provider-access/engines/views/memory';
import { memberKeys, recordId, records, RecordsReader, VERSION_HEADER } from './index.ts';
import { MatchIndex, MOST_DOCUMENTS } from './match-index.ts';

const MB = { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v2-0203', code: 'MB' }] };
const OURS = 'https://payer.example/members';
const PERSON = { family: 'Smith', given: ['Robert'], birthDate: '1980-03-04', gender: 'male', zip: '01103' };
type Who = Partial<typeof PERSON> & { readonly id?: string };

const patientOf = (member: string, who: Who = {}): object => {
  const { family, given, birthDate, gender, zip, id } = { ...PERSON, ...who };
  return {
    ...{ resourceType: 'Patient', id: member, birthDate, gender },
    ...(id !== undefined && { identifier: [{ type: MB, system: OURS, value: id }] }),
    ...{ name: [{ family, given }], address: [{ postalCode: zip }] },
  };
};
const asked = (who: Who & { readonly subscriberId?: string } = {}): Demographics => {
  const { id, ...others } = { ...PERSON, ...who };
  return { ...others, memberIds: id === undefined ? [] : [{ system: OURS, value: id }] };
};
const NOBODY: Found = { miss: 'nobody' };
const ANOTHER: Found = { miss: 'id-of-another' };
const SEVERAL: Found = { miss: 'several' };

const READS = ['get', 'getMany', 'find', 'having', 'ids', 'versions', 'countElements'] as const;

interface Opened {
  readonly views: Views;
  readonly close: () => Promise<void>;
}
const ENGINES: Readonly<Record<string, () => Promise<Opened>>> = {
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
class World {
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
}

describe.each(Object.keys(ENGINES))('the index of members on %s', (engine) => {
  let world: World;
  beforeEach(async () => {
    world = await World.open(engine);
  });
  afterEach(() => world.close());

  it('finds by the number of a member, by that of a subscriber, and by demographics (M40, M41)', async () => {
    await world.patient('m1', { id: 'W1' });
    await world.coverage('m1', { subscriberId: 'S1' });
    await world.coverage('m1', { id: 'W1-OLD' }, 'c2');
    const found = await world.find(
      asked({ id: 'w-1' }),
      asked({ id: 'W1-OLD', given: ['Bob'] }),
      asked({ subscriberId: 'S1', zip: '99999' }),
      asked({ id: 'W2' }),
      asked({ id: 'W2', zip: '99999' }),
      asked({ id: 'W2', family: 'Jones' }),
    );
    expect(found).toEqual([...Array.from({ length: 4 }, () => ({ member: 'm1' })), { miss: 'differs' }, NOBODY]);
  });

  it('finds nobody by the id of another member, whatever else agrees (M40)', async () => {
    await world.patient('m1', { id: 'W1' });
    await world.patient('m2', { id: 'W2', family: 'Jones', birthDate: '1990-01-01' });
    await world.coverage('m3', { id: 'W3' });
    expect(await world.find(asked({ id: 'W2' }), asked({ id: 'W3' }))).toEqual([ANOTHER, ANOTHER]);
  });

  it('finds nobody among several (M32)', async () => {
    await world.patient('m1', { id: 'W1' });
    await world.patient('m2', { id: 'W1' });
    expect(await world.find(asked({ id: 'W1' }), asked())).toEqual([SEVERAL, SEVERAL]);
  });

  it('follows a change: the new name and id count, and the former ones no longer (M44)', async () => {
    await world.patient('m1', { id: 'W1' });
    await world.patient('m1', { id: 'W9', family: 'Jones' }, 2);
    await world.patient('m1', { id: 'W5', family: 'Late' }, 1);
    expect(
      await world.find(
        asked({ id: 'W9', family: 'Jones' }),
        asked({ family: 'Jones' }),
        asked({ id: 'W1' }),
        asked({ id: 'W5', family: 'Late' }),
      ),
    ).toEqual([{ member: 'm1' }, { member: 'm1' }, NOBODY, NOBODY]);
  });

  it('forgets a removed Patient, and the ids of a removed Coverage', async () => {
    await world.patient('m1');
    await world.coverage('m1', { id: 'W1' });
    await world.put('m1', { resourceType: 'Coverage', id: 'm1-c' }, { day: 2, gone: 'deleted' });
    expect(await world.find(asked({ id: 'W1' }))).toEqual([{ member: 'm1' }]);
    await world.put('m1', { resourceType: 'Patient', id: 'm1' }, { day: 2, gone: 'deleted' });
    expect(await world.find(asked({ id: 'W1' }), asked())).toEqual([NOBODY, NOBODY]);
  });

  it('leads from the id of a merged member to the one that stays (M44)', async () => {
    await world.patient('m1', { id: 'W1' });
    await world.coverage('m1', { subscriberId: 'S1' });
    await world.patient('m2', { id: 'W2', family: 'Smith-Jones' });
    world.facts.set('m1', { mergedWith: ['m2'], retired: true });
    world.facts.set('m2', { mergedWith: ['m1', 'm3'], retired: true });
    world.facts.set('m3', { mergedWith: ['m2'] });
    // The Patient of the id that stays is not there yet.
    expect(await world.find(asked({ id: 'W1' }))).toEqual([{ member: 'm3' }]);
    await world.patient('m3', { id: 'W3', family: 'Jones' });
    const now = { family: 'Jones' };
    expect(
      await world.find(
        asked({ ...now, id: 'W1' }),
        asked({ ...now, subscriberId: 'S1' }),
        asked({ ...now, id: 'W3' }),
        asked(now),
        asked({ id: 'W1' }),
      ),
    ).toEqual([...Array.from({ length: 4 }, () => ({ member: 'm3' })), ANOTHER]);
  });

  it('takes merged members for one, so that an id of both is of one (M32)', async () => {
    await world.patient('m1', { id: 'W1', given: ['Baby Boy'] });
    await world.patient('m2', { id: 'W1', given: ['Robert'] });
    expect(await world.find(asked({ id: 'W1', given: ['Baby Boy'] }))).toEqual([SEVERAL]);
    world.facts.set('m1', { mergedWith: ['m2'], retired: true });
    world.facts.set('m2', { mergedWith: ['m1'] });
    expect(await world.find(asked({ id: 'W1' }), asked({ id: 'W1', given: ['Baby Boy'] }))).toEqual([
      { member: 'm2' },
      { member: 'm2' },
    ]);
  });

  it('follows a Coverage that moved to the id that stays', async () => {
    await world.patient('m2', {});
    await world.coverage('m1', { id: 'W1' }, 'c1');
    await world.put('m1', { resourceType: 'Coverage', id: 'c1' }, { day: 2, gone: 'merged' });
    await world.coverage('m2', { id: 'W1' }, 'c1', 2);
    expect(await world.find(asked({ id: 'W1', zip: '0' }))).toEqual([{ member: 'm2' }]);
  });

  it('answers for a withheld Patient as for nobody, and takes the labels from the record at each search', async () => {
    await world.patient('m1', { id: 'W1' });
    world.withheld.add('m1');
    expect(await world.find(asked({ id: 'W1' }), asked())).toEqual([NOBODY, NOBODY]);
    // A withheld Patient is still a candidate: otherwise it would decide whether another one is found.
    await world.patient('m2', { id: 'W1' });
    expect(await world.find(asked({ id: 'W1' }), asked())).toEqual([SEVERAL, SEVERAL]);
    world.withheld.clear();
    await world.put('m2', patientOf('m2'), { day: 2, gone: 'deleted' });
    expect(await world.find(asked({ id: 'W1' }))).toEqual([{ member: 'm1' }]);
  });

  it('answers the same after a rebuild (M44)', async () => {
    await world.patient('m1', { id: 'W1' });
    await world.patient('m2', { id: 'W2', family: 'Jones' });
    await world.put('m2', patientOf('m2'), { day: 2, gone: 'deleted' });
    await world.coverage('m1', { subscriberId: 'S1' });
    const questions = [asked({ id: 'W1' }), asked({ id: 'W2', family: 'Jones' }), asked({ subscriberId: 'S1' })];
    const before = await world.find(...questions);
    await world.set.rebuild(memberKeys.name);
    expect(await world.find(...questions)).toEqual(before);
    expect(before).toEqual([{ member: 'm1' }, NOBODY, { member: 'm1' }]);
  });

  it('finds nobody for a bundle with more ids than a Coverage has (M77)', async () => {
    await world.patient('m1', { id: 'W5' });
    const memberIds = Array.from({ length: 6 }, (_, n) => ({ system: OURS, value: `W${n}` }));
    expect(await world.find({ ...asked(), memberIds })).toEqual([SEVERAL]);
  });

  it('answers 503 rather than "nobody" while the index lacks records', async () => {
    await world.patient('m1', { id: 'W1' });
    const reader = vi.spyOn(Object.getPrototypeOf(world.views.reader(memberKeys)), 'waitFor').mockResolvedValue(false);
    await expect(world.find(asked({ id: 'W1' }))).rejects.toThrow(/does not keep up/);
    reader.mockRestore();
  });

  it('costs the same queries for one who is found, withheld, unknown, ambiguous or merged (M59)', async () => {
    await world.patient('m1', { id: 'W1' });
    await world.patient('m2', { id: 'W2', family: 'Two' });
    await world.patient('m3', { id: 'W3', family: 'Three' });
    await world.patient('m4', { id: 'W3', family: 'Three' });
    world.facts.set('m2', { mergedWith: ['m5'] });
    world.withheld.add('m2');
    const costs = await world.queries(asked({ id: 'W1' }));
    expect(costs).toEqual(['consents', ...Array.from({ length: 6 }, () => 'facts'), 'getMany', 'getMany', 'ids']);
    for (const one of [
      asked({ id: 'W2', family: 'Two' }),
      asked({ id: 'W3', family: 'Three' }),
      asked({ id: 'unknown', family: 'Unknown' }),
      asked({ id: 'W1', family: 'Other' }),
      asked({ birthDate: '1980' }),
      { ...asked(), memberIds: Array.from({ length: 9 }, (_, n) => ({ value: `x${n}` })) },
    ])
      expect(await world.queries(one)).toEqual(costs);
    const hundred = Array.from({ length: 100 }, (_, n) => asked({ id: `W${n}` }));
    expect((await world.queries(...hundred)).filter((name) => name !== 'consents')).toHaveLength(9);
    expect((await world.queries(...hundred, asked())).filter((name) => name !== 'consents')).toHaveLength(18);
  });

  it('finds others beside a question whose id hundreds of records have, and nobody for that one', async () => {
    await world.patient('m1', { id: 'W1' });
    const ops = Array.from({ length: 5 * MOST_DOCUMENTS }, (_, n) => ({
      ...{ id: `x${n}/Coverage/c`, part: 'member', partition: 0, offset: 1_000_000 + n },
      value: { ...ORDER, keys: storedKeys({ resourceType: 'Coverage', subscriberId: 'GROUP' }) },
    }));
    await world.find();
    await world.find(asked({ id: 'W1' }));
    await world.views.store.apply(memberKeys, 1, ops);
    const popular = asked({ subscriberId: 'GROUP' });
    expect(await world.find(popular)).toEqual([SEVERAL]);
    expect(await world.find(popular, asked({ id: 'W1' }))).toEqual([SEVERAL, { member: 'm1' }]);
    const many = Array.from({ length: 20 }, () => asked({ id: 'W1' }));
    expect(await world.find(...many, popular)).toEqual([...many.map(() => ({ member: 'm1' })), SEVERAL]);
  });
});

const ORDER = { versionId: 1, businessTime: 0, sequence: 0 };

it('costs the same queries with 100 and with 100,000 members in the store (M44)', async () => {
  const world = await World.open('SQLite');
  const build = 1;
  const fill = async (from: number, to: number): Promise<void> => {
    for (let at = from; at < to; at += 20_000)
      await world.views.store.apply(
        memberKeys,
        build,
        Array.from({ length: Math.min(20_000, to - at) }, (_, i) => {
          const resource = patientOf(`f${at + i}`, { id: `F${at + i}`, birthDate: `19${10 + ((at + i) % 90)}-01-01` });
          return {
            ...{ id: `f${at + i}/Patient/f${at + i}`, part: 'member', partition: 0, offset: 1_000_000 + at + i },
            value: { ...ORDER, keys: storedKeys(resource) },
          };
        }),
      );
  };
  try {
    await world.patient('m1', { id: 'W1', family: 'Only' });
    const questions = Array.from({ length: 100 }, (_, n) =>
      asked({ id: n % 2 ? 'W1' : `W${n}`, family: n % 3 ? 'Only' : 'Nobody' }),
    );
    await world.find(...questions);
    await fill(0, 100);
    const few = [await world.queries(...questions), await world.find(...questions)];
    await fill(100, 100_000);
    expect([await world.queries(...questions), await world.find(...questions)]).toEqual(few);
  } finally {
    await world.close();
  }
});

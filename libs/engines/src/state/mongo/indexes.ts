import type { Db } from 'mongodb';
import type { MongoOptions } from '../../mongo/client.ts';
import { compareIndexes, createIndexes, type PlannedIndex, type WantedIndex } from '../../mongo/indexes.ts';
import { connect, guarded } from './client.ts';

const TIDY: WantedIndex = { name: 'tidy', key: { tidyAt: 1 }, options: { expireAfterSeconds: 0 } };
const OPEN = { partialFilterExpression: { open: true } };
const DECLARED: Readonly<Record<string, readonly WantedIndex[]>> = {
  state_streams: [{ name: 'waiting', key: { waiting: 1 }, options: { sparse: true } }],
  state_work: [
    { name: 'open', key: { queue: 1, seq: 1, freeAt: 1 }, options: OPEN },
    { name: 'of_app', key: { queue: 1, app: 1, seq: 1, freeAt: 1 }, options: OPEN },
  ],
  state_lanes: [{ name: 'ready', key: { queue: 1, lookAt: 1 }, options: {} }],
  state_claims: [TIDY],
  state_counters: [TIDY],
  state_presence: [{ name: 'group', key: { group: 1, holder: 1 }, options: {} }, TIDY],
};

/** The store lacks indexes, which `applyState` or the option `applyIndexes` creates. */
export class MissingIndexes extends Error {
  override readonly name = 'MissingIndexes';
}

async function planIndexes(db: Db): Promise<readonly PlannedIndex[]> {
  const planned = Object.entries(DECLARED).map(([collection, wanted]) =>
    guarded(() => compareIndexes(db, collection, wanted)),
  );
  return (await Promise.all(planned)).flat().filter(({ state }) => state !== 'extra');
}

async function applyIndexes(db: Db): Promise<readonly PlannedIndex[]> {
  for (const [collection, wanted] of Object.entries(DECLARED))
    await guarded(() => createIndexes(db, collection, wanted));
  return planIndexes(db);
}

export async function ensureIndexes(db: Db, create: boolean): Promise<void> {
  const open = (create ? await applyIndexes(db) : await planIndexes(db)).filter(({ state }) => state !== 'present');
  const faults = open.map(
    ({ collection, index, state }) => `${collection}.${index} is ${state === 'missing' ? 'missing' : 'different'}`,
  );
  if (faults.length > 0) throw new MissingIndexes(`indexes of the state store: ${faults.join(', ')}`);
}

async function once<T>(options: MongoOptions, work: (db: Db) => Promise<T>): Promise<T> {
  const { client, db } = await connect(options);
  try {
    return await work(db);
  } finally {
    await client.close();
  }
}

/** The existing and missing indexes of the state store. Changes nothing. Throws EngineUnavailable. */
export function planState(options: MongoOptions): Promise<readonly PlannedIndex[]> {
  return once(options, planIndexes);
}

/** Creates the missing indexes and returns the state of all. It may run repeatedly and concurrently. */
export function applyState(options: MongoOptions): Promise<readonly PlannedIndex[]> {
  return once(options, applyIndexes);
}

import { PROGRESS_TYPE, dataOf } from '@provider-access/events';
import type { EventLog, LogRecord, NewRecord } from '../../log/index.ts';
import type { Views } from '../port.ts';
import type { Projection } from '../projection.ts';

/** The hooks of an adapter for the contract suite. */
export interface ViewsHarness {
  readonly views: Views;
  /** Closes and opens the same data again; undefined if nothing survives. */
  readonly reopen?: () => Promise<Views>;
  /** Whether the engine has extracts. */
  readonly hasExtracts?: boolean;
  /** Opens the same data as another process would; undefined if only one process writes. */
  readonly another?: () => Promise<Views>;
  /** Copies the store. The returned function restores the copy while the store is in use. */
  readonly remember?: () => Promise<() => Promise<void>>;
  close(): Promise<void>;
}

export interface Item {
  n: number;
  group: string;
  tags?: string[];
  line?: Uint8Array | string;
}

const data = (record: LogRecord): Record<string, unknown> => dataOf<Record<string, unknown>>(record);

/** Items of this group are plain. It has signs with a meaning in SQL, in JSON and in patterns. */
export const PLAIN_GROUP = 'p.l[a]*\'i"n(\\d';
/** A blind view with two indexes, an array index, a body and plain documents, as the view `records` is. */
export const items: Projection = {
  owner: 'test',
  name: 'items',
  version: 1,
  topics: {
    't.items': {
      part: 'item',
      blind: true,
      keys: (record) => [record.key],
      evolve: (_part, record) => (record.headers['ce_type'] === 'removed' ? null : (data(record) as unknown as Item)),
    },
  },
  indexes: [
    { name: 'by_group', fields: ['item.group', 'item.n'] },
    { name: 'by_tag', fields: ['item.group', 'item.tags'], array: true },
    { name: 'by_n', fields: ['item.n', 'item.group'], added: true },
  ],
  bodies: ['item.line'],
  plain: { part: 'item', text: `"group":${JSON.stringify(PLAIN_GROUP)}` },
  subject: 'item.group',
};

/** The view `items` with an array index that shares texts. */
export const sharedItems: Projection = {
  ...items,
  name: 'shared-items',
  indexes: items.indexes.map((index) => (index.array ? { ...index, shared: true } : index)),
};
/** The same view as an earlier release has it, without the index that came later. */
export const formerItems: Projection = { ...items, indexes: items.indexes.filter(({ added }) => added !== true) };

interface Total {
  sum: number | bigint;
  seen: number;
  failed?: boolean;
}
/**
 * Two topics with a sum each in one document. A record that counts twice shows in the sum. `t.right` takes every record
 * for the first one of its document, and is often wrong.
 */
export const totals: Projection = {
  owner: 'test',
  name: 'totals',
  version: 1,
  keepDecoded: 2,
  topics: {
    't.left': { part: 'left', keys: (record) => [record.key], evolve: add, failed },
    't.right': { part: 'right', keys: (record) => [record.key], evolve: add, begins: () => true },
  },
  indexes: [{ name: 'by_sum', fields: ['left.sum'] }],
  subject: '_id',
};

function add(part: Total | undefined, record: LogRecord): Total | null | undefined {
  if (record.headers['ce_type'] === 'removed') return null;
  if (record.headers['ce_type'] === 'poison' && poison.on) throw new TypeError(`cannot add ${record.key}`);
  if (record.headers['ce_type'] === 'note') return undefined;
  // JSON has no bigint, so the document cannot be written.
  if (record.headers['ce_type'] === 'unwritable' && poison.on) return { sum: 1n, seen: 1 };
  if (typeof part?.sum === 'bigint') return part;
  return { ...part, sum: (part?.sum ?? 0) + Number(data(record)['n'] ?? 0), seen: (part?.seen ?? 0) + 1 };
}
/** The part `left` after `add` threw. */
function failed(part: Total | undefined): Total {
  if (poison.unpassable) throw new TypeError('cannot be passed over');
  return { ...(part ?? { sum: 0, seen: 0 }), failed: true };
}
/** Switches for the faults of `add` and `failed`, which are pure otherwise. */
export const poison = { on: true, unpassable: false };

export const record = (key: string, value: object, type = 'added', partitionKey = key): NewRecord => ({
  key,
  partitionKey,
  headers: { ce_type: type },
  value: JSON.stringify(value),
});

export const progress = (
  deriver: string,
  topic: string,
  partition: number,
  next: number,
  after?: object,
  partitionKey = deriver,
): NewRecord => ({
  key: `progress/${deriver}/${topic}/${partition}`,
  partitionKey,
  headers: { ce_type: PROGRESS_TYPE },
  value: JSON.stringify({ deriver, topic, partition, next, ...(after && { after }) }),
});

/** Appends and returns the head afterwards. */
export async function appendAll(
  log: EventLog,
  topic: string,
  records: readonly NewRecord[],
): Promise<Awaited<ReturnType<EventLog['head']>>> {
  await log.append(topic, records);
  return log.head([topic]);
}

export async function collect<T>(from: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const one of from) all.push(one);
  return all;
}

import { type AnyBulkWriteOperation, type Collection, MongoBulkWriteError } from 'mongodb';
import { EngineUnavailable } from '../../log/index.ts';
import { isNewer, samePosition } from '../encoding.ts';
import { hashed } from '../evolve.ts';
import { DocumentTooLarge, type ViewOp } from '../store.ts';
import { isAway, isDuplicate, isTooLarge, mongoFault } from '../../mongo/faults.ts';
import type { Calls } from './faults.ts';
import { encode, type Layout, positionField, positionOf, type StoredDocument, storedPosition } from './layout.ts';

/**
 * The largest bulk, in operations and bytes. The server accepts 48 MB in a message, and an answer must come before the
 * socket times out.
 */
const BULK_OPERATIONS = 1_000;
const BULK_BYTES = 8 * 1024 * 1024;
/** The largest part: MongoDB's limit minus space for the rest of the document. */
const DOCUMENT_BYTES = 16 * 1024 * 1024 - 16 * 1024;
/** After this many attempts, a duplicate key is no race of two writers that insert one document. */
const ATTEMPTS = 8;

interface Pending {
  readonly op: ViewOp;
  readonly bytes: number;
  readonly write: AnyBulkWriteOperation<StoredDocument>;
}

/**
 * Writes each operation if it is newer than the stored part and, with a base, if the part has not changed since. A
 * document that its record begins is most often new, and so is a part that was read as absent in a view of one part.
 * Such a document is inserted, because an upsert costs the server at least twice as much. Any other operation is an
 * upsert whose filter has the condition. If the document exists, or the filter does not match, the write violates the
 * uniqueness of `_id`. Then the part is read. If it is not older, the operation is dropped. If the part has changed
 * since the base, the operation is returned. If another writer has just inserted the document, the write is repeated as
 * an upsert.
 */
export async function writeOps(
  collection: Collection<StoredDocument>,
  layout: Layout,
  ops: readonly ViewOp[],
  calls: Calls,
): Promise<readonly ViewOp[]> {
  const refused: ViewOp[] = [];
  let pending = ops.map((op) => (isNew(layout, op) ? toInsert(layout, op) : toUpsert(layout, op)));
  for (let attempt = 1; pending.length > 0; attempt++) {
    const duplicates: Pending[] = [];
    for (const bulk of bulks(pending)) duplicates.push(...(await write(collection, layout.collection, bulk, calls)));
    if (duplicates.length === 0) break;
    const stored = await positions(collection, layout.collection, duplicates, calls);
    pending = [];
    for (const { op } of duplicates) {
      const document = stored.get(op.id);
      const position = positionOf(document, op.part);
      if (!isNewer(position, op.partition, op.offset)) continue;
      if (op.base !== undefined && !samePosition(op.base, position)) refused.push(op);
      else pending.push(toUpsert(layout, op, document?._p?.[op.part]));
    }
    if (pending.length > 0 && attempt >= ATTEMPTS)
      throw new Error(`${layout.collection}: a write collided with a stored document at each of ${attempt} attempts`);
  }
  return refused;
}

function* bulks(pending: readonly Pending[]): Generator<Pending[]> {
  let bulk: Pending[] = [];
  let bytes = 0;
  for (const one of pending) {
    if (bulk.length > 0 && (bulk.length >= BULK_OPERATIONS || bytes + one.bytes > BULK_BYTES)) {
      yield bulk;
      bulk = [];
      bytes = 0;
    }
    bulk.push(one);
    bytes += one.bytes;
  }
  if (bulk.length > 0) yield bulk;
}

/**
 * Whether the document is most likely new: its record begins it, or its only part was read and has no position. Where
 * documents have several parts, another one has often made the document, and an insert in vain costs two more round
 * trips.
 */
const isNew = ({ parts }: Layout, { base, begins }: ViewOp): boolean =>
  begins === true || (parts.length === 1 && base !== undefined && Object.keys(base).length === 0);

/** The fields that either form writes. @throws DocumentTooLarge */
function fieldsOf(layout: Layout, op: ViewOp): ReturnType<typeof encode> {
  const fields = encode(layout.partByName.get(op.part)!, op.value);
  if (fields.bytes > DOCUMENT_BYTES) throw tooLarge(layout.collection, op, fields.bytes);
  if (op.trace === undefined) fields.unset[`_t.${op.part}`] = '';
  else fields.set[`_t.${op.part}`] = op.trace;
  return fields;
}

function toInsert(layout: Layout, op: ViewOp): Pending {
  const { set, bytes } = fieldsOf(layout, op);
  const document: Record<string, unknown> = { _id: op.id };
  for (const [path, value] of Object.entries({ ...set, [`_p.${op.part}`]: { [`p${op.partition}`]: op.offset } })) {
    const [field, part] = path.split('.') as [string, string?];
    document[field] = part === undefined ? value : { [part]: value };
  }
  return { op, bytes, write: { insertOne: { document: document as StoredDocument } } };
}

/**
 * `stored`: the position of the part in the order that the document has, because embedded documents are equal only in
 * the same order.
 */
function toUpsert(layout: Layout, op: ViewOp, stored?: Readonly<Record<string, number>>): Pending {
  const { set, unset, bytes } = fieldsOf(layout, op);
  const field = positionField(op.part, op.partition);
  const filter: Record<string, unknown> = { _id: op.id };
  if (op.base === undefined) {
    // The part is older or has no offset of this partition. An `$or` would make the tests' server scan every document.
    filter[field] = { $not: { $gte: op.offset } };
    set[field] = op.offset;
  } else {
    const base = stored ?? storedPosition(op.base);
    filter[`_p.${op.part}`] = Object.keys(base).length === 0 ? null : base;
    set[`_p.${op.part}`] = { ...base, [`p${op.partition}`]: op.offset };
  }
  const update = { filter, update: { $set: set, $unset: unset }, upsert: true };
  return { op, bytes, write: { updateOne: update } as AnyBulkWriteOperation<StoredDocument> };
}

const tooLarge = (view: string, op: ViewOp, bytes?: number): DocumentTooLarge =>
  new DocumentTooLarge(
    `${view}: part "${op.part}" of document sha256:${hashed(op.id)} is too large for ` +
      `MongoDB${bytes === undefined ? '' : ` (${(bytes / 1024 / 1024).toFixed(1)} of 16 MiB)`}`,
  );

/* eslint-disable preserve-caught-error -- the driver's errors quote documents and keys */
async function write(
  collection: Collection<StoredDocument>,
  view: string,
  bulk: readonly Pending[],
  calls: Calls,
): Promise<readonly Pending[]> {
  try {
    const result = await calls.within(() =>
      collection.bulkWrite(
        bulk.map((p) => p.write),
        { ordered: false },
      ),
    );
    if (result.getWriteConcernError() !== undefined)
      throw new EngineUnavailable('the view store is away (a write was not acknowledged by a majority)');
    return [];
  } catch (error) {
    if (!(error instanceof MongoBulkWriteError)) throw mongoFault(error, 'view store', view);
    const failed = [error.writeErrors].flat();
    const isRefused = failed.length === 0 && typeof error.code === 'number' && error.code > 0 && !isAway(error);
    if (isRefused && isTooLarge(error)) throw tooLarge(view, bulk[0]!.op);
    if (isRefused) throw new Error(`${view}: the view store refused a write (MongoDB ${error.code})`);
    if (failed.length === 0 || error.result.getWriteConcernError() !== undefined)
      throw new EngineUnavailable('the view store is away (a write was not acknowledged)');
    for (const one of failed) {
      if (isTooLarge(one)) throw tooLarge(view, bulk[one.index]!.op);
      if (isAway(one)) throw new EngineUnavailable(`the view store is away (MongoDB ${one.code})`);
      if (!isDuplicate(one)) throw new Error(`${view}: the view store refused a write (MongoDB ${one.code})`);
    }
    return failed.map(({ index }) => bulk[index]!);
  }
}
/* eslint-enable preserve-caught-error */

async function positions(
  collection: Collection<StoredDocument>,
  view: string,
  pending: readonly Pending[],
  calls: Calls,
): Promise<ReadonlyMap<string, StoredDocument>> {
  const ids = pending.map(({ op }) => op.id);
  const found = await calls.asking(view, () =>
    collection.find({ _id: { $in: ids } }, { projection: { _p: 1 }, batchSize: ids.length }).toArray(),
  );
  return new Map(found.map((d) => [d._id, d]));
}

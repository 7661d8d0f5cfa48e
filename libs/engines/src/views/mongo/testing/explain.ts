import { randomUUID } from 'node:crypto';
import type { ElementRange, FindQuery, IdsQuery, IndexDefinition, Projection, Scalar } from '../../projection.ts';
import { physicalName } from '../../encoding.ts';
import { planIds, planLoad, planQuery } from '../../query.ts';
import { Calls } from '../faults.ts';
import { indexesOf, layoutOf, loadedBy, projectionOf, removedOf, type StoredDocument } from '../layout.ts';
import { clientOf, deadlineOf, type MongoOptions } from '../options.ts';
import { idFiltersOf, loadFilterOf, queriesOf } from '../queries.ts';
import { Registry } from '../registry.ts';

export interface ExplainedShape {
  readonly view: string;
  /** The query in the form of the port, with invented values. */
  readonly shape: string;
  /** The index that the projection declares for it. */
  readonly index: string;
  /** Stages of the plan that the server chose, outermost first, with the index that a stage reads. */
  readonly stages: readonly string[];
  /** Whether the server reads declared indexes only, and neither scans the collection nor sorts. */
  readonly ok: boolean;
}

/**
 * Asks the server for its plan of each shape of query of an existing view: reads by ids, and every equality prefix of
 * every index. Each prefix has shapes with and without a range, from the start and after a position, in both orders.
 */
export async function explainShapes(options: MongoOptions, projection: Projection): Promise<readonly ExplainedShape[]> {
  const client = clientOf(options);
  try {
    const calls = new Calls(deadlineOf(options));
    const layout = layoutOf(projection);
    const view = layout.collection;
    const db = client.db(options.database);
    const { entry } = await new Registry(db, 0, calls).fresh(view);
    const collection = db.collection<StoredDocument>(physicalName(view, entry?.live ?? 1));
    const explained: ExplainedShape[] = [];
    const declared = new Set(['_id_', ...indexesOf(layout).map(({ name }) => name)]);
    const explain = async (
      shape: object,
      index: string,
      find: () => { explain(verbosity: 'queryPlanner'): Promise<object> },
      sorts = false,
    ): Promise<void> => {
      const stages = stagesOf(await calls.calling(view, () => find().explain('queryPlanner')));
      explained.push({
        view,
        shape: JSON.stringify(shape),
        index,
        stages: stages.map(([stage, name]) => (name === undefined ? stage : `${stage} ${name}`)),
        ok: uses(sorts ? stages.filter(([stage]) => !stage.startsWith('SORT')) : stages, declared),
      });
    };
    for (const ids of [['a'], ['a', 'b']])
      for (const plain of projection.plain === undefined
        ? [undefined]
        : ([undefined, 'left out', 'bodies alone'] as const)) {
        const { bodies = [] } = projection;
        const plan = planLoad(projection, { bodies, ...(plain !== undefined && { plain }) });
        const load = { projection: loadedBy(projection, plan) };
        await explain({ ids, plain }, '_id_', () => collection.find(loadFilterOf(projection, ids, plan), load));
      }
    await explain({ removed: true }, 'removed', () => collection.find(removedOf(layout)));
    for (const filter of [{}, { _id: { $gt: 'a' } }])
      await explain({ all: filter }, '_id_', () => collection.find(filter, { sort: { _id: 1 }, limit: 20 }));
    for (const query of shapesOf(projection)) {
      const plan = planQuery(projection, query);
      for (const { filter, sort } of queriesOf(plan))
        await explain(query, plan.index.name, () =>
          collection.find(filter, { sort, limit: plan.limit, projection: projectionOf(plan) }),
        );
    }
    for (const query of idShapesOf(projection))
      for (const filter of idFiltersOf(planIds(projection, query)))
        await explain(
          query,
          query.index,
          () => collection.find(filter, { sort: { _id: 1 }, limit: query.limit, projection: { _id: 1 } }),
          true,
        );
    return explained;
  } finally {
    await client.close();
  }
}

/**
 * For the name of a test that needs a mongod's plans or its error for a document that is too large. The test is skipped
 * where this is not empty: the Python variant of SecantusDB keeps indexes and does not plan by them, so that it sorts
 * even by `_id` in memory. A mongod is always asked.
 */
export async function whyNotAsked(uri: string): Promise<string> {
  const client = clientOf({ uri, database: 'plans' });
  try {
    const { secantusVersion } = await client.db('admin').command({ buildInfo: 1 });
    if (secantusVersion === undefined) return '';
    // A collection without documents has no plan that tells the two variants apart.
    const probe = client.db('plans').collection<{ _id: string }>(`probe-${randomUUID()}`);
    await probe.insertOne({ _id: 'a' });
    const ordered = await probe.find({}, { sort: { _id: 1 } }).explain('queryPlanner');
    await probe.drop();
    if (uses(stagesOf(ordered), new Set(['_id_']))) return '';
    return (
      ' (skipped: the Python variant of SecantusDB does not plan by indexes and has other errors than a mongod; ' +
      'install Rust 1.85 or later for the Rust variant, or set MONGODB_URI to a mongod)'
    );
  } finally {
    await client.close();
  }
}

/** Every shape of `find` that the declared indexes answer. */
function shapesOf(projection: Projection): readonly FindQuery[] {
  return projection.indexes.flatMap((index) => {
    const least = index.array ? index.fields.length : 0;
    return Array.from({ length: index.fields.length - least + 1 }, (_, i) => least + i).flatMap((n) =>
      shapesBehind(projection, index, n),
    );
  });
}

/** Every shape of `ids`. The server may sort the ids that it found. */
function idShapesOf(projection: Projection): readonly IdsQuery[] {
  const ranges: readonly ElementRange[] = ['v1', { gte: 'v1', lt: 'v2' }];
  const conditions = [
    ...ranges.flatMap((one) => [[[one]], ...ranges.map((other) => [[one], [other, 'v3']])]),
    [ranges],
  ];
  return projection.indexes
    .filter((index) => index.array)
    .flatMap(({ name, fields }) => {
      const values = fields.slice(1).map((_, i) => `v${i}`);
      const firsts = values.length === 0 ? [[]] : [values, [values.slice(0, 1), ...values.slice(1)]];
      return firsts.flatMap((equals) =>
        conditions.flatMap((all) => {
          const query = { index: name, equals: equals as unknown as IdsQuery['equals'], all, limit: 20 };
          return [query, { ...query, after: 'id' }];
        }),
      );
    });
}

/** The shapes with equality on the first `n` fields. */
function shapesBehind(projection: Projection, { name, fields }: IndexDefinition, n: number): readonly FindQuery[] {
  const value = (i: number): Scalar => `v${i}`;
  const rest = fields.slice(n);
  const equals = Array.from({ length: n }, (_, i) => value(i));
  const ranges =
    rest.length === 0 ? [undefined] : [undefined, { gte: value(0) }, { gt: value(0), lt: value(9) }, { lte: value(9) }];
  const behind = [undefined, { values: rest.map((_, i) => value(i + 1)), id: 'id' }];
  return ranges.flatMap((range) =>
    behind.flatMap((after) => {
      const query: FindQuery = { index: name, equals, limit: 20, ...(range && { range }), ...(after && { after }) };
      return [query, { ...query, order: 'desc' as const, fields: 'keys' as const }];
    }),
  );
}

type Stage = readonly [stage: string, index: string | undefined];

/** Stages of a winning plan, in the classic, slot-based (`queryPlan`) or sharded format. */
function stagesOf(explained: unknown): Stage[] {
  const winning = found(explained, 'winningPlan');
  return winning.flatMap((plan) => flatten(plan));
}

function found(value: unknown, name: string): unknown[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    key === name ? [inner] : key === 'rejectedPlans' ? [] : found(inner, name),
  );
}

function flatten(plan: unknown): Stage[] {
  if (typeof plan !== 'object' || plan === null) return [];
  const { stage, indexName, ...inner } = plan as { stage?: unknown; indexName?: unknown };
  const here: Stage[] =
    typeof stage === 'string' ? [[stage, typeof indexName === 'string' ? indexName : undefined]] : [];
  return [...here, ...Object.values(inner).flatMap(flatten)];
}

/** IDHACK and the express stages of `_id` name no index. */
function uses(stages: readonly Stage[], declared: ReadonlySet<string>): boolean {
  const reads = stages.filter(([stage]) => /SCAN|IDHACK|EXPRESS/.test(stage));
  const names = stages.map(([stage]) => stage);
  if (reads.length === 0 || names.includes('COLLSCAN') || names.some((n) => /^SORT/.test(n) && n !== 'SORT_MERGE'))
    return false;
  return reads.every(([stage, name]) =>
    name === undefined ? /IDHACK|EXPRESS|CLUSTERED_IXSCAN/.test(stage) : declared.has(name),
  );
}

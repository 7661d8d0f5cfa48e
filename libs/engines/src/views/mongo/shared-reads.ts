import type { Collection } from 'mongodb';
import { collectionName, type Projection } from '../projection.ts';
import { fieldOf, type LoadPlan, type ValuesPlan } from '../query.ts';
import type { Calls } from './faults.ts';
import { loadedBy, type StoredBeside, type StoredDocument, wholeProjection } from './layout.ts';
import { type BesideRow, besideStagesOf, loadFilterOf, valuesFilterOf } from './queries.ts';
import { Together } from './together.ts';

/** A read of more ids has a command of its own. */
const FEW = 16;
/** Documents in one answer of the server to a query by lists of values. A batch of events asks for as many. */
const MANY = 1000;

/** What a read by ids asks. `fields`: also the positions of the documents. */
interface Asked {
  readonly collection: Collection<StoredDocument>;
  readonly projection: Projection;
  readonly plan: LoadPlan;
}

/**
 * Reads by few ids, of which those of one turn of the event loop share a command. A command costs the driver and the
 * server as much as what it reads, and a process has many requests on their way. Each read begins after its call.
 */
export class SharedReads {
  readonly #calls: Calls;
  readonly #finds = new Together<readonly string[], readonly StoredDocument[]>();
  readonly #lists = new Together<ValuesPlan['any'], readonly StoredDocument[]>();
  readonly #joins = new Together<readonly BesideRow[], readonly StoredBeside[]>();

  constructor(calls: Calls) {
    this.#calls = calls;
  }

  /** @param positions whether the documents come with their positions */
  async find(asked: Asked, ids: readonly string[], positions: boolean): Promise<readonly StoredDocument[]> {
    const { collection, projection, plan } = asked;
    const fields = { ...loadedBy(projection, plan), ...(positions && { _p: 1 as const }) };
    const read = (unique: readonly string[]): Promise<readonly StoredDocument[]> =>
      collection
        .find(loadFilterOf(projection, unique, plan), { projection: fields, batchSize: unique.length + 1 })
        .toArray();
    const unique = [...new Set(ids)];
    // Bodies may have megabytes, and no read waits for those of another one here.
    if (plan.bodies.length > 0 || unique.length > FEW) return read(unique);
    return this.#finds.call(keyOf(asked, positions), unique, async (calls) => {
      const all = calls.length === 1 ? unique : [...new Set(calls.flat())];
      const found = await this.#calls.asking(collectionName(projection), () => read(all));
      if (calls.length === 1) return [found];
      const byId = new Map(found.map((stored) => [stored._id, stored]));
      return calls.map((some) => some.flatMap((id) => byId.get(id) ?? []));
    });
  }

  /** Documents by lists of values. A query for one list shares a command with those that differ in the first value. */
  async having(
    collection: Collection<StoredDocument>,
    projection: Projection,
    plan: ValuesPlan,
  ): Promise<readonly StoredDocument[]> {
    const paths = plan.paths.map((path) => path.split('.'));
    const fields = { ...wholeProjection([]), ...Object.fromEntries(plan.paths.map((path) => [path, 1 as const])) };
    const { limit } = plan;
    const bound = limit !== undefined && { limit };
    const read = (any: ValuesPlan['any']): Promise<readonly StoredDocument[]> =>
      collection.find(valuesFilterOf({ ...plan, any }), { projection: fields, batchSize: MANY, ...bound }).toArray();
    const among = (any: ValuesPlan['any'], found: readonly StoredDocument[]): readonly StoredDocument[] => {
      const lists = new Set(any.map(asText));
      return found.filter((stored) => lists.has(asText(paths.map((path) => fieldOf(stored, path)))));
    };
    // A bound is of one query, so it shares no command.
    if (plan.any.length > 1 || limit !== undefined) return among(plan.any, await read(plan.any));
    const key = JSON.stringify([collection.collectionName, plan.index.name, plan.paths, plan.any[0]!.slice(1)]);
    return this.#lists.call(key, plan.any, async (calls) => {
      const found = await this.#calls.asking(collectionName(projection), () => read(calls.flat()));
      return calls.map((any) => among(any, found));
    });
  }

  /** Documents with the one that each depends on, in another collection. A command has at most 16. */
  join(asked: Asked, other: string, rows: readonly BesideRow[]): Promise<readonly StoredBeside[]> {
    const { collection, projection, plan } = asked;
    const read = (some: readonly BesideRow[]): Promise<readonly StoredBeside[]> =>
      this.#calls.asking(collectionName(projection), () =>
        collection.aggregate<StoredBeside>(besideStagesOf(projection, plan, other, some)).toArray(),
      );
    return this.#joins.call(`${keyOf(asked, false)} ${other}`, rows, async (calls) => {
      const commands: Map<string, BesideRow>[] = [];
      const placed = calls.map((some) => {
        const fits = (command: Map<string, BesideRow>): boolean =>
          command.size + some.length <= FEW && some.every((row) => isSame(command.get(row.id) ?? row, row));
        const command = commands.find(fits) ?? new Map<string, BesideRow>();
        if (command.size === 0) commands.push(command);
        for (const row of some) command.set(row.id, row);
        return command;
      });
      const answers = new Map(
        await Promise.all(
          commands.map(async (command) => {
            const found = await read([...command.values()]);
            return [command, new Map(found.map((stored) => [stored._id, stored]))] as const;
          }),
        ),
      );
      return calls.map((some, i) => some.flatMap(({ id }) => answers.get(placed[i]!)!.get(id) ?? []));
    });
  }
}

const keyOf = ({ collection, plan: { bodies, plain } }: Asked, positions: boolean): string =>
  JSON.stringify([collection.collectionName, bodies, plain, positions]);
const isSame = (a: BesideRow, b: BesideRow): boolean => a.other === b.other && a.expected === b.expected;
/** Another text for each list of values. */
const asText = (values: readonly unknown[]): string =>
  values.map((value) => `${typeof value} ${String(value).length} ${String(value)}`).join();

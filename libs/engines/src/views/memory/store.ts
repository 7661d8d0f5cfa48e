import type { Position } from '@provider-access/engines/log';
import { Advances } from '../advances.ts';
import { DocumentDigest, encodePart, isNewer, samePosition } from '../encoding.ts';
import type { EncodedPart } from '../encoding.ts';
import { collectionName } from '../projection.ts';
import type { FindQuery, Projection, Scalar, ViewDocument } from '../projection.ts';
import { topicPosition } from '../progress.ts';
import { checkProjection, fieldOf, planQuery, splitPath } from '../query.ts';
import type { QueryPlan } from '../query.ts';
import { CheckpointMoved } from '../store.ts';
import { Leases } from '../leases.ts';
import type { Build, Builds, Checkpoint, PartPosition, StoredPart, ViewOp, ViewSnapshot, ViewStore } from '../store.ts';

interface Part {
  readonly encoded: EncodedPart | null;
  readonly position: PartPosition;
}
interface Physical {
  readonly documents: Map<string, Map<string, Part>>;
  readonly checkpoints: Map<string, Checkpoint>;
  sealed?: boolean;
}
interface Collection {
  live: number;
  building?: number;
  previous?: number;
  keepUntil?: number;
  last: number;
  readonly builds: Map<number, Physical>;
}

const copyOf = (c: Collection): Collection => ({
  ...c,
  builds: new Map(
    [...c.builds].map(([n, p]) => [
      n,
      {
        ...p,
        documents: new Map([...p.documents].map(([id, parts]) => [id, new Map(parts)])),
        checkpoints: new Map(p.checkpoints),
      },
    ]),
  ),
});
const empty = (): Physical => ({ documents: new Map(), checkpoints: new Map() });

/** As an engine compares: numbers, text by its UTF-8 bytes, false before true. */
function compare(a: unknown, b: unknown): number {
  if (typeof a === 'string' && typeof b === 'string') return Buffer.compare(Buffer.from(a), Buffer.from(b));
  return Number(a) - Number(b);
}

const bodyFields = (projection: Projection, part: string): string[] =>
  (projection.bodies ?? []).filter((b) => splitPath(b)[0] === part).map((b) => splitPath(b)[1][0]!);

export class MemoryStore implements ViewStore {
  readonly shared: boolean;
  readonly #leases = new Leases();
  readonly #collections = new Map<string, Collection>();
  readonly #advances = new Advances();
  #incarnation = 0;

  /** `shared`: several sets of projections write it, as several processes would. */
  constructor(options: { readonly shared?: boolean } = {}) {
    this.shared = options.shared ?? false;
  }

  incarnation(): number {
    return this.#incarnation;
  }

  async ensure(projection: Projection): Promise<number> {
    checkProjection(projection);
    const name = collectionName(projection);
    if (!this.#collections.has(name))
      this.#collections.set(name, { live: 1, last: 1, builds: new Map([[1, empty()]]) });
    return this.#collections.get(name)!.live;
  }

  async builds(projection: Projection): Promise<Builds | undefined> {
    const c = this.#collections.get(collectionName(projection));
    return (
      c && {
        live: c.live,
        ...(c.building !== undefined && { building: c.building }),
        ...(c.previous !== undefined && { previous: c.previous }),
        ...(c.keepUntil !== undefined && { keepUntil: c.keepUntil }),
      }
    );
  }

  async parts(
    projection: Projection,
    build: Build,
    part: string,
    ids: readonly string[],
  ): Promise<ReadonlyMap<string, StoredPart>> {
    const physical = this.#physical(projection, build);
    const found = new Map<string, StoredPart>();
    for (const id of ids) {
      const stored = physical.documents.get(id)?.get(part);
      if (stored)
        found.set(id, {
          value: this.#decode(projection, part, stored, projection.bodies ?? []) ?? null,
          position: stored.position,
        });
    }
    return found;
  }

  async apply(
    projection: Projection,
    build: Build,
    ops: readonly ViewOp[],
    checkpoint?: Checkpoint,
    from?: number,
    incarnation?: number,
  ): Promise<readonly string[]> {
    if (incarnation !== undefined && incarnation !== this.#incarnation)
      throw new CheckpointMoved(`${collectionName(projection)}: the store may have forgotten something`);
    const physical = this.#physical(projection, build);
    const refused: string[] = [];
    for (const op of ops) {
      const parts = physical.documents.get(op.id) ?? new Map<string, Part>();
      const position = parts.get(op.part)?.position ?? {};
      if (!isNewer(position, op.partition, op.offset)) continue;
      if (op.base !== undefined && !samePosition(op.base, position)) {
        refused.push(op.id);
        continue;
      }
      const encoded = op.value === null ? null : encodePart(op.value, bodyFields(projection, op.part));
      if (encoded !== null) this.#checkUnique(projection, physical, op, encoded);
      parts.set(op.part, { encoded, position: { ...position, [op.partition]: op.offset } });
      physical.documents.set(op.id, parts);
    }
    if (checkpoint !== undefined && refused.length === 0) {
      const key = `${checkpoint.topic}/${checkpoint.partition}`;
      const moved = physical.sealed === true || (physical.checkpoints.get(key)?.next ?? 0) !== from;
      if (from !== undefined && moved)
        throw new CheckpointMoved(`${collectionName(projection)}: the checkpoint of ${key} is not at ${from} any more`);
      physical.checkpoints.set(key, structuredClone(checkpoint));
      this.#advances.announce(collectionName(projection));
    }
    return refused;
  }

  async checkpoints(projection: Projection, build: Build): Promise<readonly Checkpoint[]> {
    const c = this.#collections.get(collectionName(projection));
    return c ? [...this.#physical(projection, build).checkpoints.values()] : [];
  }

  async verify(projection: Projection, build: Build, topic: string, partition: number, from: number): Promise<void> {
    const next = this.#physical(projection, build).checkpoints.get(`${topic}/${partition}`)?.next ?? 0;
    if (next !== from)
      throw new CheckpointMoved(
        `${collectionName(projection)}: the checkpoint of ${topic}/${partition} is not at ${from} any more`,
      );
  }

  async getMany(
    projection: Projection,
    ids: readonly string[],
    bodies: readonly string[],
  ): Promise<readonly (ViewDocument | undefined)[]> {
    const documents = this.#live(projection)?.documents;
    return ids.map((id) => this.#document(projection, id, documents?.get(id), bodies));
  }

  async find(projection: Projection, query: FindQuery): Promise<readonly ViewDocument[]> {
    const plan = planQuery(projection, query);
    const paths = plan.index.fields.map(splitPath);
    const hits: { document: ViewDocument; values: readonly unknown[] }[] = [];
    for (const [id, parts] of this.#live(projection)?.documents ?? []) {
      const values = paths.map(([part, fields]) => fieldOf(indexed(parts.get(part)), fields));
      if (values.some((v) => v === undefined || v === null) || !matches(plan, id, values)) continue;
      hits.push({
        document: this.#document(projection, id, parts, plan.bodies)!,
        values: values.slice(plan.equals.length),
      });
    }
    const sign = plan.descending ? -1 : 1;
    hits.sort((a, b) => sign * order(a.values, a.document._id, b.values, b.document._id));
    return hits.slice(0, plan.limit).map((h) => h.document);
  }

  async count(projection: Projection, build: Build): Promise<number> {
    if (!this.#collections.has(collectionName(projection))) return 0;
    let count = 0;
    for (const parts of this.#physical(projection, build).documents.values())
      if ([...parts.values()].some((p) => p.encoded !== null)) count++;
    return count;
  }

  async startBuild(projection: Projection): Promise<number> {
    const c = this.#collection(projection);
    if (c.building !== undefined) c.builds.delete(c.building);
    c.building = ++c.last;
    c.builds.set(c.building, empty());
    return c.building;
  }

  async reopen(projection: Projection): Promise<number | undefined> {
    const c = this.#collection(projection);
    if (c.previous === undefined || c.building !== undefined) return undefined;
    c.building = c.previous;
    delete c.previous;
    delete c.keepUntil;
    delete c.builds.get(c.building)!.sealed;
    return c.building;
  }

  async lease(projection: Projection, build: number, holder: string, ttlMs: number): Promise<boolean> {
    return (
      this.#collection(projection).building === build &&
      this.#leases.take(`${collectionName(projection)}/${build}`, holder, ttlMs)
    );
  }

  async release(projection: Projection, build: number, holder: string): Promise<void> {
    this.#leases.release(`${collectionName(projection)}/${build}`, holder);
  }

  async seal(
    projection: Projection,
    partitions: readonly { readonly topic: string; readonly partition: number }[],
  ): Promise<readonly Checkpoint[]> {
    const live = this.#physical(projection, 'live');
    for (const { topic, partition } of partitions) {
      const key = `${topic}/${partition}`;
      if (!live.checkpoints.has(key)) live.checkpoints.set(key, { topic, partition, next: 0, progress: [] });
    }
    live.sealed = true;
    return [...live.checkpoints.values()];
  }

  async unseal(projection: Projection): Promise<void> {
    delete this.#physical(projection, 'live').sealed;
  }

  /** Nothing to do: which build is live is looked up at each read. */
  async announceSwap(): Promise<void> {}
  async swap(projection: Projection, build: number, keepUntil?: number): Promise<number> {
    const c = this.#collection(projection);
    if (c.building !== build) throw new Error(`${collectionName(projection)}: build ${build} is not being built`);
    const old = c.live;
    Object.assign(c, { live: build, previous: old, keepUntil });
    delete c.building;
    this.#advances.announce(collectionName(projection));
    return old;
  }

  async dropBuild(projection: Projection, build: number): Promise<void> {
    const c = this.#collection(projection);
    if (c.live === build) throw new Error(`${collectionName(projection)}: the live build is not dropped`);
    if (c.building === build) {
      delete c.building;
      delete this.#physical(projection, 'live').sealed;
    }
    if (c.previous === build) {
      delete c.previous;
      delete c.keepUntil;
    }
    c.builds.delete(build);
  }

  /** A document that a writer has carried beyond the checkpoints of one of the builds is left out of all. */
  async snapshot(projection: Projection, builds: readonly number[]): Promise<ViewSnapshot> {
    const kept = new Map(
      builds.map((build) => {
        const { documents, checkpoints } = this.#physical(projection, build);
        return [
          build,
          {
            documents: new Map([...documents].map(([id, parts]) => [id, new Map(parts)])),
            checkpoints: [...checkpoints.values()],
          },
        ];
      }),
    );
    const beyond = new Set(
      [...kept.values()].flatMap(({ documents, checkpoints }) => {
        const next = new Map(checkpoints.map((c) => [`${projection.topics[c.topic]?.part}/${c.partition}`, c.next]));
        const ahead = (parts: Map<string, Part>): boolean =>
          [...parts].some(([part, { position }]) =>
            Object.entries(position).some(([p, offset]) => offset >= (next.get(`${part}/${p}`) ?? Infinity)),
          );
        return [...documents].flatMap(([id, parts]) => (ahead(parts) ? [id] : []));
      }),
    );
    return {
      positions: (build: number): Position =>
        topicPosition(Object.keys(projection.topics), kept.get(build)!.checkpoints),
      digest: async (build: number) => {
        const digest = new DocumentDigest();
        for (const [id, parts] of kept.get(build)!.documents) {
          const present = [...parts]
            .flatMap(([part, { encoded }]) => (encoded === null ? [] : [{ part, ...encoded }]))
            .sort((a, b) => (a.part < b.part ? -1 : 1));
          if (present.length > 0 && !beyond.has(id)) digest.add(id, present);
        }
        return digest.result();
      },
      close: () => kept.clear(),
    };
  }

  /** Documents and checkpoints as they are now, for `restore`: a store that forgets its last seconds. */
  copy(): ReadonlyMap<string, Collection> {
    return new Map([...this.#collections].map(([name, c]) => [name, copyOf(c)]));
  }

  restore(copy: ReadonlyMap<string, Collection>): void {
    this.#incarnation++;
    for (const [name, c] of copy) this.#collections.set(name, copyOf(c));
  }

  onAdvance(collection: string, listener: () => void): () => void {
    return this.#advances.listen(collection, listener);
  }

  #collection(projection: Projection): Collection {
    const c = this.#collections.get(collectionName(projection));
    if (c === undefined) throw new Error(`${collectionName(projection)} was not ensured`);
    return c;
  }

  #physical(projection: Projection, build: Build): Physical {
    const c = this.#collection(projection);
    const physical = c.builds.get(build === 'live' ? c.live : build);
    if (physical === undefined) throw new Error(`${collectionName(projection)}: there is no build ${build}`);
    return physical;
  }

  #live(projection: Projection): Physical | undefined {
    return this.#collections.has(collectionName(projection)) ? this.#physical(projection, 'live') : undefined;
  }

  #decode(projection: Projection, part: string, stored: Part, bodies: readonly string[]): unknown {
    if (stored.encoded === null) return undefined;
    const value = JSON.parse(stored.encoded.json) as Record<string, unknown>;
    bodyFields(projection, part).forEach((field, i) => {
      const body = stored.encoded!.bodies[i];
      if (body !== undefined && bodies.includes(`${part}.${field}`)) value[field] = body.slice();
    });
    return value;
  }

  #document(
    projection: Projection,
    id: string,
    parts: ReadonlyMap<string, Part> | undefined,
    bodies: readonly string[],
  ): ViewDocument | undefined {
    const document: Record<string, unknown> = { _id: id };
    let any = false;
    for (const [part, stored] of parts ?? []) {
      const value = this.#decode(projection, part, stored, bodies);
      if (value === undefined) continue;
      document[part] = value;
      any = true;
    }
    return any ? (document as ViewDocument) : undefined;
  }

  #checkUnique(projection: Projection, physical: Physical, op: ViewOp, encoded: EncodedPart): void {
    for (const index of projection.indexes.filter((i) => i.unique)) {
      const paths = index.fields.map(splitPath);
      const values = (document: ViewDocument): unknown[] =>
        paths.map(([part, fields]) => fieldOf(document[part], fields));
      const mine = values({
        ...this.#document(projection, op.id, physical.documents.get(op.id), []),
        _id: op.id,
        [op.part]: JSON.parse(encoded.json),
      });
      if (mine.some((v) => v === undefined || v === null)) continue;
      for (const [id, parts] of physical.documents) {
        const other = id === op.id ? undefined : this.#document(projection, id, parts, []);
        if (other !== undefined && values(other).every((v, i) => v === mine[i]))
          throw new Error(`${collectionName(projection)}: unique index "${index.name}" is violated`);
      }
    }
  }
}

/** Parts as an index sees them, without their bodies: parsed once, because each query looks at all documents. */
const parsed = new WeakMap<EncodedPart, unknown>();
function indexed(part: Part | undefined): unknown {
  const encoded = part?.encoded ?? undefined;
  if (encoded === undefined) return undefined;
  if (!parsed.has(encoded)) parsed.set(encoded, JSON.parse(encoded.json));
  return parsed.get(encoded);
}

function order(a: readonly unknown[], aId: string, b: readonly unknown[], bId: string): number {
  for (let i = 0; i < a.length; i++) {
    const c = compare(a[i], b[i]);
    if (c !== 0) return c;
  }
  return compare(aId, bId);
}

function matches(plan: QueryPlan, id: string, values: readonly unknown[]): boolean {
  const n = plan.equals.length;
  const member = plan.index.array ? values.length - 1 : -1;
  for (let i = 0; i < n; i++) {
    const value = values[i];
    if (i === member ? !(Array.isArray(value) && value.includes(plan.equals[i])) : value !== plan.equals[i])
      return false;
  }
  for (const { op, value } of plan.bounds) {
    const c = compare(values[n], value as Scalar);
    if (!(op === '>' ? c > 0 : op === '>=' ? c >= 0 : op === '<' ? c < 0 : c <= 0)) return false;
  }
  if (plan.after === undefined) return true;
  const c = order(values.slice(n), id, plan.after.values, plan.after.id);
  return plan.descending ? c < 0 : c > 0;
}

import type { Collection } from 'mongodb';
import { DocumentDigest } from '../encoding.ts';
import { topicPosition } from '../progress.ts';
import type { Checkpoint, Digest, ViewSnapshot } from '../store.ts';
import type { Calls } from './faults.ts';
import type { Layout, StoredDocument } from './layout.ts';

const PAGE = 500;

export interface SnapshotBuild {
  readonly build: number;
  readonly collection: Collection<StoredDocument>;
  readonly checkpoints: readonly Checkpoint[];
}

/**
 * Reads builds at the positions of their checkpoints without a snapshot of the server. The read concern `snapshot` ends
 * after minutes, and not every server that accepts it honours it. It reads the builds in parallel in the order of
 * `_id`. If a document has moved beyond the position of a build, it is left out of all builds. A build without
 * checkpoints has no position, so it is read at once.
 */
export async function snapshotOf(
  layout: Layout,
  builds: readonly SnapshotBuild[],
  calls: Calls,
): Promise<ViewSnapshot> {
  const topics = Object.keys(layout.projection.topics);
  const positions = new Map(builds.map((b) => [b.build, topicPosition(topics, b.checkpoints)]));
  let walked: Promise<ReadonlyMap<number, Digest>> | undefined;
  if (builds.some((b) => b.checkpoints.length === 0)) await (walked = walk(layout, builds, calls));
  return {
    positions: (build) => positions.get(build)!,
    digest: async (build) => (await (walked ??= walk(layout, builds, calls))).get(build)!,
    close: () => undefined,
  };
}

async function walk(
  layout: Layout,
  builds: readonly SnapshotBuild[],
  calls: Calls,
): Promise<ReadonlyMap<number, Digest>> {
  const sides = builds.map((b) => ({
    ...b,
    digest: new DocumentDigest(),
    pages: documents(layout, b.collection, calls),
    beyond: beyondOf(layout, b.checkpoints),
    head: undefined as StoredDocument | undefined,
  }));
  const advance = async (side: (typeof sides)[number]): Promise<void> => {
    const { value } = await side.pages.next();
    side.head = value ?? undefined;
  };
  for (const side of sides) await advance(side);
  for (;;) {
    const heads = sides.flatMap((s) => (s.head === undefined ? [] : [s.head._id]));
    if (heads.length === 0) return new Map(sides.map((s) => [s.build, s.digest.result()]));
    const id = heads.reduce((a, b) => (Buffer.compare(Buffer.from(a), Buffer.from(b)) <= 0 ? a : b));
    const here = sides.filter((s) => s.head?._id === id);
    if (!here.some((s) => s.beyond(s.head!))) for (const s of here) add(layout, s.digest, s.head!);
    for (const s of here) await advance(s);
  }
}

async function* documents(
  layout: Layout,
  collection: Collection<StoredDocument>,
  calls: Calls,
): AsyncGenerator<StoredDocument, undefined> {
  for (let after: string | undefined; ;) {
    const page = await calls.asking(layout.collection, () =>
      collection
        .find(after === undefined ? {} : { _id: { $gt: after } }, {
          sort: { _id: 1 },
          limit: PAGE,
          projection: { _id: 1, _p: 1, _d: 1, _b: 1 },
        })
        .toArray(),
    );
    yield* page;
    if (page.length < PAGE) return undefined;
    after = page.at(-1)!._id;
  }
}

function beyondOf(layout: Layout, checkpoints: readonly Checkpoint[]): (document: StoredDocument) => boolean {
  const next = new Map(checkpoints.map((c) => [`${layout.projection.topics[c.topic]?.part}/p${c.partition}`, c.next]));
  return ({ _p }) =>
    Object.entries(_p ?? {}).some(([part, offsets]) =>
      Object.entries(offsets).some(([partition, offset]) => offset >= (next.get(`${part}/${partition}`) ?? Infinity)),
    );
}

function add(layout: Layout, digest: DocumentDigest, document: StoredDocument): void {
  const parts = layout.parts
    .flatMap(({ name, bodies }) => {
      const json = document._d?.[name];
      return json === undefined ? [] : [{ part: name, json, bodies: bodies.map((b) => document._b?.[name]?.[b]) }];
    })
    .sort((a, b) => (a.part < b.part ? -1 : 1));
  if (parts.length > 0) digest.add(document._id, parts);
}

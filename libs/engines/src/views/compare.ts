import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Position } from '../log/index.ts';
import type { Projection } from './projection.ts';
import type { Digest, WholeDocument } from './store.ts';
import type { ViewStore } from './view-store.ts';

/**
 * The digests of builds that were at the position `at` once, while writes continue. It has all partitions of the log. A
 * snapshot of the server would end after minutes. So this reads the builds side by side in the order of their ids, and
 * leaves a document out of all builds if it has moved beyond the position in one of them.
 */
export async function digestsOf(
  store: ViewStore,
  projection: Projection,
  builds: readonly number[],
  at: Position,
): Promise<readonly Digest[]> {
  const topicOf = new Map(Object.entries(projection.topics).map(([topic, { part }]) => [part, topic]));
  const isBeyond = ({ parts }: WholeDocument): boolean =>
    parts.some(({ part, position }) =>
      Object.entries(position).some(([p, offset]) => offset >= (at[topicOf.get(part)!]?.[Number(p)] ?? Infinity)),
    );
  const sides = await Promise.all(
    builds.map(async (build) => {
      const documents = documentsOf(store, projection, build);
      return { documents, digest: new DocumentDigest(), head: (await documents.next()).value };
    }),
  );
  for (;;) {
    const heads = sides.flatMap(({ head }) => head ?? []);
    if (heads.length === 0) return sides.map(({ digest }) => digest.result());
    const { id } = heads.reduce((a, b) => (Buffer.compare(Buffer.from(a.id), Buffer.from(b.id)) <= 0 ? a : b));
    const isLeftOut = heads.some((head) => head.id === id && isBeyond(head));
    for (const side of sides) {
      if (side.head?.id !== id) continue;
      if (!isLeftOut) side.digest.add(side.head);
      side.head = (await side.documents.next()).value;
    }
  }
}

async function* documentsOf(
  store: ViewStore,
  projection: Projection,
  build: number,
): AsyncGenerator<WholeDocument, undefined> {
  for (let after = ''; ; await nextTurn()) {
    const page = await store.page(projection, build, after);
    yield* page;
    if (page.length === 0) return undefined;
    after = page.at(-1)!.id;
  }
}

/** An order-independent hash over documents without their positions: the sums of the eight words of their SHA-256. */
class DocumentDigest {
  readonly #lanes = new Uint32Array(8);
  #count = 0;

  add({ id, parts }: WholeDocument): void {
    const stored = parts.filter(({ json }) => json !== undefined);
    if (stored.length === 0) return;
    const hash = createHash('sha256').update(id);
    for (const { part, json, bodies } of stored.toSorted((a, b) => (a.part < b.part ? -1 : 1))) {
      hash.update(`\0${part}\0${json}`);
      for (const body of bodies) hash.update(body ? `\0${body.byteLength}\0` : '\0-\0').update(body ?? '');
    }
    const digest = hash.digest();
    for (let i = 0; i < 8; i++) this.#lanes[i]! += digest.readUInt32LE(i * 4);
    this.#count++;
  }

  result(): Digest {
    return { count: this.#count, hash: Buffer.from(this.#lanes.buffer).toString('hex') };
  }
}

import { PA_RECORDS } from '@provider-access/events';
import { EngineUnavailable, type EventLog } from '@provider-access/engines/log';
import type { Clock } from '@provider-access/kernel';
import { type Holding, recordId, recordIdNamed, type RecordsReader, SHARED } from '@provider-access/records';
import type { BridgingClaims, Claims } from '@provider-access/engines/state';
import type { ViewReader } from '@provider-access/engines/views';
import type { MemberFactsDocument } from '@provider-access/facts';
import { isServedType } from '@provider-access/fhir';
import type { Head } from '../domain/decide.ts';
import type { ReadEvent } from '../reading/read-event.ts';
import { type BatchOwners, isExclusive, MAX_CHAIN, MERGED, OWNER, pairOf, type ResourceKey } from './batch-owners.ts';
import type { CurrentVersions } from './current-versions.ts';

/**
 * A claim only bridges the time until the view of records knows the owner. It expires, so that the store stays bounded.
 * In memory, thousands of newer claims may replace it, and a restart forgets it. The view knows the owner by then: it
 * lacks fewer records of this process (`CurrentVersions`), and the first batch waits until it has all of them.
 */
const CLAIM_MS = 7 * 24 * 3600_000;
const VIEW_PATIENCE_MS = 10_000;

/**
 * A Type/id belongs to the member that claims it first. The view of records knows the owners. For ids that are not in
 * the view yet, the claims store decides between processes.
 */
export interface OwnershipOptions {
  readonly log: Pick<EventLog, 'head'>;
  /** Merges. */
  readonly claims: Pick<Claims, 'claim' | 'get'>;
  /** Owners. */
  readonly owners: BridgingClaims;
  readonly reader: RecordsReader;
  readonly clock: Clock;
  readonly current: Pick<CurrentVersions, 'inFlight'>;
  /** Reader of the member facts, for merges that the claims store has lost. */
  readonly members: Pick<ViewReader, 'get'>;
}

/** Resources in one query. A Provenance may have thousands of targets. */
const KEYS_TOGETHER = 1000;

type Judged = Pick<ReadEvent, 'judgement' | 'names'>;

export class Ownership {
  readonly #options: OwnershipOptions;
  constructor(options: OwnershipOptions) {
    this.#options = options;
  }

  /**
   * Reads the owners of the ids in the batch, and claims ids without an owner. Adds to `heads` the records of retired
   * ids that a member may take over.
   */
  async prepare(events: readonly Judged[], heads: Map<string, Head>, batch: BatchOwners): Promise<void> {
    for (const { judgement: j } of events) {
      if (j.kind !== 'merge') continue;
      await this.#options.claims.claim(MERGED, j.retired, j.member);
      batch.merged.set(j.retired, j.member);
    }
    const wanted = new Map<string, ResourceKey>();
    for (const { judgement: j, names } of events) {
      if (j.kind !== 'accept' || !isExclusive(j.about)) continue;
      const key = names.name;
      const own = heads.get(names.recordId);
      if (own !== undefined && own.deleted !== true) batch.owners.set(key, j.about.member);
      else if (!wanted.has(key)) wanted.set(key, j.about);
    }
    const open = [...wanted.keys()].filter((key) => !batch.owners.has(key));
    if (open.length > 0) await this.#claimOpen(open, wanted, batch);
    await this.#readTargets(events, batch);
    await this.#readMerges(events, batch, heads);
  }

  async #claimOpen(
    open: readonly string[],
    wanted: ReadonlyMap<string, ResourceKey>,
    batch: BatchOwners,
  ): Promise<void> {
    const holders = await this.#holdersOf(open, wanted);
    const foreign = open.filter((key, i) => holders[i] !== undefined && holders[i] !== wanted.get(key)!.member);
    // Another instance may have removed the resource since. Read again from a newer view, so that no event becomes a
    // dead letter because of an old one.
    const again = foreign.length === 0 ? [] : await this.#newest().then(() => this.#holdersOf(foreign, wanted));
    const free: string[] = [];
    open.forEach((key, i) => {
      const at = foreign.indexOf(key);
      const holder = at < 0 ? holders[i] : again[at];
      if (holder === undefined) free.push(key);
      else batch.owners.set(key, holder);
    });
    if (free.length === 0) return;
    const expiresAt = this.#options.clock.now() + CLAIM_MS;
    const owners = await this.#options.owners.claimMany(
      OWNER,
      free.map((key) => ({ key, owner: wanted.get(key)!.member, expiresAt })),
    );
    free.forEach((key, i) => batch.owners.set(key, owners[i]!));
  }

  async #holdersOf(
    keys: readonly string[],
    wanted: ReadonlyMap<string, ResourceKey>,
  ): Promise<readonly (string | undefined)[]> {
    const found = await this.#options.reader.holdingEach(keys.map((key) => wanted.get(key)!));
    return keys.map((key) => this.#holderOf(key, found.get(key) ?? []));
  }

  async #newest(): Promise<void> {
    const head = await this.#options.log.head([PA_RECORDS]);
    if (!(await this.#options.reader.views.records.waitFor(head, VIEW_PATIENCE_MS)))
      throw new EngineUnavailable('the records view does not keep up');
  }

  /**
   * The owner in the view, except a member whose record this process has already removed. A copy that the payer shares
   * with everybody has no owner.
   */
  #holderOf(name: string, holdings: readonly Holding[]): string | undefined {
    return holdings.find(({ member, hasNow }) => {
      if (member === SHARED) return false;
      const own = this.#options.current.inFlight.get(recordIdNamed(member, name));
      return own === undefined ? hasNow : own.deleted !== true;
    })?.member;
  }

  async #readMerges(events: readonly Judged[], batch: BatchOwners, heads: Map<string, Head>): Promise<void> {
    const foreign = new Map<string, string>();
    for (const { judgement: j, names } of events) {
      if (j.kind !== 'accept') continue;
      const other = batch.otherOwner(names.name, j.about);
      if (other !== undefined) foreign.set(recordId(other, j.about.type, j.about.id), other);
    }
    if (foreign.size === 0) return;
    for (const owner of new Set(foreign.values())) {
      let at: string | undefined = owner;
      for (let i = 0; i < MAX_CHAIN && at !== undefined; i++) {
        const next: string | undefined = batch.merged.get(at) ?? (await this.#options.claims.get(MERGED, at));
        if (next !== undefined) batch.merged.set(at, next);
        at = next;
      }
    }
    await this.#recallMerges(events, batch);
    const missing = [...foreign.keys()].filter((id) => !heads.has(id));
    const found = missing.length === 0 ? [] : await this.#options.reader.heads(missing);
    missing.forEach((id, i) => {
      const head = this.#options.current.inFlight.get(id) ?? found[i];
      if (head !== undefined) heads.set(id, head);
    });
  }

  /**
   * Restores merges from the facts, which are built from the log, after the claims store was lost. The facts do not say
   * which of the two ids was retired, so the member of the event counts as the current id.
   */
  async #recallMerges(events: readonly Judged[], batch: BatchOwners): Promise<void> {
    for (const { judgement: j, names } of events) {
      if (j.kind !== 'accept') continue;
      const { member } = j.about;
      const owner = batch.otherOwner(names.name, j.about);
      if (
        owner === undefined ||
        batch.merged.has(owner) ||
        batch.merged.has(member) ||
        (await this.#options.claims.get(MERGED, member)) !== undefined
      )
        continue;
      if (!(await this.#isMerged(owner, member))) continue;
      batch.merged.set(owner, await this.#options.claims.claim(MERGED, owner, member));
    }
  }

  /**
   * Finds the owners of the targets of Provenances, and which of them are the same person. A Provenance belongs to one
   * member. If one of its targets were a record of another member, it would reveal the id of that record.
   */
  async #readTargets(events: readonly Judged[], batch: BatchOwners): Promise<void> {
    const carrying: { readonly member: string; readonly targets: readonly string[] }[] = [];
    for (const { judgement: j } of events)
      if (j.kind === 'accept' && j.targets !== undefined) carrying.push({ member: j.about.member, targets: j.targets });
    // Without a Provenance there is nothing to ask.
    if (carrying.length === 0) return;
    const wanted = new Map<string, ResourceKey>();
    for (const { member, targets } of carrying)
      for (const target of targets) {
        const [type, id] = target.split('/') as [string, string];
        if (isExclusive({ member, type, id })) wanted.set(target, { member, type, id });
      }
    await this.#findTargets(
      [...wanted.keys()].filter((key) => !batch.owners.has(key)),
      wanted,
      batch,
    );
    // Another instance may have removed the resource since, as in `#claimOpen`.
    const foreign = [...batch.targets.keys()].filter((key) => batch.anotherHolds([key], wanted.get(key)!.member));
    if (foreign.length > 0) await this.#newest().then(() => this.#findTargets(foreign, wanted, batch));
    for (const { member, targets } of carrying)
      for (const other of new Set(targets.flatMap((target) => batch.holderOf(target) ?? [])))
        if (other !== member && (await this.#areOne(other, member))) batch.persons.add(pairOf(other, member));
  }

  async #findTargets(
    keys: readonly string[],
    wanted: ReadonlyMap<string, ResourceKey>,
    batch: BatchOwners,
  ): Promise<void> {
    for (let at = 0; at < keys.length; at += KEYS_TOGETHER) {
      const some = keys.slice(at, at + KEYS_TOGETHER);
      const found = await this.#holdersOf(some, wanted);
      const holders = some.map((key, i) => found[i] ?? this.#writer(wanted.get(key)!));
      // For an id that is not in the view yet, ask the claims store.
      const open = some.flatMap((key, i) =>
        holders[i] === undefined && isServedType(wanted.get(key)!.type) ? [i] : [],
      );
      const claimed = await Promise.all(open.map((i) => this.#options.owners.get(OWNER, some[i]!)));
      open.forEach((i, n) => (holders[i] = claimed[n]));
      some.forEach((key, i) => {
        const holder = holders[i];
        if (holder === undefined) batch.targets.delete(key);
        else batch.targets.set(key, holder);
      });
    }
  }

  /** The member, if this process wrote the resource of the member a moment ago. */
  #writer({ member, type, id }: ResourceKey): string | undefined {
    if (!isServedType(type)) return undefined;
    const own = this.#options.current.inFlight.get(recordId(member, type, id));
    return own !== undefined && own.deleted !== true ? member : undefined;
  }

  /** Whether two ids were merged, by the claims store or, if the store was lost, by the facts. */
  async #areOne(a: string, b: string): Promise<boolean> {
    return (await this.#leads(a, b)) || (await this.#leads(b, a)) || this.#isMerged(a, b);
  }

  async #leads(retired: string, member: string): Promise<boolean> {
    let at: string | undefined = retired;
    for (let i = 0; i < MAX_CHAIN && at !== undefined && at !== member; i++)
      at = await this.#options.claims.get(MERGED, at);
    return at === member;
  }

  async #isMerged(a: string, b: string): Promise<boolean> {
    const document = (await this.#options.members.get(a)) as MemberFactsDocument | undefined;
    return document?.members?.mergedWith?.includes(b) === true;
  }

  /** Called after the append. Releases removed ids and claims ids that were taken over. */
  async settle(batch: BatchOwners): Promise<void> {
    await Promise.all([...batch.releases].map(([key, owner]) => this.#options.owners.release(OWNER, key, owner)));
    if (batch.claims.size > 0)
      await this.#options.owners.claimMany(
        OWNER,
        [...batch.claims].map(([key, owner]) => ({ key, owner, expiresAt: this.#options.clock.now() + CLAIM_MS })),
      );
  }
}

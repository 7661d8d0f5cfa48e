import { isServedType } from '@provider-access/fhir';
import { recordId } from '@provider-access/records';
import type { Claims } from '@provider-access/engines/state';
import type { Head } from '../domain/decide.ts';
import type { Judgement } from '../domain/judge.ts';
import { type BatchOwners, isExclusive, MAX_CHAIN, MERGED, OWNER, pairOf, type ResourceKey } from './batch-owners.ts';

export interface TargetsOptions {
  readonly claims: Pick<Claims, 'get'>;
  /** Ids of the same person, from the facts. */
  mergedWith(member: string): Promise<readonly string[]>;
  /** Head of a record that this process wrote and that the view may not have yet. */
  inFlight(recordId: string): Head | undefined;
  /** The owner of each `Type/id` in the view. */
  holdersOf(
    keys: readonly string[],
    resources: ReadonlyMap<string, ResourceKey>,
  ): Promise<readonly (string | undefined)[]>;
  /** Resolves when the view has passed the present heads of the log. */
  newest(): Promise<void>;
}

/** Locators in one query. A Provenance may have thousands of targets. */
const KEYS_TOGETHER = 1000;

/**
 * Finds the owners of the targets of a batch's Provenances. A Provenance belongs to one member. If one of its targets
 * were a record of another member, it would reveal the id of that record.
 */
export class Targets {
  readonly #options: TargetsOptions;
  constructor(options: TargetsOptions) {
    this.#options = options;
  }

  /** Adds owners and merged ids to the batch. Call this after the batch has made its own claims. */
  async read(judgements: readonly Judgement[], batch: BatchOwners): Promise<void> {
    const resources = new Map<string, ResourceKey>();
    for (const { targets, about } of withTargets(judgements)) {
      for (const target of targets) {
        const [type, id] = target.split('/') as [string, string];
        if (isExclusive({ member: about.member, type, id })) resources.set(target, { member: about.member, type, id });
      }
    }
    if (resources.size === 0) return;
    await this.#holders(
      [...resources.keys()].filter((key) => !batch.owners.has(key)),
      resources,
      batch,
    );
    const foreign = [...resources].filter(([key, { member }]) => batch.anotherHolds([key], member)).map(([key]) => key);
    // Another instance may have removed the resource since. Read again from a newer view, so that no event becomes a
    // dead letter because of an old one.
    const seen = foreign.filter((key) => batch.targets.has(key));
    if (seen.length > 0) {
      await this.#options.newest();
      await this.#holders(seen, resources, batch);
    }
    for (const {
      targets,
      about: { member },
    } of withTargets(judgements)) {
      const holders = new Set(targets.flatMap((target) => batch.holderOf(target) ?? []));
      holders.delete(member);
      for (const other of holders) if (await this.#areOne(other, member)) batch.persons.add(pairOf(other, member));
    }
  }

  async #holders(
    keys: readonly string[],
    resources: ReadonlyMap<string, ResourceKey>,
    batch: BatchOwners,
  ): Promise<void> {
    for (let at = 0; at < keys.length; at += KEYS_TOGETHER) {
      const some = keys.slice(at, at + KEYS_TOGETHER);
      const found = await this.#options.holdersOf(some, resources);
      // For an id that is not in the view yet, ask the claims store.
      const holders = await Promise.all(some.map((key, i) => found[i] ?? this.#claimed(key, resources.get(key)!)));
      some.forEach((key, i) => {
        const holder = holders[i];
        if (holder === undefined) batch.targets.delete(key);
        else batch.targets.set(key, holder);
      });
    }
  }

  #claimed(key: string, { member, type, id }: ResourceKey): Promise<string | undefined> | string | undefined {
    if (!isServedType(type)) return undefined;
    const own = this.#options.inFlight(recordId(member, type, id));
    return own !== undefined && own.deleted !== true ? member : this.#options.claims.get(OWNER, key);
  }

  /** Whether two ids were merged, by the claims store or, if the store was lost, by the facts. */
  async #areOne(a: string, b: string): Promise<boolean> {
    if ((await this.#leads(a, b)) || (await this.#leads(b, a))) return true;
    return (await this.#options.mergedWith(a)).includes(b);
  }

  async #leads(retired: string, member: string): Promise<boolean> {
    let at: string | undefined = retired;
    for (let i = 0; i < MAX_CHAIN && at !== undefined && at !== member; i++)
      at = await this.#options.claims.get(MERGED, at);
    return at === member;
  }
}

interface WithTargets {
  readonly targets: readonly string[];
  readonly about: ResourceKey;
}
const withTargets = (judgements: readonly Judgement[]): WithTargets[] =>
  judgements.flatMap((j) =>
    j.kind === 'accept' && j.targets !== undefined ? [{ targets: j.targets, about: j.about }] : [],
  );

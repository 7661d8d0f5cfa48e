import { SHARED } from '@provider-access/records';
import { isSharedType } from '@provider-access/fhir';

/** Namespaces of claims: the owner of a Type/id, and the member into which a retired id was merged. */
export const OWNER = 'record-owner';
export const MERGED = 'member-merged-into';
/** Limit for following merges of merged ids. */
export const MAX_CHAIN = 5;

export interface ResourceKey {
  readonly member: string;
  readonly type: string;
  readonly id: string;
}
/** Whether one member alone may have the resource. Directory resources belong to nobody, Medications to several. */
export const isExclusive = ({ member, type }: ResourceKey): boolean =>
  member !== SHARED && type !== 'Medication' && !isSharedType(type);

export const pairOf = (a: string, b: string): string => JSON.stringify([a, b].toSorted());

/** The owners of each Type/id while one batch is decided. */
export class BatchOwners {
  /** Type/id -> the only member that may have the resource. */
  readonly owners = new Map<string, string>();
  /** Retired id -> the id of the member into which it was merged. */
  readonly merged = new Map<string, string>();
  /** Owners of the targets of Provenances, for targets that no event of the batch claims. */
  readonly targets = new Map<string, string>();
  /** Pairs of ids (`pairOf`) of the same person. */
  readonly persons = new Set<string>();
  readonly releases = new Map<string, string>();
  readonly claims = new Map<string, string>();

  /** The owner of the resource with the name (`Type/id`), if it is not the member. */
  otherOwner(name: string, resource: ResourceKey): string | undefined {
    if (!isExclusive(resource)) return undefined;
    const owner = this.owners.get(name);
    return owner === resource.member ? undefined : owner;
  }
  mayTakeOver(retired: string, member: string): boolean {
    let at: string | undefined = retired;
    for (let i = 0; i < MAX_CHAIN && at !== undefined; i++) {
      at = this.merged.get(at);
      if (at === member) return true;
    }
    return false;
  }
  /** The owner of the target of a Provenance (`Type/id`), if it has one. */
  holderOf(target: string): string | undefined {
    return this.owners.get(target) ?? this.targets.get(target);
  }
  /** Whether a target (`Type/id`) belongs to another person than the member. */
  anotherHolds(targets: readonly string[], member: string): boolean {
    return targets.some((target) => {
      const holder = this.holderOf(target);
      return holder !== undefined && holder !== member && !this.persons.has(pairOf(holder, member));
    });
  }
  took(name: string, resource: ResourceKey): void {
    if (!isExclusive(resource)) return;
    const before = this.owners.get(name);
    if (before === resource.member) return;
    if (before !== undefined) this.releases.set(name, before);
    this.owners.set(name, resource.member);
    this.claims.set(name, resource.member);
  }
  removed(name: string, resource: ResourceKey): void {
    if (!isExclusive(resource)) return;
    if (this.targets.get(name) === resource.member) this.targets.delete(name);
    const owner = this.owners.get(name);
    if (owner !== undefined && owner !== resource.member) return;
    this.owners.delete(name);
    this.claims.delete(name);
    if (!this.releases.has(name)) this.releases.set(name, resource.member);
  }
}

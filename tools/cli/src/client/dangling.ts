import { addCounts, type Counts } from '@provider-access/events';
import { type FhirResource, isObject, isServedType, isSharedType, parseReference } from '@provider-access/fhir';

/** A literal reference of a resource: the path of the element without indexes, and `Type/id`. */
export type ReferenceAt = readonly [path: string, target: string];

/**
 * References of recorded resources that no reader can follow, by path and type: `Observation.encounter -> Encounter`.
 */
export interface DanglingReferences {
  /**
   * The platform serves no resource of the type (Claim, ImagingStudy). For a Binary, the receipts say it: only intake
   * knows which URLs of attachments lead to content.
   */
  readonly notServed: Counts;
  /** The target was in the same publication, and its care ended before the date floor. */
  readonly beforeFloor: Counts;
}

/** Types whose resources are never before the floor, because they have no date of service. */
const UNDATED: ReadonlySet<string> = new Set([
  'Patient',
  'Coverage',
  'Medication',
  'Device',
  'RelatedPerson',
  'Provenance',
]);

/** The references of a resource that may dangle: those to types other than the directory and the patient. */
export function mayDangle(resource: FhirResource): ReferenceAt[] {
  const found: ReferenceAt[] = [];
  const open: { value: unknown; path: string }[] = [{ value: resource, path: resource.resourceType }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { value, path } = next;
    if (Array.isArray(value)) for (const item of value as unknown[]) open.push({ value: item, path });
    if (!isObject(value)) continue;
    const target = typeof value['reference'] === 'string' ? targetOf(value['reference']) : undefined;
    if (target !== undefined) found.push([path, target]);
    for (const [name, part] of Object.entries(value)) {
      if (typeof part === 'object') open.push({ value: part, path: `${path}.${name}` });
    }
  }
  return found;
}

function targetOf(text: string): string | undefined {
  const reference = parseReference(text);
  if (reference.kind !== 'literal' || reference.base !== undefined) return undefined;
  if (isSharedType(reference.type) || UNDATED.has(reference.type)) return undefined;
  return `${reference.type}/${reference.id}`;
}

const typeOf = (about: string): string => about.slice(0, about.indexOf('/'));
const isServed = (about: string): boolean => isServedType(typeOf(about));

/**
 * Counts dangling references of one publication. The outcomes may come in any order, so references are kept by target
 * until the end. The memory grows with the number of targets, as does that of the publication's own ids.
 */
export class DanglingTally {
  readonly #notServed: Record<string, number> = {};
  readonly #byTarget = new Map<string, Map<string, number>>();
  readonly #beforeFloor = new Set<string>();
  readonly #paths = new Map<string, string>();

  /** Records the outcome of a published resource. */
  settled(about: string, outcome: string, references: readonly ReferenceAt[]): void {
    if (outcome === 'before-floor') this.#beforeFloor.add(about);
    // No reader sees a resource that was not recorded, so its references do not count.
    if (outcome !== 'recorded' && outcome !== 'unchanged') return;
    // A later version of it may end after the floor.
    this.#beforeFloor.delete(about);
    for (const [path, target] of references) {
      const name = this.#named(`${path} -> ${typeOf(target)}`);
      if (!isServed(target)) this.addNotServed(name, 1);
      else {
        const counts = this.#byTarget.get(target) ?? new Map<string, number>();
        this.#byTarget.set(target, counts.set(name, (counts.get(name) ?? 0) + 1));
      }
    }
  }

  addNotServed(name: string, count: number): void {
    addCounts(this.#notServed, { [name]: count });
  }

  /** The present result; it is complete when every resource has its outcome. */
  counts(): DanglingReferences {
    const beforeFloor: Record<string, number> = {};
    for (const about of this.#beforeFloor) addCounts(beforeFloor, Object.fromEntries(this.#byTarget.get(about) ?? []));
    return { notServed: { ...this.#notServed }, beforeFloor };
  }

  /** Keeps one string for each path, however often it occurs. */
  #named(name: string): string {
    const known = this.#paths.get(name);
    if (known === undefined) this.#paths.set(name, name);
    return known ?? name;
  }
}

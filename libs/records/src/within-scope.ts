import {
  filtersOf,
  type GrantedScopes,
  type Interaction,
  type Restriction,
  restrictionsOf,
} from '@provider-access/domain/smart';
import {
  type FhirResource,
  keyConditions,
  type KeyRange,
  Matcher,
  type SearchFilter,
  type SearchWork,
} from '@provider-access/fhir';

/**
 * The part of a type that the scopes of a token cover: what one of their searches finds (APPS.md P53). Reads, searches,
 * includes, histories and exports ask it, with the evaluator of a search, about the line that the client would get.
 */
export class WithinScope {
  readonly #alternatives: readonly (readonly SearchFilter[])[];
  readonly #matchers: readonly Matcher[];
  /** Of each alternative, conditions on the keys of every resource that it finds. */
  readonly #keys: readonly (readonly (readonly KeyRange[])[])[];
  /** @param base the absolute base of our FHIR resources */
  constructor(restrictions: readonly Restriction[], base: string) {
    this.#alternatives = restrictions.map((restriction) => filtersOf(restriction, base));
    this.#matchers = this.#alternatives.map((filters) => new Matcher(filters));
    this.#keys = this.#alternatives.map((filters) => keyConditions(filters));
  }

  /** A condition on the keys of every resource inside. Undefined if keys do not tell. */
  get condition(): readonly KeyRange[] | undefined {
    const isKeyed = this.#keys.length > 0 && this.#keys.every((conditions) => conditions.length > 0);
    return isKeyed ? this.#keys.flatMap(([first]) => first!) : undefined;
  }
  /** One list of filters that finds what all alternatives together find. Undefined if there is no such list. */
  get filters(): readonly SearchFilter[] | undefined {
    const [first, ...others] = this.#alternatives;
    if (first === undefined || others.length === 0) return first;
    const all = this.#alternatives.map((filters) => filters[0]!);
    const [{ parameter, modifier }] = all as [SearchFilter];
    const isOne = this.#alternatives.every(({ length }) => length === 1) && modifier === undefined;
    return isOne && all.every((one) => one.parameter === parameter && one.modifier === undefined)
      ? [{ parameter, any: all.flatMap(({ any }) => any) }]
      : undefined;
  }

  /** @throws OverBudget */
  matches(resource: FhirResource, work?: SearchWork): boolean {
    return this.#matchers.some((matcher) => matcher.matches(resource, work));
  }
  /** As `matches`, of a line. Nothing is inside that has no line. */
  admits(line: Uint8Array | string): boolean {
    if (line.length === 0) return false;
    const text =
      typeof line === 'string' ? line : Buffer.from(line.buffer, line.byteOffset, line.byteLength).toString();
    return this.matches(JSON.parse(text) as FhirResource);
  }
}

interface Prepared {
  readonly base: string;
  readonly filters: Map<Interaction, Map<string, WithinScope | undefined>>;
}
/** The filters of each verified token, which a process keeps while it is used. So they are read from its text once. */
const prepared = new WeakMap<GrantedScopes, Prepared>();

/** Undefined if the scopes cover the whole type. If they cover nothing of it, nothing is within. */
export function withinScope(
  scopes: GrantedScopes,
  type: string,
  interaction: Interaction,
  base: string,
): WithinScope | undefined {
  let known = prepared.get(scopes);
  if (known?.base !== base) prepared.set(scopes, (known = { base, filters: new Map() }));
  let byType = known.filters.get(interaction);
  if (byType === undefined) known.filters.set(interaction, (byType = new Map<string, WithinScope | undefined>()));
  if (!byType.has(type)) {
    const restrictions = restrictionsOf(scopes, type, interaction);
    byType.set(type, restrictions && new WithinScope(restrictions, base));
  }
  return byType.get(type);
}

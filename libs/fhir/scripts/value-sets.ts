import type { Definition } from '@provider-access/definitions';

/**
 * The codes of a value set, by system. `'*'` stands for all codes of a system that the packages do not contain:
 * licensed ones (CPT, X12, NUBC), and large ones (SNOMED CT, LOINC, RxNorm).
 */
export type Codes = Map<string, Set<string> | '*'>;

function allCodes(concepts: readonly Definition[], into = new Set<string>()): Set<string> {
  for (const { code, concept = [] } of concepts) {
    into.add(code);
    allCodes(concept, into);
  }
  return into;
}

/** The concept and everything below it: by nesting, and by `subsumedBy`, which v3 code systems use. */
function below(concepts: readonly Definition[], root: string): Set<string> {
  const found = new Set<string>([root]);
  const visit = (list: readonly Definition[], inside: boolean): void => {
    for (const { code, concept = [], property = [] } of list) {
      const parents = property.filter((each: Definition) => each.code === 'subsumedBy');
      const here = inside || code === root || parents.some(({ valueCode }: Definition) => found.has(valueCode));
      if (here) found.add(code);
      visit(concept, here);
    }
  };
  for (let before = 0; before !== found.size;) {
    before = found.size;
    visit(concepts, false);
  }
  return found;
}

export class ValueSets {
  /** A later guide only points at VSAC where an earlier one has the codes, so each definition of a set is kept. */
  readonly #sets = new Map<string, Definition[]>();
  readonly #systems = new Map<string, Definition>();

  /** @param packages the guide's own definitions first, because guides redefine each other's value sets */
  constructor(packages: readonly (readonly Definition[])[]) {
    for (const each of packages.flat()) {
      if (each.resourceType === 'ValueSet') this.#sets.set(each.url, [...(this.#sets.get(each.url) ?? []), each]);
      if (each.resourceType === 'CodeSystem' && !this.#systems.has(each.url)) this.#systems.set(each.url, each);
    }
  }

  /** Undefined if the value set, or one that it includes, is not in the packages (VSAC). */
  expand(canonical: string): Codes | undefined {
    for (const set of this.#sets.get(canonical.split('|')[0]!) ?? []) {
      const codes = this.#codesOf(set);
      if (codes !== undefined) return codes;
    }
    return undefined;
  }

  #codesOf(set: Definition): Codes | undefined {
    if (set.compose?.include === undefined) return undefined;
    const codes: Codes = new Map();
    for (const include of set.compose.include) {
      const part = this.#part(include);
      if (part === undefined) return undefined;
      for (const [system, some] of part) {
        const known = codes.get(system) ?? new Set<string>();
        codes.set(system, known === '*' || some === '*' ? '*' : new Set([...known, ...some]));
      }
    }
    for (const exclude of set.compose.exclude ?? [])
      for (const [system, some] of this.#part(exclude) ?? []) {
        const known = codes.get(system);
        if (known instanceof Set && some !== '*') for (const code of some) known.delete(code);
      }
    return codes;
  }

  #part({ system, concept, filter, valueSet }: Definition): Codes | undefined {
    if (system === undefined) return valueSet?.length === 1 ? this.expand(valueSet[0]) : undefined;
    if (concept !== undefined) return new Map([[system, new Set(concept.map(({ code }: Definition) => code))]]);
    const definition = this.#systems.get(system);
    if (definition?.content !== 'complete' || definition.concept === undefined) return new Map([[system, '*']]);
    if (filter === undefined) return new Map([[system, allCodes(definition.concept)]]);
    const [{ property, op, value }] = filter;
    if (filter.length > 1 || property !== 'concept' || op !== 'is-a') return new Map([[system, '*']]);
    return new Map([[system, below(definition.concept, value)]]);
  }
}

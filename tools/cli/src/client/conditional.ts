import { isObject, isSharedType, type FhirResource } from '@provider-access/fhir';

/** `Practitioner?identifier=system|value`, as in transaction Bundles. */
const CONDITION = /^([A-Z][A-Za-z]+)\?identifier=([^&]+)$/;
/**
 * Types of the directory and of products. A Patient is never found by an identifier, because a wrong identifier would
 * give data to the wrong member.
 */
const isIndexed = (type: string): boolean => isSharedType(type) || type === 'Medication' || type === 'Device';

/**
 * The targets of conditional references in one publication, which is everything that one run of `pa publish` reads. An
 * identifier that two resources of a type share resolves to nothing, because FHIR requires exactly one match.
 */
export class PublishedIdentifiers {
  /** `Type|system|value` -> id; undefined if several resources have it. */
  readonly #ids = new Map<string, string | undefined>();

  add({ resourceType, id, identifier }: FhirResource): void {
    if (!isIndexed(resourceType) || typeof id !== 'string' || !Array.isArray(identifier)) return;
    for (const one of identifier as unknown[]) {
      if (!isObject(one) || typeof one['value'] !== 'string') continue;
      const { system, value } = one;
      for (const text of typeof system === 'string' ? [`${system}|${value}`, value] : [`|${value}`, value]) {
        const key = `${resourceType}|${text}`;
        if (!this.#ids.has(key)) this.#ids.set(key, id);
        else if (this.#ids.get(key) !== id) this.#ids.set(key, undefined);
      }
    }
  }

  /**
   * Replaces each conditional reference that matches exactly one resource with a literal one. Changes `value` in place.
   */
  resolve(value: unknown): void {
    const open: unknown[] = [value];
    for (let item = open.pop(); item !== undefined; item = open.pop()) {
      if (typeof item !== 'object' || item === null) continue;
      if (isObject(item)) {
        const target = typeof item['reference'] === 'string' ? this.#targetOf(item['reference']) : undefined;
        if (target !== undefined) item['reference'] = target;
      }
      for (const child of Object.values(item)) if (typeof child === 'object' && child !== null) open.push(child);
    }
  }

  #targetOf(reference: string): string | undefined {
    const [, type, condition] = CONDITION.exec(reference) ?? [];
    if (type === undefined || condition === undefined) return undefined;
    const id = this.#ids.get(`${type}|${condition}`) ?? this.#ids.get(`${type}|${decoded(condition)}`);
    return id === undefined ? undefined : `${type}/${id}`;
  }
}

/** URLs may encode the condition. A text that is not a valid encoding stays unchanged. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

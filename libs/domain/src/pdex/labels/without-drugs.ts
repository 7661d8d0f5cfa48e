import { addCounts, type Counts } from '@provider-access/events';
import { type FhirResource, isObject } from '@provider-access/fhir';
import { namesDrug } from './drug-codes.ts';
import { authorizedBy, authorizedIn, codingsIn, hasCode, itemsOf, objectsOf, PARTS, type Source } from './drugs.ts';
import { hasText, isOwn, localIn, numbersOf, refersToNothing, wordsOf } from './parts.ts';

/** A prior authorization without its drugs. */
export interface WithoutDrugs {
  readonly resource: FhirResource;
  /**
   * What was taken from it, by path: `ExplanationOfBenefit.item -> drug`. A path of the resource alone says that the
   * whole is withheld, `-> perhaps a drug` because nobody can tell what the rest would be.
   */
  readonly removed: Counts;
  /** Products of which only a text says what they are, by path. */
  readonly unknown: Counts;
}
const NONE: Counts = {};

/** Elements that name the product of an item. */
const PRODUCTS = new Set(['productOrService', 'productOrServiceCode', 'productOrServiceCodeEnd']);
const DRUG_TYPES = /^(?:Medication|Immunization)/;

/**
 * Takes the drugs out of a prior authorization that also authorizes services, and all that names them (rows N70 and
 * N76). `sequence` numbers stay. If the rest may still name a drug, or nothing would be left, the resource comes back
 * whole, and its label withholds it. Pure.
 */
export function withoutDrugs(resource: FhirResource): WithoutDrugs {
  const authorized = authorizedIn(resource);
  if (authorized === undefined || resource.resourceType !== 'ExplanationOfBenefit')
    return { resource, removed: NONE, unknown: NONE };
  const unknown = unknownIn(resource);
  if (authorized === 'services') return { resource, removed: NONE, unknown };
  if (authorized === 'drugs') return { resource, removed: { 'ExplanationOfBenefit -> drug': 1 }, unknown };
  const cut = authorized === 'both' ? new Cut(resource) : undefined;
  return cut?.rest === undefined
    ? { resource, removed: { 'ExplanationOfBenefit -> perhaps a drug': 1 }, unknown }
    : { resource: cut.rest, removed: cut.removed, unknown };
}

function unknownIn(resource: FhirResource): Counts {
  const unknown: Record<string, number> = {};
  for (const item of itemsOf(resource))
    if (!hasCode(item) && PARTS.every((name) => item[name] === undefined))
      addCounts(unknown, { [`${resource.resourceType}.item.productOrService -> ?`]: 1 });
  return unknown;
}

const hasDrugCode = (value: unknown): boolean => {
  for (const [, coding] of codingsIn(value)) if (namesDrug(coding) !== 'no') return true;
  return false;
};

class Cut {
  readonly removed: Record<string, number> = {};
  readonly rest: FhirResource | undefined;
  readonly #words = new Set<string>();
  readonly #droppedNotes = new Set<unknown>();
  readonly #keptNotes = new Set<unknown>();
  readonly #droppedInfo = new Set<unknown>();
  readonly #keptInfo = new Set<unknown>();

  constructor(resource: FhirResource) {
    const rest: Record<string, unknown> = { ...resource };
    for (const name of ['item', 'addItem']) this.#put(rest, name, this.#kept(rest[name], name));
    this.#without(rest, 'supportingInfo', (info) => {
      const sequence = info['sequence'];
      const isTheirs = this.#droppedInfo.has(sequence) || (!this.#keptInfo.has(sequence) && hasText(info));
      return isTheirs || this.#names(info) || hasDrugCode(info) || isOfDrug(info['valueReference']);
    });
    const infos = new Set(objectsOf(rest['supportingInfo']).map(({ sequence }) => sequence));
    this.#without(rest, 'processNote', (note) => {
      const { number } = note;
      return this.#droppedNotes.has(number) || !this.#keptNotes.has(number) || this.#names(note);
    });
    const notes = new Set(objectsOf(rest['processNote']).map(({ number }) => number));
    for (const name of ['item', 'addItem'])
      this.#put(
        rest,
        name,
        numbersOf(rest[name]).map((item) => this.#pointing(item as Source, infos, notes)),
      );
    // A free text about the whole authorization may name the drug in words that nobody can know.
    if (rest['disposition'] !== undefined) {
      delete rest['disposition'];
      this.#count('disposition');
    }
    const named = (part: Source): boolean => this.#names(part) || hasDrugCode(part);
    this.#without(rest, 'adjudication', (one) => named(one) || hasText(one));
    this.#without(rest, 'procedure', named);
    this.#without(rest, 'extension', named);
    this.#contained(rest);
    const isClean = !hasDrugCode(rest) && !this.#names(rest) && !refersToNothing(rest);
    if (isClean && authorizedIn(rest) === 'services') this.rest = rest as FhirResource;
  }

  #count(path: string): void {
    addCounts(this.removed, { [`ExplanationOfBenefit.${path} -> drug`]: 1 });
  }
  #put(rest: Record<string, unknown>, name: string, list: readonly unknown[]): void {
    if (rest[name] === undefined) return;
    if (list.length === 0) delete rest[name];
    else rest[name] = list;
  }
  #without(rest: Record<string, unknown>, name: string, isDropped: (part: Source) => boolean): void {
    this.#put(
      rest,
      name,
      numbersOf(rest[name]).filter((part) => {
        if (!isObject(part) || !isDropped(part)) return true;
        this.#count(name);
        return false;
      }),
    );
  }

  /** The items without drugs. What they refer to is noted. */
  #kept(items: unknown, path: string): readonly Source[] {
    return objectsOf(items).flatMap((item) => {
      if (authorizedBy(item) === 'drugs') {
        this.#count(path);
        this.#drop(item);
        return [];
      }
      for (const number of numbersOf(item['noteNumber'])) this.#keptNotes.add(number);
      for (const number of numbersOf(item['informationSequence'])) this.#keptInfo.add(number);
      const kept: Record<string, unknown> = { ...item };
      for (const name of PARTS) this.#put(kept, name, this.#kept(item[name], `${path}.${name}`));
      return [kept];
    });
  }
  /** Notes what a dropped item refers to, and the words and codes that name it. */
  #drop(value: unknown, element = ''): void {
    if (Array.isArray(value)) for (const one of value as unknown[]) this.#drop(one, element);
    if (!isObject(value)) return;
    for (const number of numbersOf(value['noteNumber'])) this.#droppedNotes.add(number);
    for (const number of numbersOf(value['informationSequence'])) this.#droppedInfo.add(number);
    const { coding, text } = value;
    const codings = objectsOf(coding);
    const drugs = codings.filter((one) => namesDrug(one) !== 'no');
    for (const { code } of drugs) this.#words.add(String(code).toLowerCase());
    const texts = drugs.length > 0 || PRODUCTS.has(element) ? [text, ...codings.map(({ display }) => display)] : [];
    for (const word of texts.flatMap((one) => (typeof one === 'string' ? wordsOf(one) : [])))
      if (isOwn(word)) this.#words.add(word);
    const { url } = value;
    for (const name in value) {
      const child = value[name];
      if (typeof child === 'object') this.#drop(child, name.startsWith('value') ? String(url) : name);
    }
  }

  /** Whether a text of a dropped item stands in these elements, except in the codes and displays of kept items. */
  #names(value: unknown): boolean {
    if (typeof value === 'string')
      return this.#words.has(value.toLowerCase()) || wordsOf(value).some((word) => this.#words.has(word));
    if (Array.isArray(value)) return (value as unknown[]).some((one) => this.#names(one));
    return isObject(value) && Object.values(value).some((child) => this.#names(child));
  }

  /** An item without the numbers of notes and information that are gone. */
  #pointing(item: Source, infos: ReadonlySet<unknown>, notes: ReadonlySet<unknown>): Source {
    const left: Record<string, unknown> = { ...item };
    const only = (name: string, there: ReadonlySet<unknown>): void =>
      this.#put(
        left,
        name,
        numbersOf(item[name]).filter((number) => there.has(number)),
      );
    only('noteNumber', notes);
    only('informationSequence', infos);
    for (const name of PARTS)
      this.#put(
        left,
        name,
        objectsOf(item[name]).map((part) => this.#pointing(part, infos, notes)),
      );
    return left;
  }

  /** Contained resources that name a drug go, and those that only dropped parts refer to. */
  #contained(rest: Record<string, unknown>): void {
    const { contained, ...main } = rest;
    const clean = objectsOf(contained).filter(
      (inner) => !hasDrugCode(inner) && !this.#names(inner) && !DRUG_TYPES.test(String(inner['resourceType'])),
    );
    const byId = new Map(clean.map((inner) => [inner['id'], inner]));
    const reached = new Set(localIn(main));
    for (const id of reached) for (const next of localIn(byId.get(id))) reached.add(next);
    this.#without(rest, 'contained', (inner) => byId.get(inner['id']) !== inner || !reached.has(inner['id']));
  }
}

/** Whether a reference leads to a resource about a drug, also by a condition (`MedicationRequest?identifier=`). */
const isOfDrug = (reference: unknown): boolean =>
  isObject(reference) &&
  typeof reference['reference'] === 'string' &&
  /(?:^|\/)(?:Medication|Immunization)/.test(reference['reference']);

import type { FhirResource } from '@provider-access/fhir';
import { objectsOf, PARTS, type Source } from '../drugs.ts';
import { hasText, localIn, numbersOf, refersToNothing } from '../parts.ts';
import { narrowed } from './billable-period.ts';
import { CutNames } from './names.ts';
import { GO, LIST_NAMES, type ListName, POINTERS } from './ordinary.ts';

/** The tags of lines that a part of the claim has. @param isInside whether it is a contained resource */
type TagsOf = (part: unknown, isInside?: boolean) => readonly string[];
type Numbers = ReadonlySet<unknown>;
type Open = Record<string, unknown>;

/** Kinds of diagnoses and procedures that are about a part of the claim. Without a kind, the first one is about all. */
const OF_A_PART: ReadonlySet<unknown> = new Set(['secondary', 'other']);
const codesOf = (concepts: unknown): readonly unknown[] =>
  objectsOf(concepts).flatMap(({ coding }) => objectsOf(coding).map(({ code }) => code));
/** A text that is one word with a digit is a number of an account, and no sentence. */
const isIdentifier = (text: unknown): boolean => typeof text === 'string' && /^(?=.*\d)[\w./-]+$/.test(text);

/** The new numbers, by the old ones: what stays gets the first numbers of the list, so that no gap tells of a line. */
function renumbered(all: readonly Source[], kept: readonly Source[], name = 'sequence'): ReadonlyMap<unknown, unknown> {
  const inOrder = (some: readonly Source[]): readonly number[] =>
    [...new Set(some.map((one) => one[name] as number))].toSorted((a, b) => a - b);
  const numbers = inOrder(all);
  return new Map(inOrder(kept).map((number, at) => [number, numbers[at]!]));
}

/**
 * Takes lines out of an ordinary claim (`isOrdinary`): items and added items with a sensitive code at any depth, and
 * those that point to a sensitive diagnosis, procedure, information, member of the care team or contained resource.
 * What only they point to goes with them, and so do texts about the whole claim. The numbers of what stays are closed
 * up. `rest` is undefined if the claim as a whole has a sensitive code, if no line is left, or if the rest tells of a
 * removed line.
 */
export class LineCut {
  readonly rest: FhirResource | undefined;
  /** The tags of what was removed. */
  readonly tags = new Set<string>();
  readonly #claim: Source;
  readonly #tagsOf: TagsOf;
  readonly #names: CutNames;
  /** The sensitive contained resources, and those that lead to one. */
  readonly #inner: Numbers;
  /** The numbers of sensitive entries of each list. */
  readonly #sensitive: Readonly<Record<ListName, Numbers>>;
  /** The lines that go, by their numbers, and added items. */
  #lines: Numbers = new Set();
  #added: ReadonlySet<Source> = new Set();
  #isUnsure = false;

  constructor(claim: Source, tagsOf: TagsOf) {
    this.#claim = claim;
    this.#tagsOf = tagsOf;
    this.#names = new CutNames((part) => tagsOf(part).length > 0);
    this.#inner = this.#sensitiveInner();
    this.#sensitive = {
      careTeam: this.#sensitiveOf('careTeam'),
      diagnosis: this.#sensitiveOf('diagnosis'),
      procedure: this.#sensitiveOf('procedure'),
      supportingInfo: this.#sensitiveOf('supportingInfo'),
    };
    this.#chooseLines();
    if (!this.#isUnsure && this.#mayGo()) this.rest = this.#cut();
  }

  #objects(name: string): readonly Source[] {
    return objectsOf(this.#claim[name]);
  }
  #isSensitive(part: Source): boolean {
    return this.#tagsOf(part).length > 0 || localIn(part).some((id) => this.#inner.has(id));
  }
  #sensitiveInner(): Numbers {
    const contained = this.#objects('contained');
    const found = new Set(contained.filter((one) => this.#tagsOf(one, true).length > 0).map(({ id }) => id));
    for (let before = -1; before < found.size;) {
      before = found.size;
      for (const one of contained) if (localIn(one).some((id) => found.has(id))) found.add(one['id']);
    }
    return found;
  }
  #sensitiveOf(name: ListName): Numbers {
    return new Set(
      this.#objects(name)
        .filter((one) => this.#isSensitive(one))
        .map(({ sequence }) => sequence),
    );
  }

  /** An added item belongs to the lines that it names: they go together. */
  #chooseLines(): void {
    const pointsToSensitive = (item: Source): boolean =>
      LIST_NAMES.some((name) => numbersOf(item[POINTERS[name]]).some((number) => this.#sensitive[name].has(number)));
    const lines = new Set<unknown>();
    const added = new Set<Source>();
    for (const item of this.#objects('item'))
      if (this.#isSensitive(item) || pointsToSensitive(item)) lines.add(item['sequence']);
    for (const item of this.#objects('addItem'))
      if (this.#isSensitive(item)) {
        added.add(item);
        for (const number of numbersOf(item['itemSequence'])) lines.add(number);
      }
    for (const item of this.#objects('addItem')) {
      const of = numbersOf(item['itemSequence']);
      const gone = of.filter((number) => lines.has(number));
      if (gone.length > 0 && gone.length < of.length) this.#isUnsure = true;
      if (gone.length > 0) added.add(item);
    }
    this.#lines = lines;
    this.#added = added;
  }

  get #keptItems(): readonly Source[] {
    return this.#objects('item').filter(({ sequence }) => !this.#lines.has(sequence));
  }
  get #goneItems(): readonly Source[] {
    return this.#objects('item').filter(({ sequence }) => this.#lines.has(sequence));
  }

  /** Whether sensitive entries of the lists belong to the lines that go, and to nothing else. */
  #mayGo(): boolean {
    if (this.#lines.size === 0 || this.#keptItems.length === 0) return false;
    return LIST_NAMES.every((name) =>
      this.#objects(name)
        .filter(({ sequence }) => this.#sensitive[name].has(sequence))
        .every((entry) => this.#isOfLines(name, entry)),
    );
  }
  #isOfLines(name: ListName, entry: Source): boolean {
    const { sequence, type, packageCode } = entry;
    const points = (item: Source): readonly unknown[] => numbersOf(item[POINTERS[name]]);
    if (!this.#goneItems.some((item) => points(item).includes(sequence))) return false;
    if (name === 'careTeam' || name === 'supportingInfo') return true;
    // A line that points nowhere is about all diagnoses of the claim, and so is an added line.
    if (packageCode !== undefined || !this.#keptItems.every((item) => points(item).length > 0)) return false;
    if (this.#objects('addItem').some((item) => numbersOf(item['itemSequence']).length === 0)) return false;
    const first = Math.min(...this.#objects(name).map((one) => one['sequence'] as number));
    return type === undefined ? sequence !== first : codesOf(type).length > 0 && codesOf(type).every(isOfAPart);
  }

  #cut(): FhirResource | undefined {
    const claim = this.#claim;
    for (const item of [...this.#goneItems, ...this.#added]) this.#remove(item);
    const rest: Open = { ...claim };
    for (const name of GO) delete rest[name];
    const numbers = new Map<string, ReadonlyMap<unknown, unknown>>();
    for (const name of LIST_NAMES) {
      const kept = this.#keptOf(name);
      const isGone = kept.length === 0 && this.#objects(name).length > 0;
      // The profiles of a claim ask for a diagnosis.
      if (isGone && name === 'diagnosis') return undefined;
      numbers.set(POINTERS[name], renumbered(this.#objects(name), kept));
      put(
        rest,
        name,
        kept.map((entry) => ({ ...entry, sequence: numbers.get(POINTERS[name])!.get(entry['sequence']) })),
      );
    }
    const notes = this.#keptNotes();
    numbers.set('noteNumber', renumbered(this.#objects('processNote'), notes, 'number'));
    put(
      rest,
      'processNote',
      notes.map((note) => ({ ...note, number: numbers.get('noteNumber')!.get(note['number']) })),
    );
    const items = renumbered(this.#objects('item'), this.#keptItems);
    numbers.set('itemSequence', items);
    put(
      rest,
      'item',
      this.#keptItems.map((item) => ({ ...pointing(item, numbers), sequence: items.get(item['sequence']) })),
    );
    put(
      rest,
      'addItem',
      this.#objects('addItem').flatMap((item) => (this.#added.has(item) ? [] : [pointing(item, numbers)])),
    );
    this.#withoutSums(rest);
    narrowed(rest, this.#keptItems, this.#goneItems);
    this.#withoutContained(rest);
    const isClean = !this.#isTagged(rest) && !this.#names.in(rest) && !refersToNothing(rest);
    return isClean ? (rest as FhirResource) : undefined;
  }

  /** Notes the tags and names of a removed part, and of the contained resources to which it leads. */
  #remove(part: Source): void {
    for (const tag of this.#tagsOf(part)) this.tags.add(tag);
    this.#names.add(part);
  }
  #isTagged(rest: Source): boolean {
    const { contained, ...main } = rest;
    return this.#tagsOf(main).length > 0 || objectsOf(contained).some((one) => this.#tagsOf(one, true).length > 0);
  }

  /** The entries that stay: those of kept lines, and those of the claim as a whole. */
  #keptOf(name: ListName): readonly Source[] {
    const pointer = POINTERS[name];
    const of = (items: readonly Source[]): Numbers => new Set(items.flatMap((item) => numbersOf(item[pointer])));
    const [kept, gone] = [of(this.#keptItems), of(this.#goneItems)];
    const isSilent = this.#goneItems.some((item) => numbersOf(item[pointer]).length === 0);
    return this.#objects(name).filter((entry) => {
      const { sequence } = entry;
      const isSensitive = this.#sensitive[name].has(sequence);
      // Of whom nobody says which line was theirs may have made the line that goes.
      const isTheirs = name === 'careTeam' && isSilent && kept.size > 0;
      const stays = kept.has(sequence) || (!gone.has(sequence) && !isTheirs && !isVague(name, entry));
      if (stays && !isSensitive) return true;
      this.#remove(entry);
      return false;
    });
  }

  #keptNotes(): readonly Source[] {
    const of = (items: readonly Source[]): Numbers => new Set(items.flatMap(notesOf));
    const added = this.#objects('addItem');
    const kept = of([...this.#keptItems, ...added.filter((item) => !this.#added.has(item))]);
    const gone = of([...this.#goneItems, ...this.#added]);
    const all = this.#objects('processNote');
    const isSure = new Set(all.map(({ number }) => number)).size === all.length;
    return all.filter(
      (note) => isSure && kept.has(note['number']) && !gone.has(note['number']) && !this.#names.in(note),
    );
  }

  /** Sums of units, and texts about the whole, go. */
  #withoutSums(rest: Open): void {
    const isKept = (part: Source): boolean => !hasText(part) && !this.#names.in(part);
    put(
      rest,
      'adjudication',
      this.#objects('adjudication').filter((one) => one['value'] === undefined && isKept(one)),
    );
    put(rest, 'extension', this.#objects('extension').filter(isKept));
    put(
      rest,
      'insurance',
      this.#objects('insurance').map(({ preAuthRef: _, ...insurance }) => insurance),
    );
  }

  /** Contained resources stay if what stays leads to them. */
  #withoutContained(rest: Open): void {
    const { contained: _, ...main } = rest;
    const contained = this.#objects('contained');
    const byId = new Map(contained.map((inner) => [inner['id'], inner]));
    const reached = new Set(localIn(main));
    for (const id of reached) for (const next of localIn(byId.get(id))) reached.add(next);
    for (const inner of contained)
      if (!reached.has(inner['id'])) {
        for (const tag of this.#tagsOf(inner, true)) this.tags.add(tag);
        this.#names.add(inner);
      }
    put(
      rest,
      'contained',
      contained.filter(({ id }) => reached.has(id)),
    );
  }
}

const isOfAPart = (code: unknown): boolean => OF_A_PART.has(code);

/** Whether information about the whole claim has words, or leads elsewhere. */
const isVague = (name: ListName, entry: Source): boolean =>
  name === 'supportingInfo' &&
  (entry['valueReference'] !== undefined ||
    entry['reason'] !== undefined ||
    (entry['valueString'] !== undefined && !isIdentifier(entry['valueString'])));

function put(rest: Open, name: string, list: readonly unknown[]): void {
  if (list.length > 0) rest[name] = list;
  else delete rest[name];
}

const notesOf = (item: Source): readonly unknown[] => [
  ...numbersOf(item['noteNumber']),
  ...PARTS.flatMap((name) => objectsOf(item[name]).flatMap(notesOf)),
];

/** An item whose numbers name what they named before. Numbers of what is gone go. */
function pointing(item: Source, numbers: ReadonlyMap<string, ReadonlyMap<unknown, unknown>>): Source {
  const left: Open = { ...item };
  for (const [name, by] of numbers)
    if (item[name] !== undefined)
      put(
        left,
        name,
        numbersOf(item[name]).flatMap((number) => by.get(number) ?? []),
      );
  for (const name of PARTS)
    if (item[name] !== undefined)
      put(
        left,
        name,
        objectsOf(item[name]).map((part) => pointing(part, numbers)),
      );
  return left;
}

import {
  type Candidate,
  type Demographics,
  type Described,
  describedBy,
  describedIn,
  type Finder,
  findMember,
  type Found,
  type LookUp,
  MOST_SUBMITTED_IDS,
  nameKeys,
  submittedIds,
} from '@provider-access/domain/pdex/match';
import { bufferOf, PA_RECORDS } from '@provider-access/events';
import { EngineUnavailable, type EventLog } from '@provider-access/engines/log';
import type { ViewDocument, ViewReader, Views } from '@provider-access/engines/views';
import type { LabelCheck } from './labels.ts';
import { keysIn, memberKeys, memberOfKeys } from './member-keys.ts';
import { type Person, readPersons } from './merged-persons.ts';
import type { RecordsReader } from './reader.ts';
import { NOBODY, recordId, type StoredRecord } from './record.ts';

/** Questions in one round of queries. */
const TOGETHER = 100;
/** Documents of one question. More have an id that says nothing, such as the number of an employer: nobody is found. */
export const MOST_DOCUMENTS = 256;
const VIEW_PATIENCE_MS = 10_000;

export interface MatchIndexOptions {
  readonly views: Views;
  readonly log: Pick<EventLog, 'head'>;
  readonly records: Pick<RecordsReader, 'load' | 'views'>;
  /** Reader of the member facts, for merges. */
  readonly members: Pick<ViewReader, 'getMany'>;
  /** All systems of this payer's member ids (M45); empty: those of the published Patients and Coverages. */
  readonly systems: readonly string[];
}

/** What is asked about one person. */
interface Question {
  readonly asked: Described;
  readonly ids: readonly (readonly string[])[];
  readonly keys: readonly string[];
}
/** A person with the Patient that is compared. */
interface Known extends Person {
  readonly patient?: StoredRecord;
  readonly described?: Described;
}

export interface FoundPerson {
  readonly member: string;
  /** As the payer sent it. */
  readonly patient?: unknown;
}

/**
 * Finds members for `$provider-member-match` (ADR 0123). A hundred questions cost the same queries whatever the store
 * holds (M44), and whether somebody is found or not (M59).
 */
export class MatchIndex {
  readonly #options: MatchIndexOptions;
  readonly #keys: ViewReader;
  constructor(options: MatchIndexOptions) {
    this.#options = options;
    this.#keys = options.views.reader(memberKeys);
  }

  /**
   * @param check makes the check of labels for the client that asks. A Patient that it withholds is not found. It is
   * made for each question, because it remembers whose consents it has read.
   */
  finder(check: () => Pick<LabelCheck, 'readConsents' | 'withheld'>): Finder {
    return {
      find: async (of) => {
        const found: Found[] = [];
        for (let at = 0; at < of.length; at += TOGETHER)
          found.push(...(await this.#findSome(of.slice(at, at + TOGETHER), check)));
        return found;
      },
    };
  }

  /**
   * All persons who fit, by the id that stays and in its order, each with the Patient that the payer sent. Undefined if
   * a key has too many documents, such as the number of an employer. It is for the payer's own people, so labels
   * withhold nobody, and the answer may cost more for somebody who is found.
   */
  async lookUp({ keys, fits }: LookUp): Promise<readonly FoundPerson[] | undefined> {
    await this.#caughtUp();
    const ids = await this.#ids(keys, MOST_DOCUMENTS + 1);
    if (ids.length > MOST_DOCUMENTS) return undefined;
    const loaded = await this.#keys.getMany(ids);
    // A key may have gone from the document since the index was read.
    const documents = loaded.filter((one) => one !== undefined && keysIn(one).some((key) => keys.includes(key)));
    const persons = await this.#personsOf(documents as readonly ViewDocument[]);
    const found = new Set(documents.map((one) => persons.get(memberOfKeys(one!))!));
    return [...found]
      .filter(({ described }) => fits(described))
      .map(({ id, patient }) => ({ member: id, ...(patient && { patient: parsed(patient) }) }))
      .toSorted((a, b) => (a.member < b.member ? -1 : 1));
  }

  async #findSome(
    of: readonly Demographics[],
    check: () => Pick<LabelCheck, 'readConsents' | 'withheld'>,
  ): Promise<readonly Found[]> {
    await this.#caughtUp();
    const questions = of.map((one) => this.#questionOf(one));
    const documents = await this.#documentsOf(questions);
    const persons = await this.#personsOf(documents.flatMap((some) => some ?? []));
    const found: Found[] = [];
    for (const [i, question] of questions.entries()) {
      const one = documents[i] === undefined ? { found: SEVERAL } : answer(question, documents[i], persons);
      const isOpen = !(await isWithheld(check(), one.patient));
      found.push(isOpen ? withMerged(one.found, persons) : WITHHELD);
    }
    return found;
  }

  /** While a new build of the index grows, it would answer that a member is not there. */
  async #caughtUp(): Promise<void> {
    const head = await this.#options.log.head([PA_RECORDS]);
    const views = [this.#keys, this.#options.records.views.records];
    const passed = await Promise.all(views.map((view) => view.waitFor(head, VIEW_PATIENCE_MS)));
    if (passed.includes(false)) throw new EngineUnavailable('the index of members does not keep up');
  }

  #questionOf(one: Demographics): Question {
    const asked = describedBy(one);
    const ids = submittedIds(one, this.#options.systems);
    const isUsable = ids.length <= MOST_SUBMITTED_IDS;
    return { asked, ids, keys: isUsable ? [...ids.flat(), ...nameKeys(asked)] : [] };
  }

  /** For each question the documents with one of its keys; undefined if they are too many. */
  async #documentsOf(questions: readonly Question[]): Promise<readonly (readonly ViewDocument[] | undefined)[]> {
    const all = await this.#ids(
      questions.flatMap(({ keys }) => keys),
      questions.length * MOST_DOCUMENTS + 1,
    );
    // One question alone can have so many documents that those of others are cut off. Then each one is asked alone.
    const each =
      all.length <= questions.length * MOST_DOCUMENTS
        ? undefined
        : await Promise.all(questions.map(({ keys }) => this.#ids(keys, MOST_DOCUMENTS + 1)));
    const ids = new Set(each === undefined ? all : each.filter((some) => some.length <= MOST_DOCUMENTS).flat());
    const loaded = await this.#keys.getMany(ids.size === 0 ? [NOBODY] : [...ids]);
    const byKey = new Map<string, ViewDocument[]>();
    for (const document of loaded)
      for (const key of document === undefined ? [] : keysIn(document))
        if (byKey.get(key)?.push(document!) === undefined) byKey.set(key, [document!]);
    return questions.map(({ ids: given, keys }, i) => {
      const some = [...new Set(keys.flatMap((key) => byKey.get(key) ?? []))];
      const isTooMany = some.length > MOST_DOCUMENTS || (each?.[i]?.length ?? 0) > MOST_DOCUMENTS;
      return isTooMany || given.length > MOST_SUBMITTED_IDS ? undefined : some;
    });
  }

  #ids(keys: readonly string[], limit: number): Promise<readonly string[]> {
    const wanted = keys.length === 0 ? [NOBODY] : [...new Set(keys)];
    return this.#keys.ids({ index: 'by_key', equals: [], all: [wanted], limit });
  }

  /** The persons of these documents, by each of their member ids. */
  async #personsOf(documents: readonly ViewDocument[]): Promise<ReadonlyMap<string, Known>> {
    const persons = await readPersons(this.#options.members, new Set(documents.map(memberOfKeys)));
    const members = [...new Set([...persons.values()].flatMap(({ ids }) => ids))];
    const wanted = members.length === 0 ? [NOBODY] : members;
    const loaded = await this.#options.records.load(wanted.map((member) => recordId(member, 'Patient', member)));
    const patients = new Map(loaded.flatMap((one, i) => (one && one.deleted !== true ? [[wanted[i]!, one]] : [])));
    const known = new Map<Person, Known>();
    for (const person of new Set(persons.values())) {
      const patient = person.ids.map((id) => patients.get(id)).find((one) => one !== undefined);
      known.set(person, { ...person, ...(patient && { patient, described: describedIn(parsed(patient)) }) });
    }
    return new Map([...persons].map(([id, person]) => [id, known.get(person)!]));
  }
}

const SEVERAL: Found = { miss: 'several' };
/** As a member whom this payer does not have. */
const WITHHELD: Found = { miss: 'nobody' };
/** With the other ids of the person, because a provider may have attested one of them before they were merged. */
function withMerged(found: Found, persons: ReadonlyMap<string, Person>): Found {
  if (!('member' in found)) return found;
  const merged = persons.get(found.member)?.ids.filter((id) => id !== found.member) ?? [];
  return merged.length === 0 ? found : { ...found, merged };
}
const parsed = ({ line }: StoredRecord): unknown => JSON.parse(bufferOf(line).toString());

function answer(
  { asked, ids }: Question,
  documents: readonly ViewDocument[],
  persons: ReadonlyMap<string, Known>,
): { readonly found: Found; readonly patient?: StoredRecord } {
  const personOf = (document: ViewDocument): Known => persons.get(memberOfKeys(document))!;
  const holders = ids.map(
    (keys) => new Set(documents.filter((one) => keysIn(one).some((key) => keys.includes(key))).map(personOf)),
  );
  const candidates = [...new Set(documents.map(personOf))].map((person): Candidate => {
    const own = holders.filter((some) => some.has(person));
    const id = own.length === 0 ? 'none' : own.some(({ size }) => size === 1) ? 'own' : 'shared';
    return { member: person.id, id, ...(person.described && { described: person.described }) };
  });
  const found = findMember(asked, candidates);
  const patient = 'member' in found ? persons.get(found.member)?.patient : undefined;
  return { found, ...(patient && { patient }) };
}

/** Costs the same for a question without an answer. */
async function isWithheld(
  check: Pick<LabelCheck, 'readConsents' | 'withheld'>,
  patient: StoredRecord | undefined,
): Promise<boolean> {
  await check.readConsents(patient?.member ?? NOBODY);
  return patient !== undefined && (await check.withheld(patient));
}

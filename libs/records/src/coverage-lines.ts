import {
  isCoverageShared,
  type LinesFact,
  linesAt,
  type PartyFacts,
  type PlanFact,
} from '@provider-access/domain/access';
import type { ViewDocument, ViewReader } from '@provider-access/engines/views';
import { type RecordPart, SHARED } from './record.ts';

/**
 * Lines of business at the level of resources (docs/lines-of-business.md): what names a Coverage of a line that has not
 * started is left out. A coverage that a record names is a label of it, with a name that no security label can have. So
 * whatever decides by labels, such as a download by the index of a file, decides about lines as well.
 */
const MARK = '\u0001Coverage/';
const COVERAGE = 'Coverage';
/** These always belong to a coverage. One that names none by a literal reference is not shared. */
const CLAIMS: ReadonlySet<string> = new Set(['Claim', 'ExplanationOfBenefit']);

export const isCoverageLabel = (label: string): boolean => label.startsWith(MARK);
/** The id of the coverage; empty if the record does not tell which one it is. */
export const coverageOfLabel = (label: string): string => label.slice(MARK.length);

/** Whether a record of this type with these references belongs to a line of business. */
export const belongsToLine = (type: string, references: readonly string[]): boolean =>
  type === COVERAGE || CLAIMS.has(type) || references.some((reference) => reference.startsWith(`${COVERAGE}/`));

/** The coverages that a record names, as labels. A record of which they are not known has an empty one. */
export function coverageLabels({
  member,
  type,
  id,
  references,
}: Pick<RecordPart, 'member' | 'type' | 'id'> & Partial<Pick<RecordPart, 'references'>>): readonly string[] {
  if (member === SHARED) return [];
  if (references === undefined) return [MARK];
  const named = references.filter((reference) => reference.startsWith(`${COVERAGE}/`));
  const own = type === COVERAGE ? [`${COVERAGE}/${id}`] : [];
  const all = [...new Set([...own, ...named])].map((reference) => MARK + reference.slice(COVERAGE.length + 1));
  return all.length === 0 && CLAIMS.has(type) ? [MARK] : all.toSorted();
}

/** By member, whether a coverage is shared. */
type Shared = (coverageId: string) => boolean;

/** Which coverages are shared by the table in force. One check asks the facts of a member once. */
export class CoverageLines {
  readonly #table: LinesFact;
  readonly #now: number;
  readonly #members: Pick<ViewReader, 'getMany'>;
  readonly #known = new Map<string, Shared | Promise<Shared>>();
  constructor(table: LinesFact, now: number, members: Pick<ViewReader, 'getMany'>) {
    this.#table = table;
    this.#now = now;
    this.#members = members;
  }

  /** The coverages among the labels that are not shared. A promise if the facts of the member are not known yet. */
  hidden(member: string, labels: readonly string[]): readonly string[] | Promise<readonly string[]> {
    const of = (shared: Shared): readonly string[] => labels.filter((label) => !shared(coverageOfLabel(label)));
    const known = this.read(member);
    return known instanceof Promise ? known.then(of) : of(known);
  }

  /** Reads the facts of a member. */
  read(member: string): Shared | Promise<Shared> {
    let known = this.#known.get(member);
    if (known === undefined) {
      known = this.#load(member).then((shared) => {
        this.#known.set(member, shared);
        return shared;
      });
      this.#known.set(member, known);
    }
    return known;
  }

  /** A merge moves records to another id of the person, and not what is known of their coverages. */
  async #load(member: string): Promise<Shared> {
    const [own] = await this.#members.getMany([member]);
    const others = partOf(own)?.mergedWith ?? [];
    const all = others.length === 0 ? [own] : [own, ...(await this.#members.getMany(others))];
    const plans = all.flatMap(plansOf);
    return (coverageId) =>
      coverageId !== '' && isCoverageShared(this.#table, { coverage: [], plans }, coverageId, this.#now);
  }
}

/** Undefined without a table: then all lines are started. */
export function linesOf(
  party: Pick<PartyFacts, 'lines' | 'asOf'>,
  clock: number,
  members: Pick<ViewReader, 'getMany'>,
): CoverageLines | undefined {
  if (party.lines().length === 0) return undefined;
  const asOf = party.asOf();
  const now = asOf === undefined ? clock : Math.max(clock, Date.parse(asOf));
  const table = linesAt(party, now);
  return table && new CoverageLines(table, now, members);
}

/** As the view of member facts has it (`MembersPart` of libs/facts, which is on the same floor). */
interface MembersPart {
  readonly mergedWith?: readonly string[];
  readonly plans?: Readonly<Record<string, readonly { readonly appliesFrom: string; readonly plan: string }[]>>;
}
const partOf = (document: ViewDocument | undefined): MembersPart | undefined =>
  document?.['members'] as MembersPart | undefined;
const plansOf = (document: ViewDocument | undefined): readonly PlanFact[] =>
  Object.entries(partOf(document)?.plans ?? {}).flatMap(([coverageId, steps]) =>
    steps.map(({ appliesFrom: from, plan }) => ({ coverageId, plan, from, recordedAt: from, event: '' })),
  );

import { type Label, UNREADABLE_LABEL } from '@provider-access/domain/pdex/labels';
import type { IdSet } from '@provider-access/engines/views';
import { isSharedType } from '@provider-access/fhir';
import type { RecordsReader } from './reader.ts';
import { hasAllLabels, type Labelled, labelsOfRecord, targetsOfLine } from './record-labels.ts';
import { memberOfRecord, NOBODY, recordId, recordIdNamed, type RecordPart, SHARED } from './record.ts';
import { mayBeShared } from './supporting.ts';

export const PROVENANCE = 'Provenance';
/** Provenances of Provenances are followed so far. Whatever lies behind counts as unreadable. */
const MAX_DEPTH = 3;

/** The labels of one resource. Whether they withhold it depends on the consents of the member who has it. */
export interface OwnedLabels {
  readonly member: string;
  readonly labels: readonly Label[];
}

/** Whether an earlier release wrote the record, so that only its line has all that decides. */
export const needsLine = (record: Labelled): boolean =>
  record.line === undefined &&
  record.deleted !== true &&
  (!hasAllLabels(record) || (record.type === PROVENANCE && record.targets === undefined));

/**
 * The records with the lines of those that need one, in one query; none is made if no record does. A record that is
 * gone meanwhile is undefined.
 */
export async function withLines(
  records: Pick<RecordsReader, 'load'>,
  some: readonly (Labelled | undefined)[],
): Promise<readonly (Labelled | undefined)[]> {
  const ids = some.flatMap((one) => (one !== undefined && needsLine(one) ? [idOf(one)] : []));
  if (ids.length === 0) return some;
  const lines = new Map((await records.load(ids)).map((record, i) => [ids[i]!, record]));
  return some.map((one) => {
    if (one === undefined || !needsLine(one)) return one;
    const record = lines.get(idOf(one));
    return record?.deleted === true ? undefined : record;
  });
}
const idOf = ({ member, type, id }: Labelled): string => recordId(member, type, id);

/** The records that a Provenance is about, as far as this member or the payer's directory has them. */
function recordsOf({ member, type, targets, line }: Labelled): readonly string[] {
  if (type !== PROVENANCE) return [];
  const ids: string[] = [];
  // Without a list for each target, because a Provenance may have hundreds. Neighbours are mostly of one type.
  let [before, isShared, mayBe] = ['', false, false];
  for (const target of targets ?? (line === undefined ? [] : targetsOfLine(line))) {
    if (before === '' || !target.startsWith(before)) {
      before = target.slice(0, target.indexOf('/') + 1);
      const of = before === '' ? target : before.slice(0, -1);
      isShared = isSharedType(of);
      mayBe = !isShared && mayBeShared(of);
    }
    ids.push(recordIdNamed(isShared ? SHARED : member, target));
    if (mayBe) ids.push(recordIdNamed(SHARED, target));
  }
  return ids;
}
const isProvenance = (target: string): boolean => target.startsWith(`${PROVENANCE}/`);
const isOfProvenance = (id: string): boolean => id.startsWith(`${PROVENANCE}/`, id.indexOf('/') + 1);
/** Whether a target is a Provenance. By the targets, because ids would have to be joined for it. */
const namesProvenance = ({ targets, line }: Labelled): boolean =>
  (targets ?? (line === undefined ? [] : targetsOfLine(line))).some(isProvenance);
export const ownLabels = (record: Labelled): OwnedLabels => ({
  member: record.member,
  labels: record.deleted === true ? (record.labels ?? []) : labelsOfRecord(record),
});

/** Without a target, a query asks for a record that nobody has. */
const orNobody = (ids: readonly string[]): readonly string[] =>
  ids.length === 0 ? [recordId(NOBODY, NOBODY, NOBODY)] : ids;

/** Looks for a record in a list of targets, before a set is made of it. */
const FEW_LOOKS = 8;
/** What `recordsOf` finds for some Provenances. For one, an id is looked for among its targets, so none is joined. */
class TargetSet implements IdSet {
  readonly owners: readonly string[];
  readonly #some: readonly Labelled[];
  #all: readonly string[] | undefined;
  #looks = 0;
  #names: ReadonlySet<string> | undefined;
  constructor(some: readonly Labelled[]) {
    this.#some = some;
    this.owners = [...new Set(some.map(({ member }) => member)), SHARED];
  }
  all(): readonly string[] {
    return (this.#all ??= orNobody([...new Set(this.#some.flatMap(recordsOf))]));
  }
  has(id: string): boolean {
    const [only] = this.#some;
    if (this.#some.length !== 1 || only?.targets === undefined) return this.all().includes(id);
    const { member, targets } = only;
    const isIn = (owner: string, may: (type: string) => boolean): boolean => {
      if (!id.startsWith(`${owner}/`)) return false;
      const name = id.slice(owner.length + 1);
      const slash = name.indexOf('/');
      return may(slash < 0 ? name : name.slice(0, slash)) && this.#isTarget(name, targets);
    };
    return (
      isIn(member, (type) => !isSharedType(type)) || isIn(SHARED, (type) => isSharedType(type) || mayBeShared(type))
    );
  }
  /** A set costs as much as some looks into the list, and most members have fewer records that are looked for. */
  #isTarget(name: string, targets: readonly string[]): boolean {
    this.#looks += 1;
    return this.#looks <= FEW_LOOKS ? targets.includes(name) : (this.#names ??= new Set(targets)).has(name);
  }
}

const inOrder = (ids: readonly string[], heads: readonly RecordPart[]): readonly (RecordPart | undefined)[] => {
  const byId = new Map(heads.map((head) => [idOf(head), head]));
  return ids.map((id) => byId.get(id));
};
const labelledOf = async (
  records: Pick<RecordsReader, 'labelledHeads'>,
  ids: readonly string[],
): Promise<readonly (RecordPart | undefined)[]> => {
  const owners = [...new Set(ids.map(memberOfRecord))];
  return inOrder(ids, await records.labelledHeads({ owners, has: (id) => ids.includes(id), all: () => ids }));
};

/** How the labels of a target are found. */
export interface OfTargets {
  readonly own: (record: Labelled) => OwnedLabels;
  /** Whether also a record without security labels may be withheld. */
  readonly all: boolean;
}

/**
 * The labels that decide about each Provenance: its own, and those of its targets, a Provenance among them included.
 * One query serves all, and it is there even if no Provenance has a target, so that the number of queries does not tell
 * that there is one. It finds the targets that may have labels alone. Only a Provenance of a Provenance costs another
 * query.
 * @param some Provenances with their lines, if they need them
 */
export async function labelsOfProvenances(
  records: Pick<RecordsReader, 'heads' | 'labelledHeads' | 'load' | 'holders'>,
  some: readonly Labelled[],
  { own, all: asksAll }: OfTargets = { own: ownLabels, all: false },
): Promise<readonly (readonly OwnedLabels[])[]> {
  const known = new Map<string, Labelled | undefined>();
  /** Where a merge has moved a target, which has its labels there. */
  const moved = new Map<string, readonly string[]>();
  const nextOf = (one: Labelled): readonly string[] => [...recordsOf(one), ...(moved.get(idOf(one)) ?? [])];
  const first = new TargetSet(some);
  // A Provenance without labels has targets, which may have some.
  const asksFirst = asksAll || some.some(namesProvenance);
  const labelled = asksFirst ? undefined : await records.labelledHeads(first);
  if (labelled?.length === 0) return some.map((one) => [own(one)]);
  if (some.length === 1 && labelled?.every(({ reason }) => reason !== 'merged') === true)
    return [[own(some[0]!), ...(await withLines(records, labelled)).filter((one) => one !== undefined).map(own)]];
  let heads = labelled === undefined ? await records.heads(first.all()) : inOrder(first.all(), labelled);
  if (heads.every((head) => head === undefined)) return some.map((one) => [own(one)]);
  for (let open = first.all(), depth = 1; ; depth++) {
    const found = await withLines(records, heads);
    for (const [i, id] of open.entries()) known.set(id, found[i]);
    for (const head of heads)
      if (head?.reason === 'merged') {
        const holders = await records.holders(head.type, head.id);
        moved.set(
          idOf(head),
          holders.map((holder) => recordId(holder, head.type, head.id)),
        );
      }
    open = [...new Set(found.flatMap((one) => (one === undefined ? [] : nextOf(one))))].filter((id) => !known.has(id));
    if (depth === MAX_DEPTH || open.length === 0) break;
    heads = await (asksAll || open.some(isOfProvenance) ? records.heads(open) : labelledOf(records, open));
  }
  return some.map((one) => {
    const all = [own(one)];
    const seen = new Set<string>();
    for (const queue = [...recordsOf(one)]; queue.length > 0;) {
      const id = queue.pop()!;
      if (seen.has(id)) continue;
      seen.add(id);
      const target = known.get(id);
      if (target !== undefined) {
        all.push(own(target));
        queue.push(...nextOf(target));
      } else if (!known.has(id)) all.push({ member: one.member, labels: [UNREADABLE_LABEL] });
    }
    return all;
  });
}

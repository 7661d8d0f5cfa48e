import type { CoverageFact, MemberFacts } from '@provider-access/domain/access';
import { type CoverageChanged, dataOf, type FileNote, type MemberMerged } from '@provider-access/events';
import type { LogRecord } from '@provider-access/engines/log';
import {
  type BySource,
  filePieces,
  fileStep,
  type FileStep,
  fileStepStands,
  joined,
  ofName,
  withFileStep,
  withSourcePart,
} from './file-steps.ts';
import { type Holds, heldUnprojected } from './holds.ts';
import { fewNames, forgottenUntil, MOST_NAMES } from './names.ts';
import { noticeFacts, type NoticesPart, ofMerge, saidOfNotices, withNotice, withReturned } from './notices.ts';
import { eventIdOf, heardFrom, recordedAt, subjectOf, typeOfRecord, withSource } from './record.ts';
import { planFacts, type PlanStep, WHOLE_COVERAGE, withPlan } from './plans.ts';
import { EVER, type NewStep, pieces, stands, type Step, withStep } from './steps.ts';

/** Part `members` of the member facts, from pa.members. */
export interface MembersPart extends NoticesPart {
  readonly coverage: Readonly<Record<string, readonly Step[]>>;
  /** Of which plans the coverages are. Absent if the payer has not said so. */
  readonly plans?: Readonly<Record<string, readonly PlanStep[]>>;
  /** Terminations that name no coverage. */
  readonly all?: readonly Step[];
  /** What full files state, by coverage. A release that does not know this shows nobody by it. */
  readonly files?: BySource<Readonly<Record<string, readonly FileStep[]>>>;
  readonly mergedWith?: readonly string[];
  /** Set when coverages were dropped. No statement about a dropped coverage has a newer business time than this. */
  readonly forgotten?: string;
  readonly sources: readonly string[];
  /** Holds for records at which the projection failed. */
  readonly holds?: Holds;
}
export const EVERY_COVERAGE = '*';

/** undefined if the event changes nothing: it is known already, or a newer one overtook it. */
export const evolveMembers = (part: MembersPart | undefined, record: LogRecord): MembersPart | undefined =>
  heardFrom(part, fold(part, record), record, { coverage: {}, sources: [] });

/**
 * The member is denied. Its coverage goes as well, because the release before does not know holds in this part.
 * @until 0.3.0 for the coverage
 */
export const unprojectedMembers = (part: MembersPart | undefined, record: LogRecord): MembersPart => {
  const { files: _files, ...others } = part ?? {};
  return {
    ...others,
    coverage: {},
    sources: part?.sources ?? [],
    holds: heldUnprojected(part?.holds, record),
  };
};

function fold(part: MembersPart | undefined, record: LogRecord): MembersPart | undefined {
  const type = typeOfRecord(record);
  if (type === 'pa.coverage-changed.v1') return withCoverage(part, record, dataOf<CoverageChanged>(record));
  if (type === 'pa.notice-sent.v1' || type === 'pa.notice-returned.v1') {
    const change = type === 'pa.notice-sent.v1' ? withNotice : withReturned;
    const next = change<MembersPart>(part ?? { coverage: {}, sources: [] }, record);
    return next && { ...next, sources: withSource(part?.sources, record) };
  }
  if (type !== 'pa.member-merged.v1') return undefined;
  const merge = dataOf<MemberMerged>(record);
  const other = merge.member === subjectOf(record) ? merge.retired : merge.member;
  if (part?.mergedWith?.includes(other)) return undefined;
  return {
    coverage: {},
    ...part,
    ...ofMerge(part, record, merge),
    mergedWith: [...(part?.mergedWith ?? []), other].sort(),
    sources: withSource(part?.sources, record),
  };
}

const stepOf = (record: LogRecord, change: CoverageChanged): NewStep => ({
  event: eventIdOf(record),
  businessTime: change.businessTime,
  sequence: change.sequence,
  appliesFrom: change.replaces ? EVER : change.from,
  ...(!change.cancelled && { from: change.from, ...(change.to !== undefined && { until: change.to }) }),
  ...(change.tie !== undefined && { tie: change.tie }),
});

/** Whether what a record of pa.members states about a member still counts. */
export function membersSay(part: MembersPart | undefined, record: LogRecord): boolean {
  // No later event overtakes a merge.
  if (typeOfRecord(record) !== 'pa.coverage-changed.v1') return true;
  const change = dataOf<CoverageChanged>(record);
  if (change.file !== undefined)
    return inFile(part, record, change, change.file).found.every(({ steps, step }) => fileStepStands(steps, step));
  const { coverage = {}, all = [] } = part ?? {};
  const own = Object.hasOwn(coverage, change.coverageId) ? coverage[change.coverageId]! : [];
  return stands([...own, ...all], stepOf(record, change));
}

/** The coverages of a file's source that its statement is about, each with the statement as a step. */
function inFile(part: MembersPart | undefined, record: LogRecord, change: CoverageChanged, file: FileNote) {
  const own = ofName(part?.files, file.source) ?? {};
  const step = fileStep(stepOf(record, change), file);
  const names = change.coverageId === EVERY_COVERAGE ? Object.keys(own) : [change.coverageId];
  return { own, found: names.map((name) => ({ name, steps: ofName(own, name) ?? [], step })) };
}
/** The part with a statement of a full file; undefined if it changes nothing. */
function withFile(
  part: MembersPart | undefined,
  record: LogRecord,
  change: CoverageChanged,
  file: FileNote,
): MembersPart | undefined {
  const { own, found } = inFile(part, record, change, file);
  let coverages = own;
  for (const { name, steps: known, step } of found) {
    const others = [...(ofName(part?.coverage, name) ?? []), ...(part?.all ?? [])];
    const steps = withFileStep(known, step, recordedAt(record), { others });
    if (steps === undefined || (known.length === 0 && Object.keys(coverages).length >= MOST_NAMES)) continue;
    coverages = { ...coverages, [name]: steps };
  }
  const files = coverages === own ? undefined : withSourcePart(part?.files, file.source, coverages);
  const said = saidOfNotices(part, change, keptBy(part?.coverage, files ?? part?.files));
  return files && { coverage: {}, ...part, files, ...said, sources: withSource(part?.sources, record) };
}

function withCoverage(
  part: MembersPart | undefined,
  record: LogRecord,
  change: CoverageChanged,
): MembersPart | undefined {
  if (change.file !== undefined) return withFile(part, record, change, change.file);
  const step = stepOf(record, change);
  const sources = withSource(part?.sources, record);
  if (change.coverageId === EVERY_COVERAGE) {
    const all = withStep(part?.all ?? [], step, recordedAt(record));
    return all && { coverage: {}, ...part, all, sources };
  }
  // Ids come from the payer and may equal the name of a property that every object has.
  const isKnown = part !== undefined && Object.hasOwn(part.coverage, change.coverageId);
  if (!isKnown && part?.forgotten !== undefined && change.businessTime <= part.forgotten) return undefined;
  const at = recordedAt(record);
  const before = isKnown ? part.coverage[change.coverageId]! : [];
  const steps = withStep(before, step, at, part?.all);
  const plans = plansAfter(part, change, step, at);
  if (steps === undefined && plans === undefined) return isKnown ? withSaid(part, change) : undefined;
  const { named, forgotten } = fewNames(
    { ...part?.coverage, [change.coverageId]: steps ?? before },
    (s) => [...s, ...(part?.all ?? [])],
    change.coverageId,
    at,
  );
  return {
    ...part,
    coverage: named,
    ...saidOfNotices(part, change, keptBy(named, part?.files)),
    ...withoutForgotten(plans ?? part?.plans, named),
    ...forgottenUntil(part?.forgotten, forgotten),
    sources,
  };
}

/** The plans of all coverages after a statement; undefined if it changes none. */
function plansAfter(
  part: MembersPart | undefined,
  { coverageId, plan, cancelled, replaces, from }: CoverageChanged,
  { event, businessTime, sequence }: NewStep,
  at: string,
): MembersPart['plans'] | undefined {
  if (plan === undefined) return undefined;
  const known = part?.plans !== undefined && Object.hasOwn(part.plans, coverageId) ? part.plans[coverageId]! : [];
  const appliesFrom = cancelled === true || replaces === true ? WHOLE_COVERAGE : from;
  const steps = withPlan(known, { event, businessTime, sequence, appliesFrom, plan, recordedAt: at });
  return steps && { ...part?.plans, [coverageId]: steps };
}
function withoutForgotten(plans: MembersPart['plans'], named: MembersPart['coverage']): Pick<MembersPart, 'plans'> {
  if (plans === undefined) return {};
  return {
    plans: Object.fromEntries(Object.entries(plans).filter(([coverageId]) => Object.hasOwn(named, coverageId))),
  };
}

/** Whether single events or full files state a coverage. */
const keptBy =
  (coverage: MembersPart['coverage'] = {}, files: MembersPart['files'] = {}) =>
  (id: string): boolean =>
    Object.hasOwn(coverage, id) || Object.values(files).some((each) => Object.hasOwn(each, id));

/** A change that newer ones overtook still says when the enrolment was accepted. */
function withSaid(part: MembersPart, change: CoverageChanged): MembersPart | undefined {
  const { accepted, wishes } = saidOfNotices(part, change, keptBy(part.coverage, part.files));
  const { coverageId } = change;
  const isNews = accepted?.[coverageId] !== part.accepted?.[coverageId] || wishes !== part.wishes;
  return isNews ? { ...part, ...(accepted && { accepted }), ...(wishes && { wishes }) } : undefined;
}

type PartFacts = Pick<MemberFacts, 'coverage' | 'plans' | 'mergedWith' | 'notices'>;
/** What the part says about the member, by the names of the facts. */
export const membersFacts = (part: MembersPart | undefined): PartFacts => ({
  coverage: coverageFacts(part),
  ...(part?.plans !== undefined && {
    plans: Object.entries(part.plans).flatMap(([coverageId, steps]) => planFacts(coverageId, steps)),
  }),
  mergedWith: part?.mergedWith ?? [],
  ...noticeFacts(part),
});
/** The steps of the part. The newest of them says when something about the member was recorded. */
export const membersSteps = (part: MembersPart | undefined): readonly Step[] => [
  ...Object.values(part?.coverage ?? {}).flat(),
  ...(part?.all ?? []),
  ...Object.values(part?.files ?? {}).flatMap((coverages) => Object.values(coverages).flat()),
];

/** With what full files state, after what single events overrule. */
function withFiles(part: MembersPart): CoverageFact[] {
  const { coverage, all = [], files = {} } = part;
  const names = new Set([...Object.keys(coverage), ...Object.values(files).flatMap((each) => Object.keys(each))]);
  return [...names].flatMap((coverageId) => {
    const single = [...(ofName(coverage, coverageId) ?? []), ...all];
    const own = Object.hasOwn(coverage, coverageId) ? pieces(single) : [];
    const stated = Object.values(files).flatMap((each) => filePieces(ofName(each, coverageId) ?? [], single));
    return joined([...own, ...stated]).map((piece) => ({ ...piece, coverageId }));
  });
}

function coverageFacts(part: MembersPart | undefined): CoverageFact[] {
  if (part?.files !== undefined) return withFiles(part);
  const out: CoverageFact[] = [];
  for (const [coverageId, steps] of Object.entries(part?.coverage ?? {})) {
    for (const piece of pieces(part!.all === undefined ? steps : [...steps, ...part!.all]))
      out.push({ ...piece, coverageId });
  }
  return out;
}

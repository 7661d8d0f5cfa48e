import type { AttributionFact } from '@provider-access/domain/access';
import {
  type AttributionEndedRecord,
  dataOf,
  type FileNote,
  type MemberAttributed,
  type ProviderKey,
} from '@provider-access/events';
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
import { type Holds, holdsAfter, withHolds } from './holds.ts';
import { fewNames, forgottenUntil, MOST_NAMES } from './names.ts';
import { eventIdOf, heardFrom, recordedAt, typeOfRecord, withSource } from './record.ts';
import { type NewStep, type Piece, pieces, stands, type Step, withStep } from './steps.ts';

export interface GroupAttribution {
  readonly providers: readonly ProviderKey[];
  readonly contract?: string;
  readonly steps: readonly Step[];
}
/** What the full files of one source state, by Group. */
type FileGroups = Readonly<Record<string, Omit<GroupAttribution, 'steps'> & { readonly steps: readonly FileStep[] }>>;
/** Part `attribution` of the member facts, from pa.attribution. */
export interface AttributionPart {
  readonly groups: Readonly<Record<string, GroupAttribution>>;
  /**
   * Ends by provider and contract. They hold for every Group with that provider and contract, also for one that is
   * asserted later.
   */
  readonly ends?: Readonly<Record<string, GroupAttribution>>;
  /** What full files state. A release that does not know this shows nobody by it. */
  readonly files?: BySource<FileGroups>;
  readonly holds?: Holds;
  /** Set when an ended hold was dropped: before this instant, the holds of this part are incomplete. */
  readonly since?: string;
  /** Set when Groups were dropped. No statement about a dropped Group has a newer business time than this. */
  readonly forgotten?: string;
  readonly sources: readonly string[];
}
export const ATTRIBUTED = 'pa.member-attributed.v1';

/** The providers and the contract that a Group, or an end, is about. */
type About = Pick<GroupAttribution, 'providers' | 'contract'>;
const isEndOf = (end: About, group: About): boolean =>
  end.providers.every((provider) => group.providers.includes(provider)) &&
  (end.contract === undefined || end.contract === group.contract);
const stepsOf = (found: readonly GroupAttribution[]): readonly Step[] => found.flatMap(({ steps }) => steps);
/** The ends that hold for a Group with these providers and this contract. */
export const endSteps = (part: AttributionPart | undefined, group: About): readonly Step[] =>
  stepsOf(Object.values(part?.ends ?? {}).filter((end) => isEndOf(end, group)));
/** What an end of these providers and this contract ends, and which other ends overlap with it. */
export const stepsThatEnd = (part: AttributionPart | undefined, end: About): readonly Step[] => [
  ...stepsOf(Object.values(part?.groups ?? {}).filter((group) => isEndOf(end, group))),
  ...stepsOf(Object.values(part?.ends ?? {}).filter((other) => isEndOf(other, end) || isEndOf(end, other))),
];

const assertionStep = (record: LogRecord, { businessTime, from, to, coverageId, tie }: MemberAttributed): NewStep => ({
  event: eventIdOf(record),
  sequence: 0,
  businessTime,
  appliesFrom: from,
  from,
  ...(to !== undefined && { until: to }),
  ...(coverageId !== undefined && { coverageId }),
  ...(tie !== undefined && { tie }),
});
const endStep = (record: LogRecord, { businessTime, to, tie }: AttributionEndedRecord): NewStep => ({
  event: eventIdOf(record),
  sequence: 0,
  businessTime,
  appliesFrom: to,
  ...(tie !== undefined && { tie }),
});
export const aboutOf = ({ providers, contract }: Pick<MemberAttributed, 'providers' | 'contract'>): About => ({
  providers,
  ...(contract !== undefined && { contract }),
});

type Stated = MemberAttributed | AttributionEndedRecord;
/** The Groups of a file's source that its statement is about, each with the statement as a step. */
function inFile(part: AttributionPart | undefined, record: LogRecord, data: Stated, file: FileNote) {
  const own = ofName(part?.files, file.source) ?? {};
  if (typeOfRecord(record) === ATTRIBUTED) {
    const assertion = data as MemberAttributed;
    const { steps = [] } = ofName(own, assertion.group) ?? {};
    const step = fileStep(assertionStep(record, assertion), file);
    return { own, found: [{ group: assertion.group, about: aboutOf(assertion), steps, step }] };
  }
  const end = data as AttributionEndedRecord;
  const step = fileStep(endStep(record, end), file);
  const ended = Object.entries(own).filter(([, group]) => isEndOf(aboutOf(end), group));
  return { own, found: ended.map(([group, { steps, ...about }]) => ({ group, about, steps, step })) };
}

/** The part with a statement of a full file; undefined if it changes nothing. */
function withFile(
  part: AttributionPart | undefined,
  record: LogRecord,
  data: Stated,
  file: FileNote,
): AttributionPart | undefined {
  const { own, found } = inFile(part, record, data, file);
  let groups: FileGroups = own;
  for (const { group, about, steps: known, step } of found) {
    const others = [...(ofName(part?.groups, group)?.steps ?? []), ...endSteps(part, about)];
    const steps = withFileStep(known, step, recordedAt(record), { others });
    if (steps === undefined) continue;
    if (known.length === 0 && Object.keys(groups).length >= MOST_NAMES) continue;
    groups = { ...groups, [group]: { ...about, steps } };
  }
  const files = groups === own ? undefined : withSourcePart(part?.files, file.source, groups);
  return files && { groups: {}, ...part, sources: withSource(part?.sources, record), files };
}

/** Whether a statement about a member in pa.attribution (an assertion or an end) still counts. */
export function attributionSays(part: AttributionPart | undefined, record: LogRecord): boolean {
  const data = dataOf<Stated>(record);
  if (data.file !== undefined) {
    const { found } = inFile(part, record, data, data.file);
    return found.every(({ steps, step }) => fileStepStands(steps, step));
  }
  if (typeOfRecord(record) !== ATTRIBUTED) {
    const end = data as AttributionEndedRecord;
    return stands(stepsThatEnd(part, aboutOf(end)), endStep(record, end));
  }
  const assertion = data as MemberAttributed;
  const { groups = {} } = part ?? {};
  const own = Object.hasOwn(groups, assertion.group) ? groups[assertion.group]!.steps : [];
  return stands([...own, ...endSteps(part, aboutOf(assertion))], assertionStep(record, assertion));
}

/** The attribution to one Group with one more assertion; undefined if it changes nothing. */
export function asserted(
  known: GroupAttribution | undefined,
  record: LogRecord,
  ends: readonly Step[] = [],
): GroupAttribution | undefined {
  const assertion = dataOf<MemberAttributed>(record);
  const steps = withStep(known?.steps ?? [], assertionStep(record, assertion), recordedAt(record), ends);
  return steps && { ...aboutOf(assertion), steps };
}

function ended(
  part: AttributionPart | undefined,
  record: LogRecord,
  end: AttributionEndedRecord,
): Pick<AttributionPart, 'ends'> | undefined {
  const key = JSON.stringify([...[...end.providers].sort(), end.contract ?? null]);
  const at = recordedAt(record);
  const steps = withStep(part?.ends?.[key]?.steps ?? [], endStep(record, end), at);
  if (steps === undefined) return undefined;
  const ends = { ...part?.ends, [key]: { ...aboutOf(end), steps } };
  return {
    ends: Object.keys(ends).length <= MOST_NAMES ? ends : { [EVERY_PROVIDER]: endOfAll(Object.values(ends), at) },
  };
}

/**
 * When a member has more ends than `MOST_NAMES`, one end of all providers replaces them. It begins with the earliest of
 * them and has the business time of the newest.
 */
const EVERY_PROVIDER = '*';
function endOfAll(ends: readonly GroupAttribution[], at: string): GroupAttribution {
  const steps = ends.flatMap((end) => end.steps);
  const { event, sequence, businessTime } = steps.reduce((a, b) => (b.businessTime > a.businessTime ? b : a));
  const appliesFrom = steps.map((step) => step.appliesFrom).reduce((a, b) => (b < a ? b : a));
  return { providers: [], steps: [{ event, sequence, businessTime, appliesFrom, recordedAt: at }] };
}

/** undefined if the event changes nothing. */
export const evolveAttribution = (part: AttributionPart | undefined, record: LogRecord): AttributionPart | undefined =>
  heardFrom(part, fold(part, record), record, { groups: {}, sources: [] });

function fold(part: AttributionPart | undefined, record: LogRecord): AttributionPart | undefined {
  const base = { groups: {}, ...part, sources: withSource(part?.sources, record) };
  switch (typeOfRecord(record)) {
    case ATTRIBUTED: {
      const assertion = dataOf<MemberAttributed>(record);
      if (assertion.file !== undefined) return withFile(part, record, assertion, assertion.file);
      const { group, businessTime } = assertion;
      const known = part?.groups[group];
      if (known === undefined && part?.forgotten !== undefined && businessTime <= part.forgotten) return undefined;
      const next = asserted(known, record, endSteps(part, aboutOf(assertion)));
      if (next === undefined) return undefined;
      const { named, forgotten } = fewNames(
        { ...part?.groups, [group]: next },
        (g) => [...g.steps, ...endSteps(part, g)],
        group,
        recordedAt(record),
      );
      return { ...base, groups: named, ...forgottenUntil(part?.forgotten, forgotten) };
    }
    case 'pa.attribution-ended.v1': {
      const end = dataOf<AttributionEndedRecord>(record);
      if (end.file !== undefined) return withFile(part, record, end, end.file);
      const ends = ended(part, record, end);
      return ends && { ...base, ...ends };
    }
    default: {
      const holds = holdsAfter(part?.holds, record);
      return holds && holds !== part?.holds ? { ...base, ...withHolds(part, holds) } : undefined;
    }
  }
}

export function attributionFacts(part: AttributionPart | undefined): AttributionFact[] {
  const out: AttributionFact[] = [];
  const files = part?.files === undefined ? undefined : filesByGroup(part);
  for (const [group, { steps, ...about }] of Object.entries(part?.groups ?? {})) {
    const own = pieces([...steps, ...endSteps(part, about)]);
    const all = files?.get(group);
    files?.delete(group);
    for (const piece of all === undefined ? own : joined([...own, ...all.pieces]))
      out.push({ ...piece, group, ...about });
  }
  for (const [group, { about, pieces: all }] of files ?? [])
    for (const piece of joined(all)) out.push({ ...piece, group, ...about });
  return out;
}

/** What full files state about each Group, after what single events overrule. */
function filesByGroup(part: AttributionPart) {
  const found = new Map<string, { readonly about: About; readonly pieces: readonly Piece[] }>();
  for (const groups of Object.values(part.files ?? {}))
    for (const [group, { steps, ...about }] of Object.entries(groups)) {
      const single = [...(ofName(part.groups, group)?.steps ?? []), ...endSteps(part, about)];
      found.set(group, { about, pieces: [...(found.get(group)?.pieces ?? []), ...filePieces(steps, single)] });
    }
  return found;
}
/** The steps of all statements of full files. The newest of them says when something was recorded. */
export const attributionFileSteps = (part: AttributionPart | undefined): readonly Step[] =>
  Object.values(part?.files ?? {}).flatMap((groups) => Object.values(groups).flatMap(({ steps }) => steps));

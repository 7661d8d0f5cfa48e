import type { AttributionFact } from '@provider-access/domain/access';
import { type AttributionEndedRecord, dataOf, type MemberAttributed, type ProviderKey } from '@provider-access/events';
import type { LogRecord } from '@provider-access/engines/log';
import { type Holds, holdsAfter, withHolds } from './holds.ts';
import { fewNames, forgottenUntil, MOST_NAMES } from './names.ts';
import { eventIdOf, heardFrom, recordedAt, typeOfRecord, withSource } from './record.ts';
import { type NewStep, pieces, stands, type Step, withStep } from './steps.ts';

export interface GroupAttribution {
  readonly providers: readonly ProviderKey[];
  readonly contract?: string;
  readonly steps: readonly Step[];
}
/** Part `attribution` of the member facts, from pa.attribution. */
export interface AttributionPart {
  readonly groups: Readonly<Record<string, GroupAttribution>>;
  /**
   * Ends by provider and contract. They hold for every Group with that provider and contract, also for one that is
   * asserted later.
   */
  readonly ends?: Readonly<Record<string, GroupAttribution>>;
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

/** Whether a statement about a member in pa.attribution (an assertion or an end) still counts. */
export function attributionSays(part: AttributionPart | undefined, record: LogRecord): boolean {
  if (typeOfRecord(record) !== ATTRIBUTED) {
    const end = dataOf<AttributionEndedRecord>(record);
    return stands(stepsThatEnd(part, aboutOf(end)), endStep(record, end));
  }
  const assertion = dataOf<MemberAttributed>(record);
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

function ended(part: AttributionPart | undefined, record: LogRecord): Pick<AttributionPart, 'ends'> | undefined {
  const end = dataOf<AttributionEndedRecord>(record);
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
      const ends = ended(part, record);
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
  for (const [group, { steps, ...about }] of Object.entries(part?.groups ?? {})) {
    for (const piece of pieces([...steps, ...endSteps(part, about)])) out.push({ ...piece, group, ...about });
  }
  return out;
}

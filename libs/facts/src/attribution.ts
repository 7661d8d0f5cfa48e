import type { AttributionFact } from '@provider-access/domain/access';
import type { AttributionEndedRecord, MemberAttributed, ProviderKey } from '@provider-access/events';
import { dataOf } from '@provider-access/events';
import type { LogRecord } from '@provider-access/engines/log';
import { type Holds, holdsAfter, withHolds } from './holds.ts';
import { fewNames, forgottenUntil, MOST_NAMES } from './names.ts';
import { eventIdOf, heardFrom, recordedAt, typeOfRecord, withSource } from './record.ts';
import { pieces, stands, type Step, withStep } from './steps.ts';

export interface GroupAttribution {
  readonly p: readonly ProviderKey[];
  /** Contract. */
  readonly k?: string;
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

type About = Pick<GroupAttribution, 'p' | 'k'>;
const isEndOf = (end: About, group: About): boolean =>
  end.p.every((p) => group.p.includes(p)) && (end.k === undefined || end.k === group.k);
const stepsOf = (found: readonly GroupAttribution[]): readonly Step[] => found.flatMap(({ steps }) => steps);
/** The ends that hold for a Group with these providers and this contract. */
export const endSteps = (part: AttributionPart | undefined, group: About): readonly Step[] =>
  stepsOf(Object.values(part?.ends ?? {}).filter((end) => isEndOf(end, group)));
/** What an end of these providers and this contract ends, and which other ends overlap with it. */
export const stepsThatEnd = (part: AttributionPart | undefined, end: About): readonly Step[] => [
  ...stepsOf(Object.values(part?.groups ?? {}).filter((group) => isEndOf(end, group))),
  ...stepsOf(Object.values(part?.ends ?? {}).filter((other) => isEndOf(other, end) || isEndOf(end, other))),
];

const tied = ({ tie }: Pick<MemberAttributed, 'tie'>): Pick<Step, 't'> => (tie === undefined ? {} : { t: tie });

const assertionStep = (record: LogRecord, a: MemberAttributed): Omit<Step, 'v'> => ({
  e: eventIdOf(record),
  q: 0,
  b: a.businessTime,
  s: a.from,
  f: a.from,
  ...(a.to !== undefined && { u: a.to }),
  ...(a.coverageId !== undefined && { c: a.coverageId }),
  ...tied(a),
});
const endStep = (record: LogRecord, end: AttributionEndedRecord): Omit<Step, 'v'> => ({
  e: eventIdOf(record),
  q: 0,
  b: end.businessTime,
  s: end.to,
  ...tied(end),
});
const aboutOf = ({ providers, contract }: Pick<MemberAttributed, 'providers' | 'contract'>): About => ({
  p: providers as ProviderKey[],
  ...(contract !== undefined && { k: contract }),
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
  const a = dataOf<MemberAttributed>(record);
  const steps = withStep(known?.steps ?? [], assertionStep(record, a), recordedAt(record), ends);
  return steps && { p: a.providers as ProviderKey[], ...(a.contract !== undefined && { k: a.contract }), steps };
}

function ended(part: AttributionPart | undefined, record: LogRecord): Pick<AttributionPart, 'ends'> | undefined {
  const end = dataOf<AttributionEndedRecord>(record);
  const key = JSON.stringify([...[...end.providers].sort(), end.contract ?? null]);
  const at = recordedAt(record);
  const steps = withStep(part?.ends?.[key]?.steps ?? [], endStep(record, end), at);
  if (steps === undefined) return undefined;
  const ends = {
    ...part?.ends,
    [key]: { p: end.providers as ProviderKey[], ...(end.contract !== undefined && { k: end.contract }), steps },
  };
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
  const last = steps.reduce((a, b) => (b.b > a.b ? b : a));
  return {
    p: [],
    steps: [
      { e: last.e, q: last.q, b: last.b, s: steps.reduce((s, step) => (step.s < s ? step.s : s), last.s), v: at },
    ],
  };
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
  for (const [group, a] of Object.entries(part?.groups ?? {})) {
    for (const piece of pieces([...a.steps, ...endSteps(part, a)]))
      out.push({ ...piece, group, providers: a.p, ...(a.k !== undefined && { contract: a.k }) });
  }
  return out;
}

import { bindingsAt, type ClientFacts, type LearnedFact, type MemberFacts } from '@provider-access/domain/access';

/** So many are named. */
const MOST = 20;
interface Dated {
  readonly from: string;
  readonly to?: string;
  readonly recordedAt?: string;
  readonly changedAt?: string;
  readonly endRecordedAt?: string;
}

/**
 * The facts that hold or held at `at`, and whose beginning or end was recorded after `known` (P19). Facts without a
 * time of recording, such as holds, begin when they are recorded.
 */
export function learnedAfter(
  member: MemberFacts | undefined,
  client: ClientFacts | undefined,
  { at, known }: { readonly at: string; readonly known: string },
): readonly LearnedFact[] {
  const { coverage = [], attributions = [], optOuts = [], plans = [], notices = [], attestations = [] } = member ?? {};
  const lists: Readonly<Record<string, readonly Dated[]>> = {
    coverage,
    attributions,
    optOuts,
    plans,
    notices,
    attestations,
    bindings: client === undefined ? [] : bindingsAt(client, Date.parse(at)),
  };
  const found: LearnedFact[] = [];
  for (const [kind, facts] of Object.entries(lists))
    for (const { from, to, recordedAt, changedAt, endRecordedAt } of facts) {
      const interval = { kind, from, ...(to !== undefined && { to }) };
      const end = endRecordedAt ?? changedAt;
      const isOver = to !== undefined && to <= at;
      if (recordedAt !== undefined && recordedAt > known && from <= at && !isOver)
        found.push({ ...interval, recordedAt });
      else if (end !== undefined && end > known && isOver) found.push({ ...interval, recordedAt: end, ended: true });
    }
  return found.sort((a, b) => (a.recordedAt < b.recordedAt ? -1 : 1)).slice(0, MOST);
}

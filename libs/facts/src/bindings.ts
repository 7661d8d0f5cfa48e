import { bindingEnd, type BindingFact, type ClientFacts, type ClientStatus } from '@provider-access/domain/access';
import type { AppApproved, ProviderKey } from '@provider-access/events';

/** Who decided about a binding, by which evidence and for which reason. */
interface Decided {
  readonly by?: string;
  readonly evidence?: string;
  readonly reason?: string;
}
/** What only auth and reviewers need of a binding (APPS.md P1). */
export interface BindingDetails extends BindingFact, Decided {
  readonly ends?: readonly (NonNullable<BindingFact['ends']>[number] & Decided)[];
}
type Stated = Omit<NonNullable<AppApproved['bindings']>[number], 'by'> & Pick<BindingDetails, 'by'>;
type Approval = Pick<AppApproved, 'providers' | 'evidence' | 'reason'> &
  Pick<BindingDetails, 'by'> & { readonly bindings?: readonly Stated[] | undefined };

const endedBy = (binding: BindingFact, to: string, recordedAt: string, decided: Decided = {}): BindingFact => ({
  ...binding,
  ends: [...(binding.ends ?? []), { to, recordedAt, ...decided }],
});
const decidedBy = ({ by, evidence, reason }: Decided): Decided => ({
  ...(by !== undefined && { by }),
  ...(evidence !== undefined && { evidence }),
  ...(reason !== undefined && { reason }),
});
const isOpen = (binding: BindingFact, at: string): boolean => bindingEnd(binding) > Date.parse(at);

/**
 * The bindings after statements that were recorded at `recordedAt`: each begins an interval, or ends one that is known.
 * At the instant of an end another interval may begin.
 */
function withStated(
  before: readonly BindingFact[],
  stated: readonly Stated[],
  recordedAt: string,
): readonly BindingFact[] {
  const all = [...before];
  const places = new Map(all.map(({ provider, from }, at) => [`${provider} ${from}`, at]));
  for (const { provider, from, to, ...more } of stated) {
    const key = `${provider} ${from}`;
    const known = places.get(key);
    const decided = decidedBy(more);
    if (known === undefined || (to === undefined && all[known]!.ends !== undefined)) {
      const ends = to === undefined ? {} : { ends: [{ to, recordedAt }] };
      places.set(key, all.push({ provider, from, recordedAt, ...ends, ...decided }) - 1);
    } else if (to !== undefined) all[known] = endedBy(all[known]!, to, recordedAt, decided);
  }
  return all;
}

/**
 * The bindings after an approval at `at` (RFC 3339). An approval of an earlier release has no intervals: what it binds
 * begins with it, and what it leaves out ends with it (APPS.md P5). It knows no ends, so what it names has none any
 * more (P4). A suspension ended the bindings from before it (P6).
 */
export function bindingsAfter(
  known: Pick<ClientFacts, 'bindings' | 'history'> & { readonly status: ClientStatus },
  approval: Approval,
  at: string,
): readonly BindingFact[] {
  const stopped = known.history.at(-1)?.at ?? at;
  const before =
    known.status === 'approved'
      ? known.bindings
      : known.bindings.map((each) =>
          isOpen(each, stopped) && each.recordedAt <= stopped ? endedBy(each, stopped, stopped) : each,
        );
  if (approval.bindings !== undefined) return withStated(before, approval.bindings, at);
  const { by, reason, evidence = [] } = approval;
  const wanted = new Set<ProviderKey>(approval.providers);
  const lasts = (each: BindingFact): boolean => wanted.has(each.provider) && bindingEnd(each) === Infinity;
  const kept = before.map((each) => (isOpen(each, at) && !lasts(each) ? endedBy(each, at, at) : each));
  const open = new Set(kept.filter(lasts).map(({ provider }) => provider));
  const begun = [...wanted].filter((provider) => !open.has(provider));
  const textOf = (provider: ProviderKey): string | undefined => evidence.find((e) => e.provider === provider)?.text;
  return withStated(
    kept,
    begun.map((provider) => ({ provider, from: at, by, evidence: textOf(provider), reason })),
    at,
  );
}

/**
 * The bindings after one interval in an event of its own. It means what it would mean in the attribute `bindings` of an
 * approval (ADR 0129).
 */
export const bindingsWith = (
  known: readonly BindingFact[],
  { provider, from, to, by, evidence, reason }: Stated,
  at: string,
): readonly BindingFact[] => withStated(known, [{ provider, from, to, by, evidence, reason }], at);

/** As `bindingsAfter`, without what only reviewers need: each process keeps the bindings of every app in memory. */
export function boundIntervals(
  known: Parameters<typeof bindingsAfter>[0],
  { providers, bindings }: AppApproved,
  at: string,
): readonly BindingFact[] {
  const stated = bindings?.map(({ by: _by, evidence: _evidence, reason: _reason, ...each }) => each);
  return bindingsAfter(known, { providers, ...(stated !== undefined && { bindings: stated }) }, at);
}

/** Ends of bindings that were stated before they came. When one passes, it stays passed whatever a clock says. */
export class ScheduledEnds {
  /** The next one first. `at`: ms since the epoch. */
  #ends: { readonly at: number; readonly client: string }[] = [];

  /** The client has these bindings from now on. */
  schedule(client: string, bindings: readonly BindingFact[]): void {
    const ends = bindings.flatMap(({ ends: of = [] }) => {
      const last = of.at(-1);
      return last !== undefined && last.to > last.recordedAt ? [{ at: Date.parse(last.to), client }] : [];
    });
    const others = this.#ends.filter((end) => end.client !== client);
    if (ends.length === 0 && others.length === this.#ends.length) return;
    this.#ends = [...others, ...ends].toSorted((a, b) => a.at - b.at);
  }
  /** The clients of the ends that have come at `now`, ms since the epoch, each with the newest of them. */
  passed(now: number): ReadonlyMap<string, number> {
    const next = this.#ends[0];
    if (next === undefined || next.at > now) return NONE;
    const rest = this.#ends.findIndex(({ at }) => at > now);
    const passed = this.#ends.splice(0, rest < 0 ? this.#ends.length : rest);
    return new Map(passed.map(({ client, at }) => [client, at]));
  }
}
const NONE: ReadonlyMap<string, number> = new Map();

import { CLOCK_TOLERANCE_MS, type OptedOut, type ProviderKey, type ProviderOptedIn } from '@provider-access/events';
import { compareText } from './steps.ts';

/** One opt-in as the facts store it. Instants are RFC 3339 in UTC with milliseconds, so they compare as text. */
export interface OptIn {
  /** Id of our event. */
  readonly event: string;
  readonly businessTime: string;
  /** When it takes effect. */
  readonly from: string;
  readonly recordedAt: string;
  /** The providers that it names. An opt-in with targets ends only what opt-outs say about these by name. */
  readonly targets?: readonly ProviderKey[];
  /**
   * Of a statement about a row: when the log took the event of the payer. Two statements may be recorded at one
   * instant, because a batch has both or a merge copies both, and the withdrawal stays the later one.
   */
  readonly statedAt?: string | undefined;
  /**
   * Of an opt-out: the row of a full file that states it (`optOutRow`). A statement without scope takes back what the
   * row said, and ends nothing else.
   */
  readonly row?: string;
}
/** See `OptOutReach`. */
export interface OptOut extends OptIn {
  readonly scope: string;
  readonly categories?: readonly string[];
  readonly bars?: 'nobody';
}

/** The statement in the data of one of our events about consent. */
export function statementOf(
  data: Pick<ProviderOptedIn, 'effective' | 'businessTime'> &
    Partial<Pick<OptedOut, 'scope' | 'targets' | 'categories' | 'bars' | 'row'>>,
  { event, recordedAt, statedAt }: Pick<OptIn, 'event' | 'recordedAt' | 'statedAt'>,
): OptIn | OptOut {
  const { effective: from, businessTime, scope, targets, categories, bars, row } = data;
  return {
    event,
    recordedAt,
    businessTime,
    from,
    ...(scope !== undefined && { scope }),
    ...(targets !== undefined && { targets }),
    ...(categories !== undefined && { categories }),
    ...(bars !== undefined && { bars }),
    ...(row !== undefined && { row, ...(statedAt !== undefined && { statedAt }) }),
  };
}
export interface Statements {
  readonly outs: readonly OptOut[];
  readonly ins: readonly OptIn[];
}

/**
 * The suffix that `derivedEventId` adds for the source and the member. Within one document it identifies the source.
 */
const SOURCE_MARK = /~([A-Za-z0-9_-]{10})(?:~\d+)?$/;
/** Replaces the mark if an entry stands for opt-outs of several sources. No hash of a source has this value. */
const MANY_SOURCES = '----------';
const markOf = (event: string): string | undefined => SOURCE_MARK.exec(event)?.[1];
/** The id of the payer's event. */
export const payersId = (event: string): string => event.replace(SOURCE_MARK, '');
const sameSource = (a: OptIn, b: OptIn): boolean => {
  const mark = markOf(a.event);
  return mark !== undefined && mark === markOf(b.event);
};
const ms = (instant: string): number => Date.parse(instant);

/** Whether a statement takes back what a row of a full file said. */
export const isWithdrawal = (statement: OptIn): boolean => statement.row !== undefined && !isOptOut(statement);
/**
 * Whether a statement about a row is later than another one. Files of one day have one business time: of these, the one
 * that came later counts. A stored statement without that instant counts by when it was recorded.
 */
const isLaterOfRow = (a: OptIn, b: OptIn): boolean =>
  a.businessTime > b.businessTime ||
  (a.businessTime === b.businessTime && (a.statedAt ?? a.recordedAt) > (b.statedAt ?? b.recordedAt));

/**
 * Whether an opt-in is later than an opt-out. One source has one clock. The clocks of two sources may differ by the
 * tolerance. Within it the order is unknown, and denial wins.
 */
export function ends(i: OptIn, o: OptIn): boolean {
  if (i.row !== undefined) return i.row === o.row && isLaterOfRow(i, o);
  // The times of most pairs decide alone, and to find the source of a statement costs more.
  if (i.businessTime <= o.businessTime) return false;
  return sameSource(i, o) || ms(i.businessTime) > ms(o.businessTime) + CLOCK_TOLERANCE_MS;
}

/** The opt-in that ends an opt-out, and the instant from which it does. */
export interface End {
  readonly by: OptIn;
  readonly to: string;
}

/**
 * The ends of an opt-out, if each of the opt-ins ends it, the first one first. Of two at one instant, the opt-in that
 * was recorded first comes first.
 */
const endsInOrder = (o: OptOut, ins: readonly OptIn[]): readonly End[] =>
  ins
    .map((by): End => ({ by, to: by.from > o.from ? by.from : o.from }))
    .sort((a, b) => compareText(a.to, b.to) || compareText(a.by.recordedAt, b.by.recordedAt));

/**
 * The parts of an opt-out that end together, each with the providers that it names, in the order of their ends. An
 * opt-in is compared only with the providers for whom no earlier opt-in has ended the opt-out. So if the first opt-in
 * names all of them, the lists of the others are not read.
 */
export function partsOf(
  o: OptOut,
  ins: readonly OptIn[],
): readonly { readonly targets?: readonly ProviderKey[]; readonly end?: End }[] {
  let left = namedBy(o);
  const ofAll = ins.filter(({ targets }) => targets === undefined);
  if (left === undefined || ofAll.length === ins.length) {
    const end = endsInOrder(o, ofAll).find(({ by }) => ends(by, o));
    return [{ ...(o.targets !== undefined && { targets: o.targets }), ...(end !== undefined && { end }) }];
  }
  const parts: { readonly targets: readonly ProviderKey[]; readonly end?: End }[] = [];
  for (const end of endsInOrder(o, ins)) {
    if (left.length === 0) break;
    if (!ends(end.by, o)) continue;
    const { targets } = end.by;
    const ended: readonly ProviderKey[] =
      targets === undefined ? left : left.filter((provider) => includes(targets, provider));
    if (ended.length === 0) continue;
    parts.push({ targets: ended, end });
    left =
      targets === undefined || ended.length === left.length
        ? []
        : left.filter((provider) => !includes(targets, provider));
  }
  return left.length === 0 ? parts : [...parts, { targets: left }];
}

/** The end of an opt-out as a whole: of the last provider that it names. */
export function endOf(o: OptOut, ins: readonly OptIn[]): End | undefined {
  let last: End | undefined;
  for (const { end } of partsOf(o, ins)) {
    if (end === undefined) return undefined;
    if (last === undefined || end.to > last.to) last = end;
  }
  return last;
}

/**
 * Whether `a` is so much later than `b` that every opt-in and opt-out that is ordered after `a` is also ordered after
 * `b`, and every one before `b` is before `a`.
 */
export const isLater = (a: OptIn, b: OptIn): boolean =>
  a.businessTime >= b.businessTime &&
  (ms(a.businessTime) >= ms(b.businessTime) + CLOCK_TOLERANCE_MS ||
    sameSource(a, b) ||
    markOf(a.event) === MANY_SOURCES);
/**
 * The latest business time, ms since the epoch, for which `a` is later in this sense than a statement from the source
 * of `event`.
 */
export const latestBefore = (a: OptIn, event: string): number =>
  ms(a.businessTime) - (sameSource(a, { ...a, event }) ? 0 : CLOCK_TOLERANCE_MS);
export const isOptOut = (statement: OptIn): statement is OptOut => 'scope' in statement;
/** The providers that an opt-out names; undefined if it does not bar by name. */
export const namedBy = ({ scope, targets = [] }: OptOut): readonly ProviderKey[] | undefined =>
  scope === 'provider-specific' && targets.length > 0 ? targets : undefined;
/** The categories that an opt-out names; undefined if it does not bar by category. */
const categoriesOf = ({ scope, categories = [] }: OptOut): readonly string[] | undefined =>
  scope === 'provider-category' && categories.length > 0 ? categories : undefined;

/** Longer lists are searched by a set, so that statements about many providers cost by their number, not its square. */
const LONG_LIST = 16;
const setsOfLists = new WeakMap<readonly string[], ReadonlySet<string>>();
function includes(list: readonly string[], one: string): boolean {
  if (list.length <= LONG_LIST) return list.includes(one);
  let all = setsOfLists.get(list);
  if (all === undefined) setsOfLists.set(list, (all = new Set(list)));
  return all.has(one);
}
/** Whether a list of providers or categories has all of another one. */
export const includesAll = (all: readonly string[], some: readonly string[]): boolean =>
  some.every((one) => includes(all, one));

/** Whether `a` bars every provider that `b` bars, whatever the directory says and whatever opt-in comes later. */
export function barsAllOf(a: OptOut, b: OptOut): boolean {
  const [ofA, ofB] = [namedBy(a), namedBy(b)];
  // An opt-in for some providers may end an opt-out that names them, and no other one.
  if (b.bars === 'nobody') return ofA === undefined;
  if (a.bars === 'nobody') return false;
  if (ofA !== undefined) return ofB !== undefined && includesAll(ofA, ofB);
  const [inA, inB] = [categoriesOf(a), categoriesOf(b)];
  return inA === undefined || (inB !== undefined && includesAll(inA, inB));
}
/** Whether the opt-in `a` is about every provider that `b` is about. */
export const isAboutAllOf = (a: Pick<OptIn, 'targets'>, b: Pick<OptIn, 'targets'>): boolean =>
  a.targets === undefined || (b.targets !== undefined && includesAll(a.targets, b.targets));
/** Whether `a` reaches as far as `b`, of two opt-outs or two opt-ins. */
const reachesAllOf = (a: OptIn, b: OptIn): boolean =>
  isOptOut(a) && isOptOut(b) ? barsAllOf(a, b) : isAboutAllOf(a, b);
/** Whether two statements of one kind have the same content. Their ids may differ, unless files state them. */
export const isSame = (a: OptIn, b: OptIn): boolean =>
  a.row === b.row &&
  (a.row === undefined || a.event === b.event) &&
  a.businessTime === b.businessTime &&
  a.from === b.from &&
  (a.event === b.event || sameSource(a, b)) &&
  reachesAllOf(a, b) &&
  reachesAllOf(b, a);

/**
 * Whether no withdrawal ends `a` and leaves `b`, of two opt-outs; or whether `a` withdraws what `b` does, of two
 * withdrawals. A withdrawal and an opt-in do not stand for each other.
 */
const endsWith = (a: OptIn, b: OptIn): boolean =>
  a.row === undefined ? b.row === undefined || isOptOut(a) : a.row === b.row && !isLaterOfRow(b, a);

/**
 * Whether from `asOf` on, and whatever is stated later, `b` decides nothing that `a` does not decide as well. For
 * opt-outs: `a` denies whenever `b` denies. For opt-ins: `a` ends everything that `b` ends, at the same moment or
 * earlier.
 */
const standsFor = (a: OptIn, b: OptIn, asOf: string): boolean =>
  endsWith(a, b) && (a.from <= b.from || a.from < asOf) && isLater(a, b) && reachesAllOf(a, b);
/** Whether one of the statements equals `s` in content, or decides everything that `s` decides from `asOf` on. */
export const isCovered = <S extends OptIn>(s: S, statements: readonly S[], asOf: string): boolean =>
  statements.some((a) => isSame(a, s) || standsFor(a, s, asOf));
/**
 * The statements that no other one replaces. Of several that replace each other, the one that was recorded first stays.
 */
function strongest<S extends OptIn>(statements: readonly S[], asOf: string): readonly S[] {
  const isFirst = (a: S, b: S): boolean =>
    a.recordedAt < b.recordedAt || (a.recordedAt === b.recordedAt && a.event < b.event);
  return statements.filter(
    (b) => !statements.some((a) => a !== b && standsFor(a, b, asOf) && (!standsFor(b, a, asOf) || isFirst(a, b))),
  );
}

/**
 * So many statements of one member are kept beyond those that can decide, so that `explain` and answers can name them.
 */
export const HISTORY = 8;
/**
 * If there are more opt-outs that can decide, they become one; of more opt-ins, the earliest are dropped. No real payer
 * sends so many different statements.
 */
const MOST = 50;
/** So many statements are folded at a time, because the work grows with the square. */
const PORTION = 4 * MOST;

/** The statements that can still decide at `asOf` or later, or that tell since when a member has been visible. */
export function deciding({ outs, ins }: Statements, asOf: string): ReadonlySet<OptIn> {
  const open: OptOut[] = [];
  let ended: { readonly out: OptOut; readonly by: OptIn; readonly at: string } | undefined;
  for (const out of outs) {
    const parts = partsOf(out, ins);
    if (parts.some(({ end }) => end === undefined || (end.to > asOf && end.to !== out.from))) open.push(out);
    // An open one counts, too: the opt-out that replaces it may never have barred those for whom it has ended.
    for (const { end } of parts) {
      if (end === undefined || end.to > asOf || end.to === out.from) continue;
      const at = end.to > end.by.recordedAt ? end.to : end.by.recordedAt;
      if (ended === undefined || at > ended.at) ended = { out, by: end.by, at };
    }
  }
  return new Set([
    ...strongest(open, asOf),
    ...strongest(ins, asOf),
    ...(ended === undefined ? [] : [ended.out, ended.by]),
  ]);
}

/**
 * Drops statements that can never decide again, the oldest first, until `history` are left beyond those that can.
 * Decisions at `asOf` or later are the same as with all statements, whatever is stated later. `visibleSince` is the
 * same or later. Pure.
 * @param asOf when the newest statement was recorded; every later opt-in takes effect at this instant or later
 * @param added a statement that stays whatever it decides: the one that sets `asOf`
 */
export function folded({ outs, ins }: Statements, asOf: string, history: number, added?: OptIn): Statements {
  if (outs.length + ins.length > PORTION) {
    const [someOuts, someIns] = [outs.slice(0, -1), ins.slice(0, -1)];
    let kept: Statements = { outs: [], ins: [] };
    for (let n = 0; n < Math.max(someOuts.length, someIns.length); n += MOST) {
      kept = folded(
        { outs: [...kept.outs, ...someOuts.slice(n, n + MOST)], ins: [...kept.ins, ...someIns.slice(n, n + MOST)] },
        asOf,
        history,
      );
    }
    return folded(
      { outs: [...kept.outs, ...outs.slice(-1)], ins: [...kept.ins, ...ins.slice(-1)] },
      asOf,
      history,
      added,
    );
  }
  if (outs.length + ins.length <= history) return { outs, ins };
  const needed = deciding({ outs, ins }, asOf);
  const spare = [...outs, ...ins]
    .filter((s) => !needed.has(s) && s !== added)
    .sort((a, b) => compareText(a.recordedAt, b.recordedAt));
  const dropped = new Set(spare.slice(0, Math.max(0, outs.length + ins.length - history)));
  return bounded({ outs: outs.filter((o) => !dropped.has(o)), ins: ins.filter((i) => !dropped.has(i)) });
}

/** For a flood of opt-outs that can each decide: one global opt-out denies whenever one of them does. */
function bounded({ outs, ins }: Statements): Statements {
  const few =
    ins.length <= MOST ? ins : ins.toSorted((a, b) => (a.businessTime < b.businessTime ? -1 : 1)).slice(-MOST);
  if (outs.length <= MOST) return { outs, ins: few };
  const least = (values: readonly string[]): string => values.reduce((a, b) => (a < b ? a : b));
  const most = (values: readonly string[]): string => values.reduce((a, b) => (a > b ? a : b));
  const businessTime = most(outs.map((o) => o.businessTime));
  const newest = outs.find((o) => o.businessTime === businessTime)!;
  return {
    outs: [
      {
        event: `${payersId(newest.event)}~${MANY_SOURCES}`,
        businessTime,
        from: least(outs.map((o) => o.from)),
        recordedAt: most(outs.map((o) => o.recordedAt)),
        scope: 'global',
      },
    ],
    ins: few,
  };
}

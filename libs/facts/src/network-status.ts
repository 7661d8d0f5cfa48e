import type { HoldFact, NetworkFact } from '@provider-access/domain/access';
import type { NetworkStatusRecorded } from '@provider-access/events';
import { filePieces, fileStep, type FileStep, fileStepStands, joined, withFileStep } from './file-steps.ts';
import { type NewStep, type Piece, pieces, stands, staircase, type Step, withStep } from './steps.ts';

/** A statement of a row of a full file. */
export interface NetworkRowStep extends FileStep {
  /** The file lacks the row. Without this, a statement without `from` says that the provider left the network. */
  readonly absent?: true;
  /** The import that states it. `undo.` before the name of an import takes back what that import said of the row. */
  readonly batch: string;
}
/** What is stated about the network status of one identifier. */
export interface NetworkStatements {
  /** By single events. */
  readonly steps: readonly Step[];
  /** By rows of full files (`rowOf`). */
  readonly rows: ReadonlyMap<string, readonly NetworkRowStep[]>;
}
export const NO_STATEMENTS: NetworkStatements = { steps: [], rows: new Map() };

/** The name of the row that states a change; undefined for a single event. */
export const rowOf = ({ file, row }: NetworkStatusRecorded): string | undefined =>
  file === undefined ? undefined : `${file.source} ${row}`;

/**
 * The steps of a provider with one more change of its network status, or undefined if the change has no effect.
 * @param event id of our event
 * @param at when it was recorded, RFC 3339
 */
export function withNetworkStatus(
  steps: readonly Step[],
  event: string,
  change: NetworkStatusRecorded,
  at: string,
): readonly Step[] | undefined {
  return withStep(steps, networkStep(event, change), at);
}
/** The same for the steps of one row of a file. */
export function withNetworkRow(
  { steps, rows }: NetworkStatements,
  event: string,
  change: NetworkStatusRecorded,
  at: string,
): readonly NetworkRowStep[] | undefined {
  return withFileStep(rows.get(rowOf(change)!) ?? [], rowStep(event, change), at, { others: steps, most: MOST_STEPS });
}

/** Whether a change of the network status still counts. `event` is the id of our event. */
export const networkStatusStands = (
  { steps, rows }: NetworkStatements,
  event: string,
  change: NetworkStatusRecorded,
): boolean =>
  change.file === undefined
    ? stands(steps, networkStep(event, change))
    : fileStepStands(rows.get(rowOf(change)!) ?? [], rowStep(event, change));

/** With one more change, in a copy; undefined if the change has no effect. */
export function withNetworkChange(
  known: NetworkStatements,
  event: string,
  change: NetworkStatusRecorded,
  at: string,
): NetworkStatements | undefined {
  const row = rowOf(change);
  if (row === undefined) {
    const steps = withNetworkStatus(known.steps, event, change, at);
    return steps && { ...known, steps };
  }
  const steps = withNetworkRow(known, event, change, at);
  return steps && { ...known, rows: new Map(known.rows).set(row, steps) };
}

function networkStep(event: string, { businessTime, from, status, tie }: NetworkStatusRecorded): NewStep {
  const content = { ...(status === 'in-network' && { from }), ...(tie !== undefined && { tie }) };
  return { event, businessTime, sequence: 0, appliesFrom: from, ...content };
}
const rowStep = (event: string, change: NetworkStatusRecorded): Omit<NetworkRowStep, 'recordedAt'> => ({
  ...fileStep(networkStep(event, change), change.file!),
  batch: change.file!.batch,
  ...(change.absent === true && { absent: true }),
});
/** A row that leaves keeps what it said before, so more are kept than of a row that replaces another one. */
const MOST_STEPS = 8;
const UNDO = 'undo.';
/**
 * The statements of a row without those that an undo took back, in whatever order they came. The undo itself says
 * nothing else: what it states again may have been only that the provider leaves, which would not take back what the
 * undone import said of the time before.
 */
function inForce(row: readonly NetworkRowStep[]): readonly NetworkRowStep[] {
  const undone = new Set<string>();
  // The newest first, because an undo may be undone.
  return row.toReversed().filter(({ batch }) => {
    if (undone.has(batch)) return false;
    if (!batch.startsWith(UNDO)) return true;
    undone.add(batch.slice(UNDO.length));
    return false;
  });
}

/** The status of a provider in the course of time, oldest first. */
export function networkFacts({ steps, rows }: NetworkStatements): readonly NetworkFact[] {
  if (rows.size > 0) return factsWithRows(steps, [...rows.values()].map(inForce));
  return staircase(steps).map((s) => ({
    status: s.from === undefined ? 'out-of-network' : 'in-network',
    from: s.appliesFrom,
    recordedAt: s.recordedAt,
  }));
}

/**
 * A provider is in network while a single event or one row of a file says so. A single event overrules each row of a
 * file of an earlier day. A row that says that the provider left the network overrules single events before the day of
 * its file; a row that is absent overrules nothing.
 */
function factsWithRows(single: readonly Step[], rows: readonly (readonly NetworkRowStep[])[]): readonly NetworkFact[] {
  const overruling = single.map(({ from: _from, until: _until, ...step }): Step => step);
  const left = rows.flatMap((row) =>
    staircase(row)
      .filter((step) => step.from === undefined && (step as NetworkRowStep).absent !== true)
      .map((step): Step => ({ ...step, businessTime: (step as NetworkRowStep).asOf })),
  );
  const inside = joined([...pieces([...single, ...left]), ...rows.flatMap((row) => filePieces(row, overruling))]);
  const recorded = new Map<string, string>();
  for (const { appliesFrom, recordedAt } of [...single, ...rows.flat()])
    if (recordedAt > (recorded.get(appliesFrom) ?? '')) recorded.set(appliesFrom, recordedAt);
  const firstOut = [...single, ...left]
    .filter(({ from }) => from === undefined)
    .reduce<Step | undefined>(
      (first, step) => (first === undefined || step.appliesFrom < first.appliesFrom ? step : first),
      undefined,
    );
  return timeline(inside, firstOut, (at) => recorded.get(at));
}

/** The changes of status that intervals make, which may overlap where they were recorded late. */
function timeline(
  inside: readonly Piece[],
  firstOut: Step | undefined,
  recordedAt: (at: string) => string | undefined,
): readonly NetworkFact[] {
  const facts: NetworkFact[] = [];
  const out = (from: string): void => {
    const at = recordedAt(from);
    facts.push({ status: 'out-of-network', from, ...(at !== undefined && { recordedAt: at }) });
  };
  if (firstOut !== undefined && (inside.length === 0 || firstOut.appliesFrom < inside[0]!.from))
    out(firstOut.appliesFrom);
  let end: string | undefined;
  for (const { from, to, recordedAt: since } of inside) {
    if (end !== undefined && to !== undefined && to <= end) continue;
    if (end !== undefined) out(end);
    facts.push({ status: 'in-network', from: end !== undefined && end > from ? end : from, recordedAt: since });
    end = to;
    if (to === undefined) return facts;
  }
  if (end !== undefined) out(end);
  return facts;
}

/**
 * A provider is out of network while an event about its status is a dead letter, because the event may say so. After
 * that, the earlier statements count again. If there were none, an ended hold leaves nothing.
 */
export function outWhileHeld(facts: readonly NetworkFact[], holds: readonly HoldFact[]): readonly NetworkFact[] {
  const statusAt = (at: string): NetworkFact['status'] | undefined => facts.findLast((f) => f.from <= at)?.status;
  const counting = holds.filter((h) => h.to === undefined || statusAt(h.to) !== undefined);
  if (counting.length === 0) return facts;
  const moments = [
    ...new Set([
      ...facts.map((f) => f.from),
      ...counting.flatMap((h) => (h.to === undefined ? [h.from] : [h.from, h.to])),
    ]),
  ].sort();
  return moments.flatMap((from) => {
    const isHeld = counting.some((h) => h.from <= from && (h.to === undefined || from < h.to));
    const status = isHeld ? 'out-of-network' : statusAt(from);
    return status === undefined ? [] : [{ status, from }];
  });
}

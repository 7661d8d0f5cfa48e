/** What an export had done at a moment. */
export interface Seen {
  /** ms since the epoch */
  readonly at: number;
  readonly done: number;
}

/** Members that an export has done, by its progress as the server words it: `250 members written`. */
export function doneOf(progress = ''): number | undefined {
  const [, digits] = /^(\d+) members? /.exec(progress) ?? [];
  return digits === undefined ? undefined : Number(digits);
}

/**
 * How long an export may still take, ms, if it goes on as between two looks. Undefined if nobody can say: nothing was
 * done between them, or the Group has fewer members by now than the export has done.
 * @param total the members of the Group whom the app sees. The platform says no total of an export, which would tell
 *   how many members a Group has whom the app may not see
 */
export function timeLeft(first: Seen, now: Seen, total: number): number | undefined {
  const done = now.done - first.done;
  if (done <= 0 || now.at <= first.at || total <= now.done) return undefined;
  return ((total - now.done) * (now.at - first.at)) / done;
}

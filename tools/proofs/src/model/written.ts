import type { Operation } from '@provider-access/testing/promises';

const settle: Operation = { op: 'settle' };
const via = 0;
const NOW = { ago: 0, day: false, via } as const;
const stated = { ...NOW, source: 0, post: true } as const;
/** Minutes since a line has started, or until. */
const STARTED = -1440;

/**
 * Sequences by hand, because the few random sequences of `npm test` meet these cases seldom. Member 0 has the plan
 * gold, member 1 silver; both practices see member 0.
 */
export const WRITTEN: Readonly<Record<string, readonly Operation[]>> = {
  'a coverage is shared when the lines of all its plans have started': [
    { op: 'table of lines', starts: { gold: 'never', silver: STARTED }, via },
    settle,
    { op: 'coverage', member: 0, ends: false, from: -60, plan: 'silver', ...NOW },
    settle,
    { op: 'table of lines', starts: { gold: STARTED, silver: 'not in the table' }, via },
    settle,
  ],
  'a line starts by the clock, and its members come whole with the next delta': [
    { op: 'table of lines', starts: { gold: 20, silver: STARTED }, via },
    { op: 'export', client: 0, via },
    { op: 'download', which: 0, range: false, via },
    { op: 'time passes', minutes: 30 },
    settle,
    { op: 'delta', which: 0, via },
    { op: 'download', which: 0, range: false, via },
  ],
  'files of two senders stand beside each other, and an undo takes back its own rows': [
    { op: 'roster', sender: 0, practice: 'B', members: [1, 2], daysAgo: 2, via },
    { op: 'roster', sender: 1, practice: 'B', members: [2], daysAgo: 2, via },
    settle,
    { op: 'roster', sender: 1, practice: 'B', members: [], daysAgo: 1, via },
    settle,
    { op: 'roster', sender: 0, practice: 'B', members: [], daysAgo: 1, via },
    settle,
    { op: 'undo', sender: 0, via },
    { op: 'undo', sender: 1, via },
    settle,
    { op: 'attribution', member: 1, practice: 'B', by: 'npi', ends: true, from: 0, via },
    settle,
  ],
  'what was recalled leaves files, reads and the history; a correction does not': [
    { op: 'record', member: 0, via },
    { op: 'export', client: 0, via },
    { op: 'recall', member: 0, via },
    settle,
    { op: 'download', which: 0, range: false, via },
    { op: 'delta', which: 0, via },
    { op: 'download', which: 0, range: false, via },
    { op: 'record', member: 0, via },
    settle,
    { op: 'download', which: 1, range: false, via },
  ],
};
/** The same where nobody sees a member who has not got a notice. The first notices were sent 40 days ago. */
export const WRITTEN_WITH_NOTICES: Readonly<Record<string, readonly Operation[]>> = {
  'returned mail closes access until the next notice, and a merge shares notices': [
    { op: 'notice', member: 0, daysAgo: 40, returned: true, via },
    settle,
    { op: 'opt-out', member: 0, target: 'all', ...stated },
    { op: 'time passes', minutes: 1 },
    { op: 'opt-in', member: 0, ...stated },
    { op: 'notice', member: 0, daysAgo: 1, returned: false, via },
    settle,
    { op: 'notice', member: 1, daysAgo: 40, returned: true, via },
    settle,
    { op: 'merge', member: 0, other: 1, via, post: true },
    settle,
  ],
};

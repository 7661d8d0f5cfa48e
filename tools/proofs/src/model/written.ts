import { A_MONTH, type Ask, type Operation } from '@provider-access/testing/promises';

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
const optOut = (member: number): Operation => ({ op: 'opt-out', member, target: 'all', ...stated });
const optIn = (member: number): Operation => ({ op: 'opt-in', member, ...stated });
const exported = (ask: Ask, client = 0): Operation => ({ op: 'export', client, ask, via });
const download = (which = 0): Operation => ({ op: 'download', which, range: false, via });
/** The same about exports that ask for less, or in another form. Practice B sees nobody but member 0. */
export const WRITTEN_ABOUT_EXPORTS: Readonly<Record<string, readonly Operation[]>> = {
  'an export of some patients has nobody else, and tells of no patient why nothing was released': [
    exported({ form: 'organized', patients: [0, 2], davinci: false }),
    optOut(2),
    settle,
    download(),
    exported({ form: 'files and list', patients: [0, 2, 'unknown'], davinci: true }),
    exported({ form: 'files', patients: [0, 2], davinci: false }),
    exported({ form: 'files', patients: [0, 'unknown'], davinci: false }),
    exported({ form: 'files and list', patients: [1, 'unknown'], davinci: true }, 1),
    download(),
    optOut(0),
    settle,
    download(1),
  ],
  'a member leaves a list without a trace, and comes back as new': [
    exported({ form: 'list', davinci: true }),
    optOut(1),
    settle,
    download(),
    { op: 'delta', which: 0, via },
    { op: 'time passes', minutes: 1 },
    optIn(1),
    settle,
    { op: 'delta', which: 0, via },
    download(),
    { op: 'delta', which: 0, via },
    download(),
  ],
};
const attest = (client: number, ...members: readonly number[]): Operation => ({ op: 'attest', client, members, via });
/** The same about matches: practice B and members 1 and 2, who are not attributed to it. */
export const WRITTEN_ABOUT_MATCHES: Readonly<Record<string, readonly Operation[]>> = {
  'M30, M70, M72, M19 a match opens members to one app, until an opt-out or a withdrawal': [
    attest(1, 1, 2),
    settle,
    optOut(1),
    settle,
    attest(1, 1),
    settle,
    { op: 'withdraw', which: 1, via },
    settle,
  ],
  'M71 a match opens members to its app until it expires, and a new one opens them again': [
    attest(0, 1, 2),
    attest(1, 1, 2),
    settle,
    { op: 'time passes', minutes: A_MONTH },
    settle,
    attest(1, 2),
    settle,
    { op: 'coverage', member: 2, ends: true, from: 0, ...NOW },
    settle,
  ],
  'M44, M19 a match finds the id that stays, and a withdrawal ends what it opened': [
    { op: 'merge', member: 0, other: 1, via, post: true },
    settle,
    attest(1, 1),
    settle,
    { op: 'withdraw', which: 0, via },
    settle,
  ],
  'M19 a withdrawal after a merge ends what was opened before it': [
    attest(1, 1, 2),
    settle,
    { op: 'merge', member: 2, other: 1, via, post: true },
    settle,
    { op: 'withdraw', which: 0, via },
    settle,
  ],
  'M30 a match is found by instances whose clocks differ': [
    { op: 'clock', module: 'export', instance: 0, seconds: 60 },
    attest(1, 1, 2),
    { op: 'clock', module: 'export', instance: 1, seconds: -60 },
    attest(1, 2),
    settle,
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

const one = { member: 0, day: false, via: 1, post: true } as const;
/** Random sequences that found a fault, shortened. */
export const FOUND: Readonly<Record<string, readonly Operation[]>> = {
  'an opt-in after a corrected opt-out shows the member at once (sequence 496712160)': [
    { op: 'fault', how: 'an opt-out of the future', member: 0, other: 0, via: 1 },
    settle,
    { op: 'time passes', minutes: 4 },
    { op: 'resolve', which: 0, how: 'correct', via: 0 },
    { ...one, op: 'opt-in', source: 0, ago: 0 },
  ],
  'an opt-out for which a scheduled one stands is answered with that one (sequence 379726102)': [
    {
      op: 'lines',
      statements: [
        { ...one, op: 'consent', source: 1, ago: 1, from: 20, target: 'all', content: 'deny' },
        { ...one, op: 'opt-in', source: 1, ago: 3, from: 900, day: true, post: false },
        { ...one, op: 'opt-out', source: 0, ago: 10, from: 900, target: 'B by NPI' },
      ],
      junk: false,
      via,
    },
  ],
  'N10 an opt-in by NPI has no effect while an opt-out by TIN bars the practice (sequence 90417014)': [
    { op: 'opt-out', member: 0, target: 'A by TIN', ...stated },
    settle,
    { op: 'opt-in', member: 0, target: 'A by NPI', ...stated },
  ],
  'N10 an opt-in has effect where an opt-out for the specialty of others stands (sequence 20270105)': [
    { op: 'scoped opt-out', member: 1, scope: 'N7 the specialty of another practice', ...stated },
    { op: 'opt-in', member: 1, target: 'A by NPI', ...stated },
  ],
};

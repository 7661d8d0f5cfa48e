import { DENIALS } from '@provider-access/events';

/** A decision of the past, or since when the platform knows enough for one. */
export interface PastVerdict {
  readonly decision: 'permit' | 'deny' | 'unknown';
  readonly reason?: string;
  readonly unknownBefore?: string;
}
/** What was learned after the time of knowledge, as the name of its list in the facts, and its interval. */
export interface LearnedFact {
  readonly kind: string;
  readonly recordedAt: string;
  readonly from: string;
  readonly to?: string;
  /** The end was learned, and not the beginning. */
  readonly ended?: true;
}
/** A question about the past with its answer. Instants are RFC 3339, UTC. */
export interface PastAnswer extends PastVerdict {
  readonly at: string;
  readonly known: string;
  /** When statements were recorded that the decision had not read, although they were recorded before it. */
  readonly unread?: readonly string[];
  /** By what is known at the time of the question. */
  readonly later?: PastVerdict & { readonly learned: readonly LearnedFact[] };
}

const MONTHS = 'January February March April May June July August September October November December'.split(' ');
/** `3 March 2026`, with the time of day in UTC if it is not midnight. */
function dayInWords(instant: string): string {
  const [, year, month, day, time] = /^(\d{4})-(\d\d)-(\d\d)T(\d\d:\d\d:\d\d)/.exec(instant)!;
  const date = `${Number(day)} ${MONTHS[Number(month) - 1]!} ${year!}`;
  return time === '00:00:00' ? date : `${date} at ${time!} UTC`;
}
const KINDS: Readonly<Record<string, string>> = {
  coverage: 'a coverage',
  plans: 'the plan of a coverage',
  attributions: 'the attribution',
  attestations: 'an attestation',
  optOuts: 'an opt-out',
  holds: 'a hold by a dead letter',
  notices: 'a notice',
  bindings: 'the binding of the app to a provider',
  network: 'a network status',
};
const EVER = '0001-';
const because = (reason: string | undefined): string => {
  const text = (DENIALS as Readonly<Record<string, string>>)[reason ?? ''];
  return text === undefined ? '' : ` (${text.slice(0, -1)})`;
};
/**
 * The answer in sentences, with both times (APPS.md P19): what was decided at `at` by what was known at `known`, what
 * the platform learned later, and what it says now.
 */
export function pastInWords({ at, known, later, unread = [], ...verdict }: PastAnswer): readonly string[] {
  const [on, by] = [dayInWords(at), dayInWords(known)];
  const says = (v: PastVerdict, permitted: string, denied: string, unknown: string): string =>
    v.decision === 'permit' ? permitted : v.decision === 'deny' ? `${denied}${because(v.reason)}` : unknown;
  const missing = (v: PastVerdict): string =>
    `what it recorded before ${v.unknownBefore === undefined ? 'then' : dayInWords(v.unknownBefore)} is not known`;
  const first =
    at === known
      ? says(
          verdict,
          `On ${on} the platform permitted`,
          `On ${on} the platform denied`,
          `The answer for ${on} is unknown: ${missing(verdict)}`,
        )
      : says(
          verdict,
          `By what the platform knew on ${by}, it permits for ${on}`,
          `By what the platform knew on ${by}, it denies for ${on}`,
          `The answer for ${on} by what the platform knew on ${by} is unknown: ${missing(verdict)}`,
        );
  const missed = unread.map((time) => `It had not read yet what was recorded on ${dayInWords(time)}.`);
  if (later === undefined) return [`${first}.`, ...missed];
  const learned = later.learned.map(({ kind, recordedAt, from, to, ended }) => {
    const what = KINDS[kind] ?? `a statement (${kind})`;
    const when = ended === true ? to! : from;
    const verb = ended === true ? 'had ended' : 'had begun';
    const since = when.startsWith(EVER) ? '' : ` on ${dayInWords(when)}`;
    return `It learned on ${dayInWords(recordedAt)} that ${what} ${verb}${since}.`;
  });
  const isSame = later.decision === verdict.decision && later.reason === verdict.reason;
  const now = says(
    later,
    `By what it knows now, it would have permitted`,
    `By what it knows now, it would have denied`,
    `By what it knows now, the answer is unknown: ${missing(later)}`,
  );
  return [`${first}.`, ...missed, ...learned, isSame ? 'What it knows now changes nothing about that.' : `${now}.`];
}

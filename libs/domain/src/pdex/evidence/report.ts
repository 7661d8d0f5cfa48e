import type { PageLanguage } from '@provider-access/kernel';
import { createHash } from 'node:crypto';
import { FIGURE_IDS, type FigureId, FIGURES, UNKNOWN, type Value } from './figures.ts';
import type { Month } from './months.ts';
import { type RuleTest, RULES } from './rules.ts';

interface ShownFigure {
  readonly id: FigureId;
  readonly title: string;
  readonly how: string;
  readonly state: Value['state'];
  /** Absent if the figure is unknown. */
  readonly value?: number;
  /** Why it is unknown. */
  readonly why?: string;
  /** Members that a count which goes on has looked at. Ask again for its end. */
  readonly looked?: number;
  /** RFC 3339, UTC: when a long count ended, if that was before the page was made. */
  readonly countedAt?: string;
}
interface ShownRule {
  readonly id: string;
  readonly source: string;
  readonly does: string;
  readonly tests: readonly RuleTest[];
  /** Ids of figures of the report. */
  readonly figures: readonly FigureId[];
}
/** The page of one month. Its hash is in the audit, so nothing in it depends on the form in which it is sent. */
export interface EvidenceReport {
  readonly period: string;
  /** Days of the payer, both included. */
  readonly from: string;
  readonly to: string;
  readonly timeZone: string;
  /** Whether the month has ended. */
  readonly complete: boolean;
  /** RFC 3339, UTC. */
  readonly madeAt: string;
  readonly language: PageLanguage;
  readonly figures: readonly ShownFigure[];
  readonly rules: readonly ShownRule[];
}

export interface ReportInput {
  readonly month: Month;
  readonly timeZone: string;
  /** ms since the epoch */
  readonly now: number;
  readonly language: PageLanguage;
  readonly values: Readonly<Record<FigureId, Value>>;
}
export function evidenceReport({ month, timeZone, now, language, values }: ReportInput): EvidenceReport {
  const figure = (id: FigureId): ShownFigure => {
    const { title, how } = FIGURES[id];
    const value = values[id];
    return {
      id,
      title: title[language],
      how: how[language],
      state: value.state,
      ...(value.state === 'unknown'
        ? {
            why: UNKNOWN[value.why][language].replace('{looked}', String(value.looked)),
            ...(value.looked !== undefined && { looked: value.looked }),
          }
        : {
            value: value.value,
            ...(value.countedAt !== undefined && { countedAt: new Date(value.countedAt).toISOString() }),
          }),
    };
  };
  return {
    period: month.period,
    from: month.from,
    to: month.to,
    timeZone,
    complete: month.ends <= now,
    madeAt: new Date(now).toISOString(),
    language,
    figures: FIGURE_IDS.map(figure),
    rules: RULES.map(({ id, source, does, tests, figures }) => ({ id, source, does: does[language], tests, figures })),
  };
}

/** JSON with sorted names and no spaces: the bytes that are signed, however a tool has printed the report since. */
const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, one: unknown) =>
    typeof one === 'object' && one !== null && !Array.isArray(one)
      ? Object.fromEntries(Object.entries(one).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : one,
  );
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** The hash of a report that was parsed from JSON. */
export const digestOfReport = (report: unknown): string => sha256(canonical(report));

/** A cell that a table program takes for a text, whatever it begins with. */
const cell = (value: string | number): string => {
  const text = String(value);
  const safe = typeof value === 'string' && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
};
const line = (cells: readonly (string | number)[]): string => `${cells.map(cell).join(',')}\r\n`;
const SIGNATURE = 'signature,sha256,';

const detailOf = ({ how, countedAt }: ShownFigure): string => (countedAt === undefined ? how : `${how} (${countedAt})`);

/** RFC 4180: the figures, the rules, and a last line with the hash of everything before it. */
export function evidenceCsv(report: EvidenceReport): string {
  const { period, from, to, timeZone, complete, madeAt, figures, rules } = report;
  const rows: (readonly (string | number)[])[] = [
    ['section', 'id', 'title', 'state', 'value', 'detail'],
    ['period', period, `${from} – ${to}`, complete ? 'complete' : 'open', '', `${timeZone}; ${madeAt}`],
    ...figures.map((f) => ['figure', f.id, f.title, f.state, f.value ?? '', f.why ?? detailOf(f)]),
    ...rules.map((rule) => [
      'rule',
      rule.id,
      rule.does,
      '',
      '',
      [rule.source, ...rule.tests.map(({ file, name }) => `${file}: ${name}`), rule.figures.join(' ')].join('; '),
    ]),
  ];
  const text = rows.map(line).join('');
  return `${text}${SIGNATURE}${sha256(text)}\r\n`;
}
/**
 * The hash of a CSV file, or undefined without a signature. `signed` is what that line says, so the two
 * differ if somebody changed the file.
 */
export function digestOfCsv(text: string): { readonly digest: string; readonly signed: string } | undefined {
  const found = /^([\s\S]*\r\n)signature,sha256,([0-9a-f]{64})\r\n$/.exec(text);
  return found === null ? undefined : { digest: sha256(found[1]!), signed: found[2]! };
}

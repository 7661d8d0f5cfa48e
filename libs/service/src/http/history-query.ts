import { instant, Refusal } from '@provider-access/kernel';
import { dateRange, printable } from '@provider-access/fhir';
import { unknownParameter } from './unknown-parameter.ts';

const DEFAULT_COUNT = 50;
const MAX_COUNT = 200;

/** The parameters of a history. Times are ms since the epoch. */
export interface HistoryQuery {
  readonly count: number;
  /** Versions that were recorded at or after this time. */
  readonly since?: number;
  /** Versions that were current at some moment of this time, without its end. */
  readonly at?: { readonly start: number; readonly end: number; readonly text: string };
}

/** @throws Refusal that names the parameter */
export function readHistoryQuery(parameters: URLSearchParams): HistoryQuery {
  let query: HistoryQuery = { count: DEFAULT_COUNT };
  for (const [name, value] of parameters) {
    if (parameters.getAll(name).length > 1)
      throw new Refusal('invalid-value', `A history takes ${printable(name)} once.`, { expression: printable(name) });
    switch (name) {
      case '_count': {
        if (!/^[0-9]{1,9}$/.test(value) || Number(value) < 1)
          throw new Refusal('invalid-value', '_count must be at least 1.', { expression: name });
        query = { ...query, count: Math.min(Number(value), MAX_COUNT) };
        break;
      }
      case '_since':
        query = { ...query, since: timeOf(name, value).start };
        break;
      case '_at':
        query = { ...query, at: { ...timeOf(name, value), text: value } };
        break;
      default:
        throw unknownParameter('A history', name, ['_count', '_since', '_at']);
    }
  }
  return query;
}

function timeOf(name: string, value: string): { start: number; end: number } {
  // A `+` that the client did not encode arrives as a space.
  const range = dateRange(value.replace(' ', '+'));
  if (range === undefined)
    throw new Refusal('invalid-value', `${name} must be a date or an instant, as 2027-01-04T12:00:00Z.`, {
      expression: name,
    });
  return range;
}

/** The parameters of a query. Equal queries have equal ones. */
export function queryOf({ count, since, at }: HistoryQuery): URLSearchParams {
  const parameters = new URLSearchParams();
  if (at !== undefined) parameters.set('_at', at.text);
  if (count !== DEFAULT_COUNT) parameters.set('_count', String(count));
  if (since !== undefined) parameters.set('_since', instant(since));
  return parameters;
}

/** Whether the version was current at some moment of `_at`. */
export function holds(
  { at }: HistoryQuery,
  { lastUpdated, supersededAt = Infinity }: { readonly lastUpdated: number; readonly supersededAt?: number },
): boolean {
  return at === undefined || (lastUpdated < at.end && supersededAt > at.start);
}

import { createHash } from 'node:crypto';
import type { DomainEvent } from '@provider-access/events';
import { isDayOrInstant, isInstant } from '@provider-access/fhir';
import { bytesOf } from '../client/documents.ts';
import { eventOf, faultsOf, SOURCE } from '../client/statement.ts';
import { CliError, EXIT } from '../output.ts';
import { CsvForm, readCsv } from './csv.ts';
import { withFormulas } from './formulas.ts';
import type { ImportKind, Values } from './kinds.ts';
import { dayOf, dayOfExcel, type ImportMap } from './map.ts';

export interface RowFault {
  /** The name of the column in the file; undefined if the whole row is at fault. */
  readonly column?: string;
  readonly reason: string;
}
export type ImportRow =
  | { readonly ok: true; readonly line: number; readonly text: string; readonly event: DomainEvent }
  | { readonly ok: false; readonly line: number; readonly text: string; readonly faults: readonly RowFault[] };

export interface ImportFile {
  readonly file: string;
  readonly kind: ImportKind;
  readonly map: ImportMap;
  /** The business time of rows without one. */
  readonly time: string;
}

/** Where each attribute is in a row. */
interface Layout {
  readonly header: readonly string[];
  readonly headerText: string;
  readonly places: ReadonlyMap<string, number>;
  readonly ignored: readonly string[];
}

/** `Coverage ID`, `coverage_id` and `coverageId` are one name. */
const folded = (name: string): string => name.toLowerCase().replaceAll(/[\s_.-]+/g, '');

/** The place of a column, as it is written or else in another case and spacing. */
function placeOf(file: string, header: readonly string[], name: string): number {
  const exact = header.indexOf(name);
  if (exact >= 0) return exact;
  const alike = header.filter((each) => folded(each) === folded(name));
  if (alike.length < 2) return header.indexOf(alike[0] ?? name);
  throw new CliError(
    EXIT.usage,
    `${file}: the columns ${alike.map((each) => `"${each}"`).join(' and ')} may both be ${name}: name one in a map`,
  );
}

function layoutOf(
  { file, kind, map }: ImportFile,
  header: readonly string[],
  headerText: string,
  separator: string,
): Layout {
  const twice = header.find((name, at) => header.indexOf(name) !== at);
  if (twice !== undefined) throw new CliError(EXIT.usage, `${file}: two columns have the name "${twice}"`);
  const places = new Map<string, number>();
  for (const attribute of kind.attributes) {
    const named = map.columns[attribute];
    const at = placeOf(file, header, named ?? attribute);
    if (at >= 0) places.set(attribute, at);
    else if (named !== undefined)
      throw new CliError(EXIT.usage, `${file}: the map names the column "${named}" for ${attribute}, which is missing`);
  }
  for (const names of kind.required)
    if (!names.some((name) => places.has(name) || map.constants[name] !== undefined)) {
      const hint =
        header.length === 1
          ? ` The file has one column: if "${separator}" does not separate its columns, name the character as ` +
            '`separator` in the map.'
          : ` The file has the columns ${header.map((name) => `"${name}"`).join(', ')}.`;
      throw new CliError(
        EXIT.usage,
        `${file}: no column for ${names.join(' or ')}.${hint} A map (--map) names the column of an attribute.`,
      );
    }
  const used = new Set(places.values());
  return { header, headerText, places, ignored: header.filter((_, at) => !used.has(at)) };
}

/** The same row makes the same id, in this file and in every later one. */
const idOf = (kind: ImportKind, { subject, time, data }: DomainEvent): string =>
  `import/${createHash('sha256')
    .update(JSON.stringify([kind.type, subject, time, data]))
    .digest('base64url')
    .slice(0, 22)}`;

/** The events of a CSV file, and the rows that state no event. `onLayout` receives the columns of the header. */
export async function* importRows(
  source: ImportFile,
  onLayout: (layout: { readonly headerText: string; readonly ignored: readonly string[] }) => void = () => undefined,
  form = new CsvForm(),
): AsyncGenerator<ImportRow> {
  let layout: Layout | undefined;
  const { file: name, map } = source;
  for await (const row of readCsv(bytesOf(name), { name, separator: map.separator, form })) {
    if (layout === undefined) {
      if (!row.ok)
        throw new CliError(EXIT.usage, `${source.file}:${row.line}: the header cannot be read: ${row.reason}`);
      layout = layoutOf(source, row.cells.map(withFormulas), row.text, form.separator);
      onLayout(layout);
      continue;
    }
    const { line, text } = row;
    if (!row.ok) yield { ok: false, line, text, faults: [{ reason: row.reason }] };
    else if (row.cells.length !== layout.header.length)
      yield {
        ok: false,
        line,
        text,
        faults: [{ reason: `${row.cells.length} cells, but the header has ${layout.header.length}` }],
      };
    else yield rowOf(source, layout, line, text, row.cells.map(withFormulas));
  }
  if (layout === undefined) throw new CliError(EXIT.usage, `${source.file} is empty: the first line names the columns`);
}

function rowOf(source: ImportFile, layout: Layout, line: number, text: string, cells: readonly string[]): ImportRow {
  const { kind, map } = source;
  const faults: RowFault[] = [];
  const fault = (attribute: string, reason: string): void => {
    const at = layout.places.get(attribute);
    const column = at === undefined ? undefined : layout.header[at];
    if (!faults.some((each) => each.column === column))
      faults.push(column === undefined ? { reason: `${attribute}: ${reason}` } : { column, reason });
  };
  const values: Record<string, string> = { ...map.constants };
  for (const [attribute, at] of layout.places) {
    const cell = cells[at]!;
    if (cell === '') continue;
    const translated = map.values[attribute]?.[cell] ?? (kind.codes.includes(attribute) ? codeOf(cell) : cell);
    const day = map.days !== undefined && kind.days.includes(attribute) ? dayOf(translated, map.days) : translated;
    if (day === undefined) fault(attribute, `"${translated}" is no day of the form ${map.days}, which the map names`);
    else if (kind.days.includes(attribute) && !isDayOrInstant(day)) fault(attribute, noDay(day));
    values[attribute] = day ?? translated;
  }
  const time = values['time'] ?? source.time;
  if (!isInstant(time)) fault('time', 'not an instant with a zone, such as 2026-01-31T10:00:00Z');
  else if (Date.parse(time) > Date.now()) fault('time', 'lies in the future');
  if (faults.length > 0) return { ok: false, line, text, faults };
  const event = eventWith(kind, values, new Date(time).toISOString());
  for (const { path, text: reason } of faultsOf(event)) fault(kind.attributeOf(path), reason);
  return faults.length > 0 ? { ok: false, line, text, faults } : { ok: true, line, text, event };
}

function eventWith(kind: ImportKind, values: Values, time: string): DomainEvent {
  const event = eventOf(kind.statement(values), { id: 'none', time, source: SOURCE });
  return { ...event, id: idOf(kind, event) };
}

/** `Provider Specific` -> `provider-specific` */
const codeOf = (text: string): string =>
  text
    .toLowerCase()
    .replaceAll(/[\s_]+/g, '-')
    .replaceAll(/-+/g, '-');

/** Why a text is no day, with what its writer can do. */
function noDay(text: string): string {
  if (/^\d{4}-\d{2}-\d{2}$/.test(text)) return `"${text}" is a day that does not exist`;
  const excel = dayOfExcel(text);
  if (excel !== undefined)
    return `"${text}" is a day number of Excel, ${excel}: write days as YYYY-MM-DD, or add \`days: excel\` to the map`;
  if (/^\d{1,4}[/. -]\d{1,2}[/. -]\d{1,4}$/.test(text))
    return `"${text}" is a day in another form: name the form in the map, for example \`days: MM/DD/YYYY\``;
  return `"${text}" is no day (YYYY-MM-DD) and no instant with a zone (2026-01-31T10:00:00Z)`;
}

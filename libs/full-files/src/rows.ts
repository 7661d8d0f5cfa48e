import { createHash } from 'node:crypto';
import type { DomainEvent } from '@provider-access/events';
import { isDayOrInstant, isInstant } from '@provider-access/fhir';
import { CsvForm, readCsv } from './csv.ts';
import { FileFault } from './fault.ts';
import type { FileBytes } from './file-bytes.ts';
import { withFormulas } from './formulas.ts';
import type { ImportKind, Values } from './kinds.ts';
import { dayOf, dayOfExcel, type ImportMap } from './map.ts';
import { eventOf, faultsOf, SOURCE } from './statement.ts';

export interface RowFault {
  /** The name of the column in the file; undefined if the whole row is at fault. */
  readonly column?: string;
  readonly reason: string;
}
export type ImportRow =
  | { readonly ok: true; readonly line: number; readonly text: string; readonly event: DomainEvent }
  | { readonly ok: false; readonly line: number; readonly text: string; readonly faults: readonly RowFault[] };

export interface ImportFile {
  readonly file: FileBytes;
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
function placeOf(file: string, header: readonly string[], attribute: string, name: string): number {
  const exact = header.indexOf(name);
  if (exact >= 0) return exact;
  const alike = header.filter((each) => folded(each) === folded(name));
  if (alike.length < 2) return header.indexOf(alike[0] ?? name);
  throw new FileFault(
    'usage',
    `${file}: the columns ${alike.map((each) => `"${each}"`).join(' and ')} may both be ${name}: name one in a map`,
    { code: 'columns-alike', columns: alike, attribute },
  );
}

function layoutOf(
  { file: { name }, kind, map }: ImportFile,
  header: readonly string[],
  headerText: string,
  separator: string,
): Layout {
  const twice = header.find((name, at) => header.indexOf(name) !== at);
  if (twice !== undefined)
    throw new FileFault('usage', `${name}: two columns have the name "${twice}"`, {
      code: 'columns-alike',
      columns: [twice],
    });
  const places = new Map<string, number>();
  for (const attribute of kind.attributes) {
    const named = map.columns[attribute];
    const at = placeOf(name, header, attribute, named ?? attribute);
    if (at >= 0) places.set(attribute, at);
    else if (named !== undefined)
      throw new FileFault('usage', `${name}: the map names the column "${named}" for ${attribute}, which is missing`, {
        code: 'mapped-column-missing',
        attribute,
        column: named,
      });
  }
  for (const names of kind.required)
    if (!names.some((each) => places.has(each) || map.constants[each] !== undefined)) {
      const hint =
        header.length === 1
          ? ` The file has one column: if "${separator}" does not separate its columns, name the character as ` +
            '`separator` in the map.'
          : ` The file has the columns ${header.map((each) => `"${each}"`).join(', ')}.`;
      throw new FileFault(
        'usage',
        `${name}: no column for ${names.join(' or ')}.${hint} A map (--map) names the column of an attribute.`,
        { code: 'column-missing', attributes: names, columns: header },
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

/**
 * The events of a CSV file, and the rows that state no event. `onLayout` receives the columns of the header.
 * @throws FileFault if the file is no CSV file, or its header does not name the columns of the kind
 */
export async function* importRows(
  source: ImportFile,
  onLayout: (layout: { readonly headerText: string; readonly ignored: readonly string[] }) => void = () => undefined,
  form = new CsvForm(),
): AsyncGenerator<ImportRow> {
  let layout: Layout | undefined;
  const { file, map } = source;
  const { name } = file;
  for await (const row of readCsv(file.bytes(), { name, separator: map.separator, form })) {
    if (layout === undefined) {
      if (!row.ok)
        throw new FileFault('usage', `${name}:${row.line}: the header cannot be read: ${row.reason}`, {
          code: 'header',
          reason: row.reason,
        });
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
  if (layout === undefined)
    throw new FileFault('usage', `${name} is empty: the first line names the columns`, { code: 'no-header' });
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
    const meant = map.values[attribute];
    const told = meant !== undefined && Object.hasOwn(meant, cell) ? meant[cell] : undefined;
    const translated = told ?? (kind.codes.includes(attribute) ? codeOf(cell) : cell);
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

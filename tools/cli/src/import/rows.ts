import { createHash } from 'node:crypto';
import type { DomainEvent } from '@provider-access/events';
import { isInstant } from '@provider-access/kernel/fhir';
import { eventOf, faultsOf, SOURCE } from '../client/statement.ts';
import { CliError, EXIT } from '../output.ts';
import { readCsv } from './csv.ts';
import type { ImportKind, Values } from './kinds.ts';
import { dayOf, type ImportMap } from './map.ts';

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

function layoutOf({ file, kind, map }: ImportFile, header: readonly string[], headerText: string): Layout {
  const twice = header.find((name, at) => header.indexOf(name) !== at);
  if (twice !== undefined) throw new CliError(EXIT.usage, `${file}: two columns have the name "${twice}"`);
  const places = new Map<string, number>();
  for (const attribute of kind.attributes) {
    const named = map.columns[attribute];
    const at = header.indexOf(named ?? attribute);
    if (at >= 0) places.set(attribute, at);
    else if (named !== undefined)
      throw new CliError(EXIT.usage, `${file}: the map names the column "${named}" for ${attribute}, which is missing`);
  }
  for (const names of kind.required)
    if (!names.some((name) => places.has(name) || map.constants[name] !== undefined)) {
      const hint =
        header.length === 1
          ? ` The file has one column: if "${map.separator}" does not separate its columns, name the character as ` +
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
): AsyncGenerator<ImportRow> {
  let layout: Layout | undefined;
  for await (const row of readCsv(source.file, source.map.separator)) {
    if (layout === undefined) {
      if (!row.ok)
        throw new CliError(EXIT.usage, `${source.file}:${row.line}: the header cannot be read: ${row.reason}`);
      layout = layoutOf(source, row.cells, row.text);
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
    else yield rowOf(source, layout, line, text, row.cells);
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
    const translated = map.values[attribute]?.[cell] ?? cell;
    const day = map.days !== undefined && kind.days.includes(attribute) ? dayOf(translated, map.days) : translated;
    if (day === undefined) fault(attribute, `not a day of the form ${map.days}`);
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

import type { StatementSync } from 'node:sqlite';
import { LIMIT, VALUE } from '../../log/embedded/index.ts';
import type { IndexDefinition, ViewDocument } from '../projection.ts';
import { type CountPlan, type IdsPlan, type LoadPlan, type QueryPlan, setField } from '../query.ts';
import { joinedColumns, joinedRow } from './joined-sql.ts';
import { countShapeOf, type Elements, hasLists, inList, isOne, PlainElements, shapeOf } from './elements.ts';
import { SharedElements } from './shared-elements.ts';
import { folderTable, splitId } from './row-ids.ts';
import type { SharedValues } from './shared-arrays.ts';
import { prefixColumns } from './shared-tables.ts';
import type { Element } from './shared-texts.ts';
import { bodyTable, isPlain, type Layout, type OthersIndex, othersIndex, type PartColumns, quoted } from './tables.ts';
import { WriteStatements } from './write-statements.ts';

type Loaded = Pick<LoadPlan, 'bodies' | 'plain'>;
/** Documents of a page. */
const PAGE = 500;
/** Rows that one statement counts: half a millisecond, and 2 ms if it reads the pages from the file. */
export const COUNTED_TOGETHER = 10_000;
/** Owners of whom is remembered that they have many documents that are not plain. */
const MOST_OWNERS = 256;
type PageWhere = 'after' | 'in the folder' | 'in later folders';
const keyOf = ({ bodies, plain }: Loaded): string => `${bodies.join()}/${plain}`;

/** The prepared statements of one build. */
export class Statements extends WriteStatements {
  readonly #elements = new Map<IndexDefinition, Elements>();

  /** The queries of an array index. */
  elements(index: IndexDefinition): Elements {
    let elements = this.#elements.get(index);
    if (elements === undefined) {
      elements = index.shared
        ? new SharedElements(this.physical, index, this.rowIds)
        : new PlainElements(this.layout, this.physical, index);
      this.#elements.set(index, elements);
    }
    return elements;
  }

  /** _id, position, JSON, bodies, what `sharedValues` reads, of a part, of those documents that exist. */
  parts(part: PartColumns, ids: readonly string[]): readonly (readonly unknown[])[] {
    const isList = this.layout.hasFolders;
    const statement = this.#parts(part, isList ? 0 : ids.length);
    return statement.all(...(isList ? [this.rowIds.listOf(ids)] : ids)) as unknown as readonly (readonly unknown[])[];
  }
  /** @param count of ids, or 0 for a list in JSON */
  #parts(part: PartColumns, count: number): StatementSync {
    return this.prepare(`parts/${part.n}/${count}`, () => {
      const columns = [
        this.rowIds.id('t.'),
        `t.p${part.n}`,
        `t.d${part.n}`,
        ...part.bodies.map((b) => `b.${b.column}`),
      ];
      if (part.shared !== undefined) columns.push(...this.#sharedColumns);
      const scopes = part.shared === undefined ? '' : this.#joinedScopes;
      const table =
        count === 0 ? `json_each(?) j CROSS JOIN ${this.table} t ON ${this.rowIds.isListed}` : `${this.table} t`;
      const where = count === 0 ? '' : ` WHERE t._id IN (?${', ?'.repeat(count - 1)})`;
      return `SELECT ${columns.join(', ')} FROM ${table}${this.#joined(part.bodies.length > 0)}${scopes}${where}`;
    });
  }

  /** @param only SQL: the documents whose bodies are read. Nobody looks for the bodies of the others. */
  #selected(bodies: readonly string[], only?: string): string {
    const wanted = this.layout.parts.flatMap((p) => p.bodies.filter((b) => bodies.includes(b.path)));
    const bodyOf = (column: string): string =>
      only === undefined
        ? `b.${column}`
        : `CASE WHEN ${only} THEN (SELECT ${column} FROM ${quoted(bodyTable(this.physical))} WHERE body = t.body) END`;
    const columns = [this.rowIds.id('t.'), ...this.layout.parts.map((p) => `t.d${p.n}`)];
    return [...columns, ...wanted.map((b) => bodyOf(b.column))].join(', ');
  }

  #joined(bodies: boolean): string {
    return bodies ? ` LEFT JOIN ${quoted(bodyTable(this.physical))} b ON b.body = t.body` : '';
  }

  /** What the tables of the index that shares texts have of a document, for rows that end with `sharedColumns`. */
  sharedValues(rows: readonly (readonly unknown[])[]): (n: number) => SharedValues | undefined {
    const fields = this.#sharedColumns.length - 1;
    const parsed = rows.map((row) =>
      row.at(-1) === null ? undefined : (JSON.parse(row.at(-1) as string) as Element[]),
    );
    const places = new Set(parsed.flatMap((list) => list?.filter((element) => typeof element === 'number') ?? []));
    const texts = new Map<Element, string>();
    if (places.size > 0) {
      const { texts: table } = this.shared!.tables;
      const select = this.prepare('shared/texts-of', () => `SELECT place, text FROM ${table} WHERE ${inList('place')}`);
      const found = select.all(JSON.stringify([...places])) as unknown as readonly (readonly [number, string])[];
      for (const [place, text] of found) texts.set(place, text);
    }
    return (n) => {
      const list = parsed[n]?.map((element) => (typeof element === 'number' ? texts.get(element)! : element));
      return list && [...(rows[n]!.slice(-1 - fields, -1) as string[]), list];
    };
  }
  /** The fields in front of the array, and the elements, of `#joinedScopes`. */
  get #sharedColumns(): readonly string[] {
    const { shared } = this.layout.parts.find((p) => p.shared !== undefined) ?? {};
    return shared === undefined ? [] : [...prefixColumns(shared.index).map((k) => `s.${k}`), 't.elements'];
  }
  get #joinedScopes(): string {
    return this.shared === undefined ? '' : ` LEFT JOIN ${this.shared.tables.scopes} s ON s.scope = t.scope`;
  }

  /** A document by id (`rowIds.valuesOf`). `positions` adds those of the parts. */
  get(load: Loaded, positions: boolean): StatementSync {
    const key = `get/${keyOf(load)}/${positions}`;
    return this.prepare(key, () => `${this.#select(load, positions)} WHERE ${this.rowIds.is('t.')}`);
  }

  /** The documents of a list of ids (`rowIds.listOf`), in their order. */
  many(load: Loaded, positions: boolean): StatementSync {
    return this.prepare(`many/${keyOf(load)}/${positions}`, () => {
      const others = load.plain === 'left out' ? othersIndex(this.layout, this.physical) : undefined;
      // A build of an earlier release gets the index at the next start, and until then the same answer without it.
      const by = others !== undefined && this.#exists(others.name) ? ` INDEXED BY ${quoted(others.name)}` : '';
      // CROSS JOIN keeps the list as the outer loop.
      const from = `json_each(?) j CROSS JOIN ${this.table} t${by} ON ${this.rowIds.isListed}`;
      return `${this.#select(load, positions, from)}${others === undefined ? '' : ` WHERE ${others.condition('t.')}`}`;
    });
  }

  /** As `many`, as one row with joined bodies. Its first value is `shareOf`. */
  joinedMany({ bodies, versions }: Pick<LoadPlan, 'bodies' | 'versions'>): StatementSync {
    const others = this.#others;
    return this.prepare(`joined/${bodies.join()}/${versions}/${others.name}`, () => {
      const { id, join } = this.rowIds.joined;
      const other = this.#otherOf(others);
      const columns = joinedColumns(this.layout, { bodies }, id, other.json);
      const joins = `${join}${this.#joined(true)}${other.join}`;
      const from = `json_each(?) j CROSS JOIN ${this.table} t ON ${this.rowIds.isListed}${joins}`;
      // Without a limit, SQLite would look at each body several times.
      const rows = `SELECT ${columns}, t.p0 AS position FROM ${from} WHERE t.d0 IS NOT NULL LIMIT -1`;
      return joinedRow(rows, versions);
    });
  }

  /**
   * As `many` with `plain: 'left out'`: the documents in ranges of ids. Undefined without the index. Values: start
   * and end of each range, and most rows of it.
   */
  others(load: Loaded, ranges: number): StatementSync | undefined {
    const { name, condition } = this.#others;
    if (this.#without === name) return undefined;
    if (this.#with !== name && !this.#exists(name)) {
      this.#without = name;
      return undefined;
    }
    this.#with = name;
    return this.prepare(`others/${name}/${ranges}/${keyOf(load)}`, () => {
      const from = `${this.table} t INDEXED BY ${quoted(name)}`;
      const where = `t._id >= ? AND t._id < ? AND ${condition('t.')}`;
      const range = `SELECT * FROM (${this.#select(load, false, from)} WHERE ${where} ${LIMIT})`;
      return Array.from({ length: ranges }, () => range).join(' UNION ALL ');
    });
  }
  /** Owners who had many such documents. One who has fewer now is only asked in a slower way. */
  readonly withManyOthers = new Set<string>();
  rememberManyOthers(owner: string): void {
    if (this.withManyOthers.size >= MOST_OWNERS) this.withManyOthers.clear();
    this.withManyOthers.add(owner);
  }
  /** The index of the documents that are not plain which this build has, or lacks. */
  #with: string | undefined;
  #without: string | undefined;

  #exists(name: string): boolean {
    return this.db.prepare(`SELECT 1 FROM sqlite_master WHERE name = ${VALUE}`).get(name) !== undefined;
  }

  /** Documents with bodies by id, after the given one, each with the positions of its parts and `sharedColumns`. */
  page(bodies: readonly string[], after: string): readonly (readonly unknown[])[] {
    const rows = (where: PageWhere, ...values: (string | number)[]) =>
      this.#page(bodies, where).all(...values) as unknown as readonly (readonly unknown[])[];
    if (!this.layout.hasFolders) return rows('after', after, PAGE);
    const [folder, name] = splitId(after);
    const rest = rows('in the folder', folder, name, PAGE);
    // One statement for both would sort all documents.
    return rest.length === PAGE ? rest : [...rest, ...rows('in later folders', folder, PAGE - rest.length)];
  }
  #page(bodies: readonly string[], where: PageWhere): StatementSync {
    return this.prepare(`page/${where}`, () => {
      const columns = [this.#selected(bodies), ...this.layout.parts.map((p) => `t.p${p.n}`), ...this.#sharedColumns];
      const joins = `${this.#joined(bodies.length > 0)}${this.#joinedScopes}`;
      const folders = folderTable(this.physical);
      const rest = {
        after: `${this.table} t${joins} WHERE t._id > ? ORDER BY t._id`,
        'in the folder':
          `${this.table} t${joins} WHERE t.folder = (SELECT folder FROM ${folders} WHERE path = ${VALUE}) ` +
          'AND t.name > ? ORDER BY t.name',
        'in later folders':
          `${folders} f CROSS JOIN ${this.table} t ON t.folder = f.folder${joins} WHERE f.path > ? ` +
          'ORDER BY f.path, t.name',
      }[where];
      return `SELECT ${columns.join(', ')} FROM ${rest} ${LIMIT}`;
    });
  }

  #select({ bodies, plain }: Loaded, positions: boolean, from = `${this.table} t`): string {
    const added = positions ? this.layout.parts.map((p) => `, t.p${p.n}`).join('') : '';
    if (plain !== 'bodies alone')
      return `SELECT ${this.#selected(bodies)}${added} FROM ${from}${this.#joined(bodies.length > 0)}`;
    return `SELECT ${this.#selected(bodies, isPlain(this.layout))}${added} FROM ${from}`;
  }

  /**
   * One step of a count of rows, in the order of an index: the place of the row that is `COUNTED_TOGETHER` rows after
   * the given place, or nothing if fewer follow. @param gone only rows of removed documents
   */
  countedUpTo(gone: boolean, isFirst: boolean): StatementSync {
    const place = this.#placeOf(gone);
    const step = `LIMIT 1 OFFSET ${COUNTED_TOGETHER - 1}`;
    return this.prepare(
      `count/up-to/${gone}/${isFirst}`,
      () => `SELECT ${place} FROM ${this.#counted(gone, isFirst)} ORDER BY ${place} ${step}`,
    );
  }
  /** The number of rows after the given place. */
  countAfter(gone: boolean, isFirst: boolean): StatementSync {
    return this.prepare(`count/after/${gone}/${isFirst}`, () => `SELECT count(*) FROM ${this.#counted(gone, isFirst)}`);
  }
  #counted(gone: boolean, isFirst: boolean): string {
    const place = this.#placeOf(gone);
    const conditions = [
      ...(gone ? this.layout.parts.map((p) => `d${p.n} IS NULL`) : []),
      ...(isFirst ? [] : [`(${place}) > (${place.replace(/\w+/g, '?')})`]),
    ];
    return `${this.table}${conditions.length > 0 ? ` WHERE ${conditions.join(' AND ')}` : ''}`;
  }
  /** The columns of an index, so that a step reads no rows. That of removed ones has the first column of the id. */
  #placeOf(gone: boolean): string {
    const { columns } = this.rowIds;
    return (gone ? [columns[0], 'body'] : columns).join(', ');
  }

  /** `Elements.ids`. `versions` adds the positions of the parts. */
  ids(plan: IdsPlan, versions = false): StatementSync {
    const columns = versions ? this.layout.parts.map((p) => `p${p.n}`) : [];
    return this.prepare(`ids/${shapeOf(plan)}/${plan.after !== undefined}/${versions}`, () =>
      this.elements(plan.index).ids(plan, columns),
    );
  }

  /** `Elements.countOfOne`. Undefined for several conditions, and one of several parts. */
  countOfOne(plan: CountPlan): StatementSync | undefined {
    if (!isOne(plan) || hasLists(plan)) return undefined;
    return this.prepare(`count/${countShapeOf(plan)}`, () => this.elements(plan.index).countOfOne(plan));
  }
  /** `Elements.countOfAll`. */
  countOfAll(plan: CountPlan): StatementSync {
    return this.prepare(`count-all/${countShapeOf(plan)}`, () => this.elements(plan.index).countOfAll(plan));
  }

  /**
   * The documents that have one of several lists of values (JSON) in these fields, with which the index begins. With
   * `one`, the values of one list are those of the statement. The last value is the bound; -1: none.
   */
  having(index: IndexDefinition, paths: readonly string[], one: boolean): StatementSync {
    return this.prepare(`having/${index.name}/${paths.length}/${one}`, () => {
      const columns = index.fields.map((f) => `t.${this.layout.columns.get(f)!}`);
      const value = (i: number): string => (one ? VALUE : `j.value ->> ${i}`);
      const where = columns.map((c, i) => (i < paths.length ? `${c} = ${value(i)}` : `${c} IS NOT NULL`)).join(' AND ');
      const by = `${this.table} t INDEXED BY ${quoted(`${this.physical}__${index.name}`)}`;
      const from = one ? `${by} WHERE ${where}` : `json_each(?) j CROSS JOIN ${by} ON ${where}`;
      return `SELECT ${this.#selected([])} FROM ${from} ${LIMIT}`;
    });
  }

  /** Values: equality prefix, bounds, then `after` (rest fields and _id), `except`, limit. */
  find(plan: QueryPlan, lower: boolean): StatementSync {
    const bounds = lower ? plan.bounds : plan.bounds.filter((b) => b.op[0] !== (plan.descending ? '<' : '>'));
    const compared = `${plan.equals.length}/${bounds.map((b) => b.op).join()}/${plan.after !== undefined}`;
    const others = plan.joined ? this.#others : undefined;
    const read = `${plan.descending}/${plan.bodies.join()}/${plan.fields === 'keys'}/${others?.name}`;
    const key = `find/${plan.index.name}/${compared}/${read}/${plan.except.length > 0}`;
    return this.prepare(key, () => {
      const { index } = plan;
      const elements = index.array ? this.elements(index).withElement() : undefined;
      const columns = elements === undefined ? index.fields.map((f) => `t.${this.layout.columns.get(f)!}`) : [];
      const id = elements?.id ?? this.rowIds.id('t.');
      const rest = columns.slice(plan.equals.length);
      const keyset = [...rest, id];
      const direction = plan.descending ? 'DESC' : 'ASC';
      const where = [
        ...(elements === undefined
          ? columns.slice(0, plan.equals.length).map((c) => `${c} = ${VALUE}`)
          : [elements.where]),
        ...rest.map((c) => `${c} IS NOT NULL`),
        ...bounds.map((b) => `${rest[0]} ${b.op} ${VALUE}`),
        ...(plan.after
          ? [
              keyset.length === 1
                ? `${id} ${plan.descending ? '<' : '>'} ${VALUE}`
                : `(${keyset.join(', ')}) ${plan.descending ? '<' : '>'} (${keyset.map(() => '?').join(', ')})`,
            ]
          : []),
        ...(plan.except.length > 0 ? [`${id} NOT IN (SELECT value FROM json_each(?))`] : []),
      ];
      const from = elements?.from ?? `${this.table} t INDEXED BY ${quoted(`${this.physical}__${index.name}`)}`;
      const other = others && this.#otherOf(others);
      const selected = other
        ? joinedColumns(this.layout, plan, id, other.json)
        : plan.fields === 'keys'
          ? [id, ...rest].join(', ')
          : this.#selected(plan.bodies);
      const rows =
        `SELECT ${selected} FROM ` +
        `${from}${this.#joined(plan.bodies.length > 0)}${other?.join ?? ''}` +
        `${where.length > 0 ? ` WHERE ${where.join(' AND ')}` : ''} ` +
        `ORDER BY ${keyset.map((c) => `${c} ${direction}`).join(', ')} ${LIMIT}`;
      return others ? joinedRow(rows) : rows;
    });
  }

  /** Made once for each text of plain documents, because the name of the index is a hash of it. */
  get #others(): OthersIndex {
    const { text } = this.layout.projection.plain!;
    if (this.#othersFor?.text !== text) this.#othersFor = { text, index: othersIndex(this.layout, this.physical)! };
    return this.#othersFor.index;
  }
  #othersFor: { readonly text: string; readonly index: OthersIndex } | undefined;

  /** SQL: the JSON of a row `t` that is no plain document. The index tells it without the JSON of the row. */
  #otherOf({ name, condition }: OthersIndex): { readonly json: string; readonly join: string } {
    const { n } = this.layout.partByName.get(this.layout.projection.plain!.part)!;
    if (!this.#exists(name)) return { json: `CASE WHEN ${condition('t.')} THEN t.d${n} END`, join: '' };
    const isIt = this.rowIds.columns.map((c) => `o.${c} = t.${c}`).join(' AND ');
    const join = ` LEFT JOIN ${this.table} o INDEXED BY ${quoted(name)} ON ${isIt} AND ${condition('o.')}`;
    return { json: `o.d${n}`, join };
  }
}

/** A row of `get`, `page` or `find` as a document; undefined when no part is left. */
export function documentOf(
  layout: Layout,
  row: readonly unknown[],
  bodies: readonly string[],
  decode: (json: string) => unknown = JSON.parse,
): ViewDocument | undefined {
  const document: { _id: string } & Record<string, unknown> = { _id: row[0] as string };
  let column = 1;
  let any = false;
  for (const part of layout.parts) {
    const json = row[column++];
    if (json === null) continue;
    document[part.name] = decode(json as string);
    any = true;
  }
  if (!any) return undefined;
  for (const part of bodies.length === 0 ? [] : layout.parts) {
    for (const body of part.bodies) {
      if (!bodies.includes(body.path)) continue;
      const bytes = row[column++];
      if (bytes !== null) (document[part.name] as Record<string, unknown>)[body.field] = bytes;
    }
  }
  return document;
}

/** A row of `find` with the fields of the index alone, behind the equality prefix. */
export function keysOf([_id, ...values]: readonly unknown[], { rest }: QueryPlan): ViewDocument {
  const document = { _id: _id as string };
  rest.forEach((path, i) => setField(document, path.split('.'), values[i]));
  return document;
}

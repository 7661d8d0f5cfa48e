import { LIMIT, VALUE } from '../../log/embedded/index.ts';
import type { IndexDefinition, Scalar } from '../projection.ts';
import type { CountPlan, IdsCondition, IdsPlan } from '../query.ts';
import { type Bound, type ConditionPart, Elements, hasLists, inList, MOST_RANGES } from './elements.ts';
import type { RowIds } from './row-ids.ts';
import { prefixColumns, type SharedTables, sharedTables } from './shared-tables.ts';
import { PLACES } from './shared-texts.ts';
import { quoted } from './tables.ts';

/**
 * The tables of `sharedTables`. Each condition on a text looks for the text itself and for its place in the shared
 * texts. The places are in the order of the texts, so that a range of texts is one range of places.
 */
export class SharedElements extends Elements {
  protected readonly table: string;
  protected readonly element = 'a.element';
  readonly #index: IndexDefinition;
  readonly #documents: string;
  readonly #tables: SharedTables;
  readonly #ids: RowIds;

  constructor(physical: string, index: IndexDefinition, ids: RowIds) {
    super();
    this.#ids = ids;
    this.#index = index;
    this.#tables = sharedTables(physical, index);
    this.table = this.#tables.elements;
    this.#documents = quoted(physical);
  }

  protected partsOf(value: string, { keys, ranges }: IdsCondition): readonly ConditionPart[] {
    const within = (gte: string, lt: string): string => `(${value} >= ${gte} AND ${value} < ${lt})`;
    const places = (gte: string, lt: string): string =>
      within(this.#firstPlace(gte), `ifnull(${this.#firstPlace(lt)}, ${PLACES})`);
    const [gte, lt] = ['r.value ->> 0', 'r.value ->> 1'];
    const list = 'json_each(?) r';
    return [
      ...(keys.length === 0 ? [] : [{ where: keys.length === 1 ? this.#isKey(value) : this.#isAmong(value) }]),
      ...(ranges.length > MOST_RANGES
        ? [
            { from: list, where: within(gte, lt) },
            { from: list, where: places(gte, lt) },
          ]
        : ranges.flatMap(() => [{ where: within('?', '?') }, { where: places('?', '?') }])),
    ];
  }
  protected valuesOf({ keys, ranges }: IdsCondition): readonly (readonly Bound[])[] {
    const twice = <T>(value: T): [T, T] => [value, value];
    return [
      ...(keys.length === 0 ? [] : [twice(keys.length === 1 ? keys[0]! : JSON.stringify(keys))]),
      ...(ranges.length > MOST_RANGES
        ? twice([JSON.stringify(ranges.map(({ gte, lt }) => [gte, lt]))])
        : ranges.flatMap(({ gte, lt }) => twice([gte, lt]))),
    ];
  }
  /** The place of the first shared text from one on. `+` takes its type away, as elements have none in their index. */
  #firstPlace(text: string): string {
    return `(SELECT +place FROM ${this.#tables.texts} WHERE text >= ${text} ORDER BY text LIMIT 1)`;
  }
  #isKey(value: string): string {
    return `${value} IN (?, (SELECT place FROM ${this.#tables.texts} WHERE text = ${VALUE}))`;
  }
  #isAmong(value: string): string {
    const places = `SELECT +place FROM ${this.#tables.texts} WHERE ${inList('text')}`;
    return `${value} IN (SELECT value FROM json_each(?) UNION ALL ${places})`;
  }

  protected prefix(alias: string, lists: boolean): readonly string[] {
    const where = prefixColumns(this.#index).map((k, i) => (lists && i === 0 ? inList(k) : `${k} = ${VALUE}`));
    const scopes = `(SELECT scope FROM ${this.#tables.scopes} WHERE ${where.join(' AND ')})`;
    return [`${alias}scope ${lists ? 'IN' : '='} ${scopes}`];
  }
  protected hasElement(where: string): string {
    const from = `${this.#documents} t, json_each(t.elements) j`;
    return `EXISTS (SELECT 1 FROM ${from} WHERE t.body = a.document AND (${where}))`;
  }
  protected without(plan: CountPlan): readonly string[] {
    const conditions = [...this.prefix('', hasLists(plan)), this.#isAmong('element')];
    const listed = this.#ids.isListed;
    return [
      ...(plan.none.length === 0
        ? []
        : [`a.document NOT IN (SELECT document FROM ${this.table} WHERE ${conditions.join(' AND ')})`]),
      ...(plan.except.length === 0
        ? []
        : [`a.document NOT IN (SELECT t.body FROM json_each(?) j CROSS JOIN ${this.#documents} t ON ${listed})`]),
    ];
  }
  protected withoutValues({ equals, none, except }: CountPlan): readonly Bound[] {
    const list = JSON.stringify(none);
    return [
      ...(none.length === 0 ? [] : [...this.prefixValues(equals), list, list]),
      ...(except.length === 0 ? [] : [this.#ids.listOf(except)]),
    ];
  }

  ids(plan: IdsPlan, columns: readonly string[]): string {
    const selects = this.selects(plan, []).map(({ from, where }) => `SELECT a.document FROM ${from} WHERE ${where}`);
    const { keys, ranges } = plan.all[0]!;
    // A document has a text once.
    const documents = `SELECT ${keys.length === 1 && ranges.length === 0 ? '' : 'DISTINCT '}document`;
    const { id, join } = this.#ids.joined;
    const selected = [id, ...columns.map((column) => `t.${column}`)].join(', ');
    const after = plan.after === undefined ? '' : ` WHERE ${id} > ?`;
    return (
      `SELECT ${selected} FROM (${documents} FROM (${selects.join(' UNION ALL ')})) e ` +
      `CROSS JOIN ${this.#documents} t ON t.body = e.document${join}${after} ORDER BY 1 ${LIMIT}`
    );
  }
  idsValues(plan: IdsPlan): readonly Bound[] {
    return [...this.eachValues(plan, []), ...(plan.after === undefined ? [] : [plan.after]), plan.limit];
  }
  countOfOne(plan: CountPlan): string {
    const selects = this.selects(plan, this.without(plan)).map(
      ({ from, where }) => `SELECT a.element AS e FROM ${from} WHERE ${where}`,
    );
    const of = (type: string): string => `FILTER (WHERE typeof(e) = '${type}')`;
    const text = (place: string): string => `(SELECT text FROM ${this.#tables.texts} WHERE place = ${place})`;
    return (
      `SELECT low, high, ${text('first')}, ${text('last')}, total FROM (SELECT min(e) ${of('text')} AS low, ` +
      `max(e) ${of('text')} AS high, min(e) ${of('integer')} AS first, max(e) ${of('integer')} AS last, ` +
      `count(*) AS total FROM (${selects.join(' UNION ALL ')} ${LIMIT}))`
    );
  }
  countOfAll(plan: CountPlan): string {
    const selects = this.selects(plan, this.without(plan)).map(
      ({ from, where }) => `SELECT DISTINCT a.scope, a.document FROM ${from} WHERE ${where}`,
    );
    return (
      `SELECT s.k0, count(*) FROM (${selects.join(' UNION ')} ${LIMIT}) e ` +
      `JOIN ${this.#tables.scopes} s ON s.scope = e.scope GROUP BY s.k0`
    );
  }

  withElement(): ReturnType<Elements['withElement']> {
    return {
      from: `${this.table} a CROSS JOIN ${this.#documents} t ON t.body = a.document`,
      where: [...this.prefix('a.', false), this.#isKey('a.element')].join(' AND '),
      id: this.#ids.id('t.'),
    };
  }
  equalValues(equals: readonly Scalar[]): readonly Bound[] | undefined {
    const text = equals.at(-1);
    if (typeof text !== 'string') return undefined;
    return [...this.prefixValues(equals.slice(0, -1)), text, text];
  }
}

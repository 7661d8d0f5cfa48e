import type { LinesFact } from '@provider-access/domain/access';
import type { LinesSet } from '@provider-access/events';

/** The tables of the lines of business, from pa.registry, oldest first. */
export class Lines {
  readonly #tables: LinesSet[] = [];
  readonly #facts: LinesFact[] = [];

  /** The relay may repeat a table. */
  evolve(table: LinesSet): void {
    if (table.version <= (this.current()?.version ?? 0)) return;
    this.#tables.push(table);
    this.#facts.push(factsOfLines(table));
  }

  /** A table that cannot be read maps no plan, so nothing is shared until the next one. */
  failed(at: string): void {
    this.#facts.push({ setAt: at, plans: new Map() });
  }

  facts(): readonly LinesFact[] {
    return this.#facts;
  }
  /** Undefined if none was set. */
  current(): LinesSet | undefined {
    return this.#tables.at(-1);
  }
}

/** Plans with the instants from which they are shared. A plan may start at another time than its line. */
export const factsOfLines = ({ setAt, lines }: LinesSet): LinesFact => ({
  setAt,
  plans: new Map(
    lines.flatMap(({ line, from: ofLine, plans }) =>
      plans.map(({ plan, from = ofLine }) => [plan, { line, ...(from !== undefined && { from }) }] as const),
    ),
  ),
});

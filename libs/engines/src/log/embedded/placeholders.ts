/** What the embedded stores share in SQL. */

/**
 * Groups of values whose lengths are powers of two, so that few statements stay prepared. A value may be repeated.
 * @param most the longest group, a power of two
 */
export function groupsOf<T>(values: readonly T[], most: number): readonly (readonly T[])[] {
  const groups: T[][] = [];
  for (let at = 0; at < values.length; at += most) {
    const group = values.slice(at, at + most);
    const length = 2 ** Math.ceil(Math.log2(group.length));
    groups.push([...group, ...Array.from({ length: length - group.length }, () => group[0]!)]);
  }
  return groups;
}

/** The places of values in several rows, each with constants behind them. */
export function placesOf(columns: number, count: number, constants: readonly string[] = []): string {
  const row = `(${[...Array.from({ length: columns }, () => '?'), ...constants].join(', ')})`;
  return Array.from({ length: count }, () => row).join(', ');
}

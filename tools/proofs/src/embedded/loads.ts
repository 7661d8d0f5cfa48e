import { StatementSync } from 'node:sqlite';
import { vi } from 'vitest';

/** Calls `loaded` with the size of each value that SQLite returns in a list, because the log reads records as lists. */
export function countLoads(loaded: (bytes: number) => void): void {
  type Row = ReturnType<StatementSync['all']>[number];
  const all = StatementSync.prototype.all as (this: StatementSync, ...values: unknown[]) => Row[];
  vi.spyOn(StatementSync.prototype, 'all').mockImplementation(function counted(
    this: StatementSync,
    ...values: unknown[]
  ) {
    const rows = all.apply(this, values);
    for (const { v } of rows) if (v instanceof Uint8Array) loaded(v.byteLength);
    return rows;
  });
}

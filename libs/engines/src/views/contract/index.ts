import { batchesContract } from './batches-contract.ts';
import { besideContract } from './beside-contract.ts';
import { countsContract } from './counts-contract.ts';
import type { ViewsHarness } from './fixture.ts';
import { extractsContract } from './extracts-contract.ts';
import { instancesContract } from './instances-contract.ts';
import { joinedContract } from './joined-contract.ts';
import { othersContract } from './others-contract.ts';
import { queriesContract } from './queries-contract.ts';
import { rebuildContract } from './rebuild-contract.ts';
import { runnerContract } from './runner-contract.ts';
import { sharedContract } from './shared-contract.ts';
import { storeContract } from './store-contract.ts';
import { valuesContract } from './values-contract.ts';

export type { ViewsHarness } from './fixture.ts';
export { instancesContract } from './instances-contract.ts';

/**
 * The behaviour that every adapter of the view port must show. Call it in a spec file; `open` opens a new store.
 * `several`: several processes write the store, so the harness has `another` and `remember`.
 */
export function viewsContract(name: string, open: () => Promise<ViewsHarness>, several = false): void {
  storesContract(name, open);
  runnerContract(name, open);
  rebuildContract(name, open);
  extractsContract(name, open);
  if (several) instancesContract(name, open);
}

/**
 * The part of it that asks the store itself, without projections above it. `writes`: how many random writes it compares
 * with a table.
 */
export function storesContract(name: string, open: () => Promise<ViewsHarness>, writes = 400): void {
  storeContract(name, open);
  batchesContract(name, open);
  queriesContract(name, open);
  joinedContract(name, open);
  othersContract(name, open);
  valuesContract(name, open);
  countsContract(name, open);
  sharedContract(name, open, writes);
  besideContract(name, open);
}

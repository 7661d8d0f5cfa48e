import type { ViewsHarness } from './fixture.ts';
import { instancesContract } from './instances-contract.ts';
import { queriesContract } from './queries-contract.ts';
import { rebuildContract } from './rebuild-contract.ts';
import { runnerContract } from './runner-contract.ts';
import { storeContract } from './store-contract.ts';

export type { ViewsHarness } from './fixture.ts';

/**
 * What every adapter of the view port must do: call it in a spec file with a way to open a fresh store. `several`: more
 * than one process writes it, so `another` and `remember` are there.
 */
export function viewsContract(name: string, open: () => Promise<ViewsHarness>, several = false): void {
  storeContract(name, open);
  queriesContract(name, open);
  runnerContract(name, open);
  rebuildContract(name, open);
  if (several) instancesContract(name, open);
}

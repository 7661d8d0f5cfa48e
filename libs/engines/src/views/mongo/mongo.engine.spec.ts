import { instancesContract, storesContract } from '../contract/index.ts';
import { openHarness } from '../../../test/views/mongo/harness.ts';

/**
 * What the adapter does, and several processes with it. `mongo.long.spec.ts` has the whole contract: runners and
 * rebuilds are code above the port, and `npm test` has them on the two other stores.
 */
storesContract('mongo', openHarness, 100);
instancesContract('mongo', openHarness);

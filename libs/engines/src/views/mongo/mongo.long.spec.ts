import { viewsContract } from '../contract/index.ts';
import { openHarness } from '../../../test/views/mongo/harness.ts';

viewsContract('mongo', openHarness, true);

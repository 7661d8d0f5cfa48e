import { openMapState } from '../../test/state/map-rows.ts';
import { stateContract } from './contract/index.ts';

stateContract('maps', async () => ({
  durable: false,
  open: async (options) => openMapState(options),
  close: () => Promise.resolve(),
}));

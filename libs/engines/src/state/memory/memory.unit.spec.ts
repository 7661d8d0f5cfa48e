import { stateContract } from '../contract/index.ts';
import { openMemoryState } from './index.ts';

stateContract('memory', async () => ({
  durable: false,
  open: async (options) => openMemoryState(options),
  close: async () => {},
}));

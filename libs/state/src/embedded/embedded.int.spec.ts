import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stateContract } from '../contract/index.ts';
import { openEmbeddedState } from './index.ts';

stateContract('embedded', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'state-'));
  return {
    durable: true,
    open: async (options) => openEmbeddedState({ file: join(folder, 'state.db'), ...options }),
    close: () => rm(folder, { recursive: true, force: true }),
  };
});

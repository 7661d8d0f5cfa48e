import { viewsContract } from '../contract/index.ts';
import { openMemoryViews } from './index.ts';
import type { MemoryStore } from './store.ts';

viewsContract(
  'memory',
  async () => {
    const views = openMemoryViews({ shared: true });
    const store = views.store as MemoryStore;
    return {
      views,
      another: async () => ({ ...views }),
      remember: async () => {
        const copy = store.copy();
        return async () => store.restore(copy);
      },
      close: () => views.close(),
    };
  },
  true,
);

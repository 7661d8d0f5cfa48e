import type { Views } from '../port.ts';
import type { Projection } from '../projection.ts';
import { StoreReader } from '../reader.ts';
import { MemoryStore } from './store.ts';

/**
 * For unit tests: the embedded engine without a file, so nothing survives `close` and there is nothing that a worker
 * could open. `shared`: several sets of projections write it, as several processes would.
 */
export function openMemoryViews({ shared = false }: { readonly shared?: boolean } = {}): Views & {
  readonly store: MemoryStore;
} {
  const store = new MemoryStore(shared);
  return {
    store,
    reader: (projection: Projection) => new StoreReader(store, projection),
    close: async () => store.close(),
    remote: { module: '', options: undefined },
  };
}

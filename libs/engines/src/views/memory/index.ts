import { StoreReader } from '../reader.ts';
import type { Views } from '../port.ts';
import type { Projection } from '../projection.ts';
import { MemoryStore } from './store.ts';

/**
 * Views in memory, for unit tests only: same semantics, nothing survives. There is nothing that a worker could open.
 */
export function openMemoryViews(options: { readonly shared?: boolean } = {}): Views & { readonly store: MemoryStore } {
  const store = new MemoryStore(options);
  return {
    store,
    reader: (projection: Projection) => new StoreReader(store, projection),
    close: async () => {},
    remote: { module: '', options: undefined },
  };
}

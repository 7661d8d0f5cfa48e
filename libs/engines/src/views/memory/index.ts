import type { Views } from '../port.ts';
import { viewsOver } from '../reader.ts';
import { MemoryStore } from './store.ts';

/**
 * The embedded engine without a file, for unit tests. Nothing survives `close`, and no worker can open it. `shared`:
 * several ProjectionSets write it, as several processes would. `now`: the clock of the leases on builds, ms.
 */
export const openMemoryViews = ({
  shared = false,
  now,
}: { readonly shared?: boolean; readonly now?: () => number } = {}): Views & { readonly store: MemoryStore } =>
  viewsOver(new MemoryStore(shared, now), { module: '', options: undefined });

import type { Views } from '../port.ts';
import { viewsOver } from '../reader.ts';
import { MemoryStore } from './store.ts';

/**
 * For unit tests: the embedded engine without a file, so nothing survives `close` and there is nothing that a worker
 * could open. `shared`: several sets of projections write it, as several processes would.
 */
export const openMemoryViews = ({ shared = false }: { readonly shared?: boolean } = {}): Views & {
  readonly store: MemoryStore;
} => viewsOver(new MemoryStore(shared), { module: '', options: undefined });

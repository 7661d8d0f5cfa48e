import type { EventLog } from '../../log/index.ts';
import { openEmbeddedState } from '../embedded/index.ts';
import type { State } from '../port.ts';

/** The embedded engine without a file, for unit tests. Nothing survives `close`. */
export function openMemoryState(options: { readonly log?: EventLog; readonly now?: () => number } = {}): State {
  return openEmbeddedState({ file: ':memory:', ...options });
}

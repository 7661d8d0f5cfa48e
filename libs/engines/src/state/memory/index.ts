import type { EventLog } from '@provider-access/engines/log';
import { openEmbeddedState } from '../embedded/index.ts';
import type { State } from '../port.ts';

/** For unit tests: the embedded engine without a file. Nothing survives `close`. */
export function openMemoryState(options: { readonly log?: EventLog; readonly now?: () => number } = {}): State {
  return openEmbeddedState({ file: ':memory:', ...options });
}

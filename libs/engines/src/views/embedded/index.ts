import { checkpointInBackground } from '../../log/embedded/index.ts';
import type { Views } from '../port.ts';
import { viewsOver } from '../reader.ts';
import { EmbeddedStore, type EmbeddedViewsOptions } from './store.ts';

export type { EmbeddedViewsOptions } from './store.ts';

/** Views in one SQLite file. One process writes the file; others open it `readonly`. */
export function openEmbeddedViews(options: EmbeddedViewsOptions): Views {
  const remote = { module: import.meta.url, options: { file: options.file } };
  const views = viewsOver(new EmbeddedStore(options), remote);
  if (options.backgroundCheckpoints !== true) return views;
  const stopCheckpoints = checkpointInBackground(options.file);
  return { ...views, close: () => stopCheckpoints().then(views.close) };
}

/**
 * For worker threads: the same file, read-only. `options` is what `Views.remote` carries.
 *
 * @public a worker loads it by name
 */
export function openReader(options: { readonly file: string }): Views {
  return openEmbeddedViews({ file: options.file, readonly: true });
}

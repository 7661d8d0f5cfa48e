import { checkpointInBackground } from '@provider-access/engines/log/embedded';
import type { Views } from '../port.ts';
import type { Projection } from '../projection.ts';
import { StoreReader } from '../reader.ts';
import { EmbeddedStore } from './store.ts';
import type { EmbeddedViewsOptions } from './store.ts';

export type { EmbeddedViewsOptions } from './store.ts';

/** Views in one SQLite file. One process writes it; others open it `readonly`. */
export function openEmbeddedViews(options: EmbeddedViewsOptions): Views {
  const store = new EmbeddedStore(options);
  const stopCheckpoints =
    options.backgroundCheckpoints === true ? checkpointInBackground(options.file) : async () => undefined;
  return {
    store,
    reader: (projection: Projection) => new StoreReader(store, projection),
    async close() {
      await stopCheckpoints();
      store.close();
    },
    remote: { module: import.meta.url, options: { file: options.file } },
  };
}

/**
 * For worker threads: the same file, read-only. `options` is what `Views.remote` carries.
 *
 * @public a worker loads it by name
 */
export function openReader(options: { readonly file: string }): Views {
  return openEmbeddedViews({ file: options.file, readonly: true });
}

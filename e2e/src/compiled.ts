import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/**
 * Node writes its compile cache when a process ends by itself. Tests end most processes with -9, so a process also
 * writes the cache after its start.
 */
const WRITE = "import { flushCompileCache } from 'node:module'; setTimeout(flushCompileCache, 5000).unref();";
/** From a build too the file is among the sources. */
const RESOLUTIONS = pathToFileURL(join(import.meta.dirname, '../src/resolutions.mjs')).href;

const NODE_COMPILE_CACHE = join(import.meta.dirname, '../../node_modules/.cache/provider-access-compiled');
/** For a program of one file that ends by itself. Two modules more at its start cost it a quarter. */
export const COMPILED_FILE: Readonly<Record<string, string>> = { NODE_COMPILE_CACHE };
/**
 * Variables for each process of the platform that tests start from a build. With them Node keeps compiled code between
 * starts, which saves a tenth to a fifth of the CPU time of a start, and knows where each import leads
 * (`resolutions.mjs`): a quarter less. `npm ci` removes the folder with the modules.
 */
export const COMPILED: Readonly<Record<string, string>> = {
  NODE_COMPILE_CACHE,
  NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(WRITE)} --import=${RESOLUTIONS}`,
};

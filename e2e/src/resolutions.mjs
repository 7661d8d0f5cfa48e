/**
 * Loaded into each process of the platform that tests start. A start loads 1,500 modules, and finding their files took
 * a third of its CPU time. This module answers from a table where each import of a module is (`resolutions.ts` makes
 * it). What the table does not have, Node finds as always. With `?record=FILE` it writes the table instead.
 */
import * as modules from 'node:module';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

const { searchParams } = new URL(import.meta.url);
const record = searchParams.get('record');
const TABLE = `${import.meta.dirname}/../../node_modules/.cache/provider-access-resolutions.json`;
/** Programs of one file have nothing to find, and an older Node has no such hooks. */
const isPlatform = /\/(?:services\/\w+\/dist\/main\.js|e2e\/src\/warm\/main\.mjs)$/.test(process.argv[1] ?? '');

if (record !== null) {
  const table = {};
  modules.registerHooks({
    resolve(specifier, context, next) {
      const { conditions, parentURL } = context;
      const found = next(specifier, context);
      if (conditions.includes('import') && parentURL?.startsWith('file:') && found.url.startsWith('file:'))
        if (found.format) (table[parentURL] ??= {})[specifier] = [found.url, found.format];
      return found;
    },
  });
  process.once('exit', () => writeFileSync(record, JSON.stringify(table)));
} else if (isMainThread && isPlatform && existsSync(TABLE)) {
  const { table } = JSON.parse(readFileSync(TABLE, 'utf8'));
  modules.registerHooks({
    resolve(specifier, context, next) {
      const found = context.conditions.includes('import') ? table[context.parentURL]?.[specifier] : undefined;
      return found === undefined ? next(specifier, context) : { url: found[0], format: found[1], shortCircuit: true };
    },
  });
}

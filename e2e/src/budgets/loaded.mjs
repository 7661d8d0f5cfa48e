// Loaded by a platform before its own code: counts the modules that it loads, and the objects of its heap. The product
// does not know of it. SIGUSR2 writes both to the file that the query of this module's URL names.
import { registerHooks } from 'node:module';
import { renameSync, writeFileSync } from 'node:fs';
import { getHeapSnapshot } from 'node:v8';
import { isMainThread } from 'node:worker_threads';

const file = new URL(import.meta.url).searchParams.get('file');
const modules = new Set();

/** A heap snapshot begins with its counts, after a collection. */
async function objects() {
  let text = '';
  for await (const chunk of getHeapSnapshot()) {
    text += chunk;
    const count = /"node_count":(\d+)/.exec(text);
    if (count !== null) return Number(count[1]);
  }
  return NaN;
}

if (isMainThread) {
  registerHooks({
    load(url, context, next) {
      modules.add(url);
      return next(url, context);
    },
  });
  process.on('SIGUSR2', async () => {
    const files = [...modules].filter((url) => url.startsWith('file:'));
    const own = files.filter((url) => !url.includes('/node_modules/') && url !== import.meta.url);
    const found = {
      modules: files.length,
      own,
      packages: packagesOf(files),
      fetch: process.moduleLoadList.some(isFetch),
    };
    writeFileSync(`${file}.new`, JSON.stringify({ ...found, objects: await objects() }));
    renameSync(`${file}.new`, file);
  });
}

const isFetch = (name) => name.includes('deps/undici');
const packagesOf = (files) => [
  ...new Set(files.flatMap((url) => /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1] ?? [])),
];

// Loaded by each thread of a platform before its own code: a test decides what the platform decides by the clock, which
// writes of views share a commit, and when write-ahead logs are copied into their files. So the same events are always
// grouped the same way. The product does not know of it. The query of this module's URL names the built engines, and a
// file for the address at which the test asks.
import { renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { getEnvironmentData, isMainThread, setEnvironmentData, workerData } from 'node:worker_threads';

const url = new URL(import.meta.url);
const KEY = 'provider-access:grouping';
/** Days. Nothing that waits so long ends because of the time. */
const NEVER_MS = 1_000_000_000;
if (isMainThread) setEnvironmentData(KEY, new SharedArrayBuffer(8));
/** How many copies of each file were asked for, and how many were made of all files. */
const copies = new Int32Array(getEnvironmentData(KEY));

if (isMainThread) await control();
else if (String(workerData?.file).endsWith('.db')) copyWhenAsked();

function copyWhenAsked() {
  const every = globalThis.setInterval;
  let made = 0;
  globalThis.setInterval = (copy) =>
    every(() => {
      if (made === Atomics.load(copies, 0)) return;
      made++;
      copy();
      Atomics.add(copies, 1, 1);
    }, 5);
}

async function control() {
  const built = (path) => import(new URL(path, url.searchParams.get('engines')));
  const { WritesOfTurn } = await built('log/embedded/transactions.js');
  const { EmbeddedStore } = await built('views/embedded/store.js');
  const waiting = new Set();
  let isHeld = true;
  const { add } = WritesOfTurn.prototype;
  WritesOfTurn.prototype.add = function (rows, work, waitMs = 0) {
    if (waitMs > 0) waiting.add(this);
    return add.call(this, rows, work, waitMs > 0 && isHeld ? NEVER_MS : waitMs);
  };
  /** Where each view is when what waits is committed. */
  const next = {};
  const { apply } = EmbeddedStore.prototype;
  EmbeddedStore.prototype.apply = function (projection, build, ops, checkpoint) {
    const { owner, name, version } = projection;
    if (checkpoint !== undefined)
      next[`${owner}_${name}_v${version}/${checkpoint.topic}/${checkpoint.partition}`] = checkpoint.next;
    return apply.call(this, projection, build, ops, checkpoint);
  };
  const answers = {
    '/next': () => next,
    '/commit': () => {
      for (const writes of waiting) writes.flush();
      return {};
    },
    '/release': () => {
      isHeld = false;
      return answers['/commit']();
    },
    '/copy': () => ({ asked: Atomics.add(copies, 0, 1) + 1 }),
    '/copies': () => ({ made: Atomics.load(copies, 1) }),
  };
  const server = createServer((request, response) => response.end(JSON.stringify(answers[request.url]())));
  server.listen(0, '127.0.0.1', () => {
    const file = url.searchParams.get('file');
    writeFileSync(`${file}.new`, `http://127.0.0.1:${server.address().port}`);
    renameSync(`${file}.new`, file);
  });
  server.unref();
}

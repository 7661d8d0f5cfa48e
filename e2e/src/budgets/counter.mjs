// Loaded by each thread of a platform before its own code: counts what an event, a read and a page cost. The product
// does not know of it. SIGUSR2 writes the counts of all threads to the file that the query of this module's URL names.
import { writeFileSync, renameSync } from 'node:fs';
import { DatabaseSync, StatementSync } from 'node:sqlite';
import { getEnvironmentData, isMainThread, setEnvironmentData } from 'node:worker_threads';

const file = new URL(import.meta.url).searchParams.get('file');
/** Texts with this word are of the counted events. */
const MARK = 'counted-by-the-budgets';
const NAMES = [
  'sqlite',
  'servingSqlite',
  'markedParses',
  'parses',
  'stringifies',
  'stringifiedBytes',
  'blockingCommits',
];
const KEY = 'provider-access:counts';
if (isMainThread) setEnvironmentData(KEY, new SharedArrayBuffer(4 * NAMES.length));
const counts = new Int32Array(getEnvironmentData(KEY));
const add = (name, n = 1) => Atomics.add(counts, NAMES.indexOf(name), n);

const { get } = StatementSync.prototype;
const { exec } = DatabaseSync.prototype;
DatabaseSync.prototype.exec = function (sql) {
  // FULL is 2: this COMMIT calls fsync, and the thread waits for it.
  if (isMainThread && sql === 'COMMIT' && get.call(this.prepare('PRAGMA synchronous')).synchronous === 2)
    add('blockingCommits');
  return exec.call(this, sql);
};
for (const method of ['run', 'get', 'all', 'iterate']) {
  const original = StatementSync.prototype[method];
  StatementSync.prototype[method] = function (...values) {
    add('sqlite');
    if (isMainThread) add('servingSqlite');
    return original.apply(this, values);
  };
}
const { parse, stringify } = JSON;
JSON.parse = (text, reviver) => {
  add('parses');
  if (String(text).includes(MARK)) add('markedParses');
  return parse(text, reviver);
};
JSON.stringify = (...values) => {
  const text = stringify(...values);
  add('stringifies');
  add('stringifiedBytes', text?.length ?? 0);
  return text;
};

if (isMainThread) {
  process.on('SIGUSR2', () => {
    writeFileSync(`${file}.new`, stringify(Object.fromEntries(NAMES.map((name, i) => [name, counts[i]]))));
    renameSync(`${file}.new`, file);
  });
}

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isMainThread } from 'node:worker_threads';

/**
 * Loaded into a process under test by `--import`: its `Date` is ahead of the clock of the machine by what a file says
 * (ms, negative: behind), and before there is a file by `SHIFTED_CLOCKS_FIRST`. `clocks.ts` writes the file. Timers and
 * `performance.now` go on as they are: a step of the wall
 * clock does not touch them either.
 */
const folder = process.env['SHIFTED_CLOCKS'];
if (folder !== undefined) {
  const file = join(folder, String(process.pid));
  const RealDate = Date;
  let ahead = Number(process.env['SHIFTED_CLOCKS_FIRST']);
  const now = (): number => RealDate.now() + ahead;
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, given, of) => Reflect.construct(target, given.length === 0 ? [now()] : given, of) as object,
    apply: () => new RealDate(now()).toString(),
    get: (target, name) => (name === 'now' ? now : (Reflect.get(target, name) as unknown)),
  });
  const read = (): void => {
    try {
      ahead = Number(readFileSync(file, 'utf8'));
      if (isMainThread) writeFileSync(`${file}.read`, String(ahead));
    } catch {
      // Nobody has moved this clock.
    }
  };
  setInterval(read, 10).unref();
}

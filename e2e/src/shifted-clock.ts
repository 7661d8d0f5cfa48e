import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isMainThread } from 'node:worker_threads';

/**
 * `--import` loads this into a process under test. Its `Date` is then ahead of the machine's clock by the number in a
 * file (ms, negative: behind), and by `SHIFTED_CLOCKS_FIRST` until the file exists. `clocks.ts` writes the file. Timers
 * and `performance.now` do not change, as with a real step of the wall clock.
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

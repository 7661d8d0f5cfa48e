/** ms between two looks at the parent. No signal reports the end of a parent that was killed. */
const EVERY_MS = 500;

/** Calls `ended` once the process has another parent than this one. */
export function onEndOfParent(parent: number, ended: () => void): void {
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    ended();
  }, EVERY_MS).unref();
}

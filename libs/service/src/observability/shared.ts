/** How old an answer may be that several gauges, and several scrapes, are read from, ms. */
const SHARED_MS = 2000;

/** Asks at most once in `ms`, however many callers read it, and also after a fault, so that measuring adds no load. */
export function shared<T>(
  ask: () => Promise<T>,
  ms = SHARED_MS,
  now: () => number = () => performance.now(),
): () => Promise<T> {
  let answer: Promise<T> | undefined;
  let until = Number.NEGATIVE_INFINITY;
  return () => {
    if (answer === undefined || now() >= until) {
      // One that does not come is waited for by all, and asked for once.
      until = Number.POSITIVE_INFINITY;
      answer = ask();
      const done = (): void => {
        until = now() + ms;
      };
      answer.then(done, done);
    }
    return answer;
  };
}

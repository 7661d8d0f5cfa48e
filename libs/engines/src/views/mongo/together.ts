import { EngineUnavailable } from '../../log/index.ts';

interface Open<A, R> {
  readonly args: A[];
  readonly answers: PromiseWithResolvers<R>[];
}

/**
 * Makes one call of those that come in the same turn of the event loop under the same key. The batches of several
 * partitions of a view come together, and each would ask the server for itself.
 */
export class Together<A, R> {
  readonly #open = new Map<string, Open<A, R>>();

  /**
   * @param run answers in the order of its arguments. If it fails and the engine is available, it is repeated for each
   * argument alone, so that an error concerns only the caller that made it.
   */
  call(key: string, arg: A, run: (args: readonly A[]) => Promise<readonly R[]>): Promise<R> {
    const answer = Promise.withResolvers<R>();
    const open = this.#open.get(key);
    if (open !== undefined) {
      open.args.push(arg);
      open.answers.push(answer);
      return answer.promise;
    }
    const first: Open<A, R> = { args: [arg], answers: [answer] };
    this.#open.set(key, first);
    setImmediate(() => {
      this.#open.delete(key);
      void answered(first, run);
    });
    return answer.promise;
  }
}

async function answered<A, R>(
  { args, answers }: Open<A, R>,
  run: (args: readonly A[]) => Promise<readonly R[]>,
): Promise<void> {
  try {
    const results = await run(args);
    answers.forEach((answer, i) => answer.resolve(results[i]!));
  } catch (error) {
    if (args.length === 1 || error instanceof EngineUnavailable) {
      for (const answer of answers) answer.reject(error as Error);
      return;
    }
    await Promise.all(args.map((arg, i) => answered({ args: [arg], answers: [answers[i]!] }, run)));
  }
}

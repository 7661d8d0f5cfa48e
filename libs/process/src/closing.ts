import type { Logger } from '@provider-access/service/observability';
import { traceOf } from './faults.ts';

/** Closes opened resources in reverse order. If one fails to close, the others are closed all the same. */
export class Closing {
  readonly #open: { readonly name: string; readonly close: () => Promise<void> | void }[] = [];

  push(name: string, close: () => Promise<void> | void): void {
    this.#open.push({ name, close });
  }
  /** Closes what is open now. Resources that are opened afterwards stay for the next run. */
  async run(logger: Logger): Promise<void> {
    for (const { name, close } of this.#open.splice(0).reverse()) {
      try {
        await close();
      } catch (error) {
        logger.warn({ what: name, ...traceOf(error) }, 'did not close well');
      }
    }
  }
}

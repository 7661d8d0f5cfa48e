import type { ProbeStep } from '@provider-access/events';
import { within } from '@provider-access/kernel';
import { CliError, EXIT } from '../output.ts';

export interface StepResult {
  readonly step: ProbeStep;
  readonly ok: boolean;
  /** Its duration, ms. */
  readonly ms: number;
  /** The finding, or why the step failed. Never a token, a key or a resource. */
  readonly detail: string;
}
export interface ProbeReport {
  /** The start of the probe, RFC 3339. */
  readonly at: string;
  readonly ok: boolean;
  /** The first step that failed. */
  readonly failed?: ProbeStep;
  readonly steps: readonly StepResult[];
}

/** A fault that a step found: the platform answered, and the answer is wrong. */
export class ProbeFault extends CliError {
  constructor(message: string) {
    super(EXIT.refused, message);
  }
}

/**
 * Runs the steps of a probe one after another and records the outcome of each. After the first failure it runs only the
 * `always` steps.
 */
export class Walk {
  readonly #results: StepResult[] = [];
  readonly #at = new Date();
  readonly #onStep: (result: StepResult) => void;
  constructor(onStep: (result: StepResult) => void = () => undefined) {
    this.#onStep = onStep;
  }
  get failed(): ProbeStep | undefined {
    return this.#results.find((r) => !r.ok)?.step;
  }
  /** @param timeoutMs time after which the step has failed, whatever it waits for */
  async step(
    step: ProbeStep,
    timeoutMs: number,
    take: (until: number) => Promise<string>,
    always = false,
  ): Promise<void> {
    if (this.failed !== undefined && !always) return;
    const started = performance.now();
    const took = take(Date.now() + timeoutMs);
    // The timeout was reported already, so a later failure of the step is not reported.
    took.catch(() => undefined);
    let ok = true;
    let detail: string;
    try {
      detail = await within(
        timeoutMs,
        () => took,
        () => {
          throw new ProbeFault(`not done after ${timeoutMs / 1000} s`);
        },
      );
    } catch (error) {
      ok = false;
      // An error of other code may quote data, so only its name is reported.
      detail = error instanceof CliError ? error.message : `unexpected ${(error as Error).name}`;
    }
    const result = { step, ok, ms: Math.round(performance.now() - started), detail };
    this.#results.push(result);
    this.#onStep(result);
  }
  report(): ProbeReport {
    const { failed } = this;
    return {
      at: this.#at.toISOString(),
      ok: failed === undefined,
      ...(failed !== undefined && { failed }),
      steps: this.#results,
    };
  }
}

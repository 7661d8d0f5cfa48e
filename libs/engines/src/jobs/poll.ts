/** Repeats a call until it is stopped, without overlaps. Its timer does not keep the process alive. */
export class Poll {
  readonly #once: () => Promise<void>;
  readonly #everyMs: () => number;
  #timer: NodeJS.Timeout | undefined;
  #running = false;

  /** `once` must not reject. `everyMs` is the time from the end of one call to the start of the next. */
  constructor(once: () => Promise<void>, everyMs: number | (() => number)) {
    this.#once = once;
    this.#everyMs = typeof everyMs === 'number' ? () => everyMs : everyMs;
  }

  /** Resolves after the first call. */
  async start(): Promise<void> {
    this.#running = true;
    await this.#cycle();
  }
  stop(): void {
    this.#running = false;
    clearTimeout(this.#timer);
  }

  async #cycle(): Promise<void> {
    await this.#once();
    if (!this.#running) return;
    this.#timer = setTimeout(() => void this.#cycle(), this.#everyMs());
    this.#timer.unref();
  }
}

/** Does something again and again, one after the other, until it is stopped; no process waits for it. */
export class Poll {
  private readonly once: () => Promise<void>;
  private readonly everyMs: () => number;
  private timer: NodeJS.Timeout | undefined;
  private running = false;

  /** `once` does not reject. `everyMs` lies between the end of one and the beginning of the next. */
  constructor(once: () => Promise<void>, everyMs: number | (() => number)) {
    this.once = once;
    this.everyMs = typeof everyMs === 'number' ? () => everyMs : everyMs;
  }

  /** Resolves after the first. */
  async start(): Promise<void> {
    this.running = true;
    await this.cycle();
  }
  stop(): void {
    this.running = false;
    clearTimeout(this.timer);
  }

  private async cycle(): Promise<void> {
    await this.once();
    if (!this.running) return;
    this.timer = setTimeout(() => void this.cycle(), this.everyMs());
    this.timer.unref();
  }
}

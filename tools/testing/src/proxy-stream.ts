import type { Socket } from 'node:net';
import type { Frames } from './frames.ts';

interface Piece {
  readonly at: number;
  readonly what: Buffer | 'end' | 'reset' | 'swallowed';
}

/** If more than this is held back, the sender has to wait, as with a network's window. */
const HELD_BYTES = 4 * 1024 * 1024;

/**
 * One direction of one connection. It passes bytes, the end and a reset of `source` to `sink`. On request it passes
 * them late or not at all.
 */
export class Stream {
  readonly #source: Socket;
  readonly #sink: Socket;
  readonly #queue: Piece[] = [];
  #held = 0;
  #delayMs: number;
  #paused: boolean;
  #ended = false;
  #abandoned = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(source: Socket, sink: Socket, frames: Frames, delayMs: number, paused: boolean) {
    this.#source = source;
    this.#sink = sink;
    this.#delayMs = delayMs;
    this.#paused = paused;
    source.on('data', (chunk: Buffer) => {
      for (const piece of frames.push(chunk)) this.#hold(piece);
      if (frames.stopped) this.#hold('swallowed');
    });
    source.on('end', () => {
      this.#ended = true;
      for (const rest of frames.rest()) this.#hold(rest);
      this.#hold('end');
    });
    source.on('error', () => undefined);
    source.on('close', (hadError) => {
      if (hadError || !this.#ended) this.#hold('reset');
    });
    sink.on('drain', () => this.#pump());
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#pump();
  }

  delay(ms: number): void {
    this.#delayMs = ms;
  }

  /** Passes nothing on from now on. */
  abandon(): void {
    this.#abandoned = true;
    this.#queue.length = 0;
    clearTimeout(this.#timer);
  }

  #hold(what: Piece['what']): void {
    if (this.#abandoned) return;
    // A later, shorter delay does not overtake a longer one.
    const at = Math.max(performance.now() + this.#delayMs, this.#queue.at(-1)?.at ?? 0);
    this.#queue.push({ at, what });
    if (what instanceof Buffer) this.#held += what.length;
    if (this.#held > HELD_BYTES) this.#source.pause();
    this.#pump();
  }

  #pump(): void {
    clearTimeout(this.#timer);
    while (!this.#paused && !this.#abandoned) {
      const next = this.#queue[0];
      if (!next) break;
      const wait = next.at - performance.now();
      if (wait > 0) {
        this.#timer = setTimeout(() => this.#pump(), wait);
        break;
      }
      if (next.what instanceof Buffer && this.#sink.writableNeedDrain) break;
      this.#queue.shift();
      this.#pass(next.what);
    }
    if (this.#held <= HELD_BYTES && this.#source.isPaused() && !this.#source.destroyed) this.#source.resume();
  }

  #pass(what: Piece['what']): void {
    if (what === 'reset') this.#sink.resetAndDestroy();
    else if (what === 'swallowed') {
      this.abandon();
      // Not a reset, because a reset could overtake earlier answers.
      this.#sink.destroySoon();
      this.#source.resetAndDestroy();
    } else if (what === 'end') this.#sink.end();
    else {
      this.#held -= what.length;
      if (!this.#sink.destroyed) this.#sink.write(what);
    }
  }
}

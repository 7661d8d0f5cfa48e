import { randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import { Inject, Injectable } from '@nestjs/common';
import type { Lease } from '@provider-access/engines/state';
import { Refusal } from '@provider-access/kernel';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { JOBS_CONFIG, type JobsConfig } from '../../config.ts';

/** ms. The slot of a dead process is free after this time. */
const LEASE_MS = 60_000;
/** Seconds */
const AGAIN = 5;

/** A place among the parallel downloads of a client. */
export interface DownloadSlot {
  /** The draft's fields `RateLimit-Policy` and `RateLimit`. They tell of this client alone. */
  readonly headers: Readonly<Record<string, string>>;
  /** Keeps the slot until the stream is closed. */
  heldBy(stream: Readable): void;
  release(): void;
}

/**
 * Limits the downloads of a client that run at the same time in all processes. Each has a numbered slot under a lease.
 * https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/
 */
@Injectable()
export class DownloadSlots {
  /** The slots that this process holds or is about to take, and until when (ms since the epoch). */
  private readonly own = new Map<string, number>();
  constructor(
    @Inject(PORTS) private readonly ports: Pick<ServicePorts, 'state' | 'clock'>,
    @Inject(JOBS_CONFIG) private readonly config: Pick<JobsConfig, 'downloadsPerClient'>,
  ) {}

  /** @throws Refusal 429 if the client has as many downloads as it may */
  async take(client: string): Promise<DownloadSlot> {
    const most = this.config.downloadsPerClient;
    const { state, clock } = this.ports;
    for (let slot = 0; slot < most; slot++) {
      const name = `export-download/${client}/${slot}`;
      if ((this.own.get(name) ?? 0) > clock.now()) continue;
      // Before the store answers, so that two requests of this process do not ask for the same slot.
      this.own.set(name, clock.now() + LEASE_MS);
      const lease = await state.briefLeases.acquire(name, randomUUID(), LEASE_MS).catch((error: unknown) => {
        this.own.delete(name);
        throw error;
      });
      if (lease !== undefined) return this.slot(lease, headersOf(most, most - slot - 1));
      this.own.delete(name);
    }
    throw new Refusal(
      'too-many-requests',
      `${most} downloads of this client are running. Wait until one is complete.`,
      { retryAfter: AGAIN, headers: headersOf(most, 0, AGAIN) },
    );
  }

  private slot(lease: Lease, headers: Readonly<Record<string, string>>): DownloadSlot {
    const { state, clock } = this.ports;
    let timer: NodeJS.Timeout | undefined;
    const release = (): void => {
      clearInterval(timer);
      this.own.delete(lease.name);
      // After a failure the slot is free when its lease ends.
      void state.briefLeases.release(lease).catch(() => undefined);
    };
    const renew = (): void => {
      this.own.set(lease.name, clock.now() + LEASE_MS);
      void state.briefLeases.renew(lease, LEASE_MS).catch(() => undefined);
    };
    return {
      headers,
      release,
      heldBy: (stream) => {
        timer = setInterval(renew, LEASE_MS / 3).unref();
        stream.once('close', release);
        if (stream.closed) release();
      },
    };
  }
}

const headersOf = (most: number, remaining: number, seconds?: number): Record<string, string> => ({
  'ratelimit-policy': `"downloads";q=${most};qu="concurrent-requests"`,
  ratelimit: `"downloads";r=${remaining}${seconds === undefined ? '' : `;t=${seconds}`}`,
});

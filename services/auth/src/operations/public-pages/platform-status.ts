import { Inject, Injectable } from '@nestjs/common';
import { BusinessCalendar } from '@provider-access/domain/pdex/service-levels';
import { SERVICES } from '@provider-access/events';
import { type PresenceOptions, presentServices } from '@provider-access/facts';
import { within } from '@provider-access/kernel';
import { freshness, newestEvent, probeOf, serviceLevels, startedOf } from '@provider-access/levels';
import { PORTS, READINESS, type ReadinessCheck, type ServicePorts } from '@provider-access/service/http';
import { type AuthConfig, CONFIG } from '../../config.ts';
import { PRESENCE } from '../signing-keys/signing-ring.ts';
import { type Recorded, type Status, statusOf } from './status-of.ts';

/** All strangers together cause one look in so many seconds. */
export const STATUS_KEPT_SECONDS = 10;

/** A question to an engine. While it has no answer, nobody asks it again. */
class Question<T> {
  readonly #ask: () => Promise<T>;
  #open: Promise<T | undefined> | undefined;
  constructor(ask: () => Promise<T>) {
    this.#ask = ask;
  }
  /** Undefined if there is no answer within the time (ms). */
  answer(withinMs: number): Promise<T | undefined> {
    const open = (this.#open ??= this.#ask()
      .catch(() => undefined)
      .finally(() => (this.#open = undefined)));
    return within(
      withinMs,
      () => open,
      () => undefined,
    );
  }
}

/** Looks at what the platform records of itself (ADR 0156). It asks no other process. */
@Injectable()
export class PlatformStatus {
  private readonly ready: Question<boolean>;
  private readonly services: Question<ReadonlySet<string>>;
  private readonly levels: Question<NonNullable<Recorded['levels']>>;
  private looked: { readonly at: number; readonly status: Promise<Status> } | undefined;

  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(CONFIG) private readonly config: AuthConfig,
    @Inject(BusinessCalendar) private readonly calendar: BusinessCalendar,
    @Inject(READINESS) checks: readonly ReadinessCheck[],
    @Inject(PRESENCE) presence: PresenceOptions | undefined,
  ) {
    const { views } = ports;
    const [levels, feeds] = [views.reader(serviceLevels), views.reader(freshness)];
    this.ready = new Question(async () => {
      const results = await Promise.all(checks.map((one) => one.check()));
      return results.every(({ ready }) => ready);
    });
    // Without a presence this process runs every service.
    this.services = new Question(async () =>
      presence === undefined ? new Set<string>(SERVICES) : presentServices(presence.port),
    );
    this.levels = new Question(async () => ({
      probe: await probeOf(levels),
      started: await startedOf(levels),
      newest: await newestEvent(feeds),
    }));
  }

  /** At most `STATUS_KEPT_SECONDS` old. It never throws. */
  async current(): Promise<Status> {
    const now = this.ports.clock.now();
    const age = now - (this.looked?.at ?? Number.NEGATIVE_INFINITY);
    if (this.looked === undefined || age < 0 || age >= STATUS_KEPT_SECONDS * 1000)
      this.looked = { at: now, status: this.look(now) };
    return this.looked.status;
  }
  private async look(now: number): Promise<Status> {
    const { statusWithinMs: ms } = this.config;
    const [ready, services, levels] = await Promise.all([
      this.ready.answer(ms),
      this.services.answer(ms),
      this.levels.answer(ms),
    ]);
    return statusOf({ ready, services, levels }, now, this.calendar);
  }
}

import { Inject, Injectable } from '@nestjs/common';
import { BY_THE_APP, REVIEW_TOO_OLD } from '@provider-access/domain/pdex/reasons';
import { ClientDetails, type ClientRegistration } from '@provider-access/facts';
import { regularly } from '@provider-access/process';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { type AuthConfig, CONFIG } from '../config.ts';
import { Registry } from './registry.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
/** ms between two looks. An approval may last this much longer. */
const EVERY_MS = 60_000;

/** When a reviewer approved last, ms since the epoch. The end of one binding is none, and what the app gave up. */
function approvedAt({ history }: ClientRegistration): number {
  const last = history.findLast(
    ({ status, ended, by }) => status === 'approved' && ended === undefined && by !== BY_THE_APP,
  );
  return Date.parse(last?.at ?? '');
}

/**
 * Ends approvals whose review is too old (APPS.md P28, REVIEW_VALID_DAYS). The end is an event, so that each process,
 * of an earlier release too, refuses the app from the same event on. Each instance looks; the stream of an app makes
 * one event of it.
 */
@Injectable()
export class ExpiredReviews {
  private readonly looking: ReturnType<typeof regularly>;
  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(CONFIG) private readonly config: AuthConfig,
    @Inject(ClientDetails) private readonly details: ClientDetails,
    @Inject(Registry) private readonly registry: Registry,
  ) {
    const run = () => this.look();
    this.looking = regularly({ everyMs: EVERY_MS, run, logger: ports.logger, failed: 'could not end old approvals' });
  }

  start(): void {
    if (this.config.reviewValidDays !== undefined) this.looking.start();
  }
  stop(): void {
    this.looking.stop();
  }

  /** One look at every approved app. */
  async look(): Promise<void> {
    const { reviewValidDays: days } = this.config;
    if (days === undefined) return;
    const before = this.ports.clock.now() - days * DAY_MS;
    for (const app of this.details.decided())
      if (app.status === 'approved' && approvedAt(app) <= before)
        await this.registry.execute(app.client, { kind: 'expire', by: 'the platform', reason: REVIEW_TOO_OLD });
  }
}

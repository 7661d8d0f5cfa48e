import { encodeEvent, PAYER_MEMBER_EVENTS } from '@provider-access/events';
import type { EventLog, NewRecord } from '@provider-access/engines/log';
import type { Views } from '@provider-access/engines/views';
import { authorizations, type AuthorizationPart, authorizationsBefore } from '@provider-access/records';
import { type Clock, instant } from '@provider-access/kernel';
import { regularly } from '@provider-access/process';
import type { BackgroundJob } from '@provider-access/process/service-module';
import type { Logger, Metrics } from '@provider-access/service/observability';
import { RETIREMENT, RETIREMENT_OF_SANDBOX } from '../domain/retirement.ts';

export interface RetirementOptions {
  readonly log: Pick<EventLog, 'append'>;
  readonly views: Views;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** ms: how long a prior authorization stays after its last change. */
  readonly retentionMs: number;
  /** Whether only events of the sandbox's synthetic payer are taken. */
  readonly sandbox?: boolean | undefined;
}

/** ms between two runs. */
const EVERY_MS = 60 * 60 * 1000;
/** Events in one append. */
const TOGETHER = 200;

/**
 * A delete as the payer would publish it, so that intake decides it in the order of all events about the resource. Its
 * business time is just after that of the version that it removes: a later event of the payer wins, and one that comes
 * again loses. Id and time follow from that version, so that several instances publish one event.
 */
function retirementOf({ member, id, businessTime, sequence }: AuthorizationPart, sandbox: boolean): NewRecord {
  return encodeEvent({
    id: `retired/ExplanationOfBenefit/${id}/${businessTime}/${sequence}`,
    source: sandbox ? RETIREMENT_OF_SANDBOX : RETIREMENT,
    type: 'payer.resource-deleted.v1',
    time: instant(businessTime + 1),
    subject: member,
    data: { resourceType: 'ExplanationOfBenefit', id },
  });
}

/**
 * Publishes a delete for each prior authorization whose retention is over (42 CFR 422.119(b)(1)(iv): one year after
 * the last change of status). A repetition changes nothing.
 * @returns the number of published deletes
 * @throws EngineUnavailable; the next run continues
 */
export async function retireAuthorizations(options: Omit<RetirementOptions, 'logger'>): Promise<number> {
  const { log, views, clock, metrics, retentionMs, sandbox = false } = options;
  const before = clock.now() - retentionMs;
  let retired = 0;
  for await (const page of authorizationsBefore(views.reader(authorizations), before, TOGETHER)) {
    await log.append(
      PAYER_MEMBER_EVENTS,
      page.map((authorization) => retirementOf(authorization, sandbox)),
    );
    metrics.count('pa_prior_authorizations_retired_total', {}, page.length);
    retired += page.length;
  }
  return retired;
}

/** Removes old prior authorizations at the start and every hour. */
export function retiringAuthorizations(options: RetirementOptions): BackgroundJob {
  const { logger, metrics } = options;
  metrics.zero('pa_prior_authorizations_retired_total');
  const run = async (): Promise<void> => {
    const retired = await retireAuthorizations(options);
    if (retired > 0) logger.info({ retired }, 'prior authorizations whose retention was over were removed');
  };
  return regularly({ everyMs: EVERY_MS, run, logger, failed: 'could not remove old prior authorizations' });
}

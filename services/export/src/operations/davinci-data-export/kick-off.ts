import { auditedQuery } from '@provider-access/audit';
import { isId } from '@provider-access/kernel/fhir';
import { randomBytes } from 'node:crypto';
import type { GroupPart } from '@provider-access/facts';
import { groupDenial } from '@provider-access/domain/access';
import { base32, instant, Refusal, unknownResource } from '@provider-access/kernel';
import type { LabelsOf } from '@provider-access/service/observability';
import { isLenient } from '@provider-access/service/http';
import { allows } from '@provider-access/domain/smart';
import type { SmartContext } from '@provider-access/smart';
import { TransactionTimes } from '@provider-access/engines/state';
import { viewsPassed } from '../../jobs/views-passed.ts';
import { NOT_ACKNOWLEDGED } from '../../jobs/answered-levels.ts';
import type { ExportContext } from '../../context.ts';
import { keptExports } from './kept-exports.ts';
import { parseKickOff, type GivenParameter, type Operation } from '../../domain/request/parameters.ts';

export interface KickOff {
  readonly operation: Operation;
  readonly group: string;
  readonly url: string;
  readonly query: readonly GivenParameter[];
  readonly body: readonly GivenParameter[];
  readonly prefer: string | undefined;
  readonly smart: SmartContext;
}
export interface Accepted {
  readonly job: string;
  readonly location: string;
  readonly preferencesApplied: string;
}

const HOUR = 3_600_000;
const MINUTE = 60_000;
const unavailable = (): Refusal =>
  new Refusal('unavailable', 'The views have not passed the newest events yet. Repeat the request.', { retryAfter: 2 });

/** A 429, counted by the limit. `again`: ms since the epoch, when the client may repeat the request. */
function tooMany(
  { ports: { clock, metrics } }: ExportContext,
  limit: LabelsOf<'pa_export_refusals_total'>['limit'],
  text: string,
  again: number,
): Refusal {
  metrics.count('pa_export_refusals_total', { limit });
  return new Refusal('too-many-requests', text, { retryAfter: Math.max(1, Math.ceil((again - clock.now()) / 1000)) });
}
const mebibytes = (bytes: number): string => (bytes / 1024 / 1024).toFixed(bytes < 1024 * 1024 ? 3 : 0);

/** 128 random bits. A download needs a token of the client and this id, which nobody can guess. */
const newJobId = (): string => base32(randomBytes(16));

/**
 * Starts an export of a Group (Bulk Data `group-export`, Da Vinci ATR `davinci-data-export`). Resolves when the job is
 * durable and the next status request will see it. Throws Refusal.
 * https://hl7.org/fhir/uv/bulkdata/STU2/export.html#bulk-data-kick-off-request
 */
export async function kickOff(context: ExportContext, request: KickOff): Promise<Accepted> {
  const {
    ports: { clock, state },
    config,
    streams,
    slots,
    audit,
  } = context;
  const transactionTimes = new TransactionTimes(state.streams);
  const { smart } = request;
  if (!allows(smart.scopes, 'Group', 'r'))
    throw new Refusal(
      'insufficient-scope',
      'An export needs the scope system/Group.rs, and a scope for each type that it exports.',
    );
  const given = [...request.query, ...request.body].map(({ name, value }) => [name, String(value)] as const);
  await ownGroup(context, smart.client, request.group, given);

  const parsed = parseKickOff(request.operation, request.query, request.body, {
    lenient: isLenient(request.prefer),
    now: Math.max(clock.now(), await transactionTimes.newest()),
    inScope: (type) => allows(smart.scopes, type, 'r'),
  });
  if (!parsed.ok) throw new Refusal(parsed.fault.kind, parsed.fault.text, { expression: parsed.fault.parameter });

  const rate = await state.counters.hit(`export-kick-off/${smart.client}`, HOUR);
  if (rate.count > config.kickOffsPerHour)
    throw tooMany(
      context,
      'kick-offs',
      `A client can start at most ${config.kickOffsPerHour} exports in an hour.`,
      rate.resetsAt,
    );
  const kept = await keptExports(context.views.jobs, smart.client, config.keptBytesPerClient);
  if (kept.bytes >= config.keptBytesPerClient) {
    throw tooMany(
      context,
      'kept-bytes',
      `The files of this client's exports have ${mebibytes(kept.bytes)} MiB, and ` +
        `${mebibytes(config.keptBytesPerClient)} MiB are allowed. Delete an export that you no longer need, or wait ` +
        'until an export expires.',
      kept.roomAt ?? clock.now() + MINUTE,
    );
  }

  // Raise the time before reading the positions, so that intakes stamp later events with this time or a later time,
  // whatever their clocks show (ADR 0023).
  const transactionTime = clock.now() - config.skewMarginMs;
  await transactionTimes.raise(transactionTime);
  const positions = await context.facts.access.payerHead();
  if (
    !(await viewsPassed(
      { records: context.records, access: context.facts.access, memberships: context.views.memberships },
      positions,
      config.waitMs,
    ))
  )
    throw unavailable();

  const job = newJobId();
  if (!(await slots.take(smart.client, job)))
    throw tooMany(
      context,
      'running',
      `${config.runningPerClient} exports of this client are running. Wait until an export is complete, or delete one.`,
      clock.now() + 5000,
    );
  try {
    const now = instant(clock.now());
    const traceparent = context.ports.tracing?.traceparent();
    const { types, since, exportType, warnings } = parsed.request;
    await audit.record({
      client: smart.client,
      action: 'export-requested',
      outcome: 'released',
      members: [],
      resources: 0,
      types: [...types],
      group: request.group,
      job,
      ...auditedQuery(given),
    });
    const executed = await streams.execute({
      kind: 'request',
      data: {
        job,
        client: smart.client,
        group: request.group,
        operation: request.operation,
        request: config.publicUrl + request.url,
        types: [...types],
        ...(since !== undefined && { since }),
        ...(exportType !== undefined && { exportType }),
        warnings: [...warnings],
        positions: Object.fromEntries(Object.entries(positions).map(([topic, offsets]) => [topic, [...offsets]])),
        transactionTime: instant(transactionTime),
        requestedAt: now,
        ...(traceparent !== undefined && { traceparent }),
      },
    });
    if (!executed.ok) throw new Error('a new random job id exists already');
    if (!(await seen(context, job, executed.version))) {
      // The client gets 503 and will repeat the kick-off, so this job must not run.
      await streams.execute({ kind: 'cancel', data: { job, reason: NOT_ACKNOWLEDGED, at: instant(clock.now()) } });
      throw unavailable();
    }
  } catch (error) {
    await slots.release(smart.client, job);
    throw error;
  }
  return {
    job,
    location: `${config.publicUrl}/fhir/bulk/${job}`,
    preferencesApplied: isLenient(request.prefer) ? 'respond-async, handling=lenient' : 'respond-async',
  };
}

/** True once the view of jobs has passed this version, so that the next request to any process sees it. */
export async function seen({ config, streams, views }: ExportContext, job: string, version: number): Promise<boolean> {
  const position = await streams.published(job, version, config.waitMs);
  return position !== undefined && (await views.jobs.waitFor(position, config.waitMs));
}

/**
 * Gives one answer for every Group that does not exist for the client: unknown, of another provider, out of network.
 * Every refusal is audited, so that the time of the answer does not tell them apart either. @throws FactsStale
 */
async function ownGroup(
  { views, facts, audit, ports }: ExportContext,
  client: string,
  id: string,
  given: Parameters<typeof auditedQuery>[0],
): Promise<void> {
  facts.access.assertFresh();
  const group = isId(id) ? ((await views.groups.get(id))?.['group'] as GroupPart | undefined) : undefined;
  const denied =
    group === undefined
      ? 'group-unknown'
      : groupDenial(client, group.providers, facts.parties, facts.parties.decisionTime(ports.clock.now()));
  if (denied === undefined) return;
  await audit.refuse({
    client,
    action: 'export-requested',
    reason: denied,
    ...(group !== undefined && { group: id }),
    ...auditedQuery(given),
  });
  throw unknownResource();
}

import { randomUUID } from 'node:crypto';
import { EngineUnavailable, type EventLog } from '@provider-access/engines/log';
import type { Leases } from '@provider-access/engines/state';
import { PA_RECORD_VERSIONS, PA_RECORDS } from '@provider-access/events';
import { recordId, type RecordsReader, type VersionsReader } from '@provider-access/records';
import type { Clock } from '@provider-access/kernel';
import { regularly } from '@provider-access/process';
import type { BackgroundJob } from '@provider-access/process/service-module';
import type { Logger } from '@provider-access/service/observability';
import { refersTo } from '../domain/attachments.ts';
import type { AttachmentStore, StoredAttachment } from './attachment-store.ts';

export interface TidyOptions {
  readonly attachments: AttachmentStore;
  readonly records: RecordsReader;
  readonly versions: VersionsReader;
  readonly log: Pick<EventLog, 'head'>;
  readonly clock: Clock;
}

/** ms. An unused attachment stays for this time, so that a mistake of an operator can be undone. */
export const UNUSED_FOR_MS = 7 * 24 * 60 * 60 * 1000;
const EVERY_MS = 24 * 60 * 60 * 1000;
/** ms for which a run keeps other instances out. A run that ends releases it. */
const LEASE_MS = 60 * 60 * 1000;
const VIEW_PATIENCE_MS = 60_000;
/** Versions whose lines are in memory at once. */
const TOGETHER = 8;

/**
 * Removes attachments to which neither the current version of their resource nor a kept one refers. The first run that
 * finds one marks it; a run a week later removes it. An opt-out removes nothing, because it changes no version.
 * @returns the number of removed attachments
 * @throws EngineUnavailable; the next run continues
 */
export async function tidyAttachments(options: TidyOptions): Promise<number> {
  const { attachments, clock } = options;
  await caughtUp(options);
  let removed = 0;
  for await (const about of attachments.all()) {
    if (about.removed !== true) {
      if (await isUsed(options, about)) {
        if (about.unusedSince !== undefined) await attachments.mark(about, undefined);
        continue;
      }
      const now = clock.now();
      if (about.unusedSince === undefined) await attachments.mark(about, now);
      if (now - (about.unusedSince ?? now) < UNUSED_FOR_MS) continue;
      // Intake clears the mark before it appends a record that refers to the attachment.
      if ((await attachments.about(about.id))?.unusedSince !== about.unusedSince) continue;
    }
    await attachments.remove(about);
    removed += 1;
  }
  return removed;
}

/**
 * Waits until the views show everything that the log had when the run began. Once a run is enough, because the run
 * removes only attachments that were marked a week ago. Intake clears the mark when it appends a record that refers to
 * the attachment. So no record that came after the mark refers to a marked attachment.
 * @throws EngineUnavailable
 */
async function caughtUp({ records, versions, log }: TidyOptions): Promise<void> {
  for (const [topic, view] of [
    [PA_RECORDS, records.views.records],
    [PA_RECORD_VERSIONS, versions.view],
  ] as const)
    if (!(await view.waitFor(await log.head([topic]), VIEW_PATIENCE_MS)))
      throw new EngineUnavailable('the views of resources and versions have not caught up');
}

/** Whether a version that a client may still ask for refers to the attachment. */
async function isUsed(
  { records, versions }: TidyOptions,
  { id, member, type, resource }: StoredAttachment,
): Promise<boolean> {
  const record = await records.byTypeId(member, type, resource);
  if (record !== undefined && refersTo(record.line, id)) return true;
  for (let until: number | undefined; ;) {
    const heads = await versions.list(recordId(member, type, resource), {
      ...(until !== undefined && { until }),
      limit: TOGETHER,
    });
    const lines = await versions.load(
      recordId(member, type, resource),
      heads.filter(({ bytes }) => bytes > 0).map(({ versionId }) => versionId),
    );
    if (lines.some((version) => version !== undefined && refersTo(version.line, id))) return true;
    if (heads.length < TOGETHER) return false;
    until = heads.at(-1)!.versionId - 1;
  }
}

/** Removes unused attachments at the start and every day, in one instance at a time. */
export function tidyingAttachments(
  options: TidyOptions & { readonly leases: Leases; readonly logger: Logger },
): BackgroundJob {
  const { leases, logger } = options;
  const holder = `resources-${randomUUID()}`;
  const run = async (): Promise<void> => {
    const lease = await leases.acquire('resources/attachments', holder, LEASE_MS);
    if (lease === undefined) return;
    try {
      const removed = await tidyAttachments(options);
      if (removed > 0) logger.info({ removed }, 'attachments that nothing refers to were removed');
    } finally {
      await leases.release(lease);
    }
  };
  return regularly({ everyMs: EVERY_MS, run, logger, failed: 'could not remove unused attachments' });
}

import type { Blobs } from '@provider-access/engines/blob';
import {
  PA_ATTRIBUTION,
  PA_CONSENT,
  PA_MEMBERS,
  PA_PROVIDERS,
  PA_REGISTRY,
  type ExportSealed,
} from '@provider-access/events';
import type { EventLog } from '@provider-access/engines/log';
import { type Access, FactsStale, type Parties } from '@provider-access/facts';
import { operationOutcome, type IssueType } from '@provider-access/kernel/fhir';
import { type Clock, instant } from '@provider-access/kernel';
import type { LabelGate, RecordsReader } from '@provider-access/facts/records';
import type { ViewReader } from '@provider-access/engines/views';
import { summaryOf, type Job } from '../domain/job/job.ts';
import { deflateSegment } from '../domain/segments/index.ts';
import { readSummary, sealPrefix, type Manifest } from './job-files.ts';
import { PartSet, type PartInfo, type PartLimits, SUPPORTING_PARTS } from './part-set.ts';
import { Turns } from '../turns.ts';
import { Supporting } from './supporting.ts';

export interface SealSources {
  readonly log: EventLog;
  readonly access: Access;
  readonly parties: Pick<Parties, 'waitFor' | 'client' | 'identity'>;
  readonly facts: ViewReader;
  readonly records: RecordsReader;
  readonly blobs: Blobs;
  readonly clock: Clock;
  readonly labels: LabelGate;
}

/** Members in a batch of decisions. A batch takes some ms; other requests run between batches. */
export const DECIDE_BATCH = 100;

/** Waits until the facts have passed the present heads of the log. @throws FactsStale if they do not in time */
async function passEverything({ log, access, parties, facts }: SealSources, waitMs: number): Promise<void> {
  const payer = await access.payerHead();
  const ours = await log.head([PA_CONSENT, PA_ATTRIBUTION, PA_MEMBERS]);
  // Clients, networks and holds of sources are in the memory of this process. Another process may have acknowledged a
  // newer change, so wait for these topics too.
  const party = await log.head([PA_REGISTRY, PA_PROVIDERS, PA_CONSENT, PA_ATTRIBUTION]);
  const passed = await Promise.all([
    access.waitForPayer(payer, waitMs),
    facts.waitFor(ours, waitMs),
    parties.waitFor(party, waitMs),
  ]);
  if (!passed.every(Boolean)) throw new FactsStale();
}

/**
 * The last check of a job before downloads. On facts that have passed every head, decides about every member again, and
 * drops members that are denied now. Then writes the supporting resources of the others and lists the files.
 */
export async function sealExport(
  job: Job,
  fence: number,
  sources: SealSources,
  options: { waitMs: number; keepMs: number; partLimits?: PartLimits },
): Promise<ExportSealed> {
  const { access, records, blobs, clock, labels, parties } = sources;
  await passEverything(sources, options.waitMs);
  const files: PartInfo[] = [];
  const dropped: string[] = [];
  const check = labels.check(parties, job.client);
  const supporting = new Supporting(job.types, job.since === undefined ? undefined : Date.parse(job.since), check);
  const turns = new Turns();
  for (let chunk = 0; chunk < job.plan!.chunks; chunk++) {
    const summary = await readSummary(blobs, summaryOf(job.job, chunk, job.written[chunk]!));
    const gone = new Set<string>();
    for (let i = 0; i < summary.released.length; i += DECIDE_BATCH) {
      await turns.next();
      const members = summary.released.slice(i, i + DECIDE_BATCH);
      const decisions = await access.decideMany(job.client, { kind: 'export', group: job.group }, members);
      decisions.forEach((d, at) => {
        if (!d.permit) gone.add(members[at]!);
      });
    }
    dropped.push(...gone);
    files.push(...summary.parts);
    supporting.collect(summary, (member) => !gone.has(member));
  }
  let bytes: number;
  const parts = new PartSet(blobs, sealPrefix(job.job, fence), SUPPORTING_PARTS, options.partLimits);
  try {
    await supporting.write(records, parts);
    if (job.warnings.length > 0) {
      const lines = job.warnings
        .map((w) => `${JSON.stringify(operationOutcome('warning', w.code as IssueType, w.text, w.parameter))}\n`)
        .join('');
      await parts.add('error', 'OperationOutcome', [], deflateSegment(Buffer.from(lines), job.warnings.length));
    }
    const written = await parts.commit();
    bytes = written.reduce((sum, { compressed }) => sum + compressed, 0);
    files.push(...written);
  } catch (error) {
    await parts.abort();
    throw error;
  }
  const manifest = `${sealPrefix(job.job, fence)}manifest.json`;
  await blobs.put(manifest, JSON.stringify({ v: 1, files, dropped } satisfies Manifest));
  const now = clock.now();
  return {
    job: job.job,
    manifest,
    files: files.length,
    resources: files.reduce((n, f) => n + (f.kind === 'output' ? f.resources : 0), 0),
    dropped: dropped.length,
    bytes,
    sealedAt: instant(now),
    expiresAt: instant(now + options.keepMs),
  };
}

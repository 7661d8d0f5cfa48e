import { Inject, Injectable } from '@nestjs/common';
import type { Blobs } from '@provider-access/engines/blob';
import type { ExportSealed } from '@provider-access/events';
import { Facts } from '@provider-access/facts';
import { LabelGate } from '@provider-access/records';
import { instant } from '@provider-access/kernel';
import { operationOutcome, type IssueType } from '@provider-access/fhir';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import {
  BLOBS,
  DECIDE_BATCH,
  type Job,
  JobViews,
  purposeOf,
  type Sealing,
  summaryOf,
  Turns,
} from '@provider-access/jobs';
import {
  deflateSegment,
  isOfList,
  type Manifest,
  type PartInfo,
  PartSet,
  readSlice,
  sealPrefix,
  type SealSlice,
  SUPPORTING_PARTS,
} from '@provider-access/jobs/files';
import { type ChunkSummary, readAsk, readSummary } from './ask.ts';
import { CONFIG, type ExportConfig } from '../config.ts';
import { Asked } from './asked.ts';
import type { AskedPatient } from '../domain/request/patients.ts';
import { sealList } from './sealed-list.ts';
import { KeptSegments } from './kept-segments.ts';
import { Supporting } from './supporting.ts';

/**
 * The last check of a job before downloads. On facts that have passed every head, decides about every member again, and
 * drops members that are denied now. Then writes the supporting resources of the others and lists the files.
 */
@Injectable()
export class Sealer {
  private readonly kept = new KeptSegments();
  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(CONFIG) private readonly config: ExportConfig,
    @Inject(BLOBS) private readonly blobs: Blobs,
    @Inject(Facts) private readonly facts: Facts,
    @Inject(LabelGate) private readonly labels: LabelGate,
    @Inject(JobViews) private readonly views: JobViews,
  ) {}

  /**
   * The next slice of a seal that has more chunks than one item may decide, or undefined if the rest is no more than
   * that. `seal` then decides the rest. A change after a slice is one after the seal: downloads decide again.
   */
  async slice(job: Job, fence: number, { from, checked }: Sealing): Promise<Sealing | undefined> {
    const to = from + this.config.sealChunks;
    if (to >= job.plan!.chunks) return undefined;
    await this.views.assertNewestFacts();
    const turns = new Turns();
    const dropped: string[] = [];
    for (let chunk = from; chunk < to; chunk++) {
      const { released } = await this.summary(job, chunk);
      dropped.push(...(await this.deniedNow(job, released, turns)));
    }
    const name = `${sealPrefix(job.job, fence)}slice.json`;
    await this.blobs.put(name, JSON.stringify({ v: 1, dropped } satisfies SealSlice));
    return { from: to, checked: [...checked, name] };
  }

  async seal(job: Job, fence: number, { from, checked }: Sealing): Promise<ExportSealed> {
    await this.views.assertNewestFacts();
    const files: PartInfo[] = [];
    const dropped: string[] = [];
    for (const name of checked) dropped.push(...(await readSlice(this.blobs, name)).dropped);
    const earlier = new Set(dropped);
    const check = this.labels.check(this.facts.parties, job.client);
    const turns = new Turns();
    const asked = job.ask === undefined ? undefined : await readAsk(this.blobs, job.ask);
    const { within } = job;
    const isWhole = asked === undefined && within === undefined;
    const restrictions = isWhole ? undefined : new Asked({ ...asked, within }, `${this.config.publicUrl}/fhir`);
    const since = job.since === undefined ? undefined : Date.parse(job.since);
    const supporting = new Supporting(job.types, since, check, restrictions);
    const withLines = new Set<string>();
    const entries: PartInfo[] = [];
    for (let chunk = 0; chunk < job.plan!.chunks; chunk++) {
      const summary = await this.summary(job, chunk);
      const denied = chunk < from ? earlier : await this.deniedNow(job, summary.released, turns);
      if (chunk >= from) dropped.push(...denied);
      files.push(...summary.parts.filter((part) => !isOfList(part)));
      entries.push(...summary.parts.filter(isOfList));
      const bare = new Set(summary.bare);
      if (asked?.patients !== undefined)
        summary.released.forEach((member, at) => {
          if (!bare.has(at) && !denied.has(member)) withLines.add(member);
        });
      supporting.collect(summary, (member) => !denied.has(member));
    }
    const warnings = [...job.warnings, ...nothingOf(asked?.patients ?? [], withLines)];
    const written = await this.writeShared(warnings, sealPrefix(job.job, fence), supporting, check.rules);
    files.push(...written);
    if (asked?.list !== undefined)
      files.push(await sealList(this.blobs, sealPrefix(job.job, fence), asked.list, entries, check.rules));
    const manifest = `${sealPrefix(job.job, fence)}manifest.json`;
    await this.blobs.put(
      manifest,
      JSON.stringify({ v: 1, files, dropped, organizedBy: asked?.organizeBy } satisfies Manifest),
    );
    const now = this.ports.clock.now();
    return {
      job: job.job,
      manifest,
      files: files.length,
      resources: files.reduce((n, f) => n + (f.kind === 'output' ? f.resources : 0), 0),
      dropped: dropped.length,
      bytes: written.reduce((sum, { compressed }) => sum + compressed, 0),
      sealedAt: instant(now),
      expiresAt: instant(now + this.config.keepMs),
    };
  }

  private summary(job: Job, chunk: number): Promise<ChunkSummary> {
    return readSummary(this.blobs, summaryOf(job.job, chunk, job.written[chunk]!));
  }

  private async deniedNow(job: Job, released: readonly string[], turns: Turns): Promise<ReadonlySet<string>> {
    const denied = new Set<string>();
    for (let i = 0; i < released.length; i += DECIDE_BATCH) {
      await turns.next();
      const members = released.slice(i, i + DECIDE_BATCH);
      const decisions = await this.facts.access.decideMany(job.client, purposeOf('export', job), members);
      decisions.forEach((decision, at) => {
        if (!decision.permit) denied.add(members[at]!);
      });
    }
    return denied;
  }

  /** Writes the supporting resources, and the warnings about parameters. */
  private async writeShared(
    warnings: Job['warnings'],
    prefix: string,
    supporting: Supporting,
    rules: string,
  ): Promise<readonly PartInfo[]> {
    const parts = new PartSet(this.blobs, prefix, SUPPORTING_PARTS, this.config.partLimits, rules);
    return parts.written(async () => {
      await supporting.write(this.views.records, parts, this.kept);
      if (warnings.length === 0) return;
      const lines = warnings
        .map((w) => `${JSON.stringify(operationOutcome('warning', w.code as IssueType, w.text, w.parameter))}\n`)
        .join('');
      await parts.add('error', 'OperationOutcome', [], deflateSegment(Buffer.from(lines), warnings.length));
    });
  }
}

/**
 * One warning for each asked patient of whom the export has no line. It says nothing about the reason, and a later
 * opt-out does not change it, so that nobody can tell an opt-out from an unknown id.
 */
const nothingOf = (asked: readonly AskedPatient[], withLines: ReadonlySet<string>): Job['warnings'] =>
  asked
    .filter(({ id }) => id === undefined || !withLines.has(id))
    .map(({ name }) => ({
      code: 'not-found',
      text: `${name}: no resource of this reference was released.`,
      parameter: 'patient',
    }));

import { Inject, Injectable } from '@nestjs/common';
import { matchPolicyAt, type ResultEntry, type ResultHead, type ResultKind } from '@provider-access/domain/pdex/match';
import type { Blobs } from '@provider-access/engines/blob';
import type { ExportSealed } from '@provider-access/events';
import { BLOBS, type Job, JobViews, summaryOf } from '@provider-access/jobs';
import { type Manifest, type PartInfo, sealPrefix } from '@provider-access/jobs/files';
import { instant } from '@provider-access/kernel';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { CONFIG, type ExportConfig } from '../config.ts';
import { Attestations } from './attestations.ts';
import { periodOf } from './attesting.ts';
import { type Judged, type Matched, readMatchSummary } from './judged.ts';
import { MatchDecisions } from './match-decisions.ts';
import { ResultFiles } from './result-files.ts';

type Opened = Judged & { readonly matched: Matched };
const isOpened = (one: Judged): one is Opened => one.matched !== undefined;

/**
 * The end of a match. On facts that have passed every head, decides about every matched member again. Then records what
 * is attested, and makes the Groups of the result.
 */
@Injectable()
export class MatchSealer {
  constructor(
    @Inject(PORTS) private readonly ports: Pick<ServicePorts, 'clock'>,
    @Inject(CONFIG) private readonly config: ExportConfig,
    @Inject(BLOBS) private readonly blobs: Blobs,
    @Inject(JobViews) private readonly views: JobViews,
    @Inject(MatchDecisions) private readonly decisions: MatchDecisions,
    @Inject(Attestations) private readonly attestations: Attestations,
  ) {}

  async seal(job: Job, fence: number): Promise<ExportSealed> {
    await this.views.assertNewestFacts();
    const all = await this.judged(job);
    const open = await this.decisions.stillOpen(job, all.filter(isOpened));
    const opened = all.filter((one): one is Opened => isOpened(one) && open.has(one.matched.member));
    await this.attestations.append(job, {
      matched: opened.map(({ matched }) => matched),
      ended: all.flatMap(({ ended = [] }) => ended),
      submitted: all.length,
      policy: matchPolicyAt(this.config.matchPolicies, job.requestedAt).version,
    });
    const files = await this.write(job, fence, all, new Set(opened));
    const manifest = `${sealPrefix(job.job, fence)}manifest.json`;
    await this.blobs.put(manifest, JSON.stringify({ v: 1, files, dropped: [] } satisfies Manifest));
    const now = this.ports.clock.now();
    return {
      job: job.job,
      manifest,
      files: files.length,
      resources: files.reduce((n, { kind, resources }) => n + (kind === 'output' ? resources : 0), 0),
      dropped: 0,
      bytes: files.reduce((sum, { compressed }) => sum + compressed, 0),
      sealedAt: instant(now),
      expiresAt: instant(now + this.config.keepMs),
    };
  }

  /** In the order of the request. */
  private async judged(job: Job): Promise<readonly Judged[]> {
    const all: Judged[] = [];
    for (let chunk = 0; chunk < job.plan!.chunks; chunk++)
      all.push(...(await readMatchSummary(this.blobs, summaryOf(job.job, chunk, job.written[chunk]!))).judged);
    return all.toSorted((a, b) => a.place - b.place);
  }

  private async write(
    job: Job,
    fence: number,
    all: readonly Judged[],
    opened: ReadonlySet<Judged>,
  ): Promise<readonly PartInfo[]> {
    const files = new ResultFiles(this.blobs, sealPrefix(job.job, fence));
    const head = await this.headOf(job, all);
    const entries = [...opened].filter(isOpened).map((one) => ({ ...entryOf(one), member: one.matched.member }));
    const others = all.filter((one) => !opened.has(one));
    const constrained = others.filter((one) => one.constrained !== undefined);
    const missed = others.filter((one) => one.constrained === undefined);
    const faults = all.filter(({ fault }) => fault !== undefined);
    const npis = new Set(entries.length === 0 ? [] : [...opened].flatMap(({ matched }) => matched!.npi));
    return [
      await files.matched(head('matched', [...npis]), entries),
      ...(missed.length === 0 ? [] : [await files.nonMatched(head('nonmatched'), missed.map(entryOf))]),
      ...(constrained.length === 0
        ? []
        : [
            await files.constrained(
              head('constrained'),
              constrained.map((one) => ({ ...entryOf(one), member: one.constrained! })),
            ),
          ]),
      ...(faults.length === 0 ? [] : [await files.errors(faults)]),
    ];
  }

  /** The heads of the Groups. NonMatched and ConsentConstrained exist in the files alone (M76). */
  private async headOf(
    job: Job,
    all: readonly Judged[],
  ): Promise<(kind: ResultKind, npis?: readonly string[]) => ResultHead> {
    const { from, to } = periodOf(job);
    const payer = await this.decisions.payer(job.client);
    const asked = [...new Set(all.flatMap(({ npis = [] }) => npis))].toSorted();
    return (kind, npis = asked) => ({
      kind,
      id: kind === 'matched' ? job.group : `${job.group}-${kind}`,
      lastUpdated: job.transactionTime,
      npis,
      result: { system: `${this.config.publicUrl}/fhir/identifier/match-result`, value: job.group },
      payer,
      from: from.slice(0, 10),
      ...(kind === 'matched' && { to: to.slice(0, 10) }),
    });
  }
}

const entryOf = ({ place, ids, patient, coverage }: Judged): ResultEntry => ({
  place,
  ids,
  ...(patient !== undefined && { patient }),
  ...(coverage !== undefined && { coverage }),
});

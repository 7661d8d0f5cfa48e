import { BoundedMap } from '@provider-access/kernel';
import type { Blobs } from '@provider-access/engines/blob';
import type { Facts } from '@provider-access/facts';
import type { LabelCheck, LabelGate } from '@provider-access/facts/records';
import type { Job } from '../../domain/job/job.ts';
import { decodeIndex, permittedSegments, type IndexedSegment, type PartIndex } from '../../domain/segments/index.ts';
import { readManifest, type Manifest } from '../../jobs/job-files.ts';
import type { PartInfo } from '../../jobs/part-set.ts';
import { DECIDE_BATCH } from '../../jobs/seal-export.ts';
import { Turns } from '../../turns.ts';

/** Segments whose decoded indexes are cached, about 20 MB. */
const CACHED_SEGMENTS = 100_000;
const CACHED_MANIFESTS = 16;

/**
 * Decides what the client of a sealed job may see at this moment. Manifests and indexes never change and are cached.
 * Decisions are not cached.
 */
export class Releases {
  private readonly blobs: Blobs;
  private readonly facts: Pick<Facts, 'access' | 'parties'>;
  private readonly labels: LabelGate;
  private readonly manifests = new BoundedMap<string, { manifest: Manifest; dropped: ReadonlySet<string> }>(
    CACHED_MANIFESTS,
  );
  private readonly indexes = new Map<string, PartIndex>();
  private cachedSegments = 0;
  constructor(blobs: Blobs, facts: Pick<Facts, 'access' | 'parties'>, labels: LabelGate) {
    this.blobs = blobs;
    this.facts = facts;
    this.labels = labels;
  }

  async manifest(job: Job): Promise<{ manifest: Manifest; dropped: ReadonlySet<string> }> {
    const name = job.sealed!.manifest;
    const known = this.manifests.get(name);
    if (known !== undefined) return known;
    const manifest = await readManifest(this.blobs, name);
    const read = { manifest, dropped: new Set(manifest.dropped) };
    this.manifests.set(name, read);
    return read;
  }

  /**
   * Segments that are permitted now. `decided` keeps the decisions of one request, so that a member is decided once.
   * Throws FactsStale.
   */
  async visible(
    job: Job,
    file: PartInfo,
    decided = new Map<string, boolean>(),
  ): Promise<{ index: PartIndex; segments: readonly IndexedSegment[] }> {
    const index = await this.index(file);
    // A file of errors contains only warnings about parameters, and no data of members.
    if (file.kind === 'error') return { index, segments: index.segments };
    await this.decide(job, index.members, decided);
    const permitted = permittedSegments(index, (member) => decided.get(member) === true);
    return { index, segments: await this.unwithheld(job, index, permitted, decided) };
  }

  /**
   * The segments that their security labels do not withhold. The policy of this process and the consents of this moment
   * count, and not those of the time when the file was written.
   */
  async unwithheld<S extends Pick<IndexedSegment, 'of' | 'labels'>>(
    job: Job,
    index: PartIndex,
    segments: readonly S[],
    decided: ReadonlyMap<string, boolean>,
  ): Promise<readonly S[]> {
    if (segments.every(({ labels }) => labels.length === 0)) return segments;
    const check = this.labels.check(this.facts.parties, job.client);
    const kept: S[] = [];
    for (const segment of segments) if (await isReleased(check, index, segment, decided)) kept.push(segment);
    return kept;
  }

  /** Decides about members that are not in `decided`. A member that the seal dropped stays denied. */
  async decide(job: Job, members: readonly string[], decided: Map<string, boolean>): Promise<void> {
    const { dropped } = await this.manifest(job);
    const open: string[] = [];
    for (const member of members) {
      if (decided.has(member)) continue;
      if (dropped.has(member)) decided.set(member, false);
      else open.push(member);
    }
    const turns = new Turns();
    for (let i = 0; i < open.length; i += DECIDE_BATCH) {
      await turns.next();
      const batch = open.slice(i, i + DECIDE_BATCH);
      const decisions = await this.facts.access.decideMany(job.client, { kind: 'download', group: job.group }, batch);
      batch.forEach((member, at) => decided.set(member, decisions[at]!.permit));
    }
  }

  private async index(file: PartInfo): Promise<PartIndex> {
    const known = this.indexes.get(file.index);
    if (known !== undefined) {
      this.indexes.delete(file.index);
      this.indexes.set(file.index, known);
      return known;
    }
    const bytes = await this.blobs.get(file.index);
    if (bytes === undefined) throw new Error('the index of a part is missing');
    const index = decodeIndex(bytes);
    this.indexes.set(file.index, index);
    this.cachedSegments += index.segments.length;
    for (const [name, old] of this.indexes) {
      if (this.cachedSegments <= CACHED_SEGMENTS || name === file.index) break;
      this.indexes.delete(name);
      this.cachedSegments -= old.segments.length;
    }
    return index;
  }
}

/** A segment of several members is released if one of them is permitted, and consents where the labels ask for it. */
async function isReleased(
  check: LabelCheck,
  index: PartIndex,
  { of, labels }: Pick<IndexedSegment, 'of' | 'labels'>,
  decided: ReadonlyMap<string, boolean>,
): Promise<boolean> {
  if (labels.length === 0) return true;
  for (const at of of) {
    const member = index.members[at]!;
    if (decided.get(member) === true && !(await check.withheldBy(member, labels))) return true;
  }
  return false;
}

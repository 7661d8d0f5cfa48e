import { Inject, Injectable } from '@nestjs/common';
import { BoundedMap, Refusal } from '@provider-access/kernel';
import { type GrantedScopes, partName, restrictionsOf } from '@provider-access/domain/smart';
import type { Blobs } from '@provider-access/engines/blob';
import { Facts } from '@provider-access/facts';
import type { Claims } from '@provider-access/engines/state';
import type { ViewReader } from '@provider-access/engines/views';
import { type LabelCheck, labelled, LabelGate, LabelledMembers, LastLabelled } from '@provider-access/records';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { BLOBS } from '../../config.ts';
import { type Job, positionsOf, purposeOf } from '../../domain/job.ts';
import {
  decodeIndex,
  inBlocks,
  type IndexedSegment,
  isHeader,
  type PartIndex,
  permittedSegments,
} from '../../segments/index.ts';
import { JobViews } from '../../run/job-views.ts';
import { readManifest, type Manifest } from '../../files/job-files.ts';
import type { PartInfo } from '../../files/part-set.ts';
import { isOfList } from '../../files/list-file.ts';
import { DECIDE_BATCH, Turns } from '../../turns.ts';
import { type Basis, stillHolds } from './basis.ts';
import { groupLine, withoutLateLabels } from './group-line.ts';
import { LateLabels } from './late-labels.ts';
import { renderResult } from './result-line.ts';

/** Segments whose decoded indexes are cached, about 20 MB. */
const CACHED_SEGMENTS = 100_000;
const CACHED_MANIFESTS = 16;
/** Jobs of which it is known that the view of labelled members has passed their kick-off. */
const KNOWN_JOBS = 1000;
/** Files of which it is noted that a client got them without everything that was sealed. */
const CHANGED = 'export-file-changed';
const KNOWN_CHANGED = 10_000;
const HOUR = 3_600_000;
/** ms */
const VIEW_PATIENCE_MS = 1000;

/** A file, and its segments that the client may see. */
export interface VisibleFile {
  readonly file: PartInfo;
  readonly index: PartIndex;
  readonly segments: readonly IndexedSegment[];
  readonly basis: Basis;
}
/** What one request has decided, so that a member is decided once. */
export interface Moment {
  readonly decided: Map<string, boolean>;
  readonly check: LabelCheck;
  readonly last: LastLabelled;
}

/**
 * The types that a token must cover. A file of blocks may have each type of the job, and so may the list of removed
 * resources, which names their ids (APPS.md P53). A file of errors has none.
 */
function typesToCover({ types }: Pick<Job, 'types'>, file: PartInfo): readonly string[] {
  if (file.kind === 'error') return [];
  return file.kind === 'output' && file.types === undefined ? [file.type] : types;
}

/**
 * Whether a token covers what the job has of a type: the whole type, or each part of it that the token of the kick-off
 * covered. A file is not cut again, so a token for another part does not cover it.
 */
function covers(job: Pick<Job, 'within'>, type: string, scopes: GrantedScopes): boolean {
  const parts = restrictionsOf(scopes, type, 'r')?.map(partName);
  if (parts === undefined) return true;
  const within = job.within?.filter((part) => part.startsWith(`${type}?`)) ?? [];
  return within.length > 0 && within.every((part) => parts.includes(part));
}

/** The type that a file has and a token does not cover. The scope of a match covers its result (MATCH.md M3). */
export const uncoveredOf = (
  job: Pick<Job, 'types' | 'match' | 'within'>,
  file: PartInfo,
  scopes: GrantedScopes,
): string | undefined =>
  job.match !== undefined && scopes.match
    ? undefined
    : typesToCover(job, file).find((type) => !covers(job, type, scopes));

/**
 * Decides what the client of a sealed job may see at this moment. Manifests and indexes never change and are cached.
 * Decisions are not cached.
 */
@Injectable()
export class Releases {
  private readonly late: LateLabels;
  private readonly manifests = new BoundedMap<string, { manifest: Manifest; dropped: ReadonlySet<string> }>(
    CACHED_MANIFESTS,
  );
  private readonly indexes = new Map<string, PartIndex>();
  private cachedSegments = 0;
  private readonly passed = new BoundedMap<string, true>(KNOWN_JOBS);
  private readonly changed = new BoundedMap<string, true>(KNOWN_CHANGED);
  private readonly claims: Claims;
  private readonly labelled: Pick<ViewReader, 'getMany' | 'generation' | 'waitFor'>;
  private readonly members: LabelledMembers;
  constructor(
    @Inject(PORTS) { views, state }: Pick<ServicePorts, 'views' | 'state'>,
    @Inject(BLOBS) private readonly blobs: Blobs,
    @Inject(Facts) private readonly facts: Pick<Facts, 'access' | 'parties' | 'reader'>,
    @Inject(LabelGate) private readonly labels: LabelGate,
    @Inject(JobViews) private readonly exported: Pick<JobViews, 'records'>,
  ) {
    this.claims = state.claims;
    this.labelled = views.reader(labelled);
    this.members = new LabelledMembers(this.labelled);
    this.late = new LateLabels(blobs, exported.records);
  }

  moment(job: Job): Moment {
    return {
      decided: new Map(),
      check: this.labels.check(this.facts.parties, job.client),
      last: new LastLabelled(this.members),
    };
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

  /** The segments that are permitted now, without what labels withhold. Throws FactsStale, or Refusal 503. */
  async visible(job: Job, file: PartInfo, moment: Moment): Promise<VisibleFile> {
    const basis = this.basis();
    const index = await this.index(file);
    // A file of errors has only warnings about parameters, and what is stored as a whole has no data of our members.
    if (file.kind === 'error' || file.line?.form === 'whole') return { file, index, basis, segments: index.segments };
    await this.labelledPassed(job);
    await this.decide(job, index.members, moment);
    if (isOfList(file)) {
      const entries = await this.entriesOf(job, index, index.segments.slice(1), moment);
      const line =
        file.line?.form === 'result'
          ? renderResult(this.blobs, file, file.line, index.segments, entries)
          : groupLine(this.blobs, file, index.segments, entries);
      return { file, index, basis, segments: await line };
    }
    const segments = await this.permittedOf(job, file, index, index.segments, moment);
    return { file, index, basis, segments: file.types === undefined ? segments : inBlocks(segments, true) };
  }

  /** Call it before the decisions. */
  private basis(): Basis {
    const { reader, parties } = this.facts;
    const labelled = this.labelled.generation();
    return { at: performance.now(), facts: reader.generation(), labelled, parties: parties.changes() };
  }

  /** The entries of the Group line whose members are permitted, and whose Patients no label withholds. */
  private async entriesOf(
    job: Job,
    index: PartIndex,
    segments: readonly IndexedSegment[],
    moment: Moment,
  ): Promise<readonly IndexedSegment[]> {
    const permitted = (member: string): boolean => moment.decided.get(member) === true;
    const entries = await this.unwithheld(index, permittedSegments({ ...index, segments }, permitted), moment);
    const time = Date.parse(job.transactionTime);
    return withoutLateLabels(this.exported.records, { ...moment, index, time }, entries);
  }

  /**
   * Waits until the view of labelled members has passed the kick-off. After an upgrade it may not be built yet, and an
   * empty view would tell that nobody got a label.
   * @throws Refusal 503
   */
  private async labelledPassed(job: Job): Promise<void> {
    if (this.passed.has(job.job)) return;
    if (!(await this.labelled.waitFor(positionsOf(job), VIEW_PATIENCE_MS, ['resources'])))
      throw new Refusal('unavailable', 'A view that downloads read is not complete yet. Repeat the request.', {
        retryAfter: 2,
      });
    this.passed.set(job.job, true);
  }

  /** Whether the file has all bytes that it had when the job was sealed. */
  async isAsSealed(job: Job, { file, index, segments }: VisibleFile): Promise<boolean> {
    const { dropped } = await this.manifest(job);
    if (file.line?.form === 'whole') return true;
    // The line has its head and its end beside the segments of members.
    if (file.line?.form === 'result') return segments.length === index.segments.length + 1;
    if (isOfList(file)) return segments.length - 2 === index.members.filter((member) => !dropped.has(member)).length;
    const sealed = dropped.size === 0 ? index.segments : permittedSegments(index, (member) => !dropped.has(member));
    return segments.length === sealed.length && segments.every(({ cut }) => cut === undefined);
  }

  /** Notes for all processes that the client is sent the file without something that was sealed. */
  async noteChanged(job: Job, { file }: PartInfo): Promise<void> {
    const key = `${job.job}/${file}`;
    if (this.changed.has(key)) return;
    await this.claims.claim(CHANGED, key, job.client, Date.parse(job.sealed!.expiresAt) + HOUR);
    this.changed.set(key, true);
  }

  async wasChanged(job: Job, { file }: PartInfo): Promise<boolean> {
    const key = `${job.job}/${file}`;
    return this.changed.has(key) || (await this.claims.get(CHANGED, key)) !== undefined;
  }

  /** Whether these segments, which `visible` returned, are what it would return now. Throws FactsStale. */
  async stay(
    job: Job,
    { file, index, basis }: Omit<VisibleFile, 'segments'>,
    segments: readonly IndexedSegment[],
  ): Promise<boolean> {
    if (file.line?.form === 'whole') return true;
    // What is cut or made of several parts depends on more.
    if (
      stillHolds(basis, this.basis()) &&
      segments.every(({ cut, inline }) => cut === undefined && inline === undefined)
    ) {
      this.facts.access.assertFresh();
      return true;
    }
    const moment = this.moment(job);
    if (isOfList(file)) {
      const entries = segments.filter(({ of }) => of.length > 0);
      await this.decide(job, [...new Set(entries.map(({ of }) => index.members[of[0]!]!))], moment);
      return (await this.entriesOf(job, index, entries, moment)).length === entries.length;
    }
    const stored = segments.map(({ cut, ...segment }) => ({ ...segment, ...cut?.stored }));
    const members = new Set(segments.flatMap(({ of }) => of.map((at) => index.members[at]!)));
    await this.decide(job, [...members], moment);
    const [first] = stored;
    // The lines of a block stay only while its header does, which may have been sent before.
    const header = file.types === undefined || first === undefined ? undefined : headerOf(index, first);
    const of = header === undefined ? stored : [header, ...stored];
    const permitted = await this.permittedOf(job, file, index, of, moment);
    const kept = file.types === undefined ? permitted : inBlocks(permitted, false);
    const now = header === undefined ? kept : kept.filter(({ offset }) => offset !== header.offset);
    return now.length === segments.length && now.every(({ crc, plain }, i) => hasBytes(segments[i]!, crc, plain));
  }

  private async permittedOf(
    job: Job,
    file: PartInfo,
    index: PartIndex,
    segments: readonly IndexedSegment[],
    moment: Moment,
  ): Promise<readonly IndexedSegment[]> {
    const { decided, check, last } = moment;
    const permitted = (member: string): boolean => decided.get(member) === true;
    const unwithheld = await this.unwithheld(index, permittedSegments({ ...index, segments }, permitted), moment);
    const time = Date.parse(job.transactionTime);
    return this.late.apply({ file, index, time, permitted, check, last }, unwithheld);
  }

  /**
   * The segments that their security labels do not withhold. The policy of this process and the consents of this moment
   * count, and not those of the time when the file was written.
   */
  private async unwithheld(
    index: PartIndex,
    segments: readonly IndexedSegment[],
    { check, decided }: Moment,
  ): Promise<readonly IndexedSegment[]> {
    if (segments.every(({ labels }) => labels.length === 0)) return segments;
    const kept: IndexedSegment[] = [];
    for (const segment of segments) {
      const { labels, of } = segment;
      let isReleased = labels.length === 0;
      // A segment of several members is released if one of them is permitted, and consents where the labels ask for it.
      for (const member of of.map((at) => index.members[at]!))
        isReleased ||= decided.get(member) === true && !(await check.withheldBy(member, labels));
      if (isReleased) kept.push(segment);
    }
    return kept;
  }

  /**
   * Decides about members that were not decided. A member that the seal dropped stays denied. Facts that this process
   * surely knows are not read, so a batch of permitted members needs no query where no other process writes the facts.
   */
  private async decide(job: Job, members: readonly string[], { decided }: Moment): Promise<void> {
    const { dropped } = await this.manifest(job);
    const open: string[] = [];
    for (const member of members) {
      if (decided.has(member)) continue;
      if (dropped.has(member)) decided.set(member, false);
      else open.push(member);
    }
    const { access } = this.facts;
    const turns = new Turns();
    for (let i = 0; i < open.length; i += DECIDE_BATCH) {
      await turns.next();
      const batch = open.slice(i, i + DECIDE_BATCH);
      const decisions = await access.ofRequest().decideShown(job.client, purposeOf('download', job), batch);
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

/** The header of the block that a segment is in, unless it is the header. */
const headerOf = (index: PartIndex, { of: [member], offset }: IndexedSegment): IndexedSegment | undefined => {
  const header = index.segments.findLast((each) => each.offset <= offset && isHeader(each) && each.of[0] === member);
  return header?.offset === offset ? undefined : header;
};

const hasBytes = (segment: IndexedSegment, crc: number, plain: number): boolean =>
  segment.crc === crc && segment.plain === plain;

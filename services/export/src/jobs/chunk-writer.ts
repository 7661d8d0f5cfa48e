import {
  broughtType,
  type LabelCheck,
  mayBeShared,
  PROVENANCE,
  recordId,
  type RecordPart,
  type StoredRecord,
} from '@provider-access/records';
import type { FilledExtract } from '@provider-access/engines/views';
import { chunkPrefix, PartSet, type Segment, SegmentBuilder } from '@provider-access/jobs/files';
import type { ChunkSummary } from './ask.ts';
import { CHUNK_BYTES, ExtractBuilder, extractedOf } from './member-extract.ts';
import { Asked } from './asked.ts';
import { BlockSupporting } from './block-supporting.ts';
import { Candidates } from './candidates.ts';
import { Carried } from './carried.ts';
import type { ChunkSources, ChunkTask, WrittenChunk } from './chunk-task.ts';
import { Decisions, type Permitted } from './decisions.ts';
import { deleteBundle, DELETES_A_BUNDLE, isElsewhere } from './deletes.ts';
import { ChosenProvenances } from './provenances.ts';
import { ListEntries } from './list-entries.ts';
import { PatientBlocks } from './patient-blocks.ts';
import { partyOf } from './party-snapshot.ts';
import { BYTES_TOGETHER, ROWS_TOGETHER, type Unwithheld, unwithheld } from './unwithheld.ts';

/** Which resources of a member are read. Default: all exported ones. */
interface Reading {
  /** ms since the epoch */
  readonly since?: number | undefined;
  readonly filling?: ExtractBuilder | undefined;
  readonly types?: readonly string[];
  readonly without?: readonly string[];
}
async function* others<R extends RecordPart>(records: AsyncIterable<R>, without: readonly string[]): AsyncGenerator<R> {
  for await (const record of records) if (!without.includes(record.type)) yield record;
}

/** Types without a patient that are kept under a member. Two members may have the same resource. */
const MAY_BE_COMMON = new Set(['Medication']);
/** Members whose facts and candidates are read together. */
const MEMBERS_TOGETHER = 64;
/** For more types than this, one scan of all records is cheaper than a scan of each type. */
const SCAN_ALL_ABOVE = 8;

const isSame = (a: readonly string[], b: readonly string[]): boolean =>
  a === b || (a.length === b.length && a.every((label, at) => label === b[at]));

/**
 * Writes a chunk. Decides about each member, then appends the lines of permitted members: each type to its own part,
 * and a segment for each patient. All files are under the fence of the task, so that a repeated chunk replaces them as
 * a whole. Memory is bounded by two reads of lines, one segment (8 MB) and a stretch for each type.
 * @throws BlobStoreFull when the disk is full, and any error of the store
 */
export const writeChunk = (task: ChunkTask, sources: ChunkSources): Promise<WrittenChunk> =>
  new ChunkWriter(task, sources).write();

class ChunkWriter {
  readonly #task: ChunkTask;
  readonly #sources: ChunkSources;
  readonly #decisions: Decisions;
  readonly #check: LabelCheck;
  readonly #parts: PartSet;
  readonly #segments: SegmentBuilder;
  readonly #entries: ListEntries | undefined;
  readonly #types: ReadonlySet<string>;
  readonly #asked: Asked | undefined;
  /** Of the members at hand. */
  #candidates: Candidates | undefined;
  readonly #released: string[] = [];
  /** Of all members, or of the member at hand if each has a block. */
  #references = new Carried();
  #unchanged = new Carried();
  readonly #common = new Carried();
  readonly #extracts: FilledExtract[] = [];
  #extractBytes = 0;
  /** Of the member at hand, if the job asks for some Provenances. */
  #chosen: ChosenProvenances | undefined;
  /** Positions in `#released` of members of whom something was written. */
  readonly #withLines = new Set<number>();
  /** `Type/id` of what the block has of the member and a supporting resource may also be. */
  readonly #own = new Set<string>();
  /** Present if each member has a block of its own, with the supporting resources. */
  readonly #blocks: PatientBlocks | undefined;
  readonly #supporting: BlockSupporting | undefined;

  constructor(task: ChunkTask, sources: ChunkSources) {
    this.#task = task;
    this.#sources = sources;
    const party = partyOf(task.party);
    this.#decisions = new Decisions(task, sources, party);
    this.#check = sources.labels.check(party, task.client);
    const prefix = chunkPrefix(task.job, task.chunk, task.fence);
    this.#parts = new PartSet(sources.blobs, prefix, String(task.chunk), task.limits, this.#check.rules);
    this.#segments = new SegmentBuilder(task.limits?.segment);
    this.#entries = ListEntries.of(task, { ...sources, check: this.#check, parts: this.#parts });
    this.#types = new Set(task.types);
    this.#asked = task.asked && new Asked(task.asked, task.base ?? '');
    if (this.#asked === undefined || task.asked?.organizeBy === undefined) return;
    this.#blocks = new PatientBlocks(this.#parts);
    const { since } = task;
    this.#supporting = new BlockSupporting({
      records: sources.records,
      check: this.#check,
      types: this.#types,
      since,
      asked: this.#asked,
    });
  }

  async write(): Promise<WrittenChunk> {
    const parts = await this.#parts.written(async () => {
      // A job that asks for less looks up the candidates of several members with one query.
      const together = this.#asked === undefined ? 1 : MEMBERS_TOGETHER;
      for (let at = 0; at < this.#task.members.length; at += together)
        await this.#writePermitted(this.#task.members.slice(at, at + together));
    });
    const summary: ChunkSummary = {
      v: 1,
      parts,
      released: this.#released,
      refused: this.#decisions.refusals.members,
      decided: this.#decisions.refusals.decided,
      references: this.#references.all(),
      unchanged: this.#unchanged.without(this.#references),
      common: this.#common.all(),
      ...(this.#task.named === true && {
        bare: [...this.#released.keys()].filter((at) => !this.#withLines.has(at)),
      }),
    };
    return { summary, extracts: this.#extracts };
  }

  async #writePermitted(members: readonly string[]): Promise<void> {
    const permitted = await this.#decisions.permitted(members);
    const names = permitted.map(({ member }) => member);
    this.#candidates = this.#asked && new Candidates(this.#sources.records, this.#asked, names);
    for (const one of permitted) await this.#writeOne(one);
  }

  async #writeOne({ member, attributions, visibleSince, attributedSince }: Permitted): Promise<void> {
    const { since } = this.#task;
    const at = this.#released.push(member) - 1;
    // A member that became visible after `_since` is exported as a whole.
    const partial = since !== undefined && visibleSince() < since;
    const listed = await this.#entries?.add(member, attributions, attributedSince());
    if (listed !== undefined) this.#withLines.add(at);
    if (this.#types.size === 0) return;
    if (this.#blocks !== undefined) return this.#writeBlock(member, at, partial, this.#blocks);
    await this.#writeMember(member, at, partial);
    if (since !== undefined) await this.#writeDeletes(member, at, since, partial);
  }

  /** Without the Patient there is no block: its header would name the patient, and its lines would follow another. */
  async #writeBlock(member: string, at: number, partial: boolean, blocks: PatientBlocks): Promise<void> {
    const { records } = this.#sources;
    const { since } = this.#task;
    const [patient] = await records.heads([recordId(member, 'Patient', member)]);
    const [decision] = patient === undefined ? [] : await this.#check.decideEach([patient]);
    if (decision?.withheld !== true) {
      [this.#references, this.#unchanged] = [new Carried(), new Carried()];
      this.#own.clear();
      blocks.begin(member, decision?.labels ?? []);
      await this.#writeMember(member, at, partial);
    }
    if (since !== undefined) await this.#writeDeletes(member, at, since, partial);
    if (decision?.withheld !== true) {
      const shared = await this.#supporting!.of(this.#references.names(), this.#unchanged.names());
      for (const { name, type, segment, labels } of shared)
        if (!this.#own.has(name)) await blocks.add(type, segment, labels);
      await blocks.end();
    }
    [this.#references, this.#unchanged] = [new Carried(), new Carried()];
  }

  async #writeMember(member: string, at: number, partial: boolean): Promise<void> {
    const { types } = this.#task;
    const from = partial ? { since: this.#task.since } : {};
    const asked = this.#asked;
    if (asked === undefined) {
      await (partial ? this.#writeResources(member, at, from) : this.#writeAll(member, at));
      return;
    }
    const kind = this.#task.asked?.provenance;
    this.#chosen = kind && new ChosenProvenances(kind);
    const some = kind === undefined ? types : types.filter((type) => type !== PROVENANCE);
    const first = this.#blocks === undefined ? [] : some.filter((type) => type === 'Patient');
    const rest = first.length === 0 ? some : some.filter((type) => type !== 'Patient');
    for (const read of [first, rest]) {
      if (read.length === 0) continue;
      if (partial) await this.#writeResources(member, at, { ...from, ...this.#reading(read) });
      else await this.#writeAsked(member, at, asked, read);
    }
    if (this.#chosen !== undefined) await this.#writeProvenances(member, at, from, asked, this.#chosen);
  }

  /** Writes all resources of the member, from the extract as far as there is one. Fills a reserved extract. */
  async #writeAll(member: string, at: number): Promise<void> {
    const { types } = this.#task;
    const extract = await this.#sources.extracts?.get(member);
    const extracted = extract && extractedOf(extract, this.#types, this.#check.hasLines);
    if (extracted !== undefined) {
      for (const { type, references, segments } of extracted.types) {
        this.#carry({ type, references }, this.#references, at);
        for (const segment of segments) await this.#addLines(member, at, type, segment);
      }
      if (extracted.others.length > 0) await this.#writeResources(member, at, { types: extracted.others });
      return;
    }
    if (this.#types.size <= SCAN_ALL_ABOVE) {
      await this.#writeResources(member, at, { types });
      return;
    }
    const filling = extract && new ExtractBuilder(extract);
    await this.#writeResources(member, at, { filling });
    const filled = filling?.end();
    if (filled === undefined || this.#extractBytes > CHUNK_BYTES) return;
    this.#extractBytes += filled.body.byteLength;
    this.#extracts.push(filled);
  }

  /** As `#writeAll`, of a job that asks for less. It reads only candidates where the index of keys knows them. */
  async #writeAsked(member: string, at: number, asked: Asked, of: readonly string[]): Promise<void> {
    const scanned: string[] = [];
    for (const type of of) {
      const candidates = this.#candidates?.of(member, type);
      if (candidates === undefined) scanned.push(type);
      else await this.#writeRecords(member, at, candidates);
    }
    if (scanned.length === 0) return;
    // An extract does not say which resources it has.
    const untouched = this.#chosen === undefined && scanned.every((type) => asked.leaves(type));
    const extract = untouched ? await this.#sources.extracts?.get(member) : undefined;
    const extracted = extract && extractedOf(extract, new Set(scanned), this.#check.hasLines);
    for (const { type, references, segments } of extracted?.types ?? []) {
      this.#carry({ type, references }, this.#references, at);
      for (const segment of segments) await this.#addLines(member, at, type, segment);
    }
    const types = extracted === undefined ? scanned : extracted.others;
    if (types.length > 0) await this.#writeResources(member, at, this.#reading(types));
  }
  /** How to read these types: one scan of everything is cheaper than many of one type. */
  #reading(types: readonly string[]): { readonly types: readonly string[] } | { readonly without: readonly string[] } {
    const left = this.#task.types.filter((type) => !types.includes(type));
    return left.every((type) => type === 'Patient') ? { without: left } : { types };
  }
  /** Writes the Provenances of what is released of the member after everything else (E41). */
  async #writeProvenances(
    member: string,
    at: number,
    from: { readonly since?: number | undefined },
    asked: Asked,
    chosen: ChosenProvenances,
  ): Promise<void> {
    const since = from.since === undefined ? {} : { since: from.since };
    const options = { pageSize: ROWS_TOGETHER, pageBytes: BYTES_TOGETHER, types: [PROVENANCE], ...since };
    const scan = (): AsyncIterable<StoredRecord> => this.#sources.records.scanMember(member, options);
    // A withheld Provenance must not take the place of another one.
    for await (const { record } of this.#unwithheld(scan())) if (asked.lineOf(record) !== undefined) chosen.add(record);
    await this.#writeRecords(member, at, chosen.of(scan()));
  }
  async #addLines(member: string, at: number, type: string, segment: Segment, labels: readonly string[] = []) {
    this.#withLines.add(at);
    if (this.#blocks === undefined) await this.#parts.add('output', type, [member], segment, labels);
    else await this.#blocks.add(type, segment, labels);
  }

  /** Writes the member's resources of some types, or of all exported types, or those that changed since `since`. */
  async #writeResources(member: string, at: number, { since, filling, types, without = [] }: Reading): Promise<void> {
    const { records } = this.#sources;
    const few = this.#types.size <= SCAN_ALL_ABOVE;
    const wanted = types ?? (few ? this.#task.types.filter((type) => !without.includes(type)) : undefined);
    const scanned = records.scanMember(member, {
      pageSize: ROWS_TOGETHER,
      pageBytes: BYTES_TOGETHER,
      ...(wanted !== undefined && { types: wanted }),
      ...(since !== undefined && { since }),
    });
    await this.#writeRecords(member, at, without.length === 0 ? scanned : others(scanned, without), filling);
  }

  async #writeRecords(
    member: string,
    at: number,
    scanned: AsyncIterable<StoredRecord>,
    filling?: ExtractBuilder,
  ): Promise<void> {
    const { records } = this.#sources;
    const builder = this.#segments;
    let type = '';
    let labels: readonly string[] = [];
    const store = async (segment: Segment | undefined): Promise<void> => {
      if (segment === undefined) return;
      filling?.add(type, segment);
      await this.#addLines(member, at, type, segment, labels);
    };
    for await (const { record, labels: found } of this.#unwithheld(scanned, filling)) {
      const line = this.#asked === undefined ? record.line : this.#asked.lineOf(record);
      if (line === undefined) continue;
      // The labels of a segment are in the index, so that a download can apply another policy than this one.
      if (record.type !== type || !isSame(found, labels)) {
        await store(builder.end());
        type = record.type;
        labels = found;
      }
      this.#carry(record, this.#references, at);
      this.#chosen?.released(record);
      if (this.#blocks !== undefined) {
        if (mayBeShared(type)) this.#own.add(`${type}/${record.id}`);
      } else if (MAY_BE_COMMON.has(type) && (await records.isHeldBy(2, type, record.id))) {
        this.#common.add(`${type}/${record.id}`, at);
        this.#withLines.add(at);
        continue;
      }
      const segment = builder.add(line);
      if (segment !== undefined) await store(segment);
    }
    await store(builder.end());
  }

  /** Writes the deletes of a delta, and collects the references of unchanged resources. */
  async #writeDeletes(member: string, at: number, since: number, partial: boolean): Promise<void> {
    const { records } = this.#sources;
    let deleted: string[] = [];
    const flush = async (): Promise<void> => {
      if (deleted.length === 0) return;
      const builder = new SegmentBuilder();
      const segment = builder.add(deleteBundle(deleted)) ?? builder.end();
      this.#withLines.add(at);
      await this.#parts.add('deleted', 'Bundle', [member], segment!);
      deleted = [];
    };
    // The delete of a resource that the client never saw would reveal that it existed.
    for await (const { record } of this.#unwithheld(this.#deletedOrUnchanged(member, at, since, partial))) {
      if (this.#asked?.isInTime(record) === false) continue;
      if (record.deleted !== true) {
        if (await this.#isFound(record)) this.#carry(record, this.#unchanged, at);
        continue;
      }
      if (this.#asked?.isInPart(record.type) === true) continue;
      // A merge moved the resource to another member. Do not list a delete, because the client has just received the
      // resource under the other member.
      if (await isElsewhere(record, records, (member) => this.#decisions.permits(member))) continue;
      deleted.push(`${record.type}/${record.id}`);
      if (deleted.length >= DELETES_A_BUNDLE) await flush();
    }
    await flush();
  }

  /**
   * Records deleted since `since`; in a partial export also unchanged ones that bring along a further resource. Of a
   * member who became visible since, every deleted record: one who was there before may have lost resources meanwhile,
   * and no delta listed these.
   */
  async *#deletedOrUnchanged(member: string, at: number, since: number, partial: boolean): AsyncGenerator<RecordPart> {
    const scanned = this.#sources.records.views.records.scan({ index: 'by_type', equals: [member] });
    for await (const document of scanned) {
      const record = document['record'] as RecordPart;
      if (record.deleted === true ? !partial || record.lastUpdated >= since : partial && this.#brings(record, at))
        yield record;
    }
  }

  /** Whether the filters find an unchanged record, of which only the head was read. */
  async #isFound({ member, type, id }: RecordPart): Promise<boolean> {
    if (type === PROVENANCE && this.#chosen !== undefined) return false;
    if (this.#asked?.looksInto(type) !== true) return true;
    const record = await this.#sources.records.byTypeId(member, type, id);
    return record !== undefined && this.#asked.lineOf(record) !== undefined;
  }
  #carry({ type, references }: Pick<RecordPart, 'type' | 'references'>, to: Carried, at: number): void {
    for (const reference of references) if (this.#exports(type, reference)) to.add(reference, at);
  }
  /** Whether an unchanged record, of which only the head was read, brings along something that nothing else does. */
  #brings({ type, references }: RecordPart, at: number): boolean {
    return references.some((reference) => this.#exports(type, reference) && !this.#unchanged.has(reference, at));
  }
  /** Whether the export contains the target of a reference that a resource of this type has. */
  #exports(type: string, reference: string): boolean {
    return this.#types.has(broughtType(type, reference) ?? '');
  }
  #unwithheld<R extends RecordPart>(
    records: AsyncIterable<R>,
    filling?: ExtractBuilder,
  ): AsyncGenerator<Unwithheld<R>> {
    return unwithheld(records, { types: this.#types, check: this.#check, filling });
  }
}

import { decide, decisionTime, visibleSince } from '@provider-access/domain/access';
import type { ListEntry } from '@provider-access/domain/pdex';
import { toMemberFacts } from '@provider-access/facts/views';
import { parseReference } from '@provider-access/fhir';
import { type LabelCheck, recordId, SHARED, type StoredRecord } from '@provider-access/records';
import { chunkPrefix, deflateSegment, PartSet } from '@provider-access/jobs/files';
import { Asked } from './asked.ts';
import { Candidates } from './candidates.ts';
import { Carried } from './carried.ts';
import type { ChunkSources, ChunkTask, WrittenChunk } from './chunk-task.ts';
import { partyOf, type SnapshotFacts } from './party-snapshot.ts';
import type { AskedList } from './asked-list.ts';
import { ListEntries } from './list-entries.ts';
import { Refusals } from './refusals.ts';

interface Selected {
  readonly member: string;
  /** Position among the released members. */
  readonly at: number;
  readonly entry: ListEntry;
}

type WriteChunk = (task: ChunkTask, sources: ChunkSources) => Promise<WrittenChunk>;
/** Writes chunks of list exports, and those of every other job by `write`. */
export const listChunkOr =
  (write: WriteChunk): WriteChunk =>
  (task, sources) => {
    const { list } = task;
    return list?.kind === 'attribution' ? new ListChunk({ ...task, list }, sources).write() : write(task, sources);
  };

/**
 * Writes a chunk of ATR's list export. Of each member it has the entry, the Patient, the Coverage of the entry, and the
 * subscriber; it carries the attributed provider, and for a practitioner the roles. With `_since`, only members whose
 * entry changed have more than the entry.
 */
class ListChunk {
  readonly #task: ChunkTask & { readonly list: AskedList };
  readonly #sources: ChunkSources;
  readonly #party: SnapshotFacts;
  readonly #check: LabelCheck;
  readonly #parts: PartSet;
  readonly #entries: ListEntries;
  readonly #asked: Asked;
  readonly #types: ReadonlySet<string>;
  readonly #released: string[] = [];
  readonly #refusals: Refusals;
  readonly #references = new Carried();
  readonly #withLines = new Set<number>();
  #provider: readonly string[] | undefined;

  constructor(task: ChunkTask & { readonly list: AskedList }, sources: ChunkSources) {
    this.#task = task;
    this.#sources = sources;
    this.#party = partyOf(task.party);
    this.#refusals = new Refusals(this.#party.readUntil);
    this.#check = sources.labels.check(this.#party, task.client);
    const prefix = chunkPrefix(task.job, task.chunk, task.fence);
    this.#parts = new PartSet(sources.blobs, prefix, String(task.chunk), task.limits, this.#check.rules);
    this.#entries = new ListEntries({ ...sources, check: this.#check, parts: this.#parts }, task.list, task.since);
    this.#asked = new Asked(task.asked ?? {}, task.base ?? '');
    this.#types = new Set(task.types);
  }

  async write(): Promise<WrittenChunk> {
    const parts = await this.#parts.written(async () => {
      for (const member of this.#task.members) await this.#writeIfPermitted(member);
    });
    const summary = {
      v: 1 as const,
      parts,
      released: this.#released,
      refused: this.#refusals.members,
      decided: this.#refusals.decided,
      references: this.#references.all(),
      unchanged: [],
      common: [],
      ...(this.#task.named === true && {
        bare: [...this.#released.keys()].filter((at) => !this.#withLines.has(at)),
      }),
    };
    return { summary, extracts: [] };
  }

  async #writeIfPermitted(member: string): Promise<void> {
    const { client, purpose } = this.#task;
    const document = await this.#sources.facts.get(member);
    const now = new Date(this.#sources.clock.now()).toISOString();
    const request = { client, purpose, member, now };
    const facts = { member: document && toMemberFacts(document), party: this.#party };
    const decision = decide(request, facts);
    if (!decision.permit) {
      this.#refusals.add(member, decision.reason, document, decisionTime(request, facts));
      return;
    }
    const since = visibleSince(request, facts, decision);
    const at = this.#released.push(member) - 1;
    const added = await this.#entries.add(member, decision.attributions, since);
    if (added === undefined) return;
    this.#withLines.add(at);
    if (added.isSelected) await this.#writeMember({ member, at, entry: added.entry });
  }

  async #writeMember({ member, at, entry: { coverageId } }: Selected): Promise<void> {
    const ids = [recordId(member, 'Patient', member)];
    if (coverageId !== undefined) ids.push(recordId(member, 'Coverage', coverageId));
    const found = await this.#sources.records.load(ids);
    await this.#write(found);
    const [subscriber] = found.flatMap((record) => (record === undefined ? [] : subscriberOf(record)));
    if (subscriber !== undefined && this.#types.has('RelatedPerson'))
      await this.#write(await this.#sources.records.load([recordId(member, 'RelatedPerson', subscriber)]));
    this.#provider ??= await this.#providerOf();
    for (const reference of this.#provider)
      if (this.#types.has(reference.split('/')[0]!)) this.#references.add(reference, at);
  }

  async #write(found: readonly (StoredRecord | undefined)[]): Promise<void> {
    const records = found.filter((record) => record !== undefined && record.deleted !== true) as StoredRecord[];
    const decisions = await this.#check.decideEach(records);
    for (const [i, record] of records.entries()) {
      const { withheld, labels } = decisions[i]!;
      const line = withheld || !this.#types.has(record.type) ? undefined : this.#asked.lineOf(record);
      if (line === undefined) continue;
      const segment = deflateSegment(Buffer.concat([line, Buffer.from('\n')]), 1);
      await this.#parts.add('output', record.type, [record.member], segment, labels);
    }
  }

  /** The provider in the directory, with the roles of a practitioner, and the locations of an organization. */
  async #providerOf(): Promise<readonly string[]> {
    const { providerReference: provider } = this.#task.list.head;
    if (provider === undefined) return [];
    const isPerson = provider.startsWith('Practitioner/');
    const type = isPerson ? 'PractitionerRole' : 'Location';
    if (!this.#types.has(type)) return [provider];
    const filters = [{ type, conditions: [[isPerson ? 'practitioner' : 'organization', provider] as const] }];
    const asked = new Asked({ filters }, this.#task.base ?? '');
    const found: string[] = [];
    const candidates = new Candidates(this.#sources.records, asked, [SHARED]);
    for await (const record of candidates.of(SHARED, type) ?? [])
      if (asked.lineOf(record) !== undefined) found.push(`${type}/${record.id}`);
    return [provider, ...found];
  }
}

/** The id of the RelatedPerson who holds a Coverage. */
function subscriberOf({ type, line }: StoredRecord): readonly string[] {
  if (type !== 'Coverage') return [];
  const { subscriber } = JSON.parse(Buffer.from(line).toString('utf8')) as {
    readonly subscriber?: { readonly reference?: unknown };
  };
  const text = subscriber?.reference;
  const reference = typeof text === 'string' ? parseReference(text) : undefined;
  return reference?.kind === 'literal' && reference.type === 'RelatedPerson' ? [reference.id] : [];
}

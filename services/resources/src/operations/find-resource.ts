import { Inject, Injectable } from '@nestjs/common';
import type { Decision } from '@provider-access/domain/access';
import { labelRules } from '@provider-access/domain/pdex/labels';
import { reaches, readGranted } from '@provider-access/domain/smart';
import { PA_RECORD_VERSIONS, type RefusalReason } from '@provider-access/events';
import { Facts } from '@provider-access/facts';
import type { KnownDocument, ViewDocument } from '@provider-access/engines/views';
import { Refusal } from '@provider-access/kernel';
import type { Client } from '@provider-access/service/operation';
import { carriedReferencesOf, type FhirResource, isId, isSharedType } from '@provider-access/fhir';
import {
  bytesOfLine,
  type FoundRecord,
  hasAllLabels,
  labelsOfRecord,
  headOf,
  type LabelCheck,
  LabelGate,
  mayBeShared,
  NOBODY,
  PROVENANCE,
  recordId,
  type RecordPart,
  RecordsReader,
  SHARED,
  type StoredRecord,
  targetsOfLine,
  type VersionPart,
  VersionsReader,
  type WithinScope,
  withinScope,
} from '@provider-access/records';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { CONFIG, type ResourcesConfig } from '../config.ts';

interface Refused {
  readonly kind: 'refused';
  readonly reason: RefusalReason;
  readonly member?: string;
}
/** A resource that the client may see. `member` is absent for a resource of the directory. */
export interface Seen {
  readonly kind: 'seen';
  /** The id of the record: `member/Type/id`. */
  readonly id: string;
  /** The current version without its line. It may be a tombstone. */
  readonly head: RecordPart;
  readonly member?: string;
  readonly decision?: Decision;
  readonly labels: LabelCheck;
  /**
   * As the view had it when the labels were decided. It has its line if that was asked for and has no labels, and if a
   * scope on a part of the type decided by it.
   */
  readonly stored: FoundRecord;
  /** The part of the type that the scopes cover. Absent: the whole type. Each version must be within it (P53). */
  readonly within?: WithinScope;
}
export type Found = Seen | Refused;
/** The facts of the owner have changed since they were read, and nothing was looked at. */
interface Changed {
  readonly kind: 'changed';
  readonly now: ViewDocument | undefined;
}

/** A resource to look for, and which lines are loaded with the heads. */
interface Wanted {
  readonly type: string;
  readonly id: string;
  readonly lines: 'none' | 'of unlabelled';
  readonly within?: WithinScope | undefined;
}
/** A record at one of the places where it may be. */
interface Place {
  readonly stored: FoundRecord | undefined;
  readonly head: RecordPart | undefined;
}

const EVERYTHING = readGranted('system/*.r');
const NOWHERE: Place = { stored: undefined, head: undefined };
const UNKNOWN: Refused = { kind: 'refused', reason: 'unknown-resource' };
/** For the audit. The client gets the answer of an unknown resource. */
const OUTSIDE: Refused = { kind: 'refused', reason: 'insufficient-scope' };
/** ms. A view that is further behind makes the answer 503. */
const VIEW_PATIENCE_MS = 1000;

/**
 * Finds the resource of a read, vread or history: reads the locator, decides, reads the head and its security labels,
 * and loads a line that may be withheld last. A record may have megabytes, so loading it earlier would let a client
 * tell a denied or withheld record from an unknown one by the response time. A record without labels comes with its
 * line in one query, because nothing can withhold it any more. A Provenance does not, because of its targets.
 *
 * Scopes may cover a part of the type only. Then the line decides, after the labels. It is read with one more query,
 * which an unknown record costs too. A removed record is never within.
 */
@Injectable()
export class ResourceFinder {
  private readonly base: string;

  constructor(
    @Inject(RecordsReader) private readonly records: RecordsReader,
    @Inject(VersionsReader) private readonly versions: VersionsReader,
    @Inject(Facts) private readonly facts: Facts,
    @Inject(LabelGate) private readonly labels: LabelGate,
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(CONFIG) private readonly config: ResourcesConfig,
  ) {
    this.base = `${config.publicUrl}/fhir`;
  }

  /** @param wanted whether the caller is going to ask for the line */
  find({ client, scopes }: Client, type: string, id: string, wanted?: 'line'): Promise<Found> {
    if (!isId(id)) return Promise.resolve(UNKNOWN);
    if (reaches(scopes, type, 'r')) return this.look({ client, scopes }, type, id, wanted);
    return this.beyond(client, type, id);
  }

  /** Beyond the scopes it looks all the same, so that the time tells nothing. */
  private async beyond(client: string, type: string, id: string): Promise<Found> {
    const found = await this.look({ client, scopes: EVERYTHING }, type, id);
    if (found.kind === 'refused') return found;
    return { ...OUTSIDE, ...(found.member !== undefined && { member: found.member }) };
  }

  private look({ client, scopes }: Client, type: string, id: string, wanted?: 'line'): Promise<Found> {
    // With a table of lines, a record without labels may be left out too, so its line is loaded last.
    const within = withinScope(scopes, type, 'r', this.base);
    const isPlain = type !== PROVENANCE && this.facts.parties.lines().length === 0 && within === undefined;
    const of = { type, id, lines: wanted === 'line' && isPlain ? 'of unlabelled' : 'none', within } as const;
    return isSharedType(type) ? this.ofDirectory(client, of) : this.ofMember(client, of);
  }

  private async ofDirectory(client: string, of: Wanted): Promise<Found> {
    this.facts.access.assertFresh();
    const [owners, labels] = [[SHARED], this.labels.check(this.facts.parties, client)];
    await labels.readConsents(SHARED);
    return this.visible(of, owners, await this.records.find(idsOf(of, owners), of.lines), labels);
  }

  /**
   * The current version with its line. Undefined if it was removed, or if a newer version came meanwhile that is
   * withheld. Labels are decided again only if the record has changed since.
   */
  async line({ id, head, labels, stored }: Seen): Promise<StoredRecord | undefined> {
    const [now] = stored.line === undefined ? await this.records.find([id], 'all') : [stored];
    const line = bytesOfLine(now?.line);
    if (now === undefined || line.byteLength === 0) return undefined;
    // A record of an earlier release shows its labels in its line.
    if (now.text === stored.text && hasAllLabels(head)) return { ...head, line };
    const record = { ...headOf(now), line };
    return (await labels.withheld(record)) ? undefined : record;
  }

  /** Whether the version may still be read: its time is not over, and its labels do not withhold it. */
  async isReadable({ head, labels }: Pick<Seen, 'head' | 'labels'>, version: VersionPart): Promise<boolean> {
    if (version.supersededAt < this.ports.clock.now() - this.config.versionRetentionMs) return false;
    const { member, type, id } = head;
    const references = labels.hasLines ? await this.referencesOf(head, version) : [];
    const known = { member, type, id, labels: await this.labelsOf(version), labelsBy: labelRules(), references };
    if (type !== PROVENANCE) return !(await labels.withheld(known));
    const targets = version.targets ?? (await this.targetsOf(version));
    return !(await labels.withheld({ ...known, targets }));
  }

  /** The labels of a version. If other rules found them, such as another list of codes, its line is searched again. */
  private async labelsOf({ resource, versionId, labels, labelsBy }: VersionPart): Promise<readonly string[]> {
    if (labelsBy === labelRules()) return labels;
    const [stored] = await this.versions.load(resource, [versionId]);
    return stored === undefined || stored.line.byteLength === 0
      ? labels
      : labelsOfRecord({ labels, line: stored.line });
  }

  /** The references of a superseded version, which its line has. A tombstone has those of the current version. */
  private async referencesOf(head: RecordPart, { resource, versionId }: VersionPart): Promise<readonly string[]> {
    const [stored] = await this.versions.load(resource, [versionId]);
    if (stored === undefined || stored.line.byteLength === 0) return head.references;
    const version = JSON.parse(Buffer.from(stored.line).toString()) as FhirResource;
    return carriedReferencesOf(version, this.base);
  }
  /** The targets of a superseded Provenance that an earlier release wrote. A tombstone has none. */
  private async targetsOf({ resource, versionId }: VersionPart): Promise<readonly string[]> {
    const [stored] = await this.versions.load(resource, [versionId]);
    return stored === undefined || stored.line.byteLength === 0 ? [] : targetsOfLine(stored.line);
  }

  /**
   * Waits until the view of versions shows what intake had kept before the records view showed the next version. Call
   * this if a version is missing, which may have expired.
   * @throws Refusal 503 if the view is behind: it may lack a removal that hides what was before
   */
  async caughtUp(): Promise<void> {
    const head = await this.ports.log.head([PA_RECORD_VERSIONS]);
    if (!(await this.versions.view.waitFor(head, VIEW_PATIENCE_MS)))
      throw new Refusal('unavailable', 'The history is not current. Repeat the request.', { retryAfter: 1 });
  }

  /**
   * The record of a member whom the client may see, else the shared one. A record that the client may not see does not
   * hide the shared one, so that the answer does not tell that it is there.
   */
  private async ofMember(client: string, of: Wanted): Promise<Found> {
    const { type, id } = of;
    const { holders, former } = await this.records.owners(type, id);
    // If somebody has the resource now, a former owner does not count: the answer must not say that it moved.
    const living = holders.filter((member) => member !== SHARED);
    const owners = living.length > 0 ? living : former.filter((member) => member !== SHARED);
    // Decide for an unknown id too, so that it takes the same time.
    let decided = await this.facts.access.decideOwners(
      client,
      { kind: 'read' },
      owners.length === 0 ? [NOBODY] : owners,
    );
    for (let isFirst = true; ; isFirst = false) {
      const { decisions } = decided;
      const at = owners.length === 0 ? -1 : decisions.findIndex((d) => d.permit);
      // Without a permitted owner it looks for a record of nobody, so that the time tells nothing. If the permit has
      // ended since, that look has been made.
      const owner = owners[at] ?? NOBODY;
      const found = at < 0 && !isFirst ? UNKNOWN : await this.ofOwner(client, of, owner, decided.basis(owner));
      if (found.kind === 'changed') {
        decided = decided.changed(owner, found.now);
        continue;
      }
      if (found.kind === 'seen') return { ...found, ...(found.member !== undefined && { decision: decisions[at]! }) };
      await decided.again();
      const [first] = decisions;
      if (at >= 0 || owners.length === 0) return found;
      const reason = first !== undefined && !first.permit ? first.reason : 'member-unknown';
      return { kind: 'refused', reason, member: owners[0]! };
    }
  }

  /** What the owner has, or else everybody, while the facts by which the client may see the owner have not changed. */
  private async ofOwner(client: string, of: Wanted, owner: string, basis: KnownDocument): Promise<Found | Changed> {
    const owners = mayBeShared(of.type) ? [owner, SHARED] : [owner];
    const labels = this.labels.check(this.facts.parties, client);
    const consents = labels.readConsents(owner);
    if (consents !== undefined) await consents;
    const read = await this.records.findWhile(basis, idsOf(of, owners), of.lines);
    if ('records' in read) return this.visible(of, owners, read.records, labels);
    await labels.readTargets(of.type);
    return { kind: 'changed', now: read.changed };
  }

  /** The first of these records that the client may see, removed ones last. They are in the order of their owners. */
  private async visible(
    { type, id, within }: Wanted,
    owners: readonly string[],
    records: readonly (FoundRecord | undefined)[],
    labels: LabelCheck,
  ): Promise<Found> {
    // A Provenance costs a query for its targets, and so does an unknown one.
    if (records.every((record) => record === undefined)) await labels.readTargets(type);
    const places = records.map((stored, i) => ({ stored, head: stored && headOf(stored), owner: owners[i]! }));
    let refused: Refused | undefined;
    let looks = 0;
    if (places.length > 1) places.sort((a, b) => Number(isRemoved(a.head)) - Number(isRemoved(b.head)));
    for (const place of places) {
      const { owner } = place;
      const member = owner === SHARED || owner === NOBODY ? {} : { member: owner };
      const about = { id: recordId(owner, type, id), labels, ...member };
      const seen = await this.seen(within === undefined || !isRemoved(place.head) ? place : NOWHERE, about);
      if (within !== undefined && seen.kind === 'seen') looks += 1;
      const found = within === undefined || seen.kind === 'refused' ? seen : await this.inScope(seen, within, about);
      if (found.kind === 'seen') return found;
      refused ??= found;
    }
    if (within !== undefined && looks === 0) await this.records.find([recordId(NOBODY, type, NOBODY)], 'all');
    return refused ?? UNKNOWN;
  }

  /** Whether the line, which is read now, is within the scopes. */
  private async inScope(
    seen: Seen,
    within: WithinScope,
    about: Pick<Seen, 'id' | 'labels' | 'member'>,
  ): Promise<Found> {
    const outside = { ...OUTSIDE, ...(about.member !== undefined && { member: about.member }) };
    const [stored] = await this.records.find([seen.id], 'all');
    if (stored === undefined) return outside;
    // The labels of a version that came meanwhile are decided again.
    const now =
      stored.text === seen.stored.text ? { ...seen, stored } : await this.seen({ stored, head: headOf(stored) }, about);
    if (now.kind === 'refused') return now;
    return isRemoved(now.head) || !within.admits(bytesOfLine(stored.line)) ? outside : { ...now, within };
  }

  private async seen({ stored, head }: Place, about: Pick<Seen, 'id' | 'labels' | 'member'>): Promise<Found> {
    const member = about.member === undefined ? {} : { member: about.member };
    if (stored === undefined || head === undefined) return { ...UNKNOWN, ...member };
    // It reads the line of a record that an earlier release wrote, because only the line has all labels.
    const withheld = about.labels.withheldOne(head);
    if (typeof withheld === 'boolean' ? withheld : await withheld)
      return { kind: 'refused', reason: 'withheld-by-label', ...member };
    const seen: Seen = { kind: 'seen', head, stored, ...about };
    if (head.deleted !== true || (await this.isKnown(seen))) return seen;
    return { ...UNKNOWN, ...member };
  }

  /**
   * Whether an answer may say that a removed resource was there. A merge moved it to another id. A tombstone with
   * versionId 1 removed nothing. For the others, the version that was removed must still be readable: it shows whether
   * its labels withhold it.
   */
  private async isKnown(seen: Seen): Promise<boolean> {
    const { head } = seen;
    if (head.reason === 'merged') return false;
    if (hasErrorLine(head)) return true;
    if (head.versionId === 1) return false;
    const look = async (): Promise<VersionPart | undefined> => {
      const [last] = await this.versions.list(seen.id, { until: head.versionId - 1, limit: 1 });
      return last?.versionId === head.versionId - 1 ? last : undefined;
    };
    const last = (await look()) ?? (await this.caughtUp().then(look));
    return last !== undefined && (await this.isReadable(seen, last));
  }
}

const idsOf = ({ type, id }: Wanted, owners: readonly string[]): readonly string[] =>
  owners.map((owner) => recordId(owner, type, id));
const isRemoved = (head: RecordPart | undefined): boolean => head?.deleted === true;
/** Whether a removed record keeps a line: a prior authorization that was entered in error. */
export const hasErrorLine = ({ deleted, bytes }: Pick<RecordPart, 'deleted' | 'bytes'>): boolean =>
  deleted === true && bytes > 0;

import { Inject, Injectable } from '@nestjs/common';
import { hasAllLabels, SHARED } from '@provider-access/records';
import type { Client } from '@provider-access/service/operation';
import { AttachmentStore, type StoredAttachment } from '../../attachments/attachment-store.ts';
import { refersTo } from '../../domain/attachments.ts';
import { type Found, ResourceFinder, type Seen } from '../find-resource.ts';
import { VersionsOf } from '../history/versions-of.ts';

/** An attachment, and the resource by which the client may see it. */
export interface Carried {
  readonly kind: 'carried';
  readonly about: StoredAttachment;
  readonly seen: Seen;
  /** The newest version that the client may read and that refers to the attachment. */
  readonly versionId: number;
}
type Refused = Extract<Found, { kind: 'refused' }>;

/**
 * Finds an attachment by the id of its Binary. It is as visible as the resource that carries it: the client needs the
 * scope to read that resource, the decision is about its member, and the current version or one that vread still
 * answers must refer to the attachment.
 */
@Injectable()
export class Carriers {
  constructor(
    @Inject(AttachmentStore) private readonly attachments: AttachmentStore,
    @Inject(ResourceFinder) private readonly finder: ResourceFinder,
    @Inject(VersionsOf) private readonly versions: VersionsOf,
  ) {}

  async find(by: Client, id: string): Promise<Carried | Refused> {
    const about = await this.attachments.about(id);
    // Nobody has a resource of that id. It is looked up all the same, so that an unknown id takes the same time.
    const found = await this.finder.find(by, about?.type ?? 'DocumentReference', about?.resource ?? id);
    if (found.kind === 'refused') return found;
    const member = found.member === undefined ? {} : { member: found.member };
    const unknown: Refused = { kind: 'refused', reason: 'unknown-resource', ...member };
    if (about === undefined || (found.member ?? SHARED) !== about.member) return unknown;
    const versionId = await this.versionWith(found, id);
    return versionId === undefined ? unknown : { kind: 'carried', about, seen: found, versionId };
  }

  /** Whether the client may still have it. */
  async stays(by: Client, { about, seen, versionId }: Carried): Promise<boolean> {
    const found = await this.finder.find(by, about.type, about.resource);
    if (found.kind === 'refused' || found.member !== seen.member) return false;
    // The finder has decided about the labels of the current version. A superseded version has labels of its own, and
    // a record of an earlier release has them in its line.
    const { head } = found;
    const decided = head.versionId === versionId && hasAllLabels(head);
    return decided || (await this.versionWith(found, about.id)) !== undefined;
  }

  private async versionWith(seen: Seen, id: string): Promise<number | undefined> {
    for await (const { versionId, line } of this.versions.newestFirst(seen))
      if (line !== undefined && refersTo(line, id)) return versionId;
    return undefined;
  }
}

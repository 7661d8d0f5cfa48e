import { Inject, Injectable } from '@nestjs/common';
import { type RecordPart, type VersionPart, VersionsReader } from '@provider-access/records';
import { excludesDrugs } from '@provider-access/domain/pdex/labels';
import { bufferOf } from '@provider-access/events';
import { COST, SearchWork } from '@provider-access/fhir';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { CONFIG, type ResourcesConfig } from '../../config.ts';
import { judgeStored, type StoredRules } from '../../domain/judge-stored.ts';
import { isRetirement } from '../../domain/retirement.ts';
import { hasErrorLine, ResourceFinder, type Seen } from '../find-resource.ts';

/** A version that a client may read. `line` is absent for a removal. Times are ms since the epoch. */
export interface ReadableVersion {
  readonly versionId: number;
  readonly lastUpdated: number;
  /** When the next version replaced this one. Absent for the current version. */
  readonly supersededAt?: number;
  readonly line?: Uint8Array;
}

/** Heads in one query, and lines in memory at once. */
const TOGETHER = 32;

/** The versions of a resource that the client may read, by today's rules. */
@Injectable()
export class VersionsOf {
  constructor(
    @Inject(ResourceFinder) private readonly finder: ResourceFinder,
    @Inject(VersionsReader) private readonly versions: VersionsReader,
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(CONFIG) private readonly config: ResourcesConfig,
  ) {}

  /** From the newest, or from the version before `before`, to the oldest. */
  async *newestFirst(seen: Seen, before?: number): AsyncGenerator<ReadableVersion> {
    const { head } = seen;
    if (before === undefined || head.versionId < before) {
      const current = await this.current(seen);
      if (current !== undefined) yield current;
    }
    if (hidesBefore(head)) return;
    yield* this.replaced(seen, 1, Math.min(head.versionId, before ?? Infinity) - 1);
  }

  /** One version. Undefined if there is none that the client may read. */
  async one(seen: Seen, versionId: number): Promise<ReadableVersion | undefined> {
    const { head } = seen;
    if (versionId === head.versionId) return this.current(seen);
    if (versionId > head.versionId || hidesBefore(head)) return undefined;
    if (await this.errorAfter(seen, versionId)) return undefined;
    for await (const version of this.replaced(seen, versionId, versionId)) return version;
    return undefined;
  }

  private async current(seen: Seen): Promise<ReadableVersion | undefined> {
    const { versionId, lastUpdated, deleted } = seen.head;
    if (deleted === true && !hasErrorLine(seen.head)) return { versionId, lastUpdated };
    const record = await this.finder.line(seen);
    // If another version came since the head was read, this answer goes without it: the next one has it.
    return record?.versionId === versionId ? { versionId, lastUpdated, line: record.line } : undefined;
  }

  /** Superseded versions from `until` down to `from`. It ends behind a removal as entered in error. */
  private async *replaced(seen: Seen, from: number, until: number): AsyncGenerator<ReadableVersion> {
    const work = new SearchWork();
    for (let next = until; next >= from;) {
      const heads = await this.headsOf(seen, from, next);
      const readable = new Set<VersionPart>();
      for (const version of heads) if (await this.finder.isReadable(seen, version)) readable.add(version);
      const wanted = [...readable].filter(({ bytes }) => bytes > 0).map(({ versionId }) => versionId);
      const lines = new Map(
        (await this.versions.load(seen.id, wanted)).flatMap((v) => (v === undefined ? [] : [[v.versionId, v.line]])),
      );
      for (const version of heads) {
        work.count(version.bytes * COST.byte + COST.row);
        await work.pause();
        const { versionId, lastUpdated, supersededAt, reason } = version;
        const stored = readable.has(version) ? lines.get(versionId) : undefined;
        const line = stored && judgeStored(bufferOf(stored), this.rules());
        // Of a removal nobody can tell whether it is within the scopes.
        const isInScope = seen.within === undefined || (line !== undefined && seen.within.admits(line));
        if (readable.has(version) && isInScope) {
          if (reason !== undefined) yield { versionId, lastUpdated, supersededAt };
          else if (line !== undefined) yield { versionId, lastUpdated, supersededAt, line };
        }
        // The payer says that nothing before was true. That holds if a label withholds this removal, too.
        if (isError(version)) return;
      }
      if (heads.length < TOGETHER) return;
      next = heads.at(-1)!.versionId - 1;
    }
  }

  /** Today's rules for stored lines. */
  private rules(): StoredRules {
    const { floor, labels } = this.config;
    return { floor, excludesDrugs: excludesDrugs(labels, this.ports.clock.now()) };
  }

  /** Heads from `until` down. If the first is missing, the view may be behind, and the answer waits for it. */
  private async headsOf({ id }: Seen, from: number, until: number): Promise<readonly VersionPart[]> {
    const list = (): Promise<readonly VersionPart[]> => this.versions.list(id, { from, until, limit: TOGETHER });
    const heads = await list();
    if (heads[0]?.versionId === until) return heads;
    await this.finder.caughtUp();
    return list();
  }

  /** Whether a later version says that the resource was entered in error. */
  private async errorAfter(seen: Seen, versionId: number): Promise<boolean> {
    for (let until = seen.head.versionId - 1; until > versionId;) {
      const heads = await this.headsOf(seen, versionId + 1, until);
      if (heads.some(isError)) return true;
      if (heads.length < TOGETHER) return false;
      until = heads.at(-1)!.versionId - 1;
    }
    return false;
  }
}

/** The payer says that the resource was never true, so nothing before this version is released. */
const isError = ({ reason }: { readonly reason?: string | undefined }): boolean => reason === 'entered-in-error';
/** Whether nothing before the current version is released: it was never true, or its retention is over. */
const hidesBefore = (head: RecordPart): boolean =>
  isError(head) || (head.deleted === true && isRetirement(head.source));

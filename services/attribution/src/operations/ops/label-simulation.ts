import { setImmediate as nextTurn } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import { disclosures, findDisclosures } from '@provider-access/audit';
import {
  type CodeList,
  isTag,
  type LabelPolicy,
  policyAt,
  reasonOf,
  strictestRule,
  Tagger,
  withListed,
} from '@provider-access/domain/pdex/labels';
import { bufferOf, type Disclosure } from '@provider-access/events';
import { Facts } from '@provider-access/facts';
import { type FhirResource, isServedType } from '@provider-access/fhir';
import { labelsOfRecord, type RecordPart, records, SHARED } from '@provider-access/records';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { CONFIG, type AttributionConfig } from '../../config.ts';

/** Numbers of resources that other lists would withhold in addition, and would no longer withhold. */
interface Change {
  readonly withheld: number;
  readonly released: number;
}
/** An entry of the audit with which a resource may have left that other lists withhold. */
interface EarlierRelease extends Pick<Disclosure, 'at' | 'client' | 'action' | 'job' | 'file'> {
  /** Of those whose resources the lists withhold in addition. */
  readonly members: number;
}
export interface LabelSimulation extends Change {
  /** Live resources that were looked at. */
  readonly resources: number;
  readonly members: number;
  readonly byType: Readonly<Record<string, Change>>;
  /** By identifier of the providers to whom the members are attributed now. A resource counts for each of them. */
  readonly byProvider: Readonly<Record<string, Change>>;
  /** Resources that would be withheld in addition, by reason. */
  readonly byTag: Readonly<Record<string, number>>;
  /** The oldest first, at most 1000. */
  readonly earlierReleases: readonly EarlierRelease[];
  /** Whether there are more earlier releases. */
  readonly more: boolean;
}

/** Records in one turn of the event loop. */
const TURN = 50;
const MOST_RELEASES = 1000;
const LINE = ['record.line'];

/** What changes for the resources of one member. */
interface OfMember {
  readonly withheld: RecordPart[];
  released: number;
}

class Counts {
  readonly #counts = new Map<string, { withheld: number; released: number }>();
  add(name: string, { withheld, released }: Change): void {
    const found = this.#counts.get(name) ?? { withheld: 0, released: 0 };
    found.withheld += withheld;
    found.released += released;
    this.#counts.set(name, found);
  }
  get all(): Readonly<Record<string, Change>> {
    return Object.fromEntries([...this.#counts].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }
}

/**
 * What would change if other lists of sensitive codes were in force. It reads every record once, and writes nothing. A
 * consent of a member counts as absent.
 */
@Injectable()
export class LabelSimulator {
  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(Facts) private readonly facts: Facts,
    @Inject(CONFIG) private readonly config: AttributionConfig,
  ) {}

  async simulate(lists: readonly CodeList[]): Promise<LabelSimulation> {
    const { policy: now } = policyAt(this.config.labels, this.ports.clock.now());
    const then = withListed(now, lists);
    const tagger = new Tagger(lists);
    const [byType, byProvider] = [new Counts(), new Counts()];
    const byTag = new Map<string, number>();
    const releases = new Map<string, EarlierRelease>();
    const total = { resources: 0, members: 0, withheld: 0, released: 0 };
    let member: string | undefined;
    let of: OfMember = { withheld: [], released: 0 };
    const end = async (): Promise<void> => {
      if (member === undefined || of.withheld.length + of.released === 0) return;
      total.members += 1;
      const change = { withheld: of.withheld.length, released: of.released };
      for (const provider of await this.providersOf(member)) byProvider.add(provider, change);
      if (member !== SHARED && of.withheld.length > 0) await this.addReleases(member, of.withheld, releases);
    };
    const scanned = this.ports.views.reader(records).scan({ index: 'by_type', bodies: LINE, pageSize: TURN });
    for await (const document of scanned) {
      const record = document['record'] as RecordPart & { readonly line?: Uint8Array | string };
      if (record.deleted === true || record.line === undefined || !isServedType(record.type)) continue;
      if (record.member !== member) {
        await end();
        member = record.member;
        of = { withheld: [], released: 0 };
      }
      total.resources += 1;
      if (total.resources % TURN === 0) await nextTurn();
      const labels = labelsOfRecord(record);
      const tags = tagger.again(resourceOf(record.line), labels.filter(isTag));
      const others = labels.filter((label) => !isTag(label));
      const before = isWithheld(labels, now);
      const after = isWithheld([...others, ...tags], then);
      if (before === after) continue;
      const change = { withheld: after ? 1 : 0, released: after ? 0 : 1 };
      total.withheld += change.withheld;
      total.released += change.released;
      byType.add(record.type, change);
      if (after) of.withheld.push(record);
      else of.released += 1;
      if (after) for (const tag of new Set(tags.map(reasonOf))) byTag.set(tag, (byTag.get(tag) ?? 0) + 1);
    }
    await end();
    const earlier = [...releases.values()].toSorted((a, b) => (a.at < b.at ? -1 : 1));
    return {
      ...total,
      byType: byType.all,
      byProvider: byProvider.all,
      byTag: Object.fromEntries([...byTag].toSorted(([a], [b]) => (a < b ? -1 : 1))),
      earlierReleases: earlier.slice(0, MOST_RELEASES),
      more: earlier.length > MOST_RELEASES,
    };
  }

  private async providersOf(member: string): Promise<readonly string[]> {
    if (member === SHARED) return [];
    const now = this.ports.clock.now();
    const facts = await this.facts.access.facts(member);
    const held = (facts?.attributions ?? []).filter(
      ({ from, to }) => Date.parse(from) <= now && (to === undefined || now < Date.parse(to)),
    );
    return [...new Set(held.flatMap(({ providers }) => providers))];
  }

  /** Adds what left about this member after a resource was accepted that the lists withhold. */
  private async addReleases(member: string, withheld: readonly RecordPart[], found: Map<string, EarlierRelease>) {
    const reader = this.ports.views.reader(disclosures);
    const since = Math.min(...withheld.map(({ lastUpdated }) => lastUpdated));
    const types = new Set(withheld.map(({ type }) => type));
    for (let after: string | undefined; ;) {
      const filter = { member, outcome: 'released', from: new Date(since).toISOString() } as const;
      const page = await findDisclosures(reader, filter, { count: MOST_RELEASES, after });
      for (const { id, disclosure } of page.found) {
        const { at, client, action, job, file, resources } = disclosure;
        if (resources === 0 || (disclosure.types !== undefined && !disclosure.types.some((type) => types.has(type))))
          continue;
        const key = id.slice(0, id.lastIndexOf('/'));
        const members = (found.get(key)?.members ?? 0) + 1;
        const where = { ...(job !== undefined && { job }), ...(file !== undefined && { file }) };
        found.set(key, { at, client, action, ...where, members });
      }
      if (page.next === undefined) return;
      after = page.next;
    }
  }
}

const isWithheld = (labels: readonly string[], policy: LabelPolicy): boolean =>
  strictestRule(labels, policy) !== 'release';
const resourceOf = (line: Uint8Array | string): FhirResource =>
  JSON.parse(typeof line === 'string' ? line : bufferOf(line).toString()) as FhirResource;

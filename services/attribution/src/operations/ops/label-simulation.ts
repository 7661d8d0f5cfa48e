import { setImmediate as nextTurn } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import { disclosures, findDisclosures } from '@provider-access/audit';
import {
  asCut,
  type CodeList,
  isCut,
  isTag,
  type LabelPolicy,
  lineLabels,
  policyAt,
  reasonOf,
  strictestRule,
  tagged,
  Tagger,
  withListed,
  withoutLines,
} from '@provider-access/domain/pdex/labels';
import { bufferOf, type Disclosure } from '@provider-access/events';
import { Facts } from '@provider-access/facts';
import { type FhirResource, isServedType } from '@provider-access/fhir';
import { labelsOfRecord, type RecordPart, records, SHARED } from '@provider-access/records';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { CONFIG, type AttributionConfig } from '../../config.ts';

/** Numbers of resources. */
interface Change {
  /** Other lists would withhold them in addition. */
  readonly withheld: number;
  /** Other lists would no longer withhold them, or lines of them. */
  readonly released: number;
  /** Claims from which other lists would withhold lines alone, and of which more is served now, or nothing. */
  readonly lines: number;
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
  /** Resources that would be withheld in addition, or lines of them, by reason. */
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
  /** Resources of which an app would get less than now. */
  readonly less: RecordPart[];
  readonly changes: Counts;
}

class Counts {
  readonly #counts = new Map<string, { -readonly [Name in keyof Change]: number }>();
  add(name: string, { withheld, released, lines }: Change): void {
    const found = this.#counts.get(name) ?? { withheld: 0, released: 0, lines: 0 };
    found.withheld += withheld;
    found.released += released;
    found.lines += lines;
    this.#counts.set(name, found);
  }
  get total(): Change {
    const sum = (of: keyof Change): number => [...this.#counts.values()].reduce((all, one) => all + one[of], 0);
    return { withheld: sum('withheld'), released: sum('released'), lines: sum('lines') };
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
    const rules = { tagger: new Tagger(lists), lines: lineLabels(lists, then) };
    const [byType, byProvider] = [new Counts(), new Counts()];
    const byTag = new Map<string, number>();
    const releases = new Map<string, EarlierRelease>();
    const total = { resources: 0, members: 0 };
    let member: string | undefined;
    let of: OfMember = { less: [], changes: new Counts() };
    const end = async (): Promise<void> => {
      const { [ALL]: change } = of.changes.all;
      if (member === undefined || change === undefined) return;
      total.members += 1;
      for (const provider of await this.providersOf(member)) byProvider.add(provider, change);
      if (member !== SHARED && of.less.length > 0) await this.addReleases(member, of.less, releases);
    };
    const scanned = this.ports.views.reader(records).scan({ index: 'by_type', bodies: LINE, pageSize: TURN });
    for await (const document of scanned) {
      const record = document['record'] as RecordPart & { readonly line?: Uint8Array | string };
      if (record.deleted === true || record.line === undefined || !isServedType(record.type)) continue;
      if (record.member !== member) {
        await end();
        member = record.member;
        of = { less: [], changes: new Counts() };
      }
      total.resources += 1;
      if (total.resources % TURN === 0) await nextTurn();
      const labels = labelsOfRecord(record);
      const again = tagsBy(resourceOf(record.line), labels, rules);
      const others = labels.filter((label) => !isTag(label) && !isCut(label));
      const before = servedBy(labels, now);
      const after = servedBy([...others, ...again.tags], then);
      if (before === after && (after !== 'rest' || !(again.cutsMore || again.bringsBack))) continue;
      const isSame = before === after;
      const change: Change = {
        withheld: after === 'nothing' ? 1 : 0,
        released: after === 'all' || before === 'nothing' || (isSame && again.bringsBack) ? 1 : 0,
        lines: after === 'rest' && (!isSame || again.cutsMore) ? 1 : 0,
      };
      byType.add(record.type, change);
      of.changes.add(ALL, change);
      if (change.withheld + change.lines === 0) continue;
      if (before !== 'nothing') of.less.push(record);
      const reasons = new Set(again.tags.filter((tag) => !isSame || !labels.includes(tag)).map(reasonOf));
      for (const tag of reasons) byTag.set(tag, (byTag.get(tag) ?? 0) + 1);
    }
    await end();
    const earlier = [...releases.values()].toSorted((a, b) => (a.at < b.at ? -1 : 1));
    const { withheld, released, lines } = byType.total;
    return {
      ...{ ...total, withheld, released, lines },
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

/** The name of all changes of a member. */
const ALL = '';
/** How much of a resource is served: a claim may be without some lines. */
function servedBy(labels: readonly string[], policy: LabelPolicy): 'all' | 'rest' | 'nothing' {
  if (strictestRule(labels, policy) !== 'release') return 'nothing';
  return labels.some(isCut) ? 'rest' : 'all';
}
interface TaggedAgain {
  readonly tags: readonly string[];
  /** Whether the stored claim loses lines. */
  readonly cutsMore: boolean;
  /** Whether lines that the stored claim has lost come back. */
  readonly bringsBack: boolean;
}
/** The tags of a stored resource by other rules. A claim that was cut keeps the tags of its lines. */
function tagsBy(
  resource: FhirResource,
  labels: readonly string[],
  rules: { readonly tagger: Tagger; readonly lines: readonly string[] },
): TaggedAgain {
  const { tagger, lines } = rules;
  const tags = tagger.again(resource, labels.filter(isTag));
  const former = labels.filter(isCut);
  const gone = tagger.ofCut(former).map((tag) => (lines.includes(tagged(tag)) ? asCut(tag) : tag));
  const cut = withoutLines(resource, tags, rules);
  return {
    tags: [...(cut?.tags ?? tags), ...gone],
    cutsMore: cut !== undefined,
    bringsBack: former.some((tag) => tagger.ofCut([tag]).length === 0),
  };
}
const resourceOf = (line: Uint8Array | string): FhirResource =>
  JSON.parse(typeof line === 'string' ? line : bufferOf(line).toString()) as FhirResource;

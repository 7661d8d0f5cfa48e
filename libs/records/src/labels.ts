import { type PartyFacts, providersAt } from '@provider-access/domain/access';
import {
  ANOTHER_MEMBER,
  isCut,
  isTag,
  type Label,
  type LabelFacts,
  type LabelPermit,
  type LabelPolicy,
  labelRules,
  permitsOf,
  type Persons,
  personsOf,
  policyAt,
  reasonOf,
  strictestRule,
  tagged,
  withholdingLabels,
} from '@provider-access/domain/pdex/labels';
import { bufferOf, type ProviderKey } from '@provider-access/events';
import { isServedType } from '@provider-access/fhir';
import type { ViewReader } from '@provider-access/engines/views';
import type { Clock } from '@provider-access/kernel';
import { type CoverageLines, coverageLabels, coverageOfLabel, isCoverageLabel, linesOf } from './coverage-lines.ts';
import { namesAnother } from './patients.ts';
import type { RecordsReader } from './reader.ts';
import { NOBODY, type RecordPart, SHARED } from './record.ts';
import { type Labelled, labelsOfRecord } from './record-labels.ts';
import { labelsOfProvenances, needsLine, ownLabels, type OwnedLabels, PROVENANCE, withLines } from './targets.ts';

/** Heads whose targets, and lines if an earlier release wrote them, are read at once. */
const TOGETHER = 32;

export interface LabelGateOptions {
  readonly policy: LabelPolicy;
  readonly records: Pick<RecordsReader, 'scanMember' | 'heads' | 'labelledHeads' | 'load' | 'holders' | 'views'>;
  /** Reader of the member facts. */
  readonly members: Pick<ViewReader, 'getMany'>;
  readonly clock: Clock;
  /** Whether the keys of searches have the labels that the rules in force find. Default: they have. */
  readonly keysAreTagged?: () => boolean;
}

/** Every identifier of the providers to whom a client is bound when the clock says `now`, ms since the epoch. */
function providersOf(
  party: Pick<PartyFacts, 'client' | 'identity' | 'asOf'>,
  client: string,
  now: number,
): readonly ProviderKey[] {
  const known = party.client(client);
  if (known === undefined) return [];
  const at = Math.max(now, Date.parse(party.asOf() ?? '') || now);
  return providersAt(known, at).flatMap((provider) => party.identity(provider));
}

/**
 * Applies the policy on security labels to stored records (docs/security-labels.md). Every reader of records for a
 * client asks it about each record. A record that it withholds does not exist for this client.
 */
export class LabelGate {
  readonly #options: LabelGateOptions;
  /** The policy without rules that have ended, and when it changes next. */
  #current: { readonly policy: LabelPolicy; readonly until: number };
  constructor(options: LabelGateOptions) {
    this.#options = options;
    this.#current = { policy: options.policy, until: Number.NEGATIVE_INFINITY };
  }

  /**
   * The check of one request, or of one chunk of an export. It reads the consents of a member once,
   * and asks once whether persons inside are other members.
   */
  check(party: Pick<PartyFacts, 'client' | 'identity' | 'lines' | 'asOf'>, client: string): LabelCheck {
    const now = this.#options.clock.now();
    if (now >= this.#current.until) this.#current = policyAt(this.#options.policy, now);
    const lines = linesOf(party, now, this.#options.members);
    const { clock } = this.#options;
    const providers = (): readonly ProviderKey[] => providersOf(party, client, clock.now());
    return new LabelCheck({ ...this.#options, policy: this.#current.policy }, providers, lines);
  }
}

const sorted = (counts: ReadonlyMap<string, number>): Readonly<Record<string, number>> =>
  Object.fromEntries([...counts].toSorted(([a], [b]) => (a < b ? -1 : 1)));

/** The reasons why lines of a claim are gone, each once. A Provenance of the claim has the labels of the claim too. */
const cutsOf = ([own, ...targets]: readonly OwnedLabels[]): readonly string[] =>
  targets.length > 0 ? [] : [...new Set(own?.labels.filter(isCut).map(reasonOf))];

export interface LabelDecision {
  readonly withheld: boolean;
  readonly labels: readonly Label[];
}

export interface WithheldResources {
  readonly resources: number;
  /** Number of withheld resources by label (`system|code`). */
  readonly labels: Readonly<Record<Label, number>>;
  /** Number of withheld resources by the reason why the platform gave them a label. Absent without any. */
  readonly tags?: Readonly<Record<string, number>>;
  /** Number of claims that are served without some lines, by the reason. Absent without any. */
  readonly lines?: Readonly<Record<string, number>>;
  /**
   * Number of resources by the Coverage that they name, whose line of business is not shared. The empty id stands for a
   * claim that names none. Absent without a table of lines.
   */
  readonly coverages?: Readonly<Record<string, number>>;
}

/** The labels of a policy that may withhold a record, and whether a consent may release one of them. */
interface Withholding {
  readonly labels: readonly Label[];
  readonly asksForConsents: boolean;
}
const withholding = new WeakMap<LabelPolicy, Withholding>();
function withholdingOf(policy: LabelPolicy): Withholding {
  let found = withholding.get(policy);
  if (found === undefined) {
    const labels = Object.keys(policy).filter((label) => policy[label] !== 'release');
    const asksForConsents = labels.some((label) => policy[label] === 'withhold unless consented');
    withholding.set(policy, (found = { labels, asksForConsents }));
  }
  return found;
}

export class LabelCheck {
  readonly #options: LabelGateOptions;
  readonly #providers: () => readonly ProviderKey[];
  /** Most checks need neither. */
  #permits: Map<string, Promise<readonly LabelPermit[]>> | undefined;
  #persons: Map<string, Promise<boolean>> | undefined;
  readonly #lines: CoverageLines | undefined;
  constructor(options: LabelGateOptions, providers: () => readonly ProviderKey[], lines?: CoverageLines) {
    this.#options = options;
    this.#providers = providers;
    this.#lines = lines;
  }

  /** Whether a table of lines is in force. Then a record without a security label may be left out too. */
  get hasLines(): boolean {
    return this.#lines !== undefined;
  }
  /** Which rules found the labels, for the index of a file. An index of other rules may lack some. */
  get rules(): string {
    return this.hasLines ? `${labelRules()}+lines` : labelRules();
  }

  /** Every label that may withhold a record, in the form of `normalLabel`. */
  get labels(): readonly Label[] {
    return withholdingOf(this.#options.policy).labels;
  }

  /**
   * False while the keys of searches were written by other rules, such as another list of codes. Then only the records
   * tell their labels.
   */
  get keysAreTagged(): boolean {
    return this.#options.keysAreTagged?.() ?? true;
  }

  /**
   * Reads the member's consents if the policy asks for any, and plans if there is a table of lines. Call it before you
   * look at a record: a record with a label then costs no query that another one does not cost. Undefined if there is
   * nothing to read.
   */
  readConsents(member: string): Promise<void> | undefined {
    const { asksForConsents } = withholdingOf(this.#options.policy);
    return asksForConsents || this.#lines !== undefined ? this.#readConsents(member, asksForConsents) : undefined;
  }
  async #readConsents(member: string, asksForConsents: boolean): Promise<void> {
    if (asksForConsents) await this.#consentsOf(member);
    await this.#lines?.read(member);
  }

  /**
   * Whether the client may not see the record. A promise only for a rule that asks for consent, for a Provenance, which
   * costs a query for its targets, and for a record that names a person inside.
   */
  withheld(record: Labelled): boolean | Promise<boolean> {
    if (record.type === PROVENANCE) return this.withheldEach([record]).then(([withheld]) => withheld!);
    return this.withheldBy(record.member, this.#ofRecord(record));
  }
  /** Whether these labels withhold a resource of the member. */
  withheldBy(member: string, labels: readonly Label[]): boolean | Promise<boolean> {
    if (labels.length === 0) return false;
    const coverages = labels.filter(isCoverageLabel);
    if (coverages.length === 0) return this.#isWithheld(member, labels);
    const others = labels.filter((label) => !isCoverageLabel(label));
    const after = (hidden: readonly string[]): boolean | Promise<boolean> =>
      hidden.length > 0 || (others.length > 0 && this.#isWithheld(member, others));
    // Only an index of a file has such labels without a table, which never goes away again.
    const hidden = this.#lines?.hidden(member, coverages) ?? coverages;
    return hidden instanceof Promise ? hidden.then(after) : after(hidden);
  }
  #isWithheld(member: string, labels: readonly Label[]): boolean | Promise<boolean> {
    const rule = strictestRule(labels, this.#options.policy);
    if (rule === 'withhold') return true;
    if (rule === 'release' && personsOf(labels) === undefined) return false;
    return this.because(member, labels).then((because) => because.length > 0);
  }
  /**
   * As `withheld`, of many records. One query finds the targets of all Provenances, and one the lines of records of an
   * earlier release. A record that is gone meanwhile counts as withheld.
   */
  async withheldEach(some: readonly Labelled[]): Promise<readonly boolean[]> {
    return (await this.decideEach(some)).map(({ withheld }) => withheld);
  }
  /** As `withheldEach`, of one record. Most records decide at once: no promise. */
  withheldOne(record: Labelled): boolean | Promise<boolean> {
    if (record.type === PROVENANCE || needsLine(record))
      return this.withheldEach([record]).then(([withheld]) => withheld!);
    const { member, labels } = this.#owned(record);
    return this.withheldBy(member, labels);
  }
  /** As `withheldEach`, with the labels that decided, each once. */
  async decideEach(some: readonly Labelled[]): Promise<readonly LabelDecision[]> {
    const decisions: LabelDecision[] = [];
    for (const owned of await this.labelsOfEach(some)) {
      let withheld = owned === undefined;
      for (const one of owned ?? []) withheld ||= await this.withheldBy(one.member, one.labels);
      const [own] = owned ?? [];
      const labels =
        own === undefined || owned?.length === 1
          ? (own?.labels ?? [])
          : [...new Set(owned!.flatMap((one) => one.labels))].toSorted();
      decisions.push({ withheld, labels });
    }
    return decisions;
  }
  /** The labels that decide about each record: its own, and for a Provenance those of its targets. */
  async labelsOfEach(some: readonly Labelled[]): Promise<readonly (readonly OwnedLabels[] | undefined)[]> {
    const { records } = this.#options;
    const known = some.some(needsLine) ? await withLines(records, some) : some;
    const provenances = known.filter((one) => one?.type === PROVENANCE) as readonly Labelled[];
    const asked = some.some(({ type }) => type === PROVENANCE);
    const found = asked
      ? await labelsOfProvenances(records, provenances, { own: (one) => this.#owned(one), all: this.hasLines })
      : [];
    let at = 0;
    return known.map((one) => {
      if (one === undefined) return undefined;
      return one.type === PROVENANCE ? found[at++] : [this.#owned(one)];
    });
  }
  #ofRecord(record: Labelled): readonly Label[] {
    const labels = labelsOfRecord(record);
    return this.#lines === undefined ? labels : [...labels, ...coverageLabels(record)];
  }
  #owned(record: Labelled): OwnedLabels {
    const owned = ownLabels(record);
    return this.#lines === undefined ? owned : { ...owned, labels: [...owned.labels, ...coverageLabels(record)] };
  }
  /** Makes the query that a Provenance costs, so that an unknown one costs it too. Nothing for another type. */
  async readTargets(type: string): Promise<void> {
    if (type === PROVENANCE)
      await this.withheld({ member: NOBODY, type, id: NOBODY, labels: [], labelsBy: labelRules(), targets: [] });
  }
  /** The labels because of which this member's resource with these labels is withheld. */
  async because(member: string, labels: readonly Label[]): Promise<readonly Label[]> {
    const persons = personsOf(labels);
    const another = persons !== undefined && (await this.#areAnother(member, persons));
    const because =
      strictestRule(labels, this.#options.policy) === 'release'
        ? []
        : withholdingLabels(labels, this.#options.policy, await this.#factsOf(member));
    return another ? [ANOTHER_MEMBER, ...because] : because;
  }

  /** How many resources of a member are withheld, and by which labels. A resource with two labels counts for both. */
  async withheldOf(member: string): Promise<WithheldResources> {
    const counts = new Map<Label, number>();
    const tags = new Map<string, number>();
    const lines = new Map<string, number>();
    const coverages = new Map<string, number>();
    let resources = 0;
    const count = async (some: readonly RecordPart[]): Promise<void> => {
      for (const owned of await this.labelsOfEach(some)) {
        const because = new Set<Label>();
        for (const one of owned ?? []) {
          for (const label of await this.#hiddenOf(one)) because.add(label);
          const labels = one.labels.filter((label) => !isCoverageLabel(label));
          for (const label of await this.because(one.member, labels)) because.add(label);
        }
        if (because.size > 0) resources += 1;
        else for (const reason of cutsOf(owned ?? [])) lines.set(reason, (lines.get(reason) ?? 0) + 1);
        const labels = [...because].filter((label) => !isCoverageLabel(label));
        for (const label of new Set(labels.map(tagged))) counts.set(label, (counts.get(label) ?? 0) + 1);
        for (const tag of labels.filter(isTag)) tags.set(reasonOf(tag), (tags.get(reasonOf(tag)) ?? 0) + 1);
        for (const id of [...because].filter(isCoverageLabel).map(coverageOfLabel))
          coverages.set(id, (coverages.get(id) ?? 0) + 1);
      }
    };
    let some: RecordPart[] = [];
    for await (const document of this.#options.records.views.records.scan({ index: 'by_type', equals: [member] })) {
      const head = document['record'] as RecordPart;
      if (head.deleted === true || !isServedType(head.type)) continue;
      some.push(head);
      if (some.length < TOGETHER) continue;
      await count(some);
      some = [];
    }
    await count(some);
    return {
      resources,
      labels: sorted(counts),
      ...(tags.size > 0 && { tags: sorted(tags) }),
      ...(lines.size > 0 && { lines: sorted(lines) }),
      ...(this.hasLines && { coverages: sorted(coverages) }),
    };
  }
  async #hiddenOf({ member, labels }: OwnedLabels): Promise<readonly Label[]> {
    const coverages = labels.filter(isCoverageLabel);
    return coverages.length === 0 ? [] : ((await this.#lines?.hidden(member, coverages)) ?? []);
  }

  /** Asked once for the same persons, because a payer may put the member's own Patient into every resource. */
  #areAnother(member: string, persons: Persons): Promise<boolean> {
    const { records, members } = this.#options;
    const key = JSON.stringify([member, persons]);
    let another = this.#persons?.get(key);
    if (another === undefined) {
      another = namesAnother({ patients: records.views.patients, members }, member, persons);
      (this.#persons ??= new Map()).set(key, another);
    }
    return another;
  }
  async #factsOf(member: string): Promise<LabelFacts> {
    return { permits: await this.#consentsOf(member), providers: this.#providers() };
  }
  #consentsOf(member: string): Promise<readonly LabelPermit[]> {
    let permits = this.#permits?.get(member);
    if (permits === undefined) (this.#permits ??= new Map()).set(member, (permits = this.#read(member)));
    return permits;
  }
  /** The directory belongs to no member, so nobody can consent to its release. */
  async #read(member: string): Promise<readonly LabelPermit[]> {
    if (member === SHARED) return [];
    const found: LabelPermit[] = [];
    const at = this.#options.clock.now();
    for await (const { line } of this.#options.records.scanMember(member, { types: ['Consent'] }))
      found.push(...permitsOf(JSON.parse(bufferOf(line).toString()) as Record<string, unknown>, at));
    return found;
  }
}

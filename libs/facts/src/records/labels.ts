import type { PartyFacts } from '@provider-access/domain/access';
import {
  type Label,
  labelsOf,
  type LabelFacts,
  type LabelPermit,
  type LabelPolicy,
  mentionsLabel,
  permitsOf,
  policyAt,
  strictestRule,
  withholdingLabels,
} from '@provider-access/domain/pdex/labels';
import { bufferOf, type ProviderKey } from '@provider-access/events';
import { type FhirResource, isServedType } from '@provider-access/kernel/fhir';
import type { Clock } from '@provider-access/kernel';
import type { RecordsReader } from './reader.ts';
import { type RecordPart, SHARED } from './record.ts';

/** A record with what is needed to know its labels. `line` may be absent if `labels` is there. */
export interface Labelled extends Pick<RecordPart, 'member' | 'labels'> {
  readonly line?: Uint8Array | string;
}

/** The labels of a stored record. The line of a record of an earlier release is parsed only if it mentions a label. */
export function labelsOfRecord({ labels, line }: Labelled): readonly Label[] {
  if (labels !== undefined) return labels;
  if (line === undefined) throw new Error('the labels of a record of an earlier release need its line');
  const text = typeof line === 'string' ? line : bufferOf(line);
  if (!mentionsLabel(text)) return [];
  return labelsOf(JSON.parse(text.toString()) as FhirResource);
}

export interface LabelGateOptions {
  readonly policy: LabelPolicy;
  readonly records: Pick<RecordsReader, 'scanMember' | 'byTypeId' | 'views'>;
  readonly clock: Clock;
}

/** Every identifier of the providers to whom a client is bound. */
const providersOf = (party: Pick<PartyFacts, 'client' | 'identity'>, client: string): readonly ProviderKey[] =>
  (party.client(client)?.providers ?? []).flatMap((provider) => party.identity(provider));

/**
 * Applies the policy on security labels to stored records (docs/security-labels.md). Every reader of records for a
 * client asks it about each record. A record that it withholds does not exist for this client.
 */
export class LabelGate {
  private readonly options: LabelGateOptions;
  /** The policy without rules that have ended, and when it changes next. */
  private current: { readonly policy: LabelPolicy; readonly until: number };
  constructor(options: LabelGateOptions) {
    this.options = options;
    this.current = { policy: options.policy, until: Number.NEGATIVE_INFINITY };
  }

  /** The check of one request, or of one chunk of an export. It reads the consents of a member once. */
  check(party: Pick<PartyFacts, 'client' | 'identity'>, client: string): LabelCheck {
    const now = this.options.clock.now();
    if (now >= this.current.until) this.current = policyAt(this.options.policy, now);
    return new LabelCheck({ ...this.options, policy: this.current.policy }, () => providersOf(party, client));
  }
}

export interface WithheldResources {
  readonly resources: number;
  /** Number of withheld resources by label (`system|code`). */
  readonly labels: Readonly<Record<Label, number>>;
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
  private readonly options: LabelGateOptions;
  private readonly providers: () => readonly ProviderKey[];
  private readonly permits = new Map<string, Promise<readonly LabelPermit[]>>();
  constructor(options: LabelGateOptions, providers: () => readonly ProviderKey[]) {
    this.options = options;
    this.providers = providers;
  }

  /** Every label that may withhold a record, in the form of `normalLabel`. */
  get labels(): readonly Label[] {
    return withholdingOf(this.options.policy).labels;
  }

  /**
   * Reads the member's consents if the policy asks for any. Call it before you look at a record: a record with a label
   * then costs no query that another one does not cost.
   */
  async readConsents(member: string): Promise<void> {
    if (withholdingOf(this.options.policy).asksForConsents) await this.consentsOf(member);
  }

  /** Whether the client may not see the record. Only a rule that asks for consent makes this a promise. */
  withheld(record: Labelled): boolean | Promise<boolean> {
    const labels = labelsOfRecord(record);
    if (labels.length === 0) return false;
    const rule = strictestRule(labels, this.options.policy);
    if (rule !== 'withhold unless consented') return rule === 'withhold';
    return this.because(record.member, labels).then((because) => because.length > 0);
  }
  /** The labels because of which this member's resource with these labels is withheld. */
  async because(member: string, labels: readonly Label[]): Promise<readonly Label[]> {
    const rule = strictestRule(labels, this.options.policy);
    if (rule === 'release') return [];
    return withholdingLabels(labels, this.options.policy, await this.factsOf(member));
  }

  /** How many resources of a member are withheld, and by which labels. A resource with two labels counts for both. */
  async withheldOf(member: string): Promise<WithheldResources> {
    const { records } = this.options;
    const labels = new Map<Label, number>();
    let resources = 0;
    for await (const document of records.views.records.scan({ index: 'by_type', equals: [member] })) {
      const head = document['record'] as RecordPart;
      if (head.deleted === true || !isServedType(head.type)) continue;
      // The line of a record is loaded only if an earlier release wrote it.
      const record = head.labels === undefined ? await records.byTypeId(member, head.type, head.id) : head;
      const because = record === undefined ? [] : await this.because(member, labelsOfRecord(record));
      if (because.length > 0) resources += 1;
      for (const label of because) labels.set(label, (labels.get(label) ?? 0) + 1);
    }
    return { resources, labels: Object.fromEntries([...labels].toSorted(([a], [b]) => (a < b ? -1 : 1))) };
  }

  private async factsOf(member: string): Promise<LabelFacts> {
    return { permits: await this.consentsOf(member), providers: this.providers() };
  }
  private consentsOf(member: string): Promise<readonly LabelPermit[]> {
    let permits = this.permits.get(member);
    if (permits === undefined) this.permits.set(member, (permits = this.read(member)));
    return permits;
  }
  /** The directory belongs to no member, so nobody can consent to its release. */
  private async read(member: string): Promise<readonly LabelPermit[]> {
    if (member === SHARED) return [];
    const found: LabelPermit[] = [];
    const at = this.options.clock.now();
    for await (const { line } of this.options.records.scanMember(member, { types: ['Consent'] }))
      found.push(...permitsOf(JSON.parse(bufferOf(line).toString()) as Record<string, unknown>, at));
    return found;
  }
}

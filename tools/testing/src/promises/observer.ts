import { Documents } from './documents.ts';
import { CODE } from './events.ts';
import { isOfExport } from './export-operations.ts';
import { Exports, mustNotRecall } from './exports.ts';
import { Matching } from './matching.ts';
import { Medication } from './medication.ts';
import type { Model } from './model.ts';
import { MEMBERS, type Operation, PRACTICES } from './operations.ts';
import { type Answer, Broken, json, Missing, type World } from './world.ts';

const PROVENANCE = '_revinclude=Provenance:target';
/** Ways to search for what some members have. */
const SEARCHES: readonly ((patients: string) => string)[] = [
  (patients) => `Condition?${patients}`,
  (patients) => `Condition?${patients}&_count=2`,
  (patients) => `Condition?${patients}&code=${CODE}`,
  (patients) => `Condition?${patients}&code=${CODE}&_total=accurate`,
  (patients) => `Condition?${patients}&_sort=-recorded-date&_count=50`,
  (patients) => `Condition?${patients}&_count=2&${PROVENANCE}`,
  (patients) => `MedicationRequest?${patients}&_include=MedicationRequest:medication`,
  (patients) => `MedicationRequest?${patients}&_include=*&${PROVENANCE}`,
];
interface Entry {
  readonly search: { readonly mode: string };
  readonly resource: {
    readonly resourceType: string;
    readonly id: string;
    readonly subject?: { readonly reference: string };
    readonly code?: { readonly text: string };
  };
}

/** Operations of clients. They change nothing in the model. */
const READING = ['next page', '$docref', 'binary', 'export', 'delta', 'download'] as const;
type Reading = Extract<Operation, { op: (typeof READING)[number] }>;
export const isReading = ({ op }: Operation): boolean => (READING as readonly string[]).includes(op);

export interface ObserverOptions {
  readonly world: World;
  readonly model: Model;
  readonly members: readonly string[];
  /** The contracts of the attributions, which give the sequence Groups of its own. */
  readonly contract: string;
  /** Replaces instances that died. */
  readonly afterwards: () => Promise<void>;
}

/** Queries like clients, and compares the visible members with the model. Throws `Broken` if they disagree. */
export class Observer {
  readonly #world: World;
  readonly #model: Model;
  readonly #members: readonly string[];
  readonly documents: Documents;
  readonly exports: Exports;
  readonly matching: Matching;
  readonly medication: Medication;
  readonly #pages: { readonly client: number; readonly url: string }[] = [];
  #looks = 0;

  constructor(options: ObserverOptions) {
    const { world, model, members, contract } = options;
    this.#world = world;
    this.#model = model;
    this.#members = members;
    this.medication = new Medication(contract, members[0]!);
    const tick = (): void => this.tick();
    this.documents = new Documents({ world, model, members, tick });
    this.exports = new Exports({ ...options, tick });
    this.matching = new Matching({ ...options, tick });
  }

  /** Does what a client does, and compares the answer. */
  read(operation: Reading): Promise<void> {
    if (isOfExport(operation)) return this.exports.do(operation);
    switch (operation.op) {
      case 'next page':
        return this.#nextPage(operation.which, operation.via);
      case '$docref':
        return this.documents.docref(operation);
      case 'binary':
        return this.documents.binary(operation);
    }
  }

  /** Updates the clocks of the model to those of the platform. */
  tick(): void {
    const skews = this.#world.skews();
    this.#model.now = this.#world.now;
    this.#model.lag = Math.max(this.#model.lag, 0, ...skews.map((skew) => -skew));
    this.#model.lead = Math.max(this.#model.lead, 0, ...skews);
    this.exports.tick();
  }
  #visible(member: string, client: number, lean: 'may' | 'must'): boolean {
    return this.#model.visible(member, client, PRACTICES[client]!, lean);
  }

  /** Compares the decisions of every process with the model. */
  async askTheGates(): Promise<void> {
    for (const [client, practice] of PRACTICES.entries()) {
      const allowed = new Set(this.#members.filter((member) => this.#visible(member, client, 'may')));
      for (const { where, permits } of await this.#world.gates(client, this.#members)) {
        const shown = permits.find((member) => !allowed.has(member));
        if (shown !== undefined) throw new Broken(`practice ${practice} may see ${shown} at ${where}`);
      }
    }
  }
  /** Compares the members that one search for all of them shows. */
  async look(client: number, via: number): Promise<void> {
    this.#looks += 1;
    const form = SEARCHES[this.#looks % SEARCHES.length]!;
    const answer = await this.#world.readOnce(`/fhir/${form(`patient=${this.#members.join(',')}`)}`, client, via);
    if (answer === undefined) return;
    const { seen, next } = this.#compare(answer, client, via);
    if (next !== undefined) this.#pages.push({ client, url: next });
    else if (answer.status === 200 && this.#world.completeAtOnce) this.#mustSee(seen, client, via);
  }
  /** Compares all reads when everything is settled. */
  lookAround(when: string): Promise<void> {
    return this.#world.settled(() => this.#lookAround(when));
  }
  async #lookAround(when: string): Promise<void> {
    for (const client of PRACTICES.keys()) {
      for (const via of [0, 1]) {
        try {
          // All results on one page, by different means: by patient, by a key, and among all members of the client.
          for (const query of [
            `Condition?patient=${this.#members.join(',')}&${PROVENANCE}`,
            `Condition?patient=${this.#members.join(',')}&code=${CODE}&_sort=-recorded-date`,
            `Patient?family=${this.#members.join(',')}`,
          ]) {
            const answer = await this.#world.read(`/fhir/${query}`, client, via);
            const { seen, included } = this.#compare(answer, client, via);
            this.#mustSee(seen, client, via, query.startsWith('Patient?'));
            this.#mustInclude(query.includes(PROVENANCE) ? included : undefined, client, via);
          }
        } catch (error) {
          if (error instanceof Broken) error.message = `${when}: ${error.message}`;
          throw error;
        }
      }
      const member = this.#members[this.#looks % MEMBERS]!;
      for (const form of ['', '/_history']) {
        await this.#readPatient(`${member}${form}`, member, client, this.#looks % 2);
        for (const one of this.#members) await this.#readCondition(`${one}-c1${form}`, one, client, this.#looks % 2);
      }
      await this.documents.lookAround(client, this.#looks % 2);
      await this.#lookAtMedication(client, this.#looks % 2);
    }
    await this.matching.lookAround(this.#looks % 2);
  }
  /** @param path of the current version, or of all versions */
  async #readPatient(path: string, member: string, client: number, via: number): Promise<void> {
    const answer = await this.#world.readOnce(`/fhir/Patient/${path}`, client, via);
    if (answer === undefined) return;
    if (answer.status === 200 && !this.#visible(member, client, 'may'))
      throw new Broken(`practice ${PRACTICES[client]} reads Patient/${path} at resources ${via}`);
    if (answer.status !== 200 && this.#visible(member, client, 'must'))
      throw new Missing(
        `practice ${PRACTICES[client]} cannot read Patient/${path} at resources ${via}: ${answer.status}`,
      );
  }
  /** The first Condition is there while nothing recalled its newest version. */
  async #readCondition(path: string, member: string, client: number, via: number): Promise<void> {
    const answer = await this.#world.readOnce(`/fhir/Condition/${path}`, client, via);
    if (answer === undefined) return;
    const where = `Condition/${path} at resources ${via}`;
    mustNotRecall(this.#model, answer.body, client, where);
    if (answer.status === 200 && !this.#visible(member, client, 'may'))
      throw new Broken(`practice ${PRACTICES[client]} reads ${where}`);
    const isGone = this.#model.recalls.isGone(member);
    if (answer.status !== 200 && !isGone && this.#visible(member, client, 'must'))
      throw new Missing(`practice ${PRACTICES[client]} cannot read ${where}: ${answer.status}`);
  }
  /** Checks that the answer contains no data of a member that the client may not see. */
  #compare(
    answer: Answer,
    client: number,
    via: number,
  ): {
    readonly seen: ReadonlySet<string>;
    readonly included: readonly Entry['resource'][];
    readonly next: string | undefined;
  } {
    this.tick();
    mustNotRecall(this.#model, answer.body, client, `resources ${via}`);
    const bundle = answer.status === 200 ? json(answer) : {};
    const entries = (bundle.entry ?? []) as readonly Entry[];
    const of = (mode: string): readonly Entry['resource'][] =>
      entries.filter(({ search }) => search.mode === mode).map(({ resource }) => resource);
    const included = of('include');
    const seen = new Set(of('match').map(({ id, subject }) => subject?.reference.replace('Patient/', '') ?? id));
    // A total counts what the client may see, and nothing else.
    const { total } = bundle as { total?: number };
    if (total !== undefined && seen.size === 0 && total > 0)
      throw new Broken(`practice ${PRACTICES[client]} gets a total of ${total} without a result at resources ${via}`);
    for (const member of seen)
      if (!this.#visible(member, client, 'may'))
        throw new Broken(`practice ${PRACTICES[client]} sees ${member} at resources ${via}`);
    for (const resource of included) this.#mayInclude(resource, client, via);
    const next = (bundle.link as { relation: string; url: string }[] | undefined)?.find(
      ({ relation }) => relation === 'next',
    )?.url;
    return { seen, included, next };
  }
  /** An included resource names nobody whom the client may not see, and a Provenance no document that is withheld. */
  #mayInclude(resource: Entry['resource'], client: number, via: number): void {
    const text = JSON.stringify(resource);
    for (const member of this.#members.filter((one) => text.includes(one)))
      if (
        !this.#visible(member, client, 'may') ||
        (resource.resourceType === 'Provenance' && !this.#model.permits(member, 'may'))
      )
        throw new Broken(
          `practice ${PRACTICES[client]} gets ${resource.resourceType} of ${member} at resources ${via}`,
        );
  }
  /** `included`: undefined for a search without includes. */
  #mustInclude(included: readonly Entry['resource'][] | undefined, client: number, via: number): void {
    for (const member of this.#members)
      if (
        included !== undefined &&
        this.#visible(member, client, 'must') &&
        this.#model.permits(member, 'must') &&
        !this.#model.recalls.isGone(member) &&
        !included.some(({ id }) => id === `${member}-p`)
      )
        throw new Missing(`practice ${PRACTICES[client]} gets no Provenance of ${member} at resources ${via}`);
  }
  /** The Medication by its id, and with the orders for it, when everything is settled. */
  async #lookAtMedication(client: number, via: number): Promise<void> {
    const { id, holder } = this.medication;
    const answer = await this.#world.readOnce(`/fhir/Medication/${id}`, client, via);
    const orders = `/fhir/MedicationRequest?patient=${this.#members.join(',')}&_include=MedicationRequest:medication`;
    const found = await this.#world.readOnce(orders, client, via);
    if (answer === undefined || found === undefined) return;
    this.tick();
    const { seen, included } = this.#compare(found, client, via);
    this.#mustSee(seen, client, via);
    if (this.#model.approved[client] !== true) return;
    const sees = (lean: 'may' | 'must'): boolean => this.#visible(holder, client, lean);
    const texts = this.medication.texts({ may: sees('may'), must: sees('must') });
    const got = answer.status === 200 ? (json(answer) as Entry['resource']).code!.text : String(answer.status);
    if (!texts.includes(got))
      throw new Missing(`practice ${PRACTICES[client]} reads "${got}" and not "${texts}" at resources ${via}`);
    if (seen.size > 0 && !included.some(({ resourceType }) => resourceType === 'Medication'))
      throw new Missing(`practice ${PRACTICES[client]} gets orders without their Medication at resources ${via}`);
  }
  /** @param ofGroups a search without patients finds members of the Groups. Others are asked for by their id (M70). */
  #mustSee(seen: ReadonlySet<string>, client: number, via: number, ofGroups = false): void {
    const practice = PRACTICES[client]!;
    const keys = ofGroups ? [`${practice}/npi`, `${practice}/tin`] : [undefined];
    const must = (m: string): boolean => keys.some((key) => this.#model.visible(m, client, practice, 'must', key));
    for (const member of this.#members)
      if (!seen.has(member) && must(member))
        throw new Missing(`practice ${PRACTICES[client]} does not see ${member} at resources ${via}`);
  }
  async #nextPage(which: number, via: number): Promise<void> {
    if (this.#pages.length === 0) return;
    const { client, url } = this.#pages[which % this.#pages.length]!;
    const answer = await this.#world.readOnce(url, client, via);
    if (answer !== undefined) this.#compare(answer, client, via);
  }
}

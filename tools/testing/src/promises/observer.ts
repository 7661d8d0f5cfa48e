import { eventually } from '../eventually.ts';
import { Documents } from './documents.ts';
import { CODE } from './events.ts';
import { Medication } from './medication.ts';
import type { Model } from './model.ts';
import { MEMBERS, type Operation, PRACTICES } from './operations.ts';
import { type Answer, Broken, json, Missing, type World } from './world.ts';

interface Job {
  readonly client: number;
  readonly url: string;
  /** Members that the export must contain, from its kick-off on. */
  must: Set<string>;
  /** Members that the client could not see at the kick-off. */
  readonly hidden: ReadonlySet<string>;
  /** Members with new records since the kick-off. */
  readonly recorded: Set<string>;
  /** Members whose first Condition was recalled since the kick-off. */
  readonly recalled: Set<string>;
  /** Members whose recalled Condition the delta must list in `deleted`. */
  deletes: Set<string>;
  /** `Observer.quietSince` at the kick-off. */
  readonly quietSince: number | undefined;
  /** Nothing happened since the export that this delta continues. */
  readonly empty: boolean;
  transactionTime?: string;
}
interface Manifest {
  readonly output: readonly { readonly url: string }[];
  readonly deleted?: readonly { readonly url: string }[];
}
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
  readonly #contract: string;
  readonly #afterwards: () => Promise<void>;
  readonly documents: Documents;
  readonly medication: Medication;
  readonly #pages: { readonly client: number; readonly url: string }[] = [];
  readonly #jobs: Job[] = [];
  readonly #groups: (string | undefined)[] = [];
  /** Since when everything has been settled with only reads, ms since the epoch. */
  quietSince: number | undefined;
  #looks = 0;

  constructor({ world, model, members, contract, afterwards }: ObserverOptions) {
    this.#world = world;
    this.#model = model;
    this.#members = members;
    this.#contract = contract;
    this.#afterwards = afterwards;
    this.medication = new Medication(contract, members[0]!);
    this.documents = new Documents({ world, model, members, tick: () => this.tick() });
  }

  /** Does what a client does, and compares the answer. */
  read(operation: Reading): Promise<void> {
    const { via } = operation;
    switch (operation.op) {
      case 'next page':
        return this.#nextPage(operation.which, via);
      case '$docref':
        return this.documents.docref(operation);
      case 'binary':
        return this.documents.binary(operation);
      case 'export':
        return this.#kickOff(operation.client, via);
      case 'delta':
        return this.#delta(operation.which, via);
      case 'download':
        return this.#download(operation.which, operation.range, via);
    }
  }

  /** Updates the clocks of the model to those of the platform. */
  tick(): void {
    const skews = this.#world.skews();
    this.#model.now = this.#world.now;
    this.#model.lag = Math.max(this.#model.lag, 0, ...skews.map((skew) => -skew));
    this.#model.lead = Math.max(this.#model.lead, 0, ...skews);
    for (const job of this.#jobs)
      for (const kept of ['must', 'deletes'] as const)
        job[kept] = new Set([...job[kept]].filter((member) => this.#visible(member, job.client, 'must', true)));
  }
  #visible(member: string, client: number, lean: 'may' | 'must', ofGroup = false): boolean {
    const practice = PRACTICES[client]!;
    return this.#model.visible(member, client, practice, lean, ...(ofGroup ? [`${practice}/npi`] : []));
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
  /** The Groups of the members. */
  async findGroups(): Promise<void> {
    for (const client of PRACTICES.keys()) this.#groups.push(await this.#world.group(client, this.#contract));
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
            this.#mustSee(seen, client, via);
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
    this.#mustNotRecall(answer.body, client, where);
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
    this.#mustNotRecall(answer.body, client, `resources ${via}`);
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
  #mustSee(seen: ReadonlySet<string>, client: number, via: number): void {
    for (const member of this.#members)
      if (!seen.has(member) && this.#visible(member, client, 'must'))
        throw new Missing(`practice ${PRACTICES[client]} does not see ${member} at resources ${via}`);
  }
  async #nextPage(which: number, via: number): Promise<void> {
    if (this.#pages.length === 0) return;
    const { client, url } = this.#pages[which % this.#pages.length]!;
    const answer = await this.#world.readOnce(url, client, via);
    if (answer !== undefined) this.#compare(answer, client, via);
  }

  /** Starts an export of the changes since an earlier one. It must be empty if nothing happened in between. */
  async #delta(which: number, via: number): Promise<void> {
    const base = this.#jobs.at(-1 - (which % this.#jobs.length));
    if (base === undefined || this.#model.approved[base.client] !== true) return;
    await this.#manifest(base, via);
    await this.#kickOff(base.client, via, base);
  }
  async #kickOff(client: number, via: number, base?: Job): Promise<void> {
    const group = this.#groups[client];
    if (group === undefined || this.#model.approved[client] !== true) return;
    const since = base === undefined ? '' : `&_since=${base.transactionTime}`;
    const url = `/fhir/Group/${group}/$export?_type=Patient,Condition,Provenance,MedicationRequest,Medication${since}`;
    const hidden = new Set(this.#members.filter((m) => !this.#visible(m, client, 'may', true)));
    const answer = await this.#world.read(url, client, via, { prefer: 'respond-async' });
    const must = this.#members.filter((m) => this.#visible(m, client, 'must', true));
    if (answer.status !== 202) {
      if (must.length > 0) throw new Broken(`an export was answered ${answer.status} ${answer.body}`);
      return;
    }
    const job: Job = {
      client,
      url: String(answer.headers['content-location']),
      must: new Set(must.filter((m) => base === undefined || base.recorded.has(m) || base.hidden.has(m))),
      hidden,
      recorded: new Set(),
      recalled: new Set(),
      deletes: new Set([...(base?.recalled ?? [])].filter((m) => must.includes(m) && !base!.hidden.has(m))),
      quietSince: this.quietSince,
      empty: this.#world.completeAtOnce && this.quietSince !== undefined && base?.quietSince === this.quietSince,
    };
    this.#jobs.push(job);
  }
  /** Notes that the platform accepted a resource of the member. */
  recorded(member: string): void {
    for (const job of this.#jobs) {
      job.recorded.add(member);
      job.recalled.delete(member);
      job.deletes.delete(member);
    }
  }
  /** Notes that the platform accepted a recall of the member's first Condition. */
  recalled(member: string): void {
    for (const job of this.#jobs) job.recalled.add(member);
  }
  #mustNotRecall(text: string, client: number, where: string): void {
    const found = this.#model.recalls.foundIn(text);
    if (found !== undefined)
      throw new Broken(`practice ${PRACTICES[client]} gets what was recalled, "${found}", at ${where}`);
  }
  async #download(which: number, range: boolean, via: number): Promise<void> {
    const job = this.#jobs.at(-1 - (which % this.#jobs.length));
    if (job === undefined) return;
    if (this.#model.approved[job.client] !== true) return;
    const manifest = await this.#manifest(job, via);
    const found = new Set<string>();
    for (const { url } of manifest.output) {
      for (const member of await this.#file(job, url, range, via)) found.add(member);
    }
    this.tick();
    const gone = await Promise.all((manifest.deleted ?? []).map(({ url }) => this.#world.read(url, job.client, via)));
    for (const member of job.deletes)
      if (!gone.some(({ body }) => body.includes(`Condition/${member}-c1"`)))
        throw new Broken(`the recalled Condition of ${member} is not in \`deleted\` of ${PRACTICES[job.client]}`);
    if (job.empty && found.size > 0) throw new Broken(`nothing happened, and an export since then has ${[...found]}`);
    for (const member of job.must)
      if (!range && !found.has(member))
        throw new Broken(`${member} is missing in an export of practice ${PRACTICES[job.client]}`);
  }
  async #manifest(job: Job, via: number): Promise<Manifest> {
    const status = await eventually(
      async () => {
        await this.#world.work();
        await this.#afterwards();
        const answer = await this.#world.read(job.url, job.client, via);
        return answer.status !== 202 && answer;
      },
      { what: 'the export is complete', timeout: 180_000 },
    );
    if (status.status !== 200) throw new Broken(`an export was answered ${status.status} ${status.body}`);
    const manifest = json(status);
    job.transactionTime = manifest.transactionTime;
    return manifest;
  }
  /** Members with a line in one of the files. */
  async #file(job: Job, url: string, range: boolean, via: number): Promise<readonly string[]> {
    const plain = { 'accept-encoding': 'identity' };
    const whole = await this.#world.read(url, job.client, via, plain);
    const answer =
      range && whole.status === 200
        ? await this.#world.read(url, job.client, 1 - via, {
            ...plain,
            range: 'bytes=0-',
            'if-range': String(whole.headers['etag']),
          })
        : whole;
    if (answer.status !== 200 && answer.status !== 206) return [];
    this.tick();
    this.#mustNotRecall(answer.body, job.client, `export ${via}`);
    const members = this.#members.filter((member) => answer.body.includes(member));
    for (const member of members)
      if (!this.#visible(member, job.client, 'may', true))
        throw new Broken(`practice ${PRACTICES[job.client]} downloads something of ${member} at export ${via}`);
    return members;
  }
}

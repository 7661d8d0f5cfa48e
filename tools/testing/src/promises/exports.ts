import { anonymous, entriesIn, hasConditions, hasLine, headersIn, kickOffOf, PLAIN, warnedIn } from './asks.ts';
import { finished, type Item, type Manifest } from './finished.ts';
import type { Ask, ExportOperation } from './export-operations.ts';
import type { Lean, Model } from './model.ts';
import { PRACTICES } from './payer-operations.ts';
import { type Answer, Broken, type World } from './world.ts';

interface Job {
  readonly client: number;
  readonly ask: Ask;
  /** The members for whom it asks; undefined for everybody. Others are unknown ids, or patients of others. */
  readonly patients: readonly string[] | undefined;
  readonly url: string;
  /** ms since the epoch. */
  readonly startedAt: number;
  /** Members whose resources the export must contain, from its kick-off on. */
  must: Set<string>;
  /** Members who must be on its list. */
  entries: Set<string>;
  /** Members whom the client may have seen since the kick-off. */
  readonly seen: Set<string>;
  /** Members that the client could not see at the kick-off. */
  readonly hidden: ReadonlySet<string>;
  /** Members with new records since the kick-off. */
  readonly recorded: Set<string>;
  /** Members whose first Condition was recalled since the kick-off. */
  readonly recalled: Set<string>;
  /** Members whose recalled Condition the delta must list in `deleted`. */
  deletes: Set<string>;
  /** `Exports.quietSince` at the kick-off. */
  readonly quietSince: number | undefined;
  /** The export that this one continues. */
  readonly base: Job | undefined;
  /** Nothing happened since the export that this delta continues. */
  readonly empty: boolean;
  transactionTime?: string;
  /** Asked patients of whom the client could see nothing until the export was complete. */
  unseen?: readonly string[];
  /** What the files of errors said first. */
  warnings?: string;
}
interface Found {
  /** Members with a line of their own. */
  readonly members: Set<string>;
  /** The line of the Group; undefined if it was not read. */
  list?: ReadonlyMap<string, string | undefined>;
  readonly headers: string[];
}

/** Nobody asks for an older export, because its files may be gone: they are kept for three days. */
const KEPT_MS = 2 * 86_400_000;

export interface ExportsOptions {
  readonly world: World;
  readonly model: Model;
  readonly members: readonly string[];
  /** The contract of the attributions, which gives the sequence Groups of its own. */
  readonly contract: string;
  /** Replaces instances that died. */
  readonly afterwards: () => Promise<void>;
  /** Updates the clocks of the model. */
  readonly tick: () => void;
}

/** Checks that a text of the platform has nothing that was recalled. */
export function mustNotRecall(model: Model, text: string, client: number, where: string): void {
  const found = model.recalls.foundIn(text);
  if (found !== undefined)
    throw new Broken(`practice ${PRACTICES[client]} gets what was recalled, "${found}", at ${where}`);
}

/** Starts exports and downloads their files like clients, and compares what they get with the model. */
export class Exports {
  readonly #options: ExportsOptions;
  readonly #jobs: Job[] = [];
  readonly #groups: (string | undefined)[] = [];
  /** What refusals and warnings say beside the patient: one text each. */
  readonly #texts = { refusal: new Set<string>(), warning: new Set<string>() };
  /** Since when everything has been settled with only reads, ms since the epoch. */
  quietSince: number | undefined;

  constructor(options: ExportsOptions) {
    this.#options = options;
  }

  do(operation: ExportOperation): Promise<void> {
    const { via } = operation;
    switch (operation.op) {
      case 'export':
        return this.#kickOff(operation.client, operation.ask ?? PLAIN, via);
      case 'delta':
        return this.#delta(operation.which, via);
      case 'download':
        return this.#download(operation.which, operation.range, via);
    }
  }
  /** The Groups of the members. */
  async findGroups(): Promise<void> {
    const { world, contract } = this.#options;
    for (const client of PRACTICES.keys()) this.#groups.push(await world.group(client, contract));
  }
  /** Notes what the clients may and must see now. */
  tick(): void {
    for (const job of this.#jobs) {
      for (const kept of ['must', 'entries', 'deletes'] as const)
        job[kept] = new Set([...job[kept]].filter((member) => this.#visible(member, job.client, 'must')));
      for (const member of this.#options.members) if (this.#visible(member, job.client, 'may')) job.seen.add(member);
    }
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

  #visible(member: string, client: number, lean: Lean): boolean {
    const practice = PRACTICES[client]!;
    return this.#options.model.visible(member, client, practice, lean, `${practice}/npi`);
  }
  #approved(client: number): boolean {
    return this.#options.model.approved[client] === true;
  }
  /** The newest is 0. */
  #job(which: number): Job | undefined {
    const job = this.#jobs.at(-1 - (which % this.#jobs.length));
    const { now } = this.#options.world;
    return job !== undefined && this.#approved(job.client) && now - job.startedAt < KEPT_MS ? job : undefined;
  }

  /** Starts an export of the changes since an earlier one. It must be empty if nothing happened in between. */
  async #delta(which: number, via: number): Promise<void> {
    const base = this.#job(which);
    if (base === undefined) return;
    await this.#manifest(base, via);
    await this.#kickOff(base.client, base.ask, via, base);
  }
  async #kickOff(client: number, ask: Ask, via: number, base?: Job): Promise<void> {
    const { world, members, contract } = this.#options;
    const group = this.#groups[client];
    if (group === undefined || !this.#approved(client)) return;
    const patients = ask.patients?.map((n) => (n === 'unknown' ? `${contract}-nobody` : members[n]!));
    const { url, call } = kickOffOf(ask, { group, since: base?.transactionTime, patients });
    const hidden = new Set(members.filter((m) => !this.#visible(m, client, 'may')));
    const answer = await world.ask(url, { ...call, token: await world.token(client) }, via);
    const allMust = members.filter((m) => this.#visible(m, client, 'must'));
    const surely = (m: string): boolean => (hidden.has(m) ? !this.#visible(m, client, 'may') : !members.includes(m));
    if (answer.status !== 202) return this.#compareRefusal(answer, ask, patients, allMust);
    if (!ask.davinci && patients?.some(surely) === true)
      throw new Broken(`E13 practice ${PRACTICES[client]} exports patients of whom it may see nothing: ${patients}`);
    const must = allMust.filter((m) => patients?.includes(m) !== false);
    const isChanged = (m: string): boolean =>
      base === undefined || base.hidden.has(m) || (hasConditions(ask) && base.recorded.has(m));
    this.#jobs.push({
      client,
      ask,
      patients,
      url: String(answer.headers['content-location']),
      startedAt: world.now,
      must: new Set(must.filter(isChanged)),
      entries: new Set(must),
      seen: new Set(members.filter((m) => !hidden.has(m))),
      hidden,
      recorded: new Set(),
      recalled: new Set(),
      deletes: new Set(
        [...(base?.recalled ?? [])].filter((m) => hasConditions(ask) && must.includes(m) && !base!.hidden.has(m)),
      ),
      quietSince: this.quietSince,
      base,
      empty: world.completeAtOnce && this.quietSince !== undefined && base?.quietSince === this.quietSince,
    });
    this.tick();
  }
  /** An export is refused only for a patient of whom nothing can be released, and then without a reason (E13, E14). */
  #compareRefusal(
    { status, body }: Answer,
    ask: Ask,
    patients: readonly string[] | undefined,
    must: readonly string[],
  ): void {
    const refusable = !ask.davinci && patients?.every((m) => must.includes(m)) === false;
    if (must.length > 0 && !(refusable && status === 400))
      throw new Broken(`an export of ${patients ?? 'everybody'} was answered ${status} ${body}`);
    if (status === 400) this.#mustBeAlike('refusal', [anonymous(body)]);
  }
  #mustBeAlike(what: 'refusal' | 'warning', texts: readonly string[]): void {
    for (const text of texts) this.#texts[what].add(text);
    if (this.#texts[what].size > 1) throw new Broken(`E14 a ${what} tells why: ${[...this.#texts[what]].join(', ')}`);
  }

  async #download(which: number, range: boolean, via: number): Promise<void> {
    const { world, tick } = this.#options;
    const job = this.#job(which);
    if (job === undefined) return;
    const manifest = await this.#manifest(job, via);
    const found: Found = { members: new Set(), headers: [] };
    for (const item of manifest.output) await this.#file(job, item, { range, via, found });
    tick();
    const gone = await Promise.all((manifest.deleted ?? []).map(({ url }) => world.read(url, job.client, via)));
    for (const member of job.deletes)
      if (!gone.some(({ body }) => body.includes(`Condition/${member}-c1"`)))
        throw new Broken(`the recalled Condition of ${member} is not in \`deleted\` of ${PRACTICES[job.client]}`);
    if (job.empty && found.members.size > 0)
      throw new Broken(`nothing happened, and an export since then has ${[...found.members]}`);
    if (!range) this.#mustHave(job, found);
    await this.#compareWarnings(job, manifest, via);
  }
  #mustHave({ must, entries, ask, base, empty, client }: Job, { members, list }: Found): void {
    for (const member of must)
      if (!members.has(member)) throw new Broken(`${member} is missing in an export of practice ${PRACTICES[client]}`);
    if (!hasLine(ask)) return;
    for (const member of entries) {
      if (list?.has(member) !== true)
        throw new Broken(`${member} is missing in the list of practice ${PRACTICES[client]}`);
      const change = list.get(member);
      const expected = base === undefined || base.hidden.has(member) ? 'new' : empty ? 'nochange' : change;
      if (change !== expected) throw new Broken(`E54 ${member} is "${change}" in the list, and not "${expected}"`);
    }
  }
  async #manifest(job: Job, via: number): Promise<Manifest> {
    const manifest = await finished(this.#options, job, via);
    job.transactionTime = manifest.transactionTime;
    this.#options.tick();
    job.unseen ??= (job.patients ?? []).filter((m) => !job.seen.has(m));
    const isOrganized = job.ask.form === 'organized';
    if ((manifest.outputOrganizedBy === 'Patient') !== isOrganized)
      throw new Broken(`E61 an export that is ${job.ask.form} has outputOrganizedBy ${manifest.outputOrganizedBy}`);
    if (manifest.output.some(({ type }) => (type === undefined) !== isOrganized))
      throw new Broken(`E61 an export that is ${job.ask.form} has ${JSON.stringify(manifest.output)}`);
    return manifest;
  }

  /** Adds the members of a file. */
  async #file(
    job: Job,
    { url, type }: Item,
    { range, via, found }: { readonly range: boolean; readonly via: number; readonly found: Found },
  ): Promise<void> {
    const { world, members, tick, model } = this.#options;
    const plain = { 'accept-encoding': 'identity' };
    const whole = await world.read(url, job.client, via, plain);
    const answer =
      range && whole.status === 200
        ? await world.read(url, job.client, 1 - via, {
            ...plain,
            range: 'bytes=0-',
            'if-range': String(whole.headers['etag']),
          })
        : whole;
    if (answer.status !== 200 && answer.status !== 206) return;
    tick();
    const { body } = answer;
    mustNotRecall(model, body, job.client, `export ${via}`);
    const shown = members.filter((member) => body.includes(member));
    for (const member of shown) {
      if (!this.#visible(member, job.client, 'may'))
        throw new Broken(`practice ${PRACTICES[job.client]} downloads something of ${member} at export ${via}`);
      if (job.patients?.includes(member) === false)
        throw new Broken(`E10 an export of ${job.patients} has something of ${member}`);
    }
    if (type === 'Group') found.list = entriesIn(body);
    else for (const member of shown) found.members.add(member);
    if (job.ask.form !== 'organized') return;
    found.headers.push(...headersIn(body, members));
    const twice = found.headers.find((member, at) => found.headers.indexOf(member) !== at);
    if (twice !== undefined) throw new Broken(`E60 ${twice} has two blocks`);
  }

  /** E12, E15: one warning for each patient of whom nothing was released, and for nobody else, which stays. */
  async #compareWarnings(job: Job, { error = [] }: Manifest, via: number): Promise<void> {
    const { world } = this.#options;
    const answers: string[] = [];
    for (const { url } of error) answers.push((await world.read(url, job.client, via)).body);
    const body = answers.join('');
    job.warnings ??= body;
    if (body !== job.warnings) throw new Broken(`E15 the warnings of an export have changed: ${job.warnings} ${body}`);
    const { patients, texts } = warnedIn(body);
    this.#mustBeAlike('warning', texts);
    const missing = job.unseen!.find((member) => !patients.includes(member));
    if (missing !== undefined) throw new Broken(`E12 no warning says that nothing of ${missing} was released`);
    const others = patients.find(
      (m) => job.patients?.includes(m) !== true || job.must.has(m) || (hasLine(job.ask) && job.entries.has(m)),
    );
    if (others !== undefined) throw new Broken(`E12 a warning says that nothing of ${others} was released`);
  }
}

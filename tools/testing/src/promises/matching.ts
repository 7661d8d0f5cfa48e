import type { Attestation } from './attestations.ts';
import { requestOf } from './bundles.ts';
import { iso } from './events.ts';
import { finished } from './finished.ts';
import type { MatchOperation } from './match-operations.ts';
import type { Lean, Model } from './model.ts';
import { PRACTICES, PROVIDERS } from './operations.ts';
import { type Answer, Broken, json, Missing, type World } from './world.ts';

/** A Group of a result, or a matched Group that is read. */
interface ResultGroup {
  readonly code: { readonly coding: readonly { readonly code: string }[] };
  readonly id: string;
  readonly quantity: number;
  readonly member?: readonly { readonly entity: { readonly reference: string } }[];
}
interface Result {
  readonly client: number;
  /** The id of its Group. */
  readonly group: string;
  /** Members that the provider attested. */
  readonly attested: readonly string[];
}
/** What a job has answered. */
interface Ended {
  readonly groups: readonly ResultGroup[];
  /** Members whom it must have matched. */
  readonly must: readonly string[];
  /** Otherwise clocks differ, and the attestation may begin in the future of the process that renders the file. */
  readonly isSure: boolean;
}
export interface MatchingOptions {
  readonly world: World;
  readonly model: Model;
  readonly members: readonly string[];
  /** Replaces instances that died. */
  readonly afterwards: () => Promise<void>;
  /** Updates the clocks of the model. */
  readonly tick: () => void;
}
/** Matched Groups that are read when everything is settled: the newest. */
const MOST_READ = 3;

/** Asks for matches and reads their Groups like the apps, and compares what they get with the model (MATCH.md). */
export class Matching {
  readonly #options: MatchingOptions;
  readonly #results: Result[] = [];

  constructor(options: MatchingOptions) {
    this.#options = options;
  }

  do(operation: MatchOperation): Promise<void> {
    const { members } = this.#options;
    if (operation.op === 'attest')
      return this.#attest(
        operation.client,
        operation.members.map((n) => members[n]!),
        operation.via,
      );
    const result = this.#results.at(-1 - (operation.which % this.#results.length));
    return result === undefined ? Promise.resolve() : this.#withdraw(result, operation.via);
  }

  async #attest(client: number, attested: readonly string[], via: number): Promise<void> {
    const { model } = this.#options;
    const could = this.#able(client, attested, 'may');
    const { now, lag } = model;
    const ended = await this.#match(client, attested, 'active', via);
    if (ended === undefined) return;
    const { groups, must, isSure } = ended;
    const matched = groups.find(({ code }) => code.coding[0]?.code === 'match');
    if (matched === undefined) throw new Broken('M51 a result has no matched Group');
    const named = membersOf(matched);
    const can = new Set([...could, ...this.#able(client, attested, 'may')]);
    this.#mayHave(named, can, client, 'M30 the result of a match');
    const missing = isSure ? must.find((member) => !named.includes(member)) : undefined;
    if (missing !== undefined)
      throw new Broken(`M30 ${missing} is missing in a match of practice ${PRACTICES[client]}`);
    for (const { code, member = [] } of groups)
      if (code.coding[0]?.code !== 'match' && member.some(({ entity }) => !entity.reference.startsWith('#')))
        throw new Broken(`M52 a Group of those who did not match names a member of the payer`);
    const from = [Math.min(now - lag, model.now - model.lag), model.now + model.lead] as const;
    const persons = attested.flatMap((member) => [...model.person(member)]);
    const made = [...new Set([...named, ...persons])].map((member): Attestation => ({
      ...{ member, client, group: matched.id, from, isNamed: named.includes(member) || must.includes(member) },
    }));
    model.attestations.all.push(...made);
    this.#results.push({ client, group: matched.id, attested });
    await this.#readBy(this.#results.at(-1)!, via, false);
  }
  /** A Consent that is entered in error ends every attestation of its provider about the person (M19). */
  async #withdraw({ client, attested }: Result, via: number): Promise<void> {
    const { model } = this.#options;
    const persons = new Set(attested.flatMap((member) => [...model.person(member)]));
    const ending = model.attestations.all.filter((one) => one.client === client && persons.has(one.member));
    const ended = await this.#match(client, attested, 'entered-in-error', via);
    if (ended === undefined) return;
    for (const { code, quantity } of ended.groups)
      if (code.coding[0]?.code === 'match' && quantity > 0) throw new Broken('M19 a withdrawal matches somebody');
    for (const one of ending) one.withdrawn ??= { settled: false };
  }

  /** Whom a match may or must find: everything but the ground lets the client see the member. */
  #able(client: number, members: readonly string[], lean: Lean): readonly string[] {
    const { model } = this.#options;
    const open = (m: string): boolean => model.open(m, client, PRACTICES[client]!, lean);
    return lean === 'may'
      ? members.flatMap((member) => [...model.person(member)]).filter(open)
      : members.filter((member) => model.person(member).size === 1 && open(member));
  }

  /** Undefined if the app is suspended. */
  async #match(
    client: number,
    members: readonly string[],
    status: 'active' | 'entered-in-error',
    via: number,
  ): Promise<Ended | undefined> {
    const { world, model, tick } = this.#options;
    if (model.approved[client] !== true) return undefined;
    const { npi } = PROVIDERS[PRACTICES[client]!];
    const before = this.#able(client, members, 'must');
    const answer = await world.ask(
      '/fhir/Group/$provider-member-match',
      {
        method: 'POST',
        token: await world.token(client),
        headers: { 'content-type': 'application/fhir+json', prefer: 'respond-async' },
        body: requestOf(members, { npi, at: iso(world.now), status }),
      },
      via,
    );
    if (answer.status !== 202) throw new Broken(`M2 a match was answered ${answer.status} ${answer.body}`);
    const job = { url: String(answer.headers['content-location']), client };
    const manifest = await finished(this.#options, job, via);
    const texts: string[] = [];
    for (const { url, type } of manifest.output) {
      const file = await world.read(url, client, via);
      if (type !== 'Group' || file.status !== 200)
        throw new Broken(`M50 a file of ${type} was answered ${file.status}`);
      texts.push(file.body);
    }
    tick();
    const after = this.#able(client, members, 'must');
    return {
      groups: texts.flatMap((text) =>
        text
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line) as ResultGroup),
      ),
      must: before.filter((member) => after.includes(member)),
      isSure: model.lag === 0 && model.lead === 0,
    };
  }

  /** Reads the newest matched Groups as both apps, when everything is settled. */
  async lookAround(via: number): Promise<void> {
    for (const result of this.#results.slice(-MOST_READ)) await this.#readBy(result, via, true);
  }
  /** M70, M71: the app of the result reads its Group until it expires; another app never does. */
  async #readBy({ client, group, attested }: Result, via: number, isSettled: boolean): Promise<void> {
    const { world, model, tick } = this.#options;
    const persons = attested.flatMap((member) => [...model.person(member)]);
    const standing = (lean: Lean): readonly string[] =>
      [...new Set(persons)].filter((m) => model.visible(m, client, PRACTICES[client]!, lean, undefined, group));
    for (const reader of PRACTICES.keys()) {
      const before = standing('may');
      const answer = await world.readOnce(`/fhir/Group/${group}`, reader, via);
      tick();
      if (answer === undefined) continue;
      if (reader !== client) this.#mayNotRead(answer, PRACTICES[reader]!);
      else if (answer.status === 200) {
        if (model.attestations.isOver(group, model.present))
          throw new Broken('M71 a matched Group is read after its expiry');
        const named = membersOf(json(answer) as ResultGroup);
        this.#mayHave(named, new Set([...before, ...standing('may')]), client, 'M72 a matched Group');
        const missing = isSettled ? standing('must').find((member) => !named.includes(member)) : undefined;
        if (missing !== undefined) throw new Missing(`M70 ${missing} is missing in a matched Group`);
      } else if (isSettled && standing('must').length > 0)
        throw new Missing(`M70 a matched Group was answered ${answer.status} to its app`);
    }
  }
  #mayNotRead({ status, body }: Answer, practice: string): void {
    if (status === 200) throw new Broken(`M70 practice ${practice} reads the matched Group of another app: ${body}`);
  }
  #mayHave(named: readonly string[], can: ReadonlySet<string>, client: number, where: string): void {
    const shown = named.find((member) => !can.has(member));
    if (shown !== undefined) throw new Broken(`${where} shows ${shown} to practice ${PRACTICES[client]}`);
  }
}
const membersOf = ({ member = [] }: ResultGroup): readonly string[] =>
  member.map(({ entity }) => entity.reference.replace('Patient/', ''));

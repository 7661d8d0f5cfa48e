import { type DomainEvent, toStructured } from '@provider-access/events';
import { Model, type Statement as ModelStatement } from './model.ts';
import { MEMBERS, type Operation, PRACTICES, type Statement } from './operations.ts';
import { patientOf } from './bundles.ts';
import {
  conditionOf,
  consentOf,
  documentOf,
  FIRST,
  MINUTE,
  orderOf,
  Payer,
  provenanceOf,
  scopeOf,
  SOURCES,
  statedBy,
  when,
} from './events.ts';
import { AccessEvents } from './access-events.ts';
import { Faults } from './faults.ts';
import { isOfMatch } from './match-operations.ts';
import { PayerFiles } from './payer-files.ts';
import { FIRST_NOTICE, isOfPayer, PLANS } from './payer-operations.ts';
import { reachOf } from './scopes.ts';
import { isReading, Observer } from './observer.ts';
import { Broken, json, type World } from './world.ts';

/** Minutes until a line starts that started long ago. */
const LONG_AGO = -1_000_000;
/** The client whose access ends by its bindings; that of others ends by a suspension. */
const UNBOUND = 1;

/** Runs a sequence and compares each answer of the platform with the model. Throws `Broken` if they disagree. */
export class Driver {
  readonly #world: World;
  readonly #model: Model;
  readonly #observer: Observer;
  readonly #members: readonly string[];
  readonly #payer: Payer;
  readonly #faults: Faults;
  readonly #files: PayerFiles;
  readonly #access: AccessEvents;

  constructor(world: World, name: string) {
    this.#world = world;
    this.#model = new Model(world);
    this.#members = Array.from({ length: MEMBERS }, (_, i) => `${name}-m${i}`);
    this.#payer = new Payer(name, () => world.now);
    this.#faults = new Faults({ world, model: this.#model, members: this.#members, name, payer: this.#payer });
    this.#files = new PayerFiles({ world, model: this.#model, members: this.#members, name, payer: this.#payer });
    this.#access = new AccessEvents({ world, model: this.#model, payer: this.#payer, contract: name });
    const afterwards = (): Promise<void> => this.#afterwards();
    this.#observer = new Observer({ world, model: this.#model, members: this.#members, contract: name, afterwards });
  }

  async run(sequence: readonly Operation[]): Promise<void> {
    await this.#begin();
    for (const [i, operation] of sequence.entries()) {
      try {
        await this.#do(operation);
        await this.#observer.askTheGates();
        if (i % 2 === 0) await this.#observer.look((i >> 1) % 2, (i >> 2) % 2);
      } catch (error) {
        if (error instanceof Broken) error.message = `after ${i + 1}. ${operation.op}: ${error.message}`;
        throw error;
      }
    }
    await this.#settle();
    await this.#observer.lookAround('at the end');
    await this.#end();
  }

  /** The members with their resources, covered and attributed to practice A; the first one also to practice B. */
  async #begin(): Promise<void> {
    const model = this.#model;
    model.now = this.#world.now;
    PRACTICES.forEach((practice, client) => {
      model.network.set(practice, [true]);
      model.approved[client] = true;
    });
    const events: DomainEvent[] = [this.#medication(false), this.#medication(true)];
    for (const [i, member] of this.#members.entries()) {
      events.push(this.#payer.event('payer.resource-recorded.v1', member, { resource: patientOf(member) }));
      for (const n of [1, 2])
        events.push(
          this.#payer.event('payer.resource-recorded.v1', member, {
            resource: conditionOf(member, `${member}-c${n}`, `asthma of ${member}, ${n}`),
          }),
        );
      model.recalls.revise(member, `asthma of ${member}, 1`);
      events.push(
        this.#document({ member: i, attachments: FIRST, labelled: false }),
        ...[orderOf(member, this.#observer.medication.id), provenanceOf(member)].map((resource) =>
          this.#payer.event('payer.resource-recorded.v1', member, { resource }),
        ),
        this.#access.coverage(member, {
          ends: false,
          ago: 0,
          from: -100_000,
          day: false,
          plan: PLANS[i % PLANS.length],
        }),
        this.#files.notice(member, FIRST_NOTICE, false),
        this.#access.attribution(member, 'A', 'npi', false, -100_000),
      );
    }
    events.push(this.#access.attribution(this.#members[0]!, 'B', 'npi', false, -100_000));
    for (const practice of PRACTICES)
      events.push(...this.#payer.directory(practice, model.specialties.get(practice)![0]));
    await this.#world.publishAll(events);
    await this.#settle();
    if (!this.#world.completeAtOnce) await this.#observer.lookAround('at the beginning');
    await this.#observer.exports.findGroups();
    await this.#world.settled(() => this.#observer.documents.checkUrls());
  }
  /** Leaves the world as the next sequence needs it. */
  async #end(): Promise<void> {
    if (this.#world.table !== undefined)
      await this.#do({ op: 'table of lines', starts: { gold: LONG_AGO, silver: LONG_AGO }, via: 0 });
    for (const [i, practice] of PRACTICES.entries()) {
      if (this.#model.approved[i] !== true) await this.#do({ op: 'client', client: i, suspend: false, via: 0 });
      if (this.#model.network.get(practice)!.at(-1) !== true)
        await this.#do({ op: 'network', practice, joins: true, via: 0 });
    }
    for (const { id } of await this.#faults.letters()) await this.#faults.resolve(id, 'discard', 0);
    await this.#world.rest();
  }

  async #do(operation: Operation): Promise<void> {
    if (!isReading(operation)) this.#observer.exports.quietSince = undefined;
    if (isOfPayer(operation)) {
      await this.#files.send(operation);
      if (operation.op === 'recall') this.#observer.exports.recalled(this.#members[operation.member]!);
      return this.#afterwards();
    }
    if (isOfMatch(operation)) return this.#observer.matching.do(operation).then(() => this.#afterwards());
    const member = (n: number): string => this.#members[n]!;
    switch (operation.op) {
      case 'opt-out':
      case 'scoped opt-out':
      case 'opt-in':
      case 'consent':
      case 'merge':
        await this.#publish(operation);
        break;
      case 'at once':
        await Promise.all(operation.statements.map((statement) => this.#publish(statement)));
        break;
      case 'lines':
        await this.#publishLines(operation);
        break;
      case 'record': {
        const id = `${member(operation.member)}-c1`;
        // Use new content each time, because the same content would change nothing.
        const text = `asthma, report ${this.#payer.sent.length}`;
        const resource = conditionOf(member(operation.member), id, text);
        this.#model.recalls.revise(member(operation.member), text);
        await this.#post(
          this.#payer.event('payer.resource-recorded.v1', member(operation.member), { resource }),
          operation.via,
        );
        this.#observer.exports.recorded(member(operation.member));
        break;
      }
      case 'document':
        await this.#post(this.#document(operation), operation.via);
        break;
      case 'medication':
        await this.#post(this.#medication(operation.copy), operation.via);
        break;
      case 'coverage':
        await this.#post(this.#access.coverage(member(operation.member), operation), operation.via);
        break;
      case 'attribution': {
        const { practice, by, ends, from, via } = operation;
        await this.#post(this.#access.attribution(member(operation.member), practice, by, ends, from), via);
        break;
      }
      case 'network':
        this.#model.network.get(operation.practice)!.push(operation.joins);
        await this.#post(this.#payer.network(operation.practice, operation.joins), operation.via);
        break;
      case 'specialty':
        this.#model.specialties.get(operation.practice)!.push(operation.code);
        for (const event of this.#payer.directory(operation.practice, operation.code))
          await this.#post(event, operation.via);
        break;
      case 'client':
        await this.#review(operation);
        break;
      case 'fault':
        await this.#faults.spoil(operation);
        break;
      case 'resolve': {
        const letters = await this.#faults.letters();
        if (letters.length > 0)
          await this.#faults.resolve(letters[operation.which % letters.length]!.id, operation.how, operation.via);
        break;
      }
      case 'repeat': {
        const good = this.#payer.sent.filter(({ spoilt }) => spoilt === undefined);
        if (good.length > 0)
          await this.#post(
            good[operation.which % good.length]!.event,
            operation.via,
            good[operation.which % good.length]!.stated,
          );
        break;
      }
      case 'next page':
      case '$docref':
      case 'binary':
      case 'export':
      case 'delta':
      case 'download':
        await this.#observer.read(operation);
        break;
      case 'kill':
      case 'partial append':
      case 'clock':
      case 'time passes':
      case 'rebuild':
      case 'roll-out':
        await this.#world.disturb(operation);
        break;
      case 'settle':
        await this.#settle();
        await this.#observer.lookAround('when everything was settled');
        break;
    }
    await this.#afterwards();
  }

  async #afterwards(): Promise<void> {
    await this.#world.afterwards();
    this.#observer.tick();
  }
  async #publish(statement: Statement): Promise<void> {
    const { event, stated } = this.#eventOf(statement);
    await this.#send(event, statement, stated);
  }
  async #publishLines({ statements, junk, via }: Extract<Operation, { op: 'lines' }>): Promise<void> {
    const all = statements.map((statement) => this.#eventOf(statement));
    this.#payer.sent.push(...all);
    const lines = all.map(({ event }) => JSON.stringify(toStructured(event)));
    const rows = await this.#world.publishLines(junk ? ['{"id":', ...lines] : lines, via);
    if (junk && rows[0].status !== 'refused') throw new Broken(`half a line was answered ${JSON.stringify(rows[0])}`);
    this.#observer.tick();
    for (const [i, { event, stated }] of all.entries()) {
      if (stated !== undefined) stated.sent = [stated.sent[0], this.#world.now];
      this.#compareEffect(event, rows[junk ? i + 1 : i], stated);
    }
  }
  /** The event of a statement, and what the model knows about it. */
  #eventOf(statement: Statement): { readonly event: DomainEvent; readonly stated?: ModelStatement } {
    const member = this.#members[statement.member]!;
    const { now } = this.#world;
    if (statement.op === 'merge') {
      const other = this.#members[statement.other]!;
      const event = this.#payer.event('payer.members-merged.v1', member, { from: other });
      this.#model.merges.push({ id: event.id, member, other, time: Date.parse(event.time) });
      return { event };
    }
    const from =
      statement.from === undefined
        ? undefined
        : when(now + statement.from * MINUTE, statement.day, statement.op === 'opt-in' ? 'gives' : 'takes');
    const source = SOURCES[statement.source]!;
    const { type, data, reach } =
      statement.op === 'consent'
        ? {
            type: 'payer.resource-recorded.v1',
            data: { resource: consentOf(member, statement, from?.text) },
            reach: reachOf(scopeOf(statement.target), true),
          }
        : statedBy(statement);
    const dated = statement.op !== 'consent' && from !== undefined ? { ...data, effectiveFrom: from.text } : data;
    const event = this.#payer.event(type, member, dated, { source, ago: statement.ago });
    if (statement.op === 'consent' && statement.content !== 'deny') return { event };
    const stated: ModelStatement = {
      id: event.id,
      out: statement.op !== 'opt-in',
      member,
      source,
      time: Date.parse(event.time),
      sent: [now, now],
      from: from?.ms,
      reach,
    };
    this.#model.statements.push(stated);
    return { event, stated };
  }
  async #send(
    event: DomainEvent,
    { post, via }: { readonly post: boolean; readonly via: number },
    stated?: ModelStatement,
  ): Promise<void> {
    if (post) return this.#post(event, via, stated);
    this.#payer.sent.push({ event, ...(stated !== undefined && { stated }) });
    await this.#world.append(event);
    if (stated !== undefined) stated.sent = [stated.sent[0], this.#world.now];
  }

  /** Sends an event until it is acknowledged, and compares the effect that the platform reports. */
  async #post(event: DomainEvent, via: number, stated?: ModelStatement): Promise<void> {
    const known = this.#payer.sent.some((sent) => sent.event === event);
    if (!known) this.#payer.sent.push({ event, ...(stated !== undefined && { stated }) });
    const answer = await this.#world.publish(event, via);
    this.#observer.tick();
    if (answer.status !== 202) throw new Broken(`${event.type} was answered ${answer.status} ${answer.body}`);
    if (stated !== undefined && !known) stated.sent = [stated.sent[0], this.#world.now];
    this.#compareEffect(event, json(answer), stated);
  }
  /** Compares the effect of a statement that the platform reports. */
  #compareEffect(event: DomainEvent, answer: ReturnType<typeof json>, stated: ModelStatement | undefined): void {
    const { status, deadLetter } = answer;
    if (stated === undefined) return;
    const allowed = this.#model.answers(stated);
    if (!allowed.includes(status))
      throw new Broken(
        `${event.id}, an opt-${stated.out ? 'out' : 'in'} of ${stated.member}, was answered ` +
          `${JSON.stringify(answer)}; only ${allowed.join(', ')} is right`,
      );
    if (status === 'parked')
      this.#model.holds.push({ id: event.id, members: [stated.member], person: true, settled: true });
    else if (status !== 'accepted') stated.settled = true;
    if (status === 'parked' && deadLetter === undefined) throw new Broken('parked, and no dead letter is named');
  }

  #medication(copy: boolean): DomainEvent {
    const { resource, holder } = this.#observer.medication.revise(copy);
    return holder === undefined
      ? this.#payer.event('payer.provider-recorded.v1', `Medication/${this.#observer.medication.id}`, { resource })
      : this.#payer.event('payer.resource-recorded.v1', holder, { resource });
  }

  /** Each version has a text of its own, because the same content would make no new version. */
  #document(version: Pick<Extract<Operation, { op: 'document' }>, 'member' | 'attachments' | 'labelled'>): DomainEvent {
    const member = this.#members[version.member]!;
    this.#model.revise({ ...version, member });
    const text = `version ${this.#model.documents.length}`;
    const resource = documentOf(member, version, text, this.#world.attachmentBytes);
    return this.#payer.event('payer.resource-recorded.v1', member, { resource });
  }

  async #review({
    client,
    suspend,
    via,
  }: {
    readonly client: number;
    readonly suspend: boolean;
    readonly via: number;
  }): Promise<void> {
    const { approved } = this.#model;
    if (approved[client] !== suspend) return;
    const known = this.#world.clients[client]!;
    if (!suspend) {
      await this.#world.approve(client, via);
      known.approvals += 1;
    } else if (client === UNBOUND) {
      known.approvals += await this.#world.unbind(client, via);
    } else await this.#world.suspend(client, via);
    approved[client] = !suspend;
  }

  /** Corrects all clocks, waits until everything is read, and replays dead letters that are readable now. */
  async #settle(): Promise<void> {
    const clocksWereWrong = this.#model.farBehind;
    await this.#world.calm(this.#model.lead);
    this.#model.now = this.#world.now;
    for (let left = true; left;) {
      await this.#world.caughtUp();
      const unexpected = (await this.#faults.letters()).filter(({ event }) => !this.#faults.has(event));
      if (unexpected.length > 0 && !clocksWereWrong)
        throw new Broken(
          `became a dead letter: ${unexpected.map(({ event, reason }) => `${event} (${reason})`).join(', ')}`,
        );
      for (const { id } of unexpected) await this.#faults.resolve(id, 'replay', 0);
      left = unexpected.length > 0;
    }
    await this.#world.afterwards();
    await this.#world.caughtUp();
    this.#model.settle();
    // Advance the clock, so that an export from now on is later than all records.
    await this.#world.work();
    this.#observer.tick();
    this.#observer.exports.quietSince = this.#world.now;
  }
}

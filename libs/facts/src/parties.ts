import type { ClientFacts, HoldFact, LinesFact, NetworkFact, PartyFacts } from '@provider-access/domain/access';
import {
  PA_ATTESTATIONS,
  PA_ATTRIBUTION,
  PA_CONSENT,
  PA_DIRECTORY,
  PA_PROVIDERS,
  PA_REGISTRY,
  PROGRESS_TYPE,
  type ProviderKey,
  unknownType,
} from '@provider-access/events';
import {
  type Batch,
  EngineUnavailable,
  type EventLog,
  InboundProgress,
  type LogRecord,
  type Position,
  reached,
  type Subscription,
} from '@provider-access/engines/log';
import type { Views } from '@provider-access/engines/views';
import type { ClientDetails } from './client-details.ts';
import type { NetworkStatements } from './network-status.ts';
import { Networks } from './networks.ts';
import { PartiesRead, type ReadOfParties } from './read-until.ts';
import { subjectOf, typeOfRecord } from './record.ts';
import { Registrations } from './registrations.ts';
import { readSourceHolds, SourceHolds } from './source-holds.ts';
import { Specialties } from './specialties.ts';
import { type ErrorLog, logPassedOver } from './passed-over-log.ts';

export const PARTY_TOPICS = [
  PA_REGISTRY,
  PA_PROVIDERS,
  PA_DIRECTORY,
  PA_CONSENT,
  PA_ATTRIBUTION,
  PA_ATTESTATIONS,
] as const;

type MemberListener = (member: string, record: LogRecord) => void;
/** Those of the topics whose events are about members. */
const MEMBER_TOPICS: ReadonlySet<string> = new Set([PA_CONSENT, PA_ATTRIBUTION, PA_ATTESTATIONS]);

/**
 * The log to follow, and the views of the deployment. Attribution keeps a view of the holds of whole sources, so that a
 * start does not have to read every event about every member.
 */
export interface PartiesSource {
  readonly log: EventLog;
  readonly views: Pick<Views, 'reader' | 'store'>;
  /** Gets one line for each record that could not be read. */
  readonly logger?: ErrorLog | undefined;
}

/** What the configuration of a deployment decides beside the facts. It is the same in every process. */
export interface PartyPolicy {
  /** Nobody sees a member who has not got a notice. Default: false. */
  readonly holdsUntilNotice?: boolean | undefined;
}

/**
 * Keeps clients, network status and holds of whole sources in memory, and follows the topics that change them
 * (docs/architecture.md#one-decision). Of pa.consent and pa.attribution it keeps only events without a member. A start
 * reads those from a view (`sourceHolds`). Of pa.attestations it keeps nothing, and tells its listeners of the members.
 */
export class Parties implements PartyFacts {
  /** Clients, our signing keys, and restores of the log. */
  readonly registry: Registrations;
  readonly #networks = new Networks();
  readonly #holds = new SourceHolds();
  readonly #directory = new Specialties();
  readonly #read = new PartiesRead();
  readonly #inbound = new InboundProgress(PARTY_TOPICS);
  readonly #listeners = new Set<(client: string) => void>();
  readonly #memberListeners = new Set<MemberListener>();
  readonly #waiters = new Set<() => void>();
  #following: Subscription | undefined;
  #loaded = false;
  #newest: string | undefined;
  #changes = 0;
  /** How many records could not be read since the start. */
  #unread = 0;
  #logger: ErrorLog | undefined;
  #presence: { current(): boolean } | undefined;

  readonly holdsUntilNotice: boolean;

  /**
   * @param details also collects what only auth needs: keys, contacts and unapproved registrations
   * @param policy what the deployment asks for beside the facts
   */
  constructor(details?: ClientDetails, { holdsUntilNotice = false }: PartyPolicy = {}) {
    this.registry = new Registrations(details);
    this.holdsUntilNotice = holdsUntilNotice;
  }

  /**
   * Resolves when everything that was in the log at the call is known. If the view lags or does not exist, the missing
   * records are read from the log. Topics that the view does not read are compacted or short, and are read from the
   * beginning.
   * @throws EngineUnavailable
   */
  async start(source: PartiesSource): Promise<void> {
    const { log, logger } = source;
    this.#logger = logger;
    const known = await readSourceHolds(source);
    if (known !== undefined) {
      this.#holds.load(known.documents);
      if (known.documents.length > 0) this.#read.resume(known.position);
      this.#inbound.resume(known.position.topics, known.position.waiting);
    }
    this.#following = await log.follow({
      topics: PARTY_TOPICS,
      ...(known !== undefined && { from: known.position.topics }),
      handle: (batch) => this.#handle(batch),
    });
    // The view knows nothing of outputs in other topics. By now this process knows all outputs that came before the
    // view's position.
    if (known !== undefined) this.#inbound.counted(known.position.derived);
    this.#inbound.settle();
    this.#loaded = true;
    this.#wake();
  }
  async stop(): Promise<void> {
    await this.#following?.stop();
  }
  /** True once the start has caught up. */
  ready(): boolean {
    return this.#loaded;
  }
  /**
   * Sets the check whether other processes still wait for this one before they acknowledge a change
   * (`PartiesPresence`). Without it there is no other process, or none that acknowledges changes.
   */
  seenBy(presence: { current(): boolean }): void {
    this.#presence = presence;
  }
  /**
   * False if another process may have acknowledged a change without waiting for this one. Then this process permits
   * nothing.
   */
  current(): boolean {
    return this.#presence?.current() ?? true;
  }
  failure(): string | undefined {
    return this.#following?.failure();
  }
  /**
   * How many records of the platform could not be read since the start. The members whom they may concern are denied.
   */
  unreadable(): number {
    return this.#unread;
  }
  /** A fault that needs attention although the facts are current. Without protected data. */
  notice(): string | undefined {
    return this.#unread === 0
      ? undefined
      : `${this.#unread} records of the platform could not be read: whom they concern is denied (runbook ` +
          'ProviderAccessRecordsUnreadable)';
  }

  client(id: string): ClientFacts | undefined {
    return this.registry.get(id);
  }
  network(provider: ProviderKey): readonly NetworkFact[] {
    return this.#networks.of(provider);
  }
  /** The same, if these were all statements about the provider. */
  networkBy(provider: ProviderKey, statements: NetworkStatements): readonly NetworkFact[] {
    return this.#networks.by(provider, statements);
  }
  identity(provider: ProviderKey): readonly ProviderKey[] {
    return this.#networks.identity(provider);
  }
  specialties(provider: ProviderKey): readonly string[] {
    return this.#directory.of(provider);
  }
  deactivated(provider: ProviderKey): boolean {
    return this.#directory.deactivated(provider);
  }
  lines(): readonly LinesFact[] {
    return this.registry.lines.facts();
  }
  /** The business time of the newest entry of a resource of the directory, as far as `waitFor` has passed it. */
  directoryTime(entry: string): string | undefined {
    return this.#directory.newest(entry);
  }
  /** The statements about this provider's network status that still matter, as far as `waitFor` has passed them. */
  networkStatements(provider: ProviderKey): NetworkStatements {
    return this.#networks.statements(provider);
  }
  sourceHolds(source: string): readonly HoldFact[] {
    return this.#holds.facts(source);
  }
  /**
   * The time of the newest statement that this process has read, even if it was not kept. It shows the process that its
   * own clock lags. Reports of progress do not count.
   */
  asOf(): string | undefined {
    return this.#newest;
  }
  /**
   * The instant of a decision: the clock (ms since the epoch), but never earlier than the newest statement was
   * recorded.
   */
  decisionTime(now: number): number {
    const at = this.#newest === undefined ? now : Math.max(now, Date.parse(this.#newest));
    this.registry.decidesAt(at);
    return at;
  }
  /** How far the records have been read that decisions now come from (ADR 0145). */
  readUntil(): ReadOfParties {
    return this.#read.until();
  }
  /** Counts the records that were read. While it stays, nothing here has changed but what ended by the clock. */
  changes(): number {
    return this.#changes;
  }
  /** Sources whose members are all denied now. */
  heldSources(): number {
    return this.#holds.open();
  }

  /** Registers a listener for changes of a client's right to access. Returns how to remove it. */
  onChange(listener: (client: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Registers a listener for the members of events that this process has read. It hears of an event before any position
   * says that this process has passed it.
   */
  onMember(listener: MemberListener): void {
    this.#memberListeners.add(listener);
  }

  position(): Position {
    return this.#following?.position() ?? {};
  }
  /** The inbound position that a deriver has handled and whose outputs are known here. */
  derived(deriver: string): Position {
    return this.#inbound.positions(deriver);
  }
  /** True once the own topics have passed `position`, false after the timeout (ms). */
  waitFor(position: Position, timeoutMs: number): Promise<boolean> {
    return this.#until(() => reached(this.position(), position), timeoutMs);
  }
  /** The same for positions of payer topics; each topic comes with the derivers that must have passed it. */
  waitForDerived(targets: readonly { position: Position; deriver: string }[], timeoutMs: number): Promise<boolean> {
    return this.#until(() => targets.every((t) => reached(this.derived(t.deriver), t.position)), timeoutMs);
  }

  #until(done: () => boolean, timeoutMs: number): Promise<boolean> {
    if (done()) return Promise.resolve(true);
    return new Promise((resolve) => {
      const end = (result: boolean): void => {
        clearTimeout(timer);
        this.#waiters.delete(look);
        resolve(result);
      };
      const look = (): void => {
        if (done()) end(true);
      };
      const timer = setTimeout(() => end(done()), timeoutMs);
      this.#waiters.add(look);
    });
  }
  #wake(): void {
    for (const look of [...this.#waiters]) look();
  }

  /**
   * Handles the records before one that a newer version wrote, and stops before it, because this version does not know
   * what that record denies.
   */
  #handle({ records }: Batch): void {
    const first = records.findIndex((record) => unknownType(record) !== undefined);
    this.#take(first < 0 ? records : records.slice(0, first));
    if (first < 0) return;
    const { topic, partition, offset } = records[first]!;
    throw new EngineUnavailable(
      `${topic}/${partition} has ${unknownType(records[first]!)!} at offset ${offset}, which this version does not ` +
        'know: a newer one wrote it',
    );
  }

  #take(records: readonly LogRecord[]): void {
    const changed = new Set<string>();
    for (const record of records) {
      const member = MEMBER_TOPICS.has(record.topic) ? subjectOf(record) : undefined;
      if (member !== undefined) for (const listener of this.#memberListeners) listener(member, record);
      const at = typeOfRecord(record) === PROGRESS_TYPE ? undefined : record.headers['ce_time'];
      if (at !== undefined && (this.#newest === undefined || at > this.#newest)) this.#newest = at;
      if (typeOfRecord(record) !== PROGRESS_TYPE) this.#changes += 1;
      this.#read.take(record);
      const client = this.#evolveOrDeny(record);
      if (client !== undefined) changed.add(client);
    }
    this.#inbound.settle();
    for (const client of changed) for (const listener of this.#listeners) listener(client);
    // The subscription's position moves after this handler has returned.
    setImmediate(() => this.#wake());
  }

  /**
   * A record that throws here must not stop the records after it. So every member whom it may concern is denied (ADR
   * 0018).
   */
  #evolveOrDeny(record: LogRecord): string | undefined {
    try {
      return this.#evolve(record);
    } catch (error) {
      this.#unread += 1;
      logPassedOver(this.#logger, record, error);
      return this.#deny(record);
    } finally {
      this.#inbound.handled(record);
    }
  }

  #deny(record: LogRecord): string | undefined {
    this.#changes += 1;
    if (record.topic === PA_REGISTRY) return this.registry.failed(record);
    if (record.topic === PA_DIRECTORY) {
      this.#directory.forget(subjectOf(record) ?? '');
      return undefined;
    }
    if (record.topic === PA_PROVIDERS) this.#networks.failed(record);
    else if (record.topic !== PA_ATTESTATIONS) this.#holds.failed(record);
    return undefined;
  }

  #evolve(record: LogRecord): string | undefined {
    if (record.topic === PA_REGISTRY) return this.registry.evolve(record);
    if (record.topic === PA_DIRECTORY) {
      if (typeOfRecord(record) === 'pa.directory-entry-recorded.v1') this.#directory.evolve(record);
      return undefined;
    }
    if (record.topic === PA_PROVIDERS) this.#networks.evolve(record);
    else if (record.topic !== PA_ATTESTATIONS) this.#holds.evolve(record);
    return undefined;
  }
}

import { disclosures, findDisclosures } from '@provider-access/audit';
import type { FactsHistory, Moment, ServedHistory } from '@provider-access/facts';
import { instant } from '@provider-access/kernel';
import type { EventLog } from '@provider-access/engines/log';
import type { ViewReader } from '@provider-access/engines/views';
import { PA_AUDIT } from '@provider-access/events';
import type { ServicePorts } from '@provider-access/service/http';

/** A question about what was served to an app of a member. */
interface Asked {
  readonly client: string;
  readonly member: string;
  readonly group?: string | undefined;
}
export interface Served extends ServedHistory {
  /** The id of the entry in the audit. */
  readonly entry: string;
}

/** An entry that is younger may not be in the view yet, ms of the clock. */
const RECENT_MS = 60_000;
/** How long a question waits for the view, ms. */
const WAIT_MS = 5000;
/** Entries with one time that are looked at. */
const MOST_ENTRIES = 20;

/**
 * Entries of the audit with the very time of a question (ADR 0145). A process decides by what it has read, and no time
 * says that. So the entry of the decision does, and `explain` with the time of the entry answers what was served.
 */
export class ServedDecisions {
  readonly #reader: ViewReader;
  readonly #history: FactsHistory;

  readonly #log: Pick<EventLog, 'head'>;

  constructor({ views, log }: Pick<ServicePorts, 'views' | 'log'>, history: FactsHistory) {
    this.#reader = views.reader(disclosures);
    this.#log = log;
    this.#history = history;
  }

  /**
   * What the decisions of the moment came from. Two processes may decide at one instant by different facts, so there
   * may be several; entries whose facts had been read equally far are one. Empty if the audit has no entry, or only
   * such that do not say it.
   * @param now RFC 3339, UTC, milliseconds
   */
  async at(asked: Asked, moment: Moment, now: string): Promise<readonly Served[]> {
    if (moment.at !== moment.known) return [];
    // A younger entry may not be in the view yet, also where it has another one of that instant.
    if (Date.parse(now) - Date.parse(moment.at) <= RECENT_MS)
      await this.#reader.waitFor(await this.#log.head([PA_AUDIT]), WAIT_MS);
    return this.#find(asked, moment.at);
  }

  async #find({ client, member, group }: Asked, at: string): Promise<readonly Served[]> {
    const within = { from: at, before: instant(Date.parse(at) + 1) };
    const { found } = await findDisclosures(this.#reader, { client, member, ...within }, { count: MOST_ENTRIES });
    const all = new Map<string, Served>();
    for (const { id, disclosure, read } of found) {
      if (read === undefined || disclosure.group !== group) continue;
      const n = disclosure.members.indexOf(member);
      const ofMember = Object.entries(read.ofMembers).map(([topic, offsets]) => [topic, offsets[n] ?? -1] as const);
      const { ofParties } = read;
      const facts = JSON.stringify([ofMember, ofParties]);
      if (all.has(facts)) continue;
      const served = await this.#history.asServed(member, at, { ofMember: Object.fromEntries(ofMember), ofParties });
      if (served !== undefined) all.set(facts, { entry: id, ...served });
    }
    return [...all.values()];
  }
}

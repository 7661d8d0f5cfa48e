import { type AccessHeld, dataOf, type DeadLetterDiscarded, type DeadLetterReplayed } from '@provider-access/events';
import { type Batch, deadLetterId, EngineUnavailable, type LogRecord } from '@provider-access/engines/log';
import { instant } from '@provider-access/kernel';
import type { ServicePorts } from '@provider-access/service/http';
import type { AccessHolds } from './access-holds.ts';
import type { Output } from './stage.ts';
import { placeOf } from './internal-fault.ts';
import { differenceOf, type Matter, matterOfHold } from './matter.ts';

export interface ResolutionsRole {
  readonly deriver: string;
  /** The order in which topics are appended. */
  readonly topics: readonly string[];
  readonly holds: AccessHolds;
  /** The events that publish the end of a hold of one member, of providers or of a source. */
  readonly release: (held: AccessHeld, at: string) => Promise<readonly Output[]>;
}

/** How a record that replays a dead letter ended: it took effect, or somebody discarded it. */
type End = Matter | 'discarded';

/** A hold that ends, and the events that publish it. */
interface Ended {
  readonly held: AccessHeld;
  readonly outputs: readonly Output[];
}

/**
 * Ends the holds of dead letters. A hold ends when an operator discards the dead letter, or when two things are known.
 * First, the dead-letter topic states at which place an operator replayed it. Second, the record at that place took
 * effect with the type and subject of the original. Only the platform writes to the dead-letter topic. The header
 * `ce_pareplayof` of an event only hints at the dead letter: any producer can set it, and it ends nothing.
 *
 * Either of the two may be known first. Each one stores what it knows and then reads the other, so the later one ends
 * the hold. If a replay becomes a dead letter again, that dead letter has its own name. When it ends, the first one
 * ends too.
 */
export class Resolutions {
  readonly #ports: ServicePorts;
  readonly #role: ResolutionsRole;
  readonly #replays: string;

  constructor(ports: ServicePorts, role: ResolutionsRole) {
    this.#ports = ports;
    this.#role = role;
    this.#replays = `dead-letter-replays/${role.deriver}`;
  }

  /**
   * Call this when an event took effect that states that it replays `deadLetter`, and all its results are durable.
   * @param name `deadLetterId` of its place
   * @param at RFC 3339 instant
   * @throws EngineUnavailable: then call it again
   */
  async took(name: string, deadLetter: string, matter: Matter, at: string): Promise<void> {
    if ((await this.#role.holds.find(deadLetter)) !== undefined)
      await this.#append(await this.#ended(name, matter, at));
  }

  /**
   * Records of a dead-letter topic.
   * @param notBefore ms since the epoch: members who become visible count as visible from then on at the earliest (ADR
   * 0023)
   * @throws EngineUnavailable: then the batch is delivered again
   */
  async handle({ records }: Batch, notBefore = 0): Promise<void> {
    for (const record of records) {
      try {
        await this.#append(await this.#noted(record, instant(Math.max(record.timestamp, notBefore))));
      } catch (error) {
        if (error instanceof EngineUnavailable) throw error;
        // The hold stays. Somebody can discard the dead letter again.
        this.#ports.logger.error(
          { topic: record.topic, partition: record.partition, offset: record.offset, ...placeOf(error) },
          'the platform failed at a note about a dead letter',
        );
      }
    }
  }

  async #noted(record: LogRecord, at: string): Promise<readonly Ended[]> {
    switch (record.headers['ce_type']) {
      case 'pa.dead-letter-discarded.v1':
        return this.#end(dataOf<DeadLetterDiscarded>(record).deadLetter, 'discarded', at);
      case 'pa.dead-letter-replayed.v1': {
        const { deadLetter, place } = dataOf<DeadLetterReplayed>(record);
        // The release before this one wrote the record without the replayed event. An operator discards the dead letter
        // once the event took effect.
        if (place === undefined) return [];
        const { claims } = this.#ports.state;
        const name = deadLetterId(place.topic, place.partition, place.offset);
        await claims.claim(this.#replays, name, deadLetter);
        const known = await this.#role.holds.endOf(name);
        return known === undefined ? [] : this.#end(deadLetter, JSON.parse(known) as End, at);
      }
      default:
        return [];
    }
  }

  /** The holds that end with a dead letter, and with the one that it was a replay of. */
  async #end(deadLetter: string, how: End, at: string): Promise<readonly Ended[]> {
    const { holds, release } = this.#role;
    const held = await holds.find(deadLetter);
    if (held !== undefined && how !== 'discarded' && differenceOf(matterOfHold(held), how) !== undefined) return [];
    const rest = await this.#ended(deadLetter, how, at);
    if (held === undefined) return rest;
    const released: Ended[] = [];
    for (const hold of await holds.release(held)) released.push({ held: hold, outputs: await release(hold, at) });
    return [...released, ...rest];
  }

  async #ended(name: string, how: End, at: string): Promise<readonly Ended[]> {
    await this.#role.holds.end(name, JSON.stringify(how));
    const replayed = await this.#ports.state.claims.get(this.#replays, name);
    return replayed === undefined ? [] : this.#end(replayed, how, at);
  }

  async #append(ended: readonly Ended[]): Promise<void> {
    const outputs = ended.flatMap((one) => one.outputs);
    for (const topic of this.#role.topics) {
      const records = outputs.filter((output) => output.topic === topic).map(({ record }) => record);
      if (records.length > 0) await this.#ports.log.append(topic, records);
    }
    await this.#role.holds.releasesAppended(ended.map(({ held }) => held));
  }
}

import type { Attestation } from './attestations.ts';
import { MINUTE } from './events.ts';
import type { MatchOperation } from './match-operations.ts';
import type { Model } from './model.ts';
import type { World } from './world.ts';

export interface MatchingOptions {
  readonly world: World;
  readonly model: Model;
  readonly members: readonly string[];
  /** Prefix of the ids of a sequence. */
  readonly name: string;
}

/** Lets providers attest and withdraw, each of which the model learns. */
export class Matching {
  readonly #options: MatchingOptions;
  #results = 0;

  constructor(options: MatchingOptions) {
    this.#options = options;
  }

  async do(operation: MatchOperation): Promise<void> {
    const { world, model, members, name } = this.#options;
    const { all } = model.attestations;
    if (operation.op === 'attest') {
      this.#results += 1;
      const group = `${name}-matched-${this.#results}`;
      const from = world.now;
      const to = from + operation.minutes * MINUTE;
      const made = operation.members.map((n): Attestation => ({
        ...{ member: members[n]!, client: operation.client, group, from, to },
      }));
      all.push(...made);
      for (const one of made) await world.attest(one);
      return;
    }
    const newest = all.at(-1 - (operation.which % all.length));
    if (newest === undefined) return;
    const ended = all.filter(({ group, withdrawn }) => group === newest.group && withdrawn === undefined);
    for (const one of ended) {
      one.withdrawn = { settled: false };
      await world.withdraw(one);
    }
  }
}

import { randomBytes } from 'node:crypto';
import { encodeEvent, type GroupOpened } from '@provider-access/events';
import type { NewRecord } from '@provider-access/engines/log';
import { type GroupPart, groups } from '@provider-access/facts';
import { base32, instant, BoundedMap } from '@provider-access/kernel';
import type { ServicePorts } from '@provider-access/service/http';
import type { ViewReader } from '@provider-access/engines/views';
import type { GroupIdentity } from '../domain/decide-member-event.ts';

/** 128 random bits. The id reveals nothing about the provider, and no other Group ever gets it. */
const newGroupId = (): string => base32(randomBytes(16));
const KEPT = 100_000;
const keyOf = ({ providers, contract }: GroupIdentity): string => JSON.stringify([...providers, contract ?? null]);

interface FoundGroup {
  readonly group: string;
  readonly opened?: NewRecord;
}

/**
 * Group ids by provider identity and contract. Each is minted once, however many instances race (state.claims). If the
 * claims are lost, the groups view, which is built from the log, still knows every Group.
 */
export class GroupDirectory {
  readonly #ports: ServicePorts;
  readonly #reader: ViewReader;
  readonly #known = new BoundedMap<string, string>(KEPT);

  constructor(ports: ServicePorts) {
    this.#ports = ports;
    this.#reader = ports.views.reader(groups);
  }

  /** The Group of an identity, if there is one. It makes none. @throws EngineUnavailable */
  async known(identity: GroupIdentity): Promise<string | undefined> {
    const key = keyOf(identity);
    return this.#known.get(key) ?? (await this.#ports.state.claims.get('group', key)) ?? this.#opened(identity);
  }

  /**
   * The Groups about which a batch asserts something. A Group without a known opening gets one appended, again after a
   * crash between claim and append; readers keep the first.
   */
  batch() {
    const batch = new Map<string, FoundGroup>();
    return {
      groupOf: async (identity: GroupIdentity): Promise<string> => {
        const key = keyOf(identity);
        let found = batch.get(key);
        if (found === undefined) batch.set(key, (found = await this.#find(key, identity)));
        return found.group;
      },
      openings: (): readonly NewRecord[] => [...batch.values()].flatMap(({ opened }) => opened ?? []),
      /** Call this when the openings are durable. */
      done: (): void => {
        for (const [key, { group }] of batch) this.#known.set(key, group);
      },
    };
  }

  /** The Group of an identity, with its opening if none is known. @throws EngineUnavailable */
  async #find(key: string, identity: GroupIdentity): Promise<FoundGroup> {
    const known = this.#known.get(key);
    if (known !== undefined) return { group: known };
    const { claims } = this.#ports.state;
    const group =
      (await claims.get('group', key)) ??
      (await claims.claim('group', key, (await this.#opened(identity)) ?? newGroupId()));
    if ((await this.#reader.get(group)) === undefined) return { group, opened: this.#openedRecord(group, identity) };
    this.#known.set(key, group);
    return { group };
  }
  /** A Group of this identity in the view. If there are several, the one that was opened first. */
  async #opened({ providers, contract }: GroupIdentity): Promise<string | undefined> {
    const found: { readonly id: string; readonly at: string }[] = [];
    for await (const { _id: id, group } of this.#reader.scan({ index: 'by_provider', equals: [providers[0]!] })) {
      const { contract: its, providers: all, openedAt: at } = group as GroupPart;
      if (its === contract && all.length === providers.length && providers.every((p) => all.includes(p)))
        found.push({ id, at });
    }
    return found.sort((a, b) => (`${a.at} ${a.id}` < `${b.at} ${b.id}` ? -1 : 1))[0]?.id;
  }
  #openedRecord(group: string, identity: GroupIdentity): NewRecord {
    const openedAt = instant(this.#ports.clock.now());
    const { providers, contract } = identity;
    const data: GroupOpened = { group, providers, contract, openedAt };
    return encodeEvent({
      id: `opened~${group}`,
      source: 'urn:provider-access:attribution',
      type: 'pa.group-opened.v1',
      time: openedAt,
      subject: group,
      data,
    });
  }
}
export type GroupBatch = ReturnType<GroupDirectory['batch']>;

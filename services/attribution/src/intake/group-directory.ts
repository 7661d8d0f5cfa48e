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

  /** The Groups of one batch. */
  batch(): GroupBatch {
    return new GroupBatch(this);
  }

  /** The Group of an identity, with its opening if none is known. @throws EngineUnavailable */
  async find(key: string, identity: GroupIdentity): Promise<FoundGroup> {
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
  /** The opening of the Group is durable. */
  remember(key: string, group: string): void {
    this.#known.set(key, group);
  }
  /** A Group of this identity in the view. If there are several, the one that was opened first. */
  async #opened({ providers, contract }: GroupIdentity): Promise<string | undefined> {
    let first: { id: string; openedAt: string } | undefined;
    for await (const document of this.#reader.scan({ index: 'by_provider', equals: [providers[0]!] })) {
      const group = document['group'] as GroupPart;
      if (
        group.contract !== contract ||
        group.providers.length !== providers.length ||
        !providers.every((p) => group.providers.includes(p))
      )
        continue;
      if (
        first === undefined ||
        group.openedAt < first.openedAt ||
        (group.openedAt === first.openedAt && document._id < first.id)
      )
        first = { id: document._id, openedAt: group.openedAt };
    }
    return first?.id;
  }
  #openedRecord(group: string, identity: GroupIdentity): NewRecord {
    const openedAt = instant(this.#ports.clock.now());
    const data: GroupOpened = {
      group,
      providers: identity.providers,
      ...(identity.contract !== undefined && { contract: identity.contract }),
      openedAt,
    };
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

/**
 * The Groups about which a batch asserts something. A Group without a known opening gets one appended, again after a
 * crash between claim and append; readers keep the first.
 */
export class GroupBatch {
  readonly #found = new Map<string, FoundGroup>();
  readonly #directory: GroupDirectory;
  constructor(directory: GroupDirectory) {
    this.#directory = directory;
  }
  async groupOf(identity: GroupIdentity): Promise<string> {
    const key = JSON.stringify([...identity.providers, identity.contract ?? null]);
    let found = this.#found.get(key);
    if (found === undefined) this.#found.set(key, (found = await this.#directory.find(key, identity)));
    return found.group;
  }
  openings(): readonly NewRecord[] {
    return [...this.#found.values()].map((f) => f.opened).filter((o) => o !== undefined);
  }
  /** Call this when the openings are durable. */
  done(): void {
    for (const [key, { group }] of this.#found) this.#directory.remember(key, group);
  }
}

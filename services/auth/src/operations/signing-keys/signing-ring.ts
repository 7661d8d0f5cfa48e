import { Inject, Injectable } from '@nestjs/common';
import type { SigningKeyWithdrawn } from '@provider-access/events';
import { Parties, type PresenceOptions } from '@provider-access/facts';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { ACCESS_TOKEN_LIFETIME, type Secret, type SigningKey, type SigningKeys } from '@provider-access/smart';
import { RegistryStreams } from '../../apps/registry-streams.ts';

/** ms from the removal of a key from the last instance until all its tokens have expired, with clock skew. */
export const WITHDRAW_AFTER_MS = (ACCESS_TOKEN_LIFETIME + 60) * 1000;
/** Presence group in which each instance of auth announces the kids in its file. */
const GROUP = 'signing-keys';
const PRESENT_MS = 20_000;
const LOOK_MS = 5000;
const SOON_MS = 500;

/** Injection token of the private keys in the file, in the order of preference. */
export const SIGNING_KEYS = Symbol('SigningKeys');
/** Injection token of how other processes see this one. Undefined where one process runs everything. */
export const PRESENCE = Symbol('Presence');

const streamOf = (kid: string): string => `signing-key/${kid}`;

/**
 * Moves our signing keys through their life: in the file → published → known to every reader → signing → gone from the
 * files of all instances → withdrawn. pa.registry decides which keys verify tokens; the file only offers keys.
 */
@Injectable()
export class SigningRing {
  /** Kids of published keys that every reader has read. */
  private readonly acknowledged = new Set<string>();
  /** For each published kid that is in no file: when this process first missed it. */
  private readonly missingSince = new Map<string, number>();
  private running = false;
  private timer: NodeJS.Timeout | undefined;
  private working: Promise<boolean> = Promise.resolve(true);
  private stopListening: () => void = () => undefined;

  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(SIGNING_KEYS) private readonly keys: Secret<SigningKeys>,
    @Inject(Parties) private readonly parties: Parties,
    @Inject(RegistryStreams) private readonly streams: RegistryStreams,
    @Inject(PRESENCE) private readonly presence: PresenceOptions | undefined,
  ) {}

  /** The key to sign with: the first key of the file that every reader knows and that is not withdrawn. */
  key(): SigningKey | undefined {
    return this.keys.current.find((key) => this.acknowledged.has(key.kid) && this.isPublished(key));
  }

  /** Resolves after the first round. Later rounds run on a timer. */
  async start(): Promise<void> {
    this.running = true;
    this.stopListening = this.keys.onChange(() => this.soon(0));
    await this.cycle();
  }
  async stop(): Promise<void> {
    this.running = false;
    this.stopListening();
    clearTimeout(this.timer);
    await this.working;
    await this.presence?.port.leave(GROUP, this.presence.holder).catch(() => undefined);
  }

  /** Withdraws a key for good, and waits for every reader. @throws Refusal 503 when readers do not catch up in time */
  async withdraw(kid: string, reason: SigningKeyWithdrawn['reason'], by: string): Promise<void> {
    this.acknowledged.delete(kid);
    const key = streamOf(kid);
    const version = (await this.ports.state.streams.load(key))?.version ?? 0;
    // Version 2 means that the key is withdrawn already: by another instance, or by an earlier attempt.
    if (version < 2) {
      const data: SigningKeyWithdrawn = { kid, reason, by };
      const event = { id: `${key}/withdrawn`, type: 'pa.signing-key-withdrawn.v1', subject: kid, data, key };
      await this.streams.append(key, version, [event], { kid, withdrawn: true });
    }
    await this.streams.acknowledge(key, 2);
  }

  /**
   * Publishes new keys, waits for readers and withdraws old keys. `now`: monotonic, ms.
   * @returns false when the next round has to continue
   */
  async round(now = performance.now()): Promise<boolean> {
    const { keys, parties, presence } = this;
    const mine = keys.current;
    await presence?.port.announce(GROUP, presence.holder, { kids: mine.map((key) => key.kid) }, PRESENT_MS);
    let complete = true;
    for (const key of mine)
      if (!this.acknowledged.has(key.kid) && parties.registry.withdrawnKey(key.kid) === undefined)
        complete = (await this.publish(key)) && complete;
    await this.withdrawMissing(mine, now);
    return complete;
  }

  /** Publishes a kid once, even if several processes try. */
  private async publish(key: SigningKey): Promise<boolean> {
    const { kid, publicJwk } = key;
    const id = streamOf(kid);
    const event = { id, type: 'pa.signing-key-published.v1', subject: kid, data: { kid, jwk: publicJwk }, key: id };
    // A conflict is not an error: the key was published before.
    await this.streams.append(id, 0, [event], { kid });
    try {
      await this.streams.acknowledge(id, 1);
    } catch {
      return false;
    }
    this.acknowledged.add(kid);
    if (!this.isPublished(key) && this.parties.registry.withdrawnKey(kid) === undefined)
      this.ports.logger.error(
        { kid },
        'a signing key has the kid of another key that was published before and is not used: give it a new kid',
      );
    return true;
  }

  /** Withdraws a key after no instance has had it in its file for longer than a token lives. */
  private async withdrawMissing(mine: readonly SigningKey[], now: number): Promise<void> {
    const { parties, presence } = this;
    const held = new Set(mine.map((key) => key.kid));
    for (const { data } of (await presence?.port.list(GROUP)) ?? [])
      for (const kid of (data as { kids: readonly string[] }).kids) held.add(kid);
    for (const { kid } of parties.registry.signingKeys()) {
      if (held.has(kid)) {
        this.missingSince.delete(kid);
        continue;
      }
      this.acknowledged.delete(kid);
      const since = this.missingSince.get(kid) ?? now;
      this.missingSince.set(kid, since);
      if (now - since >= WITHDRAW_AFTER_MS) await this.withdraw(kid, 'rotated', 'auth');
    }
  }

  private isPublished({ kid, publicJwk }: SigningKey): boolean {
    const jwk = this.parties.registry.signingKey(kid)?.jwk;
    return jwk !== undefined && jwk['x'] === publicJwk.x && jwk['y'] === publicJwk.y;
  }
  private soon(ms: number): void {
    if (!this.running) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.cycle(), ms);
    this.timer.unref();
  }
  private async cycle(): Promise<void> {
    this.working = this.round().catch((error: unknown) => {
      // An engine is unavailable, or readers do not catch up. The next round tries again.
      this.ports.logger.warn(
        { error: error instanceof Error ? error.name : typeof error },
        'signing keys could not be published or withdrawn; the next round tries again',
      );
      return false;
    });
    this.soon((await this.working) ? LOOK_MS : SOON_MS);
  }
}

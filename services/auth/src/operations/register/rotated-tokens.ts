import { Inject, Injectable } from '@nestjs/common';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { newSecret, secretHash, secretMatches } from '@provider-access/smart';

/** Namespace of the claims, each of which lets one update be repeated. */
const REPEATS = 'registration-repeat';
/** ms: how long an update whose answer got lost can be repeated with the token from before. */
const REPEAT_MS = 60 * 60 * 1000;

interface Repeat {
  /** Hash of the token with which the update came. */
  readonly former: string;
  /** Hash of the body of the update. */
  readonly body: string;
}
const nameOf = (client: string, hash: string): string => `${client}/${hash}`;
const bodyHash = (body: unknown): string => secretHash(JSON.stringify(body));

/**
 * New registration access tokens. An update gives one, and an answer may get lost. So the token from before still
 * permits the same update once more, and nothing else, until the app uses the new token, for an hour at most. The
 * state store has that in a claim under the hash of the new token. Without the claim, the former token is refused.
 */
@Injectable()
export class RotatedTokens {
  constructor(@Inject(PORTS) private readonly ports: ServicePorts) {}

  /**
   * A token for what follows the update `body`, which came with the token `former`. The former one may repeat the
   * update as soon as the registration has the new hash.
   */
  async rotate(
    client: string,
    former: string,
    body: unknown,
  ): Promise<{ readonly token: string; readonly hash: string }> {
    const { state, clock } = this.ports;
    const token = newSecret();
    const hash = secretHash(token);
    const repeat: Repeat = { former: secretHash(former), body: bodyHash(body) };
    await state.claims.claim(REPEATS, nameOf(client, hash), JSON.stringify(repeat), clock.now() + REPEAT_MS);
    return { token, hash };
  }

  /** Whether the token is the one from before `hash`, and the update is the one that gave `hash`. */
  async repeats(client: string, hash: string, token: string, body: unknown): Promise<boolean> {
    const text = await this.ports.state.claims.get(REPEATS, nameOf(client, hash));
    if (text === undefined) return false;
    const repeat = JSON.parse(text) as Repeat;
    return secretMatches(token, repeat.former) && bodyHash(body) === repeat.body;
  }

  /** The app has the token of this hash, so the one from before permits nothing any more. */
  async used(client: string, hash: string): Promise<void> {
    const { claims } = this.ports.state;
    const text = await claims.get(REPEATS, nameOf(client, hash));
    if (text !== undefined) await claims.release(REPEATS, nameOf(client, hash), text);
  }
}

import type { AccessHeld } from '@provider-access/events';

/** The part of state.claims that is needed here. */
interface Claims {
  claim(namespace: string, key: string, owner: string): Promise<string>;
  get(namespace: string, key: string): Promise<string | undefined>;
}

/**
 * Which dead letters a service holds access for, and whose: remembered before the hold is appended, so that a release
 * finds it whatever was delivered in between. One namespace a service.
 */
export class AccessHolds {
  private readonly claims: Claims;
  private readonly namespace: string;
  constructor(claims: Claims, deriver: string) {
    this.claims = claims;
    this.namespace = `access-hold/${deriver}`;
  }
  /** The hold as first remembered. */
  async remember(hold: AccessHeld): Promise<AccessHeld> {
    return JSON.parse(await this.claims.claim(this.namespace, hold.deadLetter, JSON.stringify(hold))) as AccessHeld;
  }
  /** undefined when this service never held access for the dead letter. */
  async find(deadLetter: string): Promise<AccessHeld | undefined> {
    const found = await this.claims.get(this.namespace, deadLetter);
    return found === undefined ? undefined : (JSON.parse(found) as AccessHeld);
  }
}

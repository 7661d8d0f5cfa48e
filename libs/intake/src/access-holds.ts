import { EVERY_SOURCE } from '@provider-access/access';
import type { AccessHeld } from '@provider-access/events';
import type { Logger, MemberHash } from '@provider-access/observability';
import type { Concerned } from './read.ts';

/** The part of state.claims that is needed here. */
interface Claims {
  claim(namespace: string, key: string, owner: string): Promise<string>;
  get(namespace: string, key: string): Promise<string | undefined>;
}

/**
 * Whom a hold denies when the event may restrict access: its member, else by the policy everybody or its source. The source is always known, if
 * only as `unknown`; a source that never spoke of anybody before, such as a new portal, would deny nobody.
 */
export function heldBy({ member, source }: Concerned, policy: 'hold-all' | 'hold-source'): Concerned {
  if (member !== undefined) return { member, source };
  return { source: policy === 'hold-all' ? EVERY_SOURCE : source };
}

/**
 * Which dead letters a service holds access for, and whose: remembered before the hold is appended, so that a release
 * finds it whatever was delivered in between. One namespace a service.
 */
export class AccessHolds {
  private readonly claims: Claims;
  private readonly namespace: string;
  private readonly told: { readonly logger: Pick<Logger, 'warn'>; readonly memberHash?: MemberHash } | undefined;
  /** `told`: where each hold is said, with the hash of the member. */
  constructor(claims: Claims, deriver: string, told?: { readonly logger: Pick<Logger, 'warn'>; readonly memberHash?: MemberHash }) {
    this.told = told;
    this.claims = claims;
    this.namespace = `access-hold/${deriver}`;
  }
  /** The hold as first remembered. */
  async remember(hold: AccessHeld): Promise<AccessHeld> {
    const { deadLetter, eventType, member } = hold;
    this.told?.logger.warn({ deadLetter, eventType, ...(member !== undefined && { member: this.told.memberHash?.of(member) }) }, 'access is held until a parked event is resolved');
    return JSON.parse(await this.claims.claim(this.namespace, hold.deadLetter, JSON.stringify(hold))) as AccessHeld;
  }
  /** undefined when this service never held access for the dead letter. */
  async find(deadLetter: string): Promise<AccessHeld | undefined> {
    const found = await this.claims.get(this.namespace, deadLetter);
    return found === undefined ? undefined : (JSON.parse(found) as AccessHeld);
  }
}

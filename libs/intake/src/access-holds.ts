import { EVERY_SOURCE } from '@provider-access/access';
import type { AccessHeld } from '@provider-access/events';
import type { Logger, MemberHash } from '@provider-access/observability';

/** What is remembered of a hold. `others` are further members that it denies, each told by an event of its own. */
export interface Hold extends AccessHeld {
  readonly others?: readonly string[];
}
/** What is told of a hold: one for each member. */
export function eachMember({ others = [], ...hold }: Hold): readonly AccessHeld[] {
  return [hold, ...others.map((member) => ({ ...hold, member }))];
}
/** The part of state.claims that is needed here. */
interface Claims {
  claim(namespace: string, key: string, owner: string): Promise<string>;
  get(namespace: string, key: string): Promise<string | undefined>;
}

/**
 * Whom a hold denies: each member who is named. When no member can be read, the policy decides between everybody and the source of the event.
 * A hold of a source denies the members of whom that source has spoken, so a hold of a new portal denies nobody.
 */
export function holdOf(names: readonly string[], source: string, policy: 'hold-all' | 'hold-source'): Pick<Hold, 'member' | 'source' | 'others'> {
  const [member, ...others] = names;
  if (member === undefined) return { source: policy === 'hold-all' ? EVERY_SOURCE : source };
  return { member, source, ...(others.length > 0 && { others }) };
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
  async remember(hold: Hold): Promise<Hold> {
    const { deadLetter, eventType, member } = hold;
    this.told?.logger.warn({ deadLetter, eventType, ...(member !== undefined && { member: this.told.memberHash?.of(member) }) }, 'access is held until a parked event is resolved');
    return JSON.parse(await this.claims.claim(this.namespace, hold.deadLetter, JSON.stringify(hold))) as Hold;
  }
  /** undefined when this service never held access for the dead letter. */
  async find(deadLetter: string): Promise<Hold | undefined> {
    const found = await this.claims.get(this.namespace, deadLetter);
    return found === undefined ? undefined : (JSON.parse(found) as Hold);
  }
}

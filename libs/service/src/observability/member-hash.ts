import { createHmac, randomBytes } from 'node:crypto';
import { base32 } from '@provider-access/kernel';

/**
 * How log lines name a member: the first 16 bytes of HMAC-SHA-256 over the member id, in base32 (26 characters). The
 * same in all processes that share the keys, so that lines can be put together; without a key it tells nothing, and a
 * list of all member ids does not turn it around.
 */
export class MemberHash {
  /** Asked each time, the first hashes. Another use of the same keys must derive its own ones from them. */
  readonly keys: () => readonly Uint8Array[];
  constructor(keys: () => readonly Uint8Array[]) {
    this.keys = keys;
  }
  /** With a key of this process' own, where nothing is to be put together with others. */
  static random(): MemberHash {
    const keys = [randomBytes(32)];
    return new MemberHash(() => keys);
  }
  of(member: string): string {
    return hash(this.keys()[0]!, member);
  }
  /** By each key: the first is `of`, the others are what lines from before a rotation have. */
  all(member: string): readonly string[] {
    return this.keys().map((key) => hash(key, member));
  }
}
/** Provided by modules that name members in log lines. */
export const MEMBER_HASH = Symbol('MemberHash');

// The prefix keeps it apart from whatever else may be keyed with the same secret one day.
const hash = (key: Uint8Array, member: string): string =>
  base32(createHmac('sha256', key).update('member\n').update(member).digest().subarray(0, 16));

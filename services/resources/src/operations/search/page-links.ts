import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';
import type { Secret } from '@provider-access/smart';

/** The end of a page: the member and the index values of its last entry. */
export interface PageCursor {
  readonly member: string;
  readonly id: string;
  readonly lastUpdated?: number;
}
export interface PageToken {
  readonly client: string;
  readonly type: string;
  /** The normalised query of the first page. */
  readonly query: string;
  readonly after: PageCursor;
}

/**
 * Opaque, signed page links. A link is valid only for the client and the search for which it was made. The first key
 * signs; all keys verify.
 */
export class PageLinks {
  private readonly secret: Secret<readonly Buffer[]>;
  private from: readonly Buffer[] | undefined;
  private made: readonly KeyObject[] = [];
  constructor(secret: Secret<readonly Buffer[]>) {
    this.secret = secret;
  }
  /** Cached, because importing the keys costs more than a signature. */
  private keys(): readonly KeyObject[] {
    const { current } = this.secret;
    if (this.from !== current) this.made = (this.from = current).map((key) => createSecretKey(key));
    return this.made;
  }

  write(token: PageToken): string {
    const { client, type, query, after } = token;
    const payload = Buffer.from(
      JSON.stringify([query, after.member, after.id, ...(after.lastUpdated === undefined ? [] : [after.lastUpdated])]),
    );
    return Buffer.concat([seal(this.keys()[0]!, client, type, payload), payload]).toString('base64url');
  }

  /** Undefined, without a reason, when the link was changed or made for another client or type. */
  read(text: string, client: string, type: string): PageToken | undefined {
    const bytes = /^[A-Za-z0-9_-]{44,4000}$/.test(text) ? Buffer.from(text, 'base64url') : Buffer.alloc(0);
    if (bytes.length <= 32) return undefined;
    const payload = bytes.subarray(32);
    if (!this.keys().some((key) => timingSafeEqual(bytes.subarray(0, 32), seal(key, client, type, payload))))
      return undefined;
    const [query, member, id, lastUpdated] = JSON.parse(payload.toString('utf8')) as [string, string, string, number?];
    return { client, type, query, after: { member, id, ...(lastUpdated !== undefined && { lastUpdated }) } };
  }
}

const seal = (key: KeyObject, client: string, type: string, payload: Buffer): Buffer =>
  createHmac('sha256', key).update(`${client}\n${type}\n`).update(payload).digest();

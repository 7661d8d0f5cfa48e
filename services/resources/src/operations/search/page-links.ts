import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';
import { loadOrCreateToken } from '@provider-access/smart';

/** Where a page ended: member, and the index values of its last entry. */
export interface PageCursor { readonly member: string; readonly id: string; readonly lastUpdated?: number }
export interface PageToken {
  readonly client: string;
  readonly type: string;
  /** The normalised query of the first page. */
  readonly query: string;
  readonly after: PageCursor;
}

/** Opaque, signed page links: good only for the client and the search that they were given to. */
export class PageLinks {
  private readonly key: KeyObject;
  constructor(key: Buffer) {
    // Made once: from bytes each time it costs more than the seal.
    this.key = createSecretKey(key);
  }
  /** Reads the secret from a file, created (mode 0600) at the first start. */
  static async open(file: string): Promise<PageLinks> {
    return new PageLinks(Buffer.from(await loadOrCreateToken(file), 'base64url'));
  }

  write(token: PageToken): string {
    const { client, type, query, after } = token;
    const payload = Buffer.from(JSON.stringify([query, after.member, after.id, ...(after.lastUpdated === undefined ? [] : [after.lastUpdated])]));
    return Buffer.concat([this.seal(client, type, payload), payload]).toString('base64url');
  }

  /** undefined when it was tampered with, or given to another client or for another type: all the same from outside. */
  read(text: string, client: string, type: string): PageToken | undefined {
    const bytes = /^[A-Za-z0-9_-]{44,4000}$/.test(text) ? Buffer.from(text, 'base64url') : Buffer.alloc(0);
    if (bytes.length <= 32) return undefined;
    const payload = bytes.subarray(32);
    if (!timingSafeEqual(bytes.subarray(0, 32), this.seal(client, type, payload))) return undefined;
    const [query, member, id, lastUpdated] = JSON.parse(payload.toString('utf8')) as [string, string, string, number?];
    return { client, type, query, after: { member, id, ...(lastUpdated !== undefined && { lastUpdated }) } };
  }

  private seal(client: string, type: string, payload: Buffer): Buffer {
    return createHmac('sha256', this.key).update(`${client}\n${type}\n`).update(payload).digest();
  }
}

import { createCipheriv, createDecipheriv, createHmac, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import type { Secret } from '@provider-access/smart';
import { readFormer, writeFormer } from './former-links.ts';
import type { PageCursor } from './page.ts';
import type { PageToken } from './page-token.ts';

/** Node makes a KeyObject of any other key at each use, which costs more than a link. */
interface LinkKey {
  readonly cipher: KeyObject;
  readonly nonce: KeyObject;
  readonly former: KeyObject;
}
const derived = (key: Buffer, purpose: string): KeyObject =>
  createSecretKey(Buffer.from(hkdfSync('sha256', key, '', purpose, 32)));

const CIPHER = 'aes-256-gcm';
const IV = 12;
const TAG = 16;
/** Node refuses a request whose headers and URL have more than 16 KB. */
const MAX_LINK = 12_000;
const LINK = new RegExp(`^[A-Za-z0-9_-]{40,${MAX_LINK}}$`);
const MAX_QUERY = 64 * 1024;
/** Longer queries are deflated, so that they fit into a URL. */
const SHORT = 1_000;
const BRACKET = 0x5b;

/**
 * Page links that only this server can read, and that work only for the client and type for which they were made. They
 * are encrypted, because a query may have names and identifiers of a person, and a URL is written to logs on its way.
 * The first key encrypts; all keys decrypt.
 */
export class PageLinks {
  private readonly secret: Secret<readonly Buffer[]>;
  private from: readonly Buffer[] | undefined;
  private made: readonly LinkKey[] = [];
  constructor(secret: Secret<readonly Buffer[]>) {
    this.secret = secret;
  }
  /** Cached, because deriving the keys costs more than a link. */
  private keys(): readonly LinkKey[] {
    const { current } = this.secret;
    if (this.from !== current)
      this.made = (this.from = current).map((key) => ({
        cipher: derived(key, 'page link'),
        nonce: derived(key, 'page link nonce'),
        former: createSecretKey(key),
      }));
    return this.made;
  }

  /** Undefined if the link would be too long for a URL. */
  write(token: PageToken): string | undefined {
    const key = this.keys()[0]!;
    const former = writeFormer(key.former, token);
    if (former !== undefined) return former;
    const { client, type, query, after } = token;
    const aad = boundTo(client, type);
    const plain = Buffer.from(JSON.stringify([query, after]));
    // Deflating costs more than the rest of a link. A deflated text never begins with the bracket of a plain one.
    const text = plain.length <= SHORT ? plain : deflateRawSync(plain);
    const iv = createHmac('sha256', key.nonce).update(aad).update(text).digest().subarray(0, IV);
    const cipher = createCipheriv(CIPHER, key.cipher, iv).setAAD(aad);
    const sealed = Buffer.concat([cipher.update(text), cipher.final()]);
    const link = Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString('base64url');
    return link.length > MAX_LINK ? undefined : link;
  }

  /** Undefined, without a reason, when the link was changed or made for another client or type. */
  read(link: string, client: string, type: string): PageToken | undefined {
    if (!LINK.test(link)) return undefined;
    const bytes = Buffer.from(link, 'base64url');
    for (const key of this.keys()) {
      const text = opened(key.cipher, bytes, boundTo(client, type));
      if (text === undefined) continue;
      const [query, after] = JSON.parse(text) as [string, PageCursor | null | undefined];
      return { client, type, query, ...(after && { after }) };
    }
    const former = this.keys().map((key) => key.former);
    return readFormer(former, link, client, type);
  }
}

const boundTo = (client: string, type: string): Buffer => Buffer.from(`${client}\n${type}\n`);

function opened(key: KeyObject, bytes: Buffer, aad: Buffer): string | undefined {
  try {
    const decipher = createDecipheriv(CIPHER, key, bytes.subarray(0, IV), { authTagLength: TAG })
      .setAAD(aad)
      .setAuthTag(bytes.subarray(IV, IV + TAG));
    const text = Buffer.concat([decipher.update(bytes.subarray(IV + TAG)), decipher.final()]);
    return (text[0] === BRACKET ? text : inflateRawSync(text, { maxOutputLength: MAX_QUERY })).toString('utf8');
  } catch {
    return undefined;
  }
}

import { createCipheriv, createDecipheriv, createHmac, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';
import { deflateRawSync, inflateRawSync } from 'node:zlib';

const CIPHER = 'aes-256-gcm';
const IV = 12;
const TAG = 16;
/** Node refuses a request whose headers and URL have more than 16 KB. */
const MAX_LINK = 12_000;
const LINK = new RegExp(`^[A-Za-z0-9_-]{40,${MAX_LINK}}$`);
/** Bytes of a text. A link must not inflate to more. */
const MAX_TEXT = 64 * 1024;
/** Longer texts are deflated, so that they fit into a URL. */
const SHORT = 1_000;
const BRACKET = 0x5b;

/** Node makes a KeyObject of any other key at each use, which costs more than a link. */
interface LinkKey {
  readonly cipher: KeyObject;
  readonly nonce: KeyObject;
}
const derived = (key: Uint8Array, purpose: string): KeyObject =>
  createSecretKey(Buffer.from(hkdfSync('sha256', key, '', purpose, 32)));

/**
 * Page links that only this server can read, and that work only for what they are bound to, such as a client and a
 * type. They are encrypted, because a query may have names and identifiers of a person, and a URL is written to logs on
 * its way. The first key encrypts; all keys decrypt. Equal texts have equal links.
 */
export class SealedLinks {
  readonly #current: () => readonly Uint8Array[];
  readonly #purpose: string;
  #from: readonly Uint8Array[] | undefined;
  #made: readonly LinkKey[] = [];
  /**
   * @param keys asked each time; the same array while the keys are the same
   * @param purpose keeps the uses of a key apart
   */
  constructor(keys: () => readonly Uint8Array[], purpose: string) {
    this.#current = keys;
    this.#purpose = purpose;
  }
  /** Cached, because deriving the keys costs more than a link. */
  #keys(): readonly LinkKey[] {
    const current = this.#current();
    if (this.#from !== current)
      this.#made = (this.#from = current).map((key) => ({
        cipher: derived(key, this.#purpose),
        nonce: derived(key, `${this.#purpose} nonce`),
      }));
    return this.#made;
  }

  /** @param items of JSON. Undefined if the link would be too long for a URL, or if `read` would refuse its text. */
  write(boundTo: string, items: readonly unknown[]): string | undefined {
    const key = this.#keys()[0]!;
    const aad = Buffer.from(boundTo);
    const plain = Buffer.from(JSON.stringify(items));
    if (plain.length > MAX_TEXT) return undefined;
    // Deflating costs more than the rest of a link. A deflated text never begins with the bracket of a plain one.
    const text = plain.length <= SHORT ? plain : deflateRawSync(plain);
    const iv = createHmac('sha256', key.nonce).update(aad).update(text).digest().subarray(0, IV);
    const cipher = createCipheriv(CIPHER, key.cipher, iv).setAAD(aad);
    const sealed = Buffer.concat([cipher.update(text), cipher.final()]);
    const link = Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString('base64url');
    return link.length > MAX_LINK ? undefined : link;
  }

  /** The items; undefined, without a reason, when the link was changed or made for something else. */
  read(boundTo: string, link: string): readonly unknown[] | undefined {
    if (!LINK.test(link)) return undefined;
    const bytes = Buffer.from(link, 'base64url');
    const aad = Buffer.from(boundTo);
    for (const key of this.#keys()) {
      const text = opened(key.cipher, bytes, aad);
      if (text !== undefined) return JSON.parse(text) as unknown[];
    }
    return undefined;
  }
}

function opened(key: KeyObject, bytes: Buffer, aad: Buffer): string | undefined {
  try {
    const decipher = createDecipheriv(CIPHER, key, bytes.subarray(0, IV), { authTagLength: TAG })
      .setAAD(aad)
      .setAuthTag(bytes.subarray(IV, IV + TAG));
    const text = Buffer.concat([decipher.update(bytes.subarray(IV + TAG)), decipher.final()]);
    return (text[0] === BRACKET ? text : inflateRawSync(text, { maxOutputLength: MAX_TEXT })).toString('utf8');
  } catch {
    return undefined;
  }
}

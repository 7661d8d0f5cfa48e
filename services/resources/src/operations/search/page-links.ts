import { createSecretKey, type KeyObject } from 'node:crypto';
import { Refusal } from '@provider-access/kernel';
import { SealedLinks } from '@provider-access/service/http';
import type { Secret } from '@provider-access/smart';
import { readFormer, writeFormer } from './former-links.ts';
import type { PageCursor, PageToken } from './page.ts';

/** The parameter of a page link. */
export const PAGE = '_page';
export const invalidLink = (): Refusal =>
  new Refusal(
    'invalid-value',
    'This page link is not valid: follow the links of a Bundle unchanged, with the client that they were given to.',
    { expression: PAGE },
  );

/** Page links of searches and histories, which work only for the client and type for which they were made. */
export class PageLinks {
  readonly #links: SealedLinks;
  readonly #secret: Secret<readonly Buffer[]>;
  #from: readonly Buffer[] | undefined;
  #formerKeys: readonly KeyObject[] = [];
  constructor(secret: Secret<readonly Buffer[]>) {
    this.#secret = secret;
    this.#links = new SealedLinks(() => secret.current, 'page link');
  }
  #former(): readonly KeyObject[] {
    const { current } = this.#secret;
    if (this.#from !== current) this.#formerKeys = (this.#from = current).map((key) => createSecretKey(key));
    return this.#formerKeys;
  }

  /** Undefined if the link would be too long. */
  write(token: PageToken): string | undefined {
    const { client, type, query, after, sealed = false } = token;
    const former = sealed ? undefined : writeFormer(this.#former()[0]!, token);
    return former ?? this.#links.write(boundTo(client, type), [query, after]);
  }

  /** Undefined, without a reason, when the link was changed or made for another client or type. */
  read(link: string, client: string, type: string): PageToken | undefined {
    const items = this.#links.read(boundTo(client, type), link);
    if (items === undefined) return readFormer(this.#former(), link, client, type);
    const [query, after] = items as [string, PageCursor | null | undefined];
    return { client, type, query, ...(after && { after }), sealed: true };
  }
}

const boundTo = (client: string, type: string): string => `${client}\n${type}\n`;

import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import { Refusal, type Role } from '@provider-access/kernel';
import { bearerToken, type RequestWithHeaders } from './authenticate.ts';
import { fixedSecret, type Secret } from './secret-file.ts';

/** 256 random bits, base64url. */
export const newSecret = (): string => randomBytes(32).toString('base64url');
/** The sha256 of a secret in hex, which is stored and compared instead of the secret. */
export const secretHash = (secret: string): string => hash('sha256', secret, 'hex');
/**
 * Identifies a token without showing it: the first eight digits of its hash (`printf %s TOKEN | sha256sum | cut
 * -c1-8`).
 */
export const tokenMark = (secret: string): string => markOf(secretHash(secret));
const markOf = (hash: string): string => hash.slice(0, 8);
/** Whether a secret has this hash, in constant time. */
export function secretMatches(secret: string, expectedHash: string): boolean {
  const expected = Buffer.from(expectedHash, 'hex');
  const actual = Buffer.from(secretHash(secret), 'hex');
  return expected.length === actual.length && timingSafeEqual(actual, expected);
}

/** One token, several that are all accepted, or a file of tokens that may be replaced. */
export type TokensOfRole = string | readonly string[] | Secret<readonly string[]>;

/** The hashes of a role's current tokens, computed again only after the file was replaced. */
function hashesOf(tokens: TokensOfRole): () => readonly string[] {
  const secret =
    typeof tokens === 'string' ? fixedSecret([tokens]) : 'current' in tokens ? tokens : fixedSecret(tokens);
  let from: readonly string[] | undefined;
  let hashes: readonly string[] = [];
  return () => {
    if (from !== secret.current) hashes = (from = secret.current).map(secretHash);
    return hashes;
  };
}

/** The tokens of each role. A role may have several; their hashes are compared. */
export class StaticTokens {
  readonly #hashes: readonly (readonly [Role, () => readonly string[]])[];
  constructor(tokens: Readonly<Partial<Record<Role, TokensOfRole>>>) {
    this.#hashes = (Object.entries(tokens) as [Role, TokensOfRole][]).map(
      ([role, of]) => [role, hashesOf(of)] as const,
    );
  }
  roleOf(token: string): Role | undefined {
    let found: Role | undefined;
    // Compares with all tokens, so that the time does not show which of them matches.
    for (const [role, hashes] of this.#hashes)
      for (const expected of hashes()) if (secretMatches(token, expected)) found = role;
    return found;
  }
  /** Whether a token of the role with this mark (`tokenMark`) is still accepted. */
  hasMark(role: Role, mark: string): boolean {
    const [, hashes] = this.#hashes.find(([of]) => of === role) ?? [];
    return hashes?.().some((hash) => markOf(hash) === mark) === true;
  }
  /** @throws Refusal 401 unless the request has the token of one of the roles */
  require(request: RequestWithHeaders, roles: readonly Role[]): Role {
    const token = bearerToken(request);
    if (token === undefined)
      throw new Refusal(
        'invalid-token',
        `This route needs the ${roles.join(' or ')} token in the header Authorization: Bearer.`,
        {
          headers: { 'www-authenticate': 'Bearer' },
        },
      );
    const role = this.roleOf(token);
    if (role === undefined || !roles.includes(role))
      throw new Refusal('invalid-token', `This is not the ${roles.join(' or ')} token.`);
    return role;
  }
}

/** Where a module provides its StaticTokens. */
export const STATIC_TOKENS = Symbol('smart.StaticTokens');

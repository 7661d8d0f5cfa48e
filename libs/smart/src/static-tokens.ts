import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import { Inject, Injectable, type CanActivate, type ExecutionContext, type Type } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Refusal } from '@provider-access/http';
import { bearerToken, type RequestWithHeaders } from './authenticate.ts';
import { readOrCreatePrivateFile } from './private-file.ts';

export type StaticRole = 'administrator' | 'payer';

/** 256 random bits, base64url. */
export const newSecret = (): string => randomBytes(32).toString('base64url');
/** What is kept of a secret, and compared: sha256, hex. */
export const secretHash = (secret: string): string => hash('sha256', secret, 'hex');
/** Whether a secret has this hash; takes the same time whatever differs. */
export function secretMatches(secret: string, expectedHash: string): boolean {
  const expected = Buffer.from(expectedHash, 'hex');
  const actual = Buffer.from(secretHash(secret), 'hex');
  return expected.length === actual.length && timingSafeEqual(actual, expected);
}

/** The token in the file, created (mode 0600) at the first start. @throws when the file is empty */
export async function loadOrCreateToken(file: string): Promise<string> {
  const token = (await readOrCreatePrivateFile(file, () => Promise.resolve(`${newSecret()}\n`))).trim();
  if (token.length < 32) throw new Error('The token file holds less than 32 characters. Delete it to get a new token.');
  return token;
}

/** Tokens of the payer's systems and of the administrator; only their hashes stay in memory. */
export class StaticTokens {
  private readonly hashes: readonly (readonly [StaticRole, string])[];
  constructor(tokens: Readonly<Partial<Record<StaticRole, string>>>) {
    this.hashes = (Object.entries(tokens) as [StaticRole, string][]).map(([role, token]) => [role, secretHash(token)] as const);
  }
  /** The role whose token it is. */
  roleOf(token: string): StaticRole | undefined {
    let found: StaticRole | undefined;
    for (const [role, expected] of this.hashes) if (secretMatches(token, expected)) found = role;
    return found;
  }
  /** @throws Refusal 401 unless the request has the token of one of the roles */
  require(request: RequestWithHeaders, roles: readonly StaticRole[]): StaticRole {
    const token = bearerToken(request);
    if (token === undefined) throw new Refusal('invalid-token', `This needs the ${roles.join(' or ')} token: Authorization: Bearer.`, { headers: { 'www-authenticate': 'Bearer' } });
    const role = this.roleOf(token);
    if (role === undefined || !roles.includes(role)) throw new Refusal('invalid-token', `This is not the ${roles.join(' or ')} token.`);
    return role;
  }
}

/** Provided by the module that uses StaticTokenGuard: a StaticTokens. */
export const STATIC_TOKENS = Symbol('smart.StaticTokens');

/** `@UseGuards(StaticTokenGuard('administrator'))`: sets `request.role`. */
export function StaticTokenGuard(...roles: readonly StaticRole[]): Type<CanActivate> {
  @Injectable()
  class RoleGuard implements CanActivate {
    private readonly tokens: StaticTokens;
    constructor(@Inject(STATIC_TOKENS) tokens: StaticTokens) {
      this.tokens = tokens;
    }
    canActivate(context: ExecutionContext): boolean {
      const request = context.switchToHttp().getRequest<FastifyRequest & { role?: StaticRole }>();
      request.role = this.tokens.require(request, roles);
      return true;
    }
  }
  return RoleGuard;
}

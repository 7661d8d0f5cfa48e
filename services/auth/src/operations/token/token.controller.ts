import { Controller, Header, HttpCode, Inject, Post, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Audit, type AuditEntry, SampledRefusals } from '@provider-access/audit';
import { Refusal, REFUSALS } from '@provider-access/kernel';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { type AssertionStep, TokenIssuer } from '@provider-access/smart';
import { TokenGrants, TokenRefusal } from './token-grants.ts';
import { type TakenRequest, TokenLimits } from './token-limits.ts';

/** Steps of the check before the caller has proved an identity. Anybody who knows the id of a client can reach them. */
const UNPROVEN: ReadonlySet<string> = new Set<AssertionStep>([
  'decode',
  'alg',
  'client',
  'aud',
  'time',
  'key',
  'signature',
]);
const proven = (step: string | undefined): boolean => step === undefined || !UNPROVEN.has(step);

export interface TokenResponse {
  readonly access_token: string;
  readonly token_type: 'bearer';
  readonly expires_in: number;
  readonly scope: string;
}

/**
 * `POST /auth/token`: client credentials with private_key_jwt (SMART Backend Services:
 * docs/regulation.md#token-requests).
 */
@Controller('auth/token')
export class TokenController {
  constructor(
    @Inject(TokenGrants) private readonly grants: TokenGrants,
    @Inject(TokenLimits) private readonly limits: TokenLimits,
    @Inject(TokenIssuer) private readonly issuer: TokenIssuer,
    @Inject(Audit) private readonly audit: Audit,
    @Inject(SampledRefusals) private readonly refusals: SampledRefusals,
    @Inject(PORTS) private readonly ports: ServicePorts,
  ) {
    ports.metrics.zero('pa_tokens_issued_total');
    ports.metrics.zero('pa_token_refusals_total');
  }

  /** The audit records every token and every refusal of a proven client before the answer leaves. */
  @Post()
  @HttpCode(200)
  @Header('cache-control', 'no-store')
  @Header('pragma', 'no-cache')
  async token(@Req() request: FastifyRequest): Promise<TokenResponse> {
    let taken: TakenRequest | undefined;
    try {
      taken = this.limits.take(request);
      const { client, scope, approvedAt, approval } = await this.grants.of(request);
      const issued = await this.issuer.issue(client, scope, approvedAt, approval);
      taken.giveBack();
      await this.audit.record({ client, action: 'token', outcome: 'released', members: [], resources: 0 });
      this.ports.metrics.count('pa_tokens_issued_total');
      return { access_token: issued.token, token_type: 'bearer', expires_in: issued.expiresIn, scope };
    } catch (error) {
      const refused = error instanceof Refusal ? new TokenRefusal(error) : error;
      if (!(refused instanceof TokenRefusal)) throw error;
      const { refusal, client, step } = refused;
      this.ports.metrics.count('pa_token_refusals_total', { reason: step ?? REFUSALS[refusal.kind].oauth });
      if (refusal.status < 500) {
        const reason = `${REFUSALS[refusal.kind].oauth}${step === undefined ? '' : `: ${step}`}`;
        const entry: AuditEntry = {
          client: client ?? 'unknown',
          action: 'token',
          outcome: 'refused',
          reason,
          members: [],
          resources: 0,
        };
        await (client !== undefined && proven(step) ? this.audit.record(entry) : this.refusals.refused(entry));
      } else taken?.giveBack();
      throw refusal;
    }
  }
}

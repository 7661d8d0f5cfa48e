import { Controller, Inject } from '@nestjs/common';
import { Audit, SampledRefusals } from '@provider-access/audit';
import { type RefusalEntry, TOKEN_CHECKS, type TokenStep } from '@provider-access/events';
import { Refusal, REFUSALS } from '@provider-access/kernel';
import { JSON_TYPE, PORTS, type ServicePorts } from '@provider-access/service/http';
import { type Answer, type Asked, operation, Operation, ref } from '@provider-access/service/operation';
import { saysNo, TokenIssuer } from '@provider-access/smart';
import { FORM } from '../form.ts';
import { ASSERTION_TYPE, TokenGrants, TokenRefusal } from './token-grants.ts';
import { TokenLimits } from './token-limits.ts';

/** Steps after the caller has proved an identity. Anybody who knows the id of a client can reach the steps before. */
const PROVEN = new Set<TokenStep | undefined>([undefined, 'jti', ...TOKEN_CHECKS]);

/** SMART Backend Services: docs/regulation.md#token-requests */
const TOKEN = operation({
  route: 'POST /auth/token',
  callers: 'anybody',
  tag: 'Apps and tokens',
  summary: 'Get an access token',
  description:
    'Client credentials with a signed assertion (SMART Backend Services, RFC 7523). The assertion is a JWT with ' +
    '`iss` and `sub` (the `client_id`), `aud` (this URL), `exp` (at most 5 minutes ahead) and a new `jti`.',
  body: {
    required: true,
    content: {
      [FORM]: {
        schema: {
          type: 'object',
          required: ['grant_type', 'client_assertion_type', 'client_assertion', 'scope'],
          properties: {
            grant_type: { const: 'client_credentials' },
            client_assertion_type: { const: ASSERTION_TYPE },
            client_assertion: { type: 'string', description: 'The signed JWT. Each is accepted once.' },
            scope: { type: 'string', description: 'Scopes that the app registered, for example `system/*.rs`.' },
            client_id: { type: 'string', description: 'Optional. If it is given, it must be `iss`.' },
          },
        },
      },
    },
  },
  answer: {
    description: 'A token for 5 minutes.',
    type: JSON_TYPE,
    schema: ref('Token'),
    example: { access_token: 'eyJ…', token_type: 'bearer', expires_in: 300, scope: 'system/*.rs' },
  },
  refusals: [
    'invalid-request',
    'invalid-client',
    'invalid-scope',
    'unauthorized-client',
    'unsupported-grant-type',
    'too-many-requests',
    'unavailable',
  ],
});
/** RFC 6749 section 5.1, and 5.2 for refusals. */
const NOT_STORED = { 'cache-control': 'no-store', pragma: 'no-cache' };

@Controller()
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
  @Operation(TOKEN)
  async token({ request }: Asked<typeof TOKEN>): Promise<Answer> {
    let taken: ReturnType<TokenLimits['take']> | undefined;
    try {
      taken = this.limits.take(request);
      const { client, scope, approval, refused: refusedScopes } = await this.grants.of(request);
      const issued = await this.issuer.issue(client, scope, approval);
      taken.giveBack();
      await this.audit.record({ client, action: 'token', outcome: 'released', members: [], resources: 0 });
      this.ports.metrics.count('pa_tokens_issued_total');
      return {
        json: {
          access_token: issued.token,
          token_type: 'bearer',
          expires_in: issued.expiresIn,
          scope,
          ...(refusedScopes.length > 0 && { scope_refused: refusedScopes }),
        },
        headers: NOT_STORED,
      };
    } catch (error) {
      const refused = error instanceof Refusal ? new TokenRefusal(error) : error;
      if (!(refused instanceof TokenRefusal)) {
        taken?.giveBack();
        throw error;
      }
      const { refusal, client, step } = refused;
      this.ports.metrics.count('pa_token_refusals_total', { reason: step ?? REFUSALS[refusal.kind].oauth });
      if (saysNo(refusal)) {
        const reason = `${REFUSALS[refusal.kind].oauth}${step === undefined ? '' : `: ${step}`}`;
        const entry: RefusalEntry = {
          client: client ?? 'unknown',
          action: 'token',
          outcome: 'refused',
          reason,
          members: [],
          resources: 0,
        };
        await (client !== undefined && PROVEN.has(step) ? this.audit.record(entry) : this.refusals.refused(entry));
      } else taken?.giveBack();
      const { kind, message, headers } = refusal;
      throw new Refusal(kind, message, { ...refusal, headers: { ...headers, pragma: NOT_STORED.pragma } });
    }
  }
}

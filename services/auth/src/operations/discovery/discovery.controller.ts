import { Controller, Inject } from '@nestjs/common';
import { MATCH_SCOPES } from '@provider-access/domain/smart';
import { Parties } from '@provider-access/facts';
import { SERVED_TYPES } from '@provider-access/fhir';
import { type Answer, jsonObject, operation, Operation } from '@provider-access/service/operation';
import { ASSERTION_ALGORITHMS } from '@provider-access/smart';
import { type AuthConfig, CONFIG, urls } from '../../config.ts';

/** Scopes that may be asked for (docs/regulation.md#scopes): v1 and v2. */
const SCOPES_SUPPORTED: readonly string[] = [
  ...['*', 'Group', ...SERVED_TYPES].flatMap((type) => [`system/${type}.rs`, `system/${type}.read`]),
  // Of the operation $provider-member-match: both spellings are one permission.
  ...MATCH_SCOPES,
];

const CONFIGURATION = {
  callers: 'anybody',
  tag: 'Apps and tokens',
  answer: jsonObject('The SMART configuration.'),
} as const;
const FIND = operation({
  ...CONFIGURATION,
  route: 'GET /.well-known/smart-configuration',
  summary: 'Find the endpoints',
  description: 'SMART discovery. The same document is below the FHIR base.',
});
const FIND_BELOW_FHIR = operation({
  ...CONFIGURATION,
  route: 'GET /fhir/.well-known/smart-configuration',
  summary: 'Find the endpoints, below the FHIR base',
});
const KEYS = operation({
  route: 'GET /auth/jwks',
  callers: 'anybody',
  tag: 'Apps and tokens',
  summary: 'Get the public keys that sign access tokens',
  answer: jsonObject('A key set (RFC 7517).'),
});
const FOR_FIVE_MINUTES = { 'cache-control': 'public, max-age=300' };

/** SMART discovery (docs/regulation.md#discovery) and our public keys; open to everybody, JSON whatever Accept says. */
@Controller()
export class DiscoveryController {
  private readonly configuration: string;
  constructor(
    @Inject(CONFIG) config: AuthConfig,
    @Inject(Parties) private readonly parties: Parties,
  ) {
    const { token, register, introspect, jwks } = urls(config.publicUrl);
    this.configuration = JSON.stringify({
      token_endpoint: token,
      registration_endpoint: register,
      introspection_endpoint: introspect,
      jwks_uri: jwks,
      grant_types_supported: ['client_credentials'],
      token_endpoint_auth_methods_supported: ['private_key_jwt'],
      token_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGORITHMS,
      code_challenge_methods_supported: ['S256'],
      scopes_supported: SCOPES_SUPPORTED,
      capabilities: ['client-confidential-asymmetric', 'permission-v1', 'permission-v2'],
    });
  }

  @Operation(FIND)
  @Operation(FIND_BELOW_FHIR)
  smartConfiguration(): Answer {
    return { body: this.configuration, headers: FOR_FIVE_MINUTES };
  }

  /** All keys that any instance has published and that are not withdrawn. */
  @Operation(KEYS)
  jwks(): Answer {
    return { json: { keys: this.parties.registry.signingKeys().map(({ jwk }) => jwk) }, headers: FOR_FIVE_MINUTES };
  }
}

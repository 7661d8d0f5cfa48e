import { Controller, Get, Header, Inject } from '@nestjs/common';
import { Parties } from '@provider-access/facts';
import { SERVED_TYPES } from '@provider-access/kernel/fhir';
import { ASSERTION_ALGORITHMS } from '@provider-access/smart';
import { type AuthConfig, CONFIG, urls } from '../../config.ts';

/** Scopes that may be asked for (docs/regulation.md#scopes): v1 and v2. */
const SCOPES_SUPPORTED: readonly string[] = ['*', 'Group', ...SERVED_TYPES].flatMap((type) => [
  `system/${type}.rs`,
  `system/${type}.read`,
]);

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

  @Get(['.well-known/smart-configuration', 'fhir/.well-known/smart-configuration'])
  @Header('content-type', 'application/json')
  @Header('cache-control', 'public, max-age=300')
  smartConfiguration(): string {
    return this.configuration;
  }

  /** All keys that any instance has published and that are not withdrawn. */
  @Get('auth/jwks')
  @Header('content-type', 'application/json')
  @Header('cache-control', 'public, max-age=300')
  jwks(): string {
    return JSON.stringify({ keys: this.parties.signingKeys().map(({ jwk }) => jwk) });
  }
}

import { describe, expect, it } from 'vitest';
import { OWN_FIELDS } from '../operations/register/client-metadata.ts';
import { furtherMetadata } from './known-metadata.ts';

/**
 * The registry "OAuth Dynamic Client Registration Metadata" of IANA, copied by hand from the page of 2026-03-25 in its
 * order, without what only a server gives.
 */
const IANA = `redirect_uris token_endpoint_auth_method grant_types response_types client_name client_uri logo_uri scope
  contacts tos_uri policy_uri jwks_uri jwks software_id software_version application_type sector_identifier_uri
  subject_type id_token_signed_response_alg id_token_encrypted_response_alg id_token_encrypted_response_enc
  userinfo_signed_response_alg userinfo_encrypted_response_alg userinfo_encrypted_response_enc
  request_object_signing_alg request_object_encryption_alg request_object_encryption_enc
  token_endpoint_auth_signing_alg default_max_age require_auth_time default_acr_values initiate_login_uri request_uris
  claims_redirect_uris nfv_token_signed_response_alg nfv_token_encrypted_response_alg nfv_token_encrypted_response_enc
  tls_client_certificate_bound_access_tokens tls_client_auth_subject_dn tls_client_auth_san_dns tls_client_auth_san_uri
  tls_client_auth_san_ip tls_client_auth_san_email require_signed_request_object
  require_pushed_authorization_requests introspection_signed_response_alg introspection_encrypted_response_alg
  introspection_encrypted_response_enc frontchannel_logout_uri frontchannel_logout_session_required
  backchannel_logout_uri backchannel_logout_session_required post_logout_redirect_uris authorization_details_types
  dpop_bound_access_tokens client_registration_types signed_jwks_uri organization_name description keywords
  information_uri organization_uri use_mtls_endpoint_aliases encrypted_response_enc_values_supported
  vp_formats_supported`.split(/\s+/);
const SERVER = `client_id client_secret client_id_issued_at client_secret_expires_at registration_access_token
  registration_client_uri`.split(/\s+/);
const read = (body: Record<string, unknown>) => furtherMetadata(body, OWN_FIELDS, { unknown: 'refuse', requires: [] });

describe('P42: the fields of a registration', () => {
  it.each(IANA)('P42: %s of the registry of IANA is known', (name) => {
    // A value that no field takes: a field that is known has a fault of its own, unless the server reads it itself.
    const { faults } = read({ [name]: Symbol('wrong') });
    if (OWN_FIELDS.has(name)) expect(faults).toEqual([]);
    else expect(faults).toEqual([expect.stringMatching(new RegExp(`^${name}: must`))]);
  });
  it.each(SERVER)('P42: %s is given by the server alone', (name) => {
    expect(read({ [name]: 'x' }).faults).toEqual([`${name}: is given by this server; leave it out`]);
  });
  it.each(['authorization_signed_response_alg', 'backchannel_token_delivery_mode', 'udap', 'constructor'])(
    'P42: %s is in no registry, and refused by its name',
    (name) => {
      expect(read({ [name]: 'x' }).faults).toEqual([`unknown fields: ${name}; leave them out`]);
    },
  );
  it('P42: a list or an object of the registry is kept as it came', () => {
    const more = { keywords: ['a', 'b'], vp_formats_supported: { jwt_vp: { alg: ['ES384'] } }, description: 'An EHR' };
    expect(read(more)).toEqual({ metadata: more, ignored: [], faults: [] });
  });
});

import { describe, expect, it } from 'vitest';
import { ConfigurationError } from '@provider-access/service/config';
import { authConfig, authSettings } from '../config.ts';

const URLS = { PUBLIC_URL: 'https://payer.example', OIDC_ISSUER: 'https://login.payer.example' };
const read = (env: Record<string, string>) => authConfig(authSettings.parse(env)).identityProvider;

describe('the settings of the identity provider (P60)', () => {
  it('are optional, and have defaults', () => {
    expect(read({ PUBLIC_URL: URLS.PUBLIC_URL })).toBeUndefined();
    const provider = read({ ...URLS, OIDC_CLIENT_ID: 'pa' })!;
    expect(provider).toMatchObject({
      base: URLS.PUBLIC_URL,
      claim: ['roles'],
      scopes: 'openid',
      secretFile: undefined,
    });
    expect(provider.roles.get('reviewer')).toEqual(['reviewer']);
  });

  it('lead values of a claim to roles', () => {
    const roles = 'CN=reviewers=reviewer, staff=auditor,staff=compliance';
    const provider = read({
      ...URLS,
      OIDC_CLIENT_ID: 'pa',
      OIDC_ROLES: roles,
      OIDC_ROLES_CLAIM: 'realm_access.roles',
    })!;
    expect(Object.fromEntries(provider.roles)).toEqual({
      'CN=reviewers': ['reviewer'],
      staff: ['auditor', 'compliance'],
    });
    expect(provider.claim).toEqual(['realm_access', 'roles']);
  });

  it.each([
    ['an issuer without a client id', URLS],
    ['a client id without an issuer', { PUBLIC_URL: URLS.PUBLIC_URL, OIDC_CLIENT_ID: 'pa' }],
    ['an issuer by plain http', { ...URLS, OIDC_ISSUER: 'http://login.payer.example', OIDC_CLIENT_ID: 'pa' }],
    [
      'people by plain http where the platform has https',
      { ...URLS, OIDC_CLIENT_ID: 'pa', PORTAL_URL: 'http://pa.example' },
    ],
  ])('are refused with %s', (_, env) => {
    expect(() => read(env)).toThrow(ConfigurationError);
  });

  it.each([
    ['OIDC_ROLES', 'staff'],
    ['OIDC_ROLES', 'staff=king'],
    ['OIDC_ROLES', '=auditor'],
    ['OIDC_ROLES', 'staff=constructor'],
    ['OIDC_SCOPES', 'profile'],
    ['OIDC_ROLES_CLAIM', 'a..b'],
    ['OIDC_ISSUER', 'ftp://login.payer.example'],
  ])('are refused with %s=%s', (name, value) => {
    expect(authSettings.safeParse({ ...URLS, OIDC_CLIENT_ID: 'pa', [name]: value }).success).toBe(false);
  });
});

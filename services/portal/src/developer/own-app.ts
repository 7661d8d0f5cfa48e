import { api, ask, type Asked } from '../common/api.ts';
import type { components } from '../../generated/openapi.d.ts';
import { type AppKey, assertionOf } from './keys.ts';

type Schemas = components['schemas'];
export type Client = Schemas['Client'];
export type Registration = Schemas['Registration'];

/** What this page knows about the app. All of it is in memory, and gone with the page. */
export interface OwnApp {
  readonly client: string;
  readonly key?: AppKey;
  /** The registration access token (RFC 7592). */
  readonly registration?: string;
  readonly scope: string;
}

/** What `pa --app FILE` reads, and this page writes and reads. */
interface AppFile {
  readonly server: string;
  readonly client_id: string;
  readonly registration_client_uri: string;
  readonly registration_access_token: string;
  readonly key: string;
  readonly scope: string;
}
export const ALL_DATA = 'system/*.rs';

export const appFileOf = (registered: Registration, keyFile: string, scope: string): AppFile => ({
  server: location.origin,
  client_id: registered.client_id,
  registration_client_uri: registered.registration_client_uri,
  registration_access_token: registered.registration_access_token,
  key: keyFile,
  scope,
});

/** Of an app file, or undefined if the text is none. */
export function readAppFile(text: string): Omit<OwnApp, 'key'> | undefined {
  try {
    const { client_id: client, registration_access_token: registration, scope } = JSON.parse(text) as Partial<AppFile>;
    if (typeof client !== 'string') return undefined;
    return { client, scope: scope ?? ALL_DATA, ...(registration !== undefined && { registration }) };
  } catch {
    return undefined;
  }
}

export const bearer = (token: string): { readonly authorization: string } => ({ authorization: `Bearer ${token}` });

/** The token URL as the platform names it, which an assertion must name as `aud`. */
export async function tokenUrl(): Promise<Asked<string>> {
  const asked = await ask(api.GET('/fhir/.well-known/smart-configuration'));
  if (asked.fault !== undefined) return asked;
  return { data: (asked.data as { readonly token_endpoint: string }).token_endpoint };
}

/** ms before its end at which a token is no longer used. */
const MARGIN_MS = 30_000;
let held: { readonly client: string; readonly token: string; readonly until: number } | undefined;

/** An access token of the app, for all its scopes. It is in memory alone. */
export async function accessToken({ client, key, scope }: OwnApp & { readonly key: AppKey }): Promise<Asked<string>> {
  if (held?.client === client && held.until > Date.now()) return { data: held.token };
  const url = await tokenUrl();
  if (url.fault !== undefined) return url;
  const body = {
    grant_type: 'client_credentials',
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: await assertionOf(key, client, url.data),
    scope,
  } as const;
  const asked = await ask(api.POST('/auth/token', { body, bodySerializer: form, headers: FORM }));
  if (asked.fault !== undefined) return asked;
  const { access_token: token, expires_in: seconds } = asked.data;
  held = { client, token, until: Date.now() + seconds * 1000 - MARGIN_MS };
  return { data: token };
}
/** After a change of the keys, or when another app is opened. */
export const forgetToken = (): void => void (held = undefined);

export const FORM = { 'content-type': 'application/x-www-form-urlencoded' } as const;
export const form = (body: object): string => new URLSearchParams(body as Record<string, string>).toString();

import { reactive } from 'vue';

/** What the console reads of the OpenAPI document. */
export interface ConsoleOperation {
  readonly security: readonly Readonly<Record<string, unknown>>[];
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: 'path' | 'query' | 'header';
    readonly required?: boolean;
    readonly description: string;
  }[];
  readonly requestBody?: {
    readonly content: Readonly<Record<string, { readonly schema?: object; readonly example?: unknown }>>;
  };
}

/** Tokens by who they are for. They stay in the memory of this page and end with it. */
export const tokens = reactive<Record<string, string>>({});

let loaded: Promise<{ paths: Record<string, Record<string, ConsoleOperation>> }> | undefined;
/** The operation as this server has it. @throws where no platform serves the page */
export async function operationOf(method: string, path: string): Promise<ConsoleOperation> {
  loaded ??= fetch('/openapi.json').then(async (response) => {
    if (!response.ok) throw new Error(String(response.status));
    return response.json();
  });
  try {
    return (await loaded).paths[path]![method]!;
  } catch (error) {
    loaded = undefined;
    throw error;
  }
}

const FORM = 'application/x-www-form-urlencoded';

/** A text with which a reader can start. */
export function bodyExample(content: { schema?: object; example?: unknown }, type: string): string {
  if (type === FORM) {
    const { properties = {} } = (content.schema ?? {}) as { properties?: Record<string, { const?: string }> };
    return Object.entries(properties)
      .map(([name, property]) => `${name}=${encodeURIComponent(property.const ?? '')}`)
      .join('&\n');
  }
  return content.example === undefined ? '' : JSON.stringify(content.example, undefined, 2);
}

export interface Request {
  readonly url: string;
  readonly init: RequestInit & { readonly headers: Record<string, string> };
}
export function requestOf(
  method: string,
  path: string,
  operation: ConsoleOperation,
  given: { values: Readonly<Record<string, string>>; token: string; type: string; body: string },
): Request {
  const { values, token, type, body } = given;
  const valueOf = (kind: string): [string, string][] =>
    (operation.parameters ?? [])
      .filter((one) => one.in === kind && (values[one.name] ?? '') !== '')
      .map((one) => [one.name, values[one.name]!]);
  const filled = path.replaceAll(/\{(\w+)\}/g, (_all, name: string) => encodeURIComponent(values[name] ?? ''));
  const query = new URLSearchParams(valueOf('query')).toString();
  const headers = Object.fromEntries(valueOf('header'));
  if (token !== '') headers['Authorization'] = `Bearer ${token}`;
  if (body !== '') headers['Content-Type'] = type;
  const sent = type === FORM ? body.replaceAll('\n', '') : body;
  return {
    url: `${filled}${query === '' ? '' : `?${query}`}`,
    init: { method: method.toUpperCase(), headers, ...(sent !== '' && { body: sent }) },
  };
}

/** The request as a command that a reader can copy. */
export function curlOf({ url, init }: Request, origin: string): string {
  const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
  const headers = Object.entries(init.headers).map(([name, value]) => `-H ${quoted(`${name}: ${value}`)}`);
  const body = typeof init.body === 'string' ? [`--data-raw ${quoted(init.body)}`] : [];
  return ['curl -i', `-X ${init.method}`, ...headers, ...body, quoted(`${origin}${url}`)].join(' \\\n  ');
}

/** A new ES384 key pair. The example of a registration has no keys that work: two apps must not have the same. */
export async function newKeys(): Promise<{ readonly open: JsonWebKey; readonly secret: string }> {
  const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-384' }, true, ['sign', 'verify']);
  const kid = crypto.randomUUID();
  const { kty, crv, x, y } = await crypto.subtle.exportKey('jwk', pair.publicKey);
  const { d } = await crypto.subtle.exportKey('jwk', pair.privateKey);
  const open = { kty, crv, x, y, kid } as JsonWebKey;
  return { open, secret: JSON.stringify({ ...open, d }, undefined, 2) };
}

const base64url = (bytes: Uint8Array): string =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replace(/=+$/, '');

/** Gets an access token with a client id and a private key in this browser. The key leaves it nowhere. */
export async function fetchToken(client: string, privateJwk: string, scope: string): Promise<string> {
  const text = JSON.parse(privateJwk) as JsonWebKey & { kid?: string; keys?: (JsonWebKey & { kid?: string })[] };
  const key = text.keys?.[0] ?? text;
  const elliptic = key.kty === 'EC';
  const algorithm = elliptic
    ? { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' }
    : { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-384' };
  const signing = await crypto.subtle.importKey('jwk', { ...key, key_ops: ['sign'] }, algorithm, false, ['sign']);
  const discovery = await (await fetch('/.well-known/smart-configuration')).json();
  const now = Math.floor(Date.now() / 1000);
  const encode = (value: object): string => base64url(new TextEncoder().encode(JSON.stringify(value)));
  const head = encode({
    alg: elliptic ? 'ES384' : 'RS384',
    typ: 'JWT',
    ...(key.kid !== undefined && { kid: key.kid }),
  });
  const claims = encode({
    iss: client,
    sub: client,
    aud: discovery.token_endpoint,
    iat: now,
    exp: now + 240,
    jti: crypto.randomUUID(),
  });
  const signature = await crypto.subtle.sign(algorithm, signing, new TextEncoder().encode(`${head}.${claims}`));
  const response = await fetch('/auth/token', {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: `${head}.${claims}.${base64url(new Uint8Array(signature))}`,
      scope,
    }),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(`${answer.error}: ${answer.error_description}`);
  return answer.access_token;
}

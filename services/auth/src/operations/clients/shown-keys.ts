import { createHash } from 'node:crypto';
import type { ClientKeySet, ClientRegistration } from '@provider-access/facts';

type Key = Readonly<Record<string, unknown>>;

/** Members of a key that its thumbprint covers, in their order (RFC 7638 section 3.2). */
const COVERED: Readonly<Record<string, readonly string[]>> = { EC: ['crv', 'kty', 'x', 'y'], RSA: ['e', 'kty', 'n'] };

/** The name of a key by its content, so that a reviewer can compare it by telephone (RFC 7638). */
function thumbprint(key: Key): string | undefined {
  const members = COVERED[String(key['kty'])];
  if (members === undefined) return undefined;
  const text = JSON.stringify(Object.fromEntries(members.map((name) => [name, key[name]])));
  return createHash('sha256').update(text).digest('base64url');
}
const shownSet = ({ jwks, jwksUri }: ClientKeySet): Record<string, unknown> => ({
  ...(jwksUri !== undefined && { jwks_uri: jwksUri }),
  keys: (jwks?.keys ?? []).map((key) => ({
    kid: key['kid'],
    kty: key['kty'],
    ...(key['alg'] !== undefined && { alg: key['alg'] }),
    thumbprint: thumbprint(key),
  })),
});

/**
 * Every key set of an app, the newest first: from when it was registered, to when another one replaced it, and until
 * when it is accepted. Of a set behind a `jwks_uri` only the URL is known.
 */
export function shownKeys(app: ClientRegistration): Readonly<Record<string, unknown>> {
  const { sets = [], before = 0 } = app.replacedKeys ?? {};
  return {
    key_history: [
      { from: sets.at(-1)?.to ?? app.registeredAt, ...shownSet(app) },
      ...sets.toReversed().map((one) => ({
        ...{ from: one.from, to: one.to, accepted_until: one.until },
        ...shownSet(one),
      })),
    ],
    ...(before > 0 && { key_history_not_shown: before }),
  };
}

import {
  audFault,
  expFault,
  isText,
  JKU_FOREIGN,
  JTI_USED,
  jtiFault,
  jtiKey,
  MAX_AHEAD,
  sinceFault,
  subFault,
  typFault,
} from './assertion-claims.ts';
import { type AssertionClient, selectKey } from './assertion-keys.ts';
import { algorithmIn, type AssertionInput, decoded, verifies } from './client-assertion.ts';
import { DUMMY_KEYS } from './dummy-keys.ts';

/** A part of an assertion: whether the token endpoint accepts it, and the fault if not. */
export interface AssertionCheck {
  readonly part: 'typ' | 'kid' | 'jku' | 'iss' | 'sub' | 'aud' | 'exp' | 'nbf' | 'iat' | 'jti';
  readonly accepted: boolean;
  /** The rule if the part is accepted, otherwise what is wrong with it. Never a value of the assertion. */
  readonly text: string;
}

export interface ExplainInput extends Pick<AssertionInput, 'audiences' | 'now' | 'jwksSource'> {
  readonly assertion: string | undefined;
  /** Called once for each assertion, `''` if it names nobody. The work must not depend on whether the client exists. */
  lookup(clientId: string): Promise<AssertionClient | undefined>;
  /** Whether the token endpoint remembers this key in the namespace `jti`. Asked only about a verified assertion. */
  used(key: string): Promise<boolean>;
}

/** A JWS of the form that the check of a signature expects. No key verifies it. */
const NO_ASSERTION = `${Buffer.from('{"alg":"ES384"}').toString('base64url')}.e30.${'A'.repeat(128)}`;

function read(assertion: string | undefined) {
  const jwt = decoded(assertion);
  const algorithm = jwt && algorithmIn(jwt.header);
  // The server knows no critical header, so it refuses one before it checks the signature.
  return algorithm === undefined || jwt!.header.crit !== undefined ? undefined : { ...jwt!, algorithm };
}

/**
 * Explains an assertion part by part, if a key of the client that `iss` names verifies its signature. Undefined in all
 * other cases, after as many lookups and checks of a signature, so that nobody learns which clients exist. Uses up no
 * `jti`.
 */
export async function explainAssertion(
  input: ExplainInput,
): Promise<{ readonly client: string; readonly checks: readonly AssertionCheck[] } | undefined> {
  const parts = read(input.assertion);
  const iss = isText(parts?.payload.iss, 256) ? parts.payload.iss : undefined;
  const client = await input.lookup(iss ?? '');
  // Without jku, which is one of the parts to explain.
  const key =
    parts === undefined || client === undefined
      ? undefined
      : await selectKey({ ...parts.header, jku: undefined }, parts.algorithm, client, input.jwksSource);
  const found = key === undefined || 'fault' in key ? undefined : key;
  const algorithm = parts?.algorithm ?? 'ES384';
  const verified = await verifies(
    parts === undefined ? NO_ASSERTION : input.assertion!,
    found?.jwk ?? DUMMY_KEYS[algorithm],
    algorithm,
  );
  if (!verified || parts === undefined || iss === undefined || client === undefined || found === undefined)
    return undefined;

  const { header, payload } = parts;
  const jti = jtiFault(payload) ?? ((await input.used(jtiKey(payload))) ? JTI_USED : undefined);
  const uris = [client, ...(client.former ?? [])].map(({ jwksUri }) => jwksUri);
  const part = (name: AssertionCheck['part'], rule: string, fault?: string): AssertionCheck => ({
    part: name,
    accepted: fault === undefined,
    text: fault ?? rule,
  });
  return {
    client: iss,
    checks: [
      part('typ', 'typ is JWT, or absent.', typFault(header)),
      part('kid', `kid names a registered key, which verifies the signature with ${algorithm}.`),
      part(
        'jku',
        'jku is absent, or the registered jwks_uri.',
        header.jku === undefined || uris.includes(header.jku) ? undefined : JKU_FOREIGN,
      ),
      part('iss', 'iss is the client_id.'),
      part('sub', 'sub equals iss.', subFault(payload)),
      part('aud', 'aud is the token endpoint of this server.', audFault(payload, input.audiences)),
      part('exp', `exp is not past, and at most ${MAX_AHEAD} seconds ahead.`, expFault(payload, input.now)),
      part('nbf', 'nbf is absent, or not in the future.', sinceFault(payload, 'nbf', input.now)),
      part('iat', 'iat is absent, or not in the future.', sinceFault(payload, 'iat', input.now)),
      part('jti', 'jti was not used before.', jti),
    ],
  };
}

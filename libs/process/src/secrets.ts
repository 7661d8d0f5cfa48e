import { MemberHash, type Logger } from '@provider-access/service/observability';
import {
  openKeys,
  openSigningKeys,
  openTokens,
  type Secret,
  type SigningKeys,
  StaticTokens,
} from '@provider-access/smart';

/**
 * The secrets that the environment of a service names. Their files are watched, so that a value can be replaced while
 * the service runs.
 */
export interface Secrets {
  /** Tokens of administrators and of the payer, as far as the service has them. */
  readonly staticTokens: StaticTokens;
  /** ES256 keys of the access tokens. @throws for a service without them */
  signingKeys(): Secret<SigningKeys>;
  /** Hashes of members. @throws for a service without their keys */
  memberHash(): MemberHash;
  /** Keys of page links. @throws for a service without them */
  pageKeys(): Secret<readonly Buffer[]>;
}

/** @throws ConfigurationError naming the variable whose file cannot be used */
export async function openSecrets(config: Readonly<Record<string, unknown>>, logger: Logger): Promise<Secrets> {
  const open = async <T>(
    role: string,
    how: (at: { role: string; file: string; logger: Logger }) => Promise<Secret<T>>,
  ): Promise<Secret<T> | undefined> => {
    const file = config[role];
    return typeof file === 'string' ? how({ role, file, logger }) : undefined;
  };
  const required = <T>(role: string, secret: Secret<T> | undefined): Secret<T> => {
    if (secret === undefined) throw new TypeError(`${role} is no variable of this service`);
    return secret;
  };
  const administrator = await open('ADMINISTRATOR_TOKENS_FILE', openTokens);
  const payer = await open('PAYER_TOKENS_FILE', openTokens);
  const signing = await open('TOKEN_SIGNING_KEYS_FILE', openSigningKeys);
  const hashes = await open('MEMBER_HASH_KEYS_FILE', openKeys);
  const pages = await open('PAGE_LINK_KEYS_FILE', openKeys);
  return {
    staticTokens: new StaticTokens({
      ...(administrator !== undefined && { administrator }),
      ...(payer !== undefined && { payer }),
    }),
    signingKeys: () => required('TOKEN_SIGNING_KEYS_FILE', signing),
    memberHash: () => {
      const keys = required('MEMBER_HASH_KEYS_FILE', hashes);
      return new MemberHash(() => keys.current);
    },
    pageKeys: () => required('PAGE_LINK_KEYS_FILE', pages),
  };
}

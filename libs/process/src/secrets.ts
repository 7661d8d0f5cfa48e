import { type Role, ROLES } from '@provider-access/kernel';
import { MemberHash, type Logger } from '@provider-access/service/observability';
import {
  openKeys,
  openPortalKeys,
  type PortalKeys,
  openSigningKeys,
  openTokens,
  type Secret,
  type SecretFile,
  type SigningKeys,
  StaticTokens,
} from '@provider-access/smart';

/** The file of each secret, as far as the process has it. `role` names the file in the texts of faults. */
export type SecretFiles = Readonly<
  Partial<
    Record<
      Role | 'signingKeys' | 'memberHash' | 'pageKeys' | 'portalKeys',
      { readonly role: string; readonly file: string }
    >
  >
>;

/** The secrets of a process. Their files are watched, so that a value can be replaced while the process runs. */
export interface Secrets {
  /** The tokens of the roles, as far as the process has them. */
  readonly staticTokens: StaticTokens;
  /** Hashes of members. Undefined without their keys. */
  readonly memberHash: MemberHash | undefined;
  /** Public keys of the payer's portal for members. Undefined without their file. */
  readonly portalKeys: Secret<PortalKeys> | undefined;
  /** ES256 keys of the access tokens. @throws for a process without them */
  signingKeys(): Secret<SigningKeys>;
  /** Keys of page links. @throws for a process without them */
  pageKeys(): Secret<readonly Buffer[]>;
  /** Ends the watching. */
  close(): void;
}

function required<T>(name: string, secret: T | undefined): T {
  if (secret === undefined) throw new TypeError(`this process has no ${name}`);
  return secret;
}

/**
 * Opens the files, and with `create` makes those that are not there.
 * @throws ConfigurationError naming the role whose file cannot be used
 */
export async function openSecrets(
  files: SecretFiles,
  how: { readonly logger: Logger; readonly create?: boolean },
): Promise<Secrets> {
  const opened: SecretFile<unknown>[] = [];
  const open = async <T>(
    name: keyof SecretFiles,
    opens: (at: { role: string; file: string; logger: Logger; create?: boolean }) => Promise<SecretFile<T>>,
  ): Promise<Secret<T> | undefined> => {
    const at = files[name];
    if (at === undefined) return undefined;
    const secret = await opens({ ...at, ...how });
    opened.push(secret);
    return secret;
  };
  const tokens: Partial<Record<Role, Secret<readonly string[]>>> = {};
  for (const role of ROLES) {
    const opened = await open(role, openTokens);
    if (opened !== undefined) tokens[role] = opened;
  }
  const signingKeys = await open('signingKeys', openSigningKeys);
  const pageKeys = await open('pageKeys', openKeys);
  const memberHash = await open('memberHash', openKeys);
  const portalKeys = await open('portalKeys', openPortalKeys);
  return {
    staticTokens: new StaticTokens(tokens),
    memberHash: memberHash && new MemberHash(() => memberHash.current),
    portalKeys,
    signingKeys: () => required('signing keys', signingKeys),
    pageKeys: () => required('keys of page links', pageKeys),
    close: () => {
      for (const secret of opened) secret.close();
    },
  };
}

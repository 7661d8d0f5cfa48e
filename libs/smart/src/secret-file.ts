import { randomBytes } from 'node:crypto';
import { ConfigurationError, readSecretFile } from '@provider-access/service/config';
import { readOrCreatePrivateFile } from './private-file.ts';

/** A secret that may be replaced while the process runs: read `current` each time it is used, keep nothing of it. */
export interface Secret<T> {
  readonly current: T;
  /** Called after it was replaced. Returns how to stop it. */
  onChange(listener: () => void): () => void;
}
/** A secret that stays, for tests and for values that come from elsewhere. */
export const fixedSecret = <T>(current: T): Secret<T> => ({ current, onChange: () => () => undefined });

export interface SecretFileOptions<T> {
  /** Names the file in errors and logs: the environment variable, or its role. */
  readonly role: string;
  readonly file: string;
  /** @throws ConfigurationError whose text names the role and never a value */
  parse(text: string, role: string): T;
  /** Content of a file that is not there; without it an absent file is an error. */
  create?(): Promise<string>;
  /** Default 10 s; 0 never looks again by itself. */
  readonly everyMs?: number;
  /** Told when a replaced file cannot be used; PHI-free and free of values. */
  readonly logger?: { warn(details: object, message: string): void };
}

const EVERY_MS = 10_000;

/**
 * A secret in a file. The file is read again every 10 s and taken over when its content changed and is usable (mounted
 * secrets are replaced in place); one that cannot be used leaves the last good content in force and says so.
 */
export class SecretFile<T> implements Secret<T> {
  private readonly options: SecretFileOptions<T>;
  private readonly listeners = new Set<() => void>();
  private readonly timer: NodeJS.Timeout | undefined;
  // Really private: what prints or serialises this prints no secret.
  #text: string;
  #value: T;
  private fault: string | undefined;

  private constructor(options: SecretFileOptions<T>, text: string) {
    this.options = options;
    this.#text = text;
    this.#value = options.parse(text, options.role);
    const { everyMs = EVERY_MS } = options;
    if (everyMs === 0) return;
    this.timer = setInterval(() => this.refresh(), everyMs);
    this.timer.unref();
  }

  /** @throws ConfigurationError naming the role: absent, unreadable, open to others, empty, or not of its format */
  static async open<T>(options: SecretFileOptions<T>): Promise<SecretFile<T>> {
    if (options.create !== undefined) await readOrCreatePrivateFile(options.file, options.create);
    return new SecretFile(options, readSecretFile(options.role, options.file));
  }

  get current(): T {
    return this.#value;
  }
  /** Why the file as it is now cannot be used, for readiness; undefined when it can. */
  failure(): string | undefined {
    return this.fault;
  }
  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
  /** Looks at the file now. */
  refresh(): void {
    const { role, file, parse, logger } = this.options;
    try {
      const text = readSecretFile(role, file);
      const changed = text !== this.#text;
      if (changed) this.#value = parse(text, role);
      this.#text = text;
      this.fault = undefined;
      if (!changed) return;
    } catch (error) {
      if (!(error instanceof ConfigurationError)) throw error;
      if (this.fault !== error.message)
        logger?.warn({ detail: error.message }, 'a secret file cannot be used; what was read before stays in force');
      this.fault = error.message;
      return;
    }
    for (const listener of this.listeners) listener();
  }
  close(): void {
    clearInterval(this.timer);
  }
}

const lines = (text: string): string[] =>
  text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');

/** Tokens, one a line: all are accepted. Printable, without spaces, 32 characters or more. */
function parseTokens(text: string, role: string): readonly string[] {
  const tokens = lines(text);
  if (tokens.length === 0) throw new ConfigurationError(`${role}: names a file that holds no token`);
  tokens.forEach((token, i) => {
    if (token.length < 32) throw new ConfigurationError(`${role}: line ${i + 1} has less than 32 characters`);
    if (!/^[\x21-\x7e]+$/.test(token))
      throw new ConfigurationError(`${role}: line ${i + 1} has characters that a token cannot have`);
  });
  return tokens;
}

/** Symmetric keys, one a line, base64url of 32 bytes or more: the first makes, all are accepted. */
function parseKeys(text: string, role: string): readonly Buffer[] {
  const keys = lines(text);
  if (keys.length === 0) throw new ConfigurationError(`${role}: names a file that holds no key`);
  return keys.map((line, i) => {
    if (!/^[A-Za-z0-9_-]+={0,2}$/.test(line)) throw new ConfigurationError(`${role}: line ${i + 1} is not base64url`);
    const key = Buffer.from(line, 'base64url');
    if (key.length < 32) throw new ConfigurationError(`${role}: line ${i + 1} has less than 32 bytes`);
    return key;
  });
}

/** Where a secret file is. */
export interface SecretFileAt extends Omit<SecretFileOptions<unknown>, 'parse' | 'create'> {
  /** Makes the file with one new value when it is not there: the standalone's way. */
  readonly create?: boolean;
}
/** Opens a file of which `newText` makes the first content, where that is allowed. @throws ConfigurationError */
export function openSecretFile<T>(
  { create, ...where }: SecretFileAt,
  parse: SecretFileOptions<T>['parse'],
  newText: () => Promise<string>,
): Promise<SecretFile<T>> {
  return SecretFile.open({ ...where, parse, ...(create === true && { create: newText }) });
}
const newValue = (): Promise<string> => Promise.resolve(`${randomBytes(32).toString('base64url')}\n`);
/** Tokens of a role, one a line. @throws ConfigurationError */
export const openTokens = (at: SecretFileAt): Promise<SecretFile<readonly string[]>> =>
  openSecretFile(at, parseTokens, newValue);
/** Symmetric keys (page links, member hashes), one a line. @throws ConfigurationError */
export const openKeys = (at: SecretFileAt): Promise<SecretFile<readonly Buffer[]>> =>
  openSecretFile(at, parseKeys, newValue);

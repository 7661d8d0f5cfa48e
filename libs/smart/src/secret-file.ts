import { randomBytes } from 'node:crypto';
import { ConfigurationError, readSecretFile } from '@provider-access/service/config';
import { createPrivateFile } from './private-file.ts';

/** A secret that may be replaced while the process runs. Read `current` for each use and do not store it. */
export interface Secret<T> {
  readonly current: T;
  /** Calls the listener after each replacement. Returns a function that removes the listener. */
  onChange(listener: () => void): () => void;
}
/** A secret that never changes, for tests and for values that are not in a file. */
export const fixedSecret = <T>(current: T): Secret<T> => ({ current, onChange: () => () => undefined });

export interface SecretFileAt {
  /** The name in errors and logs: the environment variable, or the role of the file. */
  readonly role: string;
  readonly file: string;
  /** Creates an absent file with one new value, as the standalone does. Otherwise an absent file is an error. */
  readonly create?: boolean;
  /** How often the file is read again. Default 10 s; 0 means never. */
  readonly everyMs?: number;
  /** Gets a warning, without values, when a replaced file cannot be used. */
  readonly logger?: { warn(details: object, message: string): void };
}
/** @throws ConfigurationError whose text names the role and never a value */
type Parse<T> = (text: string, role: string) => T;

const EVERY_MS = 10_000;

/**
 * A secret in a file. The file is read again every 10 s, because mounted secrets are replaced in place. If a new
 * content cannot be used, the last good content stays in force, and a warning reports the fault.
 */
export class SecretFile<T> implements Secret<T> {
  readonly #at: SecretFileAt;
  readonly #parse: Parse<T>;
  readonly #listeners = new Set<() => void>();
  readonly #timer: NodeJS.Timeout | undefined;
  // Private fields, which neither printing nor serialising the object shows.
  #text: string;
  #value: T;
  #fault: string | undefined;

  /** @throws ConfigurationError naming the role: absent, unreadable, open to others, empty, or not of its format */
  constructor(at: SecretFileAt, parse: Parse<T>) {
    this.#at = at;
    this.#parse = parse;
    this.#text = readSecretFile(at.role, at.file);
    this.#value = parse(this.#text, at.role);
    const { everyMs = EVERY_MS } = at;
    if (everyMs === 0) return;
    this.#timer = setInterval(() => this.refresh(), everyMs);
    this.#timer.unref();
  }

  get current(): T {
    return this.#value;
  }
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
  refresh(): void {
    const { role, file, logger } = this.#at;
    try {
      const text = readSecretFile(role, file);
      const changed = text !== this.#text;
      if (changed) this.#value = this.#parse(text, role);
      this.#text = text;
      this.#fault = undefined;
      if (!changed) return;
    } catch (error) {
      if (!(error instanceof ConfigurationError)) throw error;
      if (this.#fault !== error.message)
        logger?.warn({ detail: error.message }, 'a secret file cannot be used; its last good content stays in force');
      this.#fault = error.message;
      return;
    }
    for (const listener of this.#listeners) listener();
  }
  close(): void {
    clearInterval(this.#timer);
  }
}

const lines = (text: string): string[] =>
  text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');

/** Tokens, one per line, all accepted. Each has 32 characters or more, printable and without spaces. */
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

/** Symmetric keys, one per line, base64url of 32 bytes or more. The first key signs, and all verify. */
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

/** Opens a file. `newText` makes its first content if `create` permits it. @throws ConfigurationError */
export async function openSecretFile<T>(
  at: SecretFileAt,
  parse: Parse<T>,
  newText: () => Promise<string>,
): Promise<SecretFile<T>> {
  if (at.create === true) await createPrivateFile(at.file, newText);
  return new SecretFile(at, parse);
}
const newValue = (): Promise<string> => Promise.resolve(`${randomBytes(32).toString('base64url')}\n`);
/** Tokens of a role, one per line. @throws ConfigurationError */
export const openTokens = (at: SecretFileAt): Promise<SecretFile<readonly string[]>> =>
  openSecretFile(at, parseTokens, newValue);
/** Symmetric keys (page links, member hashes), one per line. @throws ConfigurationError */
export const openKeys = (at: SecretFileAt): Promise<SecretFile<readonly Buffer[]>> =>
  openSecretFile(at, parseKeys, newValue);

import { ConfigurationError } from '@provider-access/service/config';
import { CopyRefused } from './backup/copy.ts';

/** Exit codes. */
export const EXIT = {
  ok: 0,
  /** Wrong arguments or configuration. */
  usage: 1,
  /** An engine differs from the declaration. */
  differs: 2,
  /** An engine cannot be reached or did not answer. A repeat may help. */
  unavailable: 3,
  /** An engine refused these credentials. */
  unauthorized: 4,
} as const;

/** An error for people, without the engine's own text, which may contain credentials. */
export class EngineFault extends Error {
  readonly exit: number;
  constructor(exit: number, message: string) {
    super(message);
    this.exit = exit;
  }
}

const MONGO_UNAUTHORIZED = new Set([13, 18]);
const KAFKA_UNAUTHORIZED = /AUTHORIZATION_FAILED|not authorized|Authentication failed|SASL/i;

/** Names, types and codes along the chain of causes, because adapters wrap the errors of their clients. */
function* chain(error: unknown): Generator<{ name: string; type: string; code: unknown; message: string }> {
  const queue: unknown[] = [error];
  const seen = new Set<unknown>();
  for (const each of queue) {
    if (typeof each !== 'object' || each === null || seen.has(each)) continue;
    seen.add(each);
    const { name, type, code, message, cause, errors, originalError } = each as Record<string, unknown>;
    yield { name: String(name ?? ''), type: String(type ?? ''), code, message: String(message ?? '') };
    queue.push(cause, originalError, ...(Array.isArray(errors) ? (errors as unknown[]) : []));
  }
}

/** Undefined for a bug, which the caller throws on. `target` names the engine and its address. */
export function engineFault(error: unknown, target: string): EngineFault | undefined {
  if (error instanceof ConfigurationError || error instanceof CopyRefused)
    return new EngineFault(EXIT.usage, error.message);
  const links = [...chain(error)];
  if (
    links.some(
      ({ name, type, code, message }) =>
        KAFKA_UNAUTHORIZED.test(`${name} ${type} ${message}`) ||
        (typeof code === 'number' && name.startsWith('Mongo') && MONGO_UNAUTHORIZED.has(code)),
    )
  )
    return new EngineFault(
      EXIT.unauthorized,
      `${target} refused these credentials, or they may not do this: \`acls\` says what each principal needs`,
    );
  const away = links.find(
    ({ name, code }) =>
      /^KafkaJS|^Mongo|^EngineUnavailable$/.test(name) ||
      (typeof code === 'string' &&
        /^(ECONN|ENOTFOUND|EAI_|ETIMEDOUT|EHOST|ENET|EPIPE|ERR_TLS|CERT_|UNABLE_TO|SELF_SIGNED|DEPTH_ZERO)/.test(code)),
  );
  if (away === undefined) return undefined;
  const codes = links
    .map(({ code, type }) => (typeof code === 'string' ? code : type))
    .filter((c) => c !== '' && c !== undefined && /^[A-Z0-9_]+$/.test(c));
  const why = [...new Set([away.name, ...codes])].join(', ');
  return new EngineFault(EXIT.unavailable, `${target} cannot be reached or did not answer (${why})`);
}

import { CliError, EXIT } from '../output.ts';
import { isTemporary, TemporaryFault } from './patience.ts';
import { sendBytes } from './send-bytes.ts';

export interface Call {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** Bearer token. */
  readonly token?: string | undefined;
  /** Statuses that are answers rather than errors, beside 2xx. */
  readonly accept?: readonly number[];
  readonly timeoutMs?: number;
}
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

const DEFAULT_TIMEOUT_MS = 120_000;

/** The message of an OperationOutcome, of OAuth JSON, or of problem JSON; the status alone otherwise. */
export function faultOf(status: number, text: string): string {
  try {
    const body = JSON.parse(text) as {
      issue?: { diagnostics?: string; details?: { text?: string } }[];
      error?: string;
      error_description?: string;
      message?: string;
    };
    const message =
      body.issue
        ?.map((i) => i.diagnostics ?? i.details?.text ?? '')
        .filter((t) => t !== '')
        .join('; ') ??
      body.error_description ??
      body.message;
    if (message !== undefined && message !== '')
      return `${message} (${status}${body.error === undefined ? '' : ` ${body.error}`})`;
  } catch {
    // Not JSON, because a proxy answered. The status is enough.
  }
  return `the server answered ${status}`;
}

const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308];

async function respond(url: string, call: Call, headers: Readonly<Record<string, string>>): Promise<Response> {
  const { method = 'GET', body } = call;
  const signal = AbortSignal.timeout(call.timeoutMs ?? DEFAULT_TIMEOUT_MS);
  if (typeof body === 'object') {
    const response = await sendBytes(url, { method, headers, body, signal });
    // A redirect is rare, and `fetch` knows its rules.
    if (!REDIRECTS.includes(response.status)) return response;
  }
  return fetch(url, { method, headers, signal, ...(body !== undefined && { body: body as string }) });
}

/** One platform. Errors are CliErrors with the matching exit code. */
export class Server {
  readonly base: string;
  constructor(base: string) {
    if (!URL.canParse(base)) throw new CliError(EXIT.usage, `--server ${base} is not a URL`);
    const { username, password } = new URL(base);
    // The URL is in messages, and `sendBytes` would send both.
    if (username !== '' || password !== '')
      throw new CliError(EXIT.usage, '--server has a user name or a password in it: a token says who asks');
    this.base = base.replace(/\/+$/, '');
  }

  /** `target` is a path below the base, or an absolute URL that the server gave. */
  async call(target: string, call: Call = {}): Promise<Answer> {
    const url = /^https?:/.test(target) ? target : `${this.base}${target}`;
    const headers: Record<string, string> = { ...call.headers };
    if (call.token !== undefined) headers['authorization'] = `Bearer ${call.token}`;
    let response: Response;
    let text: string;
    try {
      response = await respond(url, call, headers);
      text = await response.text();
    } catch (error) {
      const { cause: below } = error as { cause?: { code?: string; message?: string } };
      const cause = below?.code ?? below?.message ?? (error as Error).name;
      throw new TemporaryFault(url, cause, {
        message:
          `${this.base} cannot be reached (${cause}): is it running? \`npm start\` starts it, --server names ` +
          'another',
      });
    }
    if (response.ok || call.accept?.includes(response.status) === true)
      return { status: response.status, headers: response.headers, text };
    const fault = faultOf(response.status, text);
    if (
      response.status === 401 ||
      response.status === 403 ||
      /"error":"(unauthorized_client|invalid_client)"/.test(text)
    )
      throw new CliError(EXIT.unauthorized, fault);
    if (isTemporary(response.status))
      throw new TemporaryFault(url, fault, { retryAfter: response.headers.get('retry-after') });
    throw new CliError(response.status >= 500 ? EXIT.unavailable : EXIT.refused, fault);
  }

  async json<T>(target: string, call: Call = {}): Promise<T> {
    const { text } = await this.call(target, {
      ...call,
      headers: { accept: 'application/json, application/fhir+json', ...call.headers },
    });
    return JSON.parse(text) as T;
  }

  post<T>(target: string, body: unknown, call: Call = {}): Promise<T> {
    return this.json<T>(target, {
      ...call,
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json', ...call.headers },
    });
  }
}

import createClient from 'openapi-fetch';
import type { components, paths } from '../../generated/openapi.d.ts';

export type Session = components['schemas']['Session'];

/** The CSRF token of the session, in memory alone. */
let csrf = '';
export const keepCsrf = (session: { readonly csrf: string }): void => void (csrf = session.csrf);

const UNSAFE = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);
const guarded = (request: Request): Request => {
  if (UNSAFE.has(request.method) && !request.headers.has('authorization')) request.headers.set('x-csrf-token', csrf);
  return request;
};
const RENEW = '/auth/session/renew';

/**
 * Sends a request of the page. Services trust the roles of a session for five minutes, and then answer 401 until it is
 * renewed (docs/signing-in.md). So this renews once, and sends the request again.
 */
async function send(request: Request): Promise<Response> {
  const again = request.clone();
  const answer = await fetch(guarded(request));
  if (answer.status !== 401 || csrf === '' || request.headers.has('authorization')) return answer;
  const renewed = await fetch(guarded(new Request(RENEW, { method: 'POST' })));
  if (!renewed.ok) return answer;
  keepCsrf((await renewed.json()) as Session);
  return fetch(guarded(again));
}

export const api = createClient<paths>({ baseUrl: location.origin, fetch: send });

/** Why a request was refused. `status` is 0 when no server answered. */
export interface Fault {
  readonly status: number;
  readonly message: string;
}

/** The text of a refusal in its three forms: of `/auth`, of `/ops` and `/events`, and of FHIR. */
export function messageOf(body: unknown): string {
  const found = body as {
    readonly error_description?: string;
    readonly message?: string;
    readonly issue?: readonly { readonly diagnostics?: string; readonly details?: { readonly text?: string } }[];
  } | null;
  const issue = found?.issue?.[0];
  return found?.error_description ?? found?.message ?? issue?.details?.text ?? issue?.diagnostics ?? '';
}

interface Given<T> {
  readonly data?: T;
  readonly error?: unknown;
  readonly response: Response;
}
export type Asked<T> =
  { readonly data: T; readonly fault?: undefined } | { readonly data?: undefined; readonly fault: Fault };

/** The answer, or why there is none. It never throws. */
export async function ask<T>(sent: Promise<Given<T>>): Promise<Asked<T>> {
  try {
    const { data, error, response } = await sent;
    if (response.ok) return { data: data as T };
    return { fault: { status: response.status, message: messageOf(error) } };
  } catch {
    return { fault: { status: 0, message: '' } };
  }
}

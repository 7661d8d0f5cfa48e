import type { JWK } from 'jose';
import { toStructured, type DomainEvent } from '@provider-access/events';
import { approveOwn } from './approval.ts';
import { newKey, publicJwk } from './credentials.ts';
import type { Server } from './server.ts';
import type { Item } from './sources.ts';
import { TokenSource } from './token.ts';

/** Single requests of a payer's and a provider's system: for the commands, the probe, the demo, tests and benches. */

/** An event as `publish` takes it. */
export function itemOf(event: DomainEvent): Extract<Item, { ok: true }> {
  const { resource } = event.data as { resource?: { resourceType?: string; id?: string } };
  return {
    ok: true,
    line: JSON.stringify(toStructured(event)),
    event: event.id,
    about: resource?.resourceType === undefined ? event.type : `${resource.resourceType}/${resource.id}`,
  };
}

/** One event in structured mode. @returns its status, and ms from the request to the answer */
export async function postEvent(
  server: Server,
  token: string,
  event: DomainEvent,
): Promise<{ readonly status: string; readonly ms: number }> {
  const started = performance.now();
  const { text } = await server.call('/events', {
    method: 'POST',
    token,
    headers: { 'content-type': 'application/cloudevents+json' },
    body: JSON.stringify(toStructured(event)),
  });
  const { status } = JSON.parse(text) as { status: string };
  return { status, ms: performance.now() - started };
}

export interface Letter {
  readonly id: string;
  readonly status: string;
  readonly reason: string;
  readonly topic: string;
  readonly eventType?: string;
  readonly parkedAt: string;
  readonly detail: string;
}
/** The dead letters of all pages, oldest first. */
export async function deadLettersOf(server: Server, token: string, status: string): Promise<readonly Letter[]> {
  const all: Letter[] = [];
  let cursor: string | undefined;
  do {
    const page = await server.json<{ deadLetters: Letter[]; next?: string }>(
      `/events/dead-letters?${new URLSearchParams({ status, ...(cursor !== undefined && { cursor }) })}`,
      { token },
    );
    all.push(...page.deadLetters);
    cursor = page.next;
  } while (cursor !== undefined);
  return all;
}

interface Registration {
  readonly client_id: string;
  readonly status: string;
  readonly registration_client_uri: string;
  readonly registration_access_token: string;
}
export interface OwnApp {
  readonly clientId: string;
  readonly key: JWK;
  readonly scope: string;
  readonly tokens: TokenSource;
  readonly registration: Registration;
}
/** Registers an app with a new key, and approves it with the reason if there is one. */
export async function registerOwn(
  server: Server,
  administratorToken: string,
  app: { name: string; npi: string; tin?: string; scope?: string; contact: string; approval?: string },
): Promise<OwnApp> {
  const key = await newKey('ES384');
  const scope = app.scope ?? 'system/*.rs';
  const registration = await server.post<Registration>('/auth/register', {
    client_name: app.name,
    npi: [app.npi],
    ...(app.tin !== undefined && { tin: [app.tin] }),
    scope,
    contacts: [app.contact],
    jwks: { keys: [publicJwk(key)] },
  });
  const clientId = registration.client_id;
  if (app.approval !== undefined) await approveOwn(server, clientId, administratorToken, app.approval);
  return { clientId, key, scope, tokens: new TokenSource(server, { clientId, key, scope }), registration };
}

export interface GroupRow {
  readonly id: string;
  readonly meta?: { readonly lastUpdated?: string };
  readonly name?: string;
  readonly quantity?: number;
  readonly identifier?: readonly { readonly system?: string; readonly value?: string }[];
}
/** The search for Groups, or for the one of a provider. */
export const groupsTarget = (npi?: string): string =>
  '/fhir/Group?_summary=true' +
  (npi === undefined ? '' : `&identifier=${encodeURIComponent(`http://hl7.org/fhir/sid/us-npi|${npi}`)}`);

/** The Groups that an app may see, of all pages. */
export async function groupsOf(server: Server, tokens: TokenSource, npi?: string): Promise<readonly GroupRow[]> {
  const groups: GroupRow[] = [];
  let next: string | undefined = groupsTarget(npi);
  while (next !== undefined) {
    const bundle: GroupBundle = await server.json(next, { token: await tokens.get() });
    groups.push(...(bundle.entry ?? []).map((e) => e.resource));
    next = bundle.link?.find((l) => l.relation === 'next')?.url;
  }
  return groups;
}
interface GroupBundle {
  readonly entry?: readonly { readonly resource: GroupRow }[];
  readonly link?: readonly { readonly relation: string; readonly url: string }[];
}

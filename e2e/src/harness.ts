import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JsonWebKey as JWK } from 'node:crypto';
import type { DomainEvent } from '@provider-access/events';
import { toStructured } from '@provider-access/events';
import { newKey, publicJwk, publish, Server, startPlatform as startStandalone, TokenSource, type Item, type PlatformProcess, type PublishReport } from '@provider-access/cli';
import { COMPILED } from './compiled.ts';
import { startDeployment, type Deployment } from './deployment.ts';
import { startClusterPlatform } from './cluster/platform.ts';
import type { Served } from './road.ts';

/** E2E_DEPLOYMENT=processes: the same scenarios on separate processes over Kafka and MongoDB instead of the standalone. */
export const SEPARATE = process.env['E2E_DEPLOYMENT'] === 'processes';
/** E2E_DEPLOYMENT=cluster, inside `e2e/cluster/run`: on the installed chart, through its ingress. */
export const IN_CLUSTER = process.env['E2E_DEPLOYMENT'] === 'cluster';

export interface StartOptions { readonly dataDir: string; readonly port?: number; readonly env?: Readonly<Record<string, string>>; readonly onLine?: (line: string) => void }
export const startPlatform = (options: StartOptions): Promise<PlatformProcess> => (IN_CLUSTER ? startClusterPlatform(options) : SEPARATE ? startDeployment(options) : startStandalone({ ...options, env: { ...COMPILED, ...options.env } }));

/**
 * A download for a slow client: past the gateway of separate processes, whose kernel takes a file of many MB from a service before the client has read
 * any of it. What the service has handed on it cannot take back; that it hands on no more is what can be seen here.
 */
export const slowly = (platform: PlatformProcess, url: string): string => (SEPARATE ? (platform as Deployment).directly('export', url) : url);

/** A platform of its own in a fresh folder; everything is removed at the end. */
export async function freshPlatform(options: { env?: Record<string, string>; onLine?: (line: string) => void } = {}): Promise<{ platform: () => PlatformProcess; server: () => Server; restart: (how: 'kill' | 'stop') => Promise<void>; dispose: () => Promise<void>; folder: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'provider-access-e2e-'));
  const dataDir = join(folder, 'data');
  const env = options.env ?? {};
  const listen = options.onLine === undefined ? {} : { onLine: options.onLine };
  let current = await startPlatform({ dataDir, env, ...listen });
  const port = Number(new URL(current.base).port);
  return {
    folder,
    platform: () => current,
    server: () => new Server(current.base),
    async restart(how) {
      await (how === 'kill' ? current.kill() : current.stop());
      current = await startPlatform({ dataDir, env, port, ...listen });
    },
    async dispose() {
      await current.kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export const itemOf = (event: DomainEvent): Item => {
  const resource = (event.data as { resource?: { resourceType?: string; id?: string } }).resource;
  return { ok: true, line: JSON.stringify(toStructured(event)), event: event.id, about: resource?.resourceType === undefined ? event.type : `${resource.resourceType}/${resource.id}` };
};

/** Publishes and waits until every event is handled. */
export function publishAll(platform: Served, events: Iterable<DomainEvent>): Promise<PublishReport> {
  const items = function* (): Iterable<Item> {
    for (const event of events) yield itemOf(event);
  };
  return publish(items(), { server: new Server(platform.base), token: platform.payerToken });
}

export interface TestApp { readonly clientId: string; readonly key: JWK; readonly scope: string; readonly tokens: TokenSource; readonly registration: { readonly client_id: string; readonly registration_client_uri: string; readonly registration_access_token: string } }

/** Registers an app with a new key, approves it unless told otherwise. */
export async function registerApp(platform: Served, app: { name: string; npi: string; tin?: string; scope?: string; approve?: boolean }): Promise<TestApp> {
  const server = new Server(platform.base);
  const key = await newKey('ES384');
  const scope = app.scope ?? 'system/*.rs';
  const registration = await server.post<TestApp['registration']>('/auth/register', {
    client_name: app.name, npi: [app.npi], ...(app.tin !== undefined && { tin: [app.tin] }), scope, contacts: ['mailto:developer@clinic.example'], jwks: { keys: [publicJwk(key)] },
  });
  if (app.approve !== false) await server.post(`/auth/clients/${registration.client_id}/approve`, { reason: 'test' }, { token: platform.administratorToken });
  return { clientId: registration.client_id, key, scope, tokens: new TokenSource(server, { clientId: registration.client_id, key, scope }), registration };
}

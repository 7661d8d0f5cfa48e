import { parametersOf, refuseOthers } from '@provider-access/service/operation';
import type { StaticTokens } from '@provider-access/smart';
import { answer, type ProcessRoutesOptions } from './process-routes.ts';
import type { Apps } from './start-services.ts';

/**
 * `GET /ops/views/<service>` of each service without its own views, and in a process with several services
 * `GET /ops/views`. It merges the answers of the services, called in the process with the caller's token.
 */
export function viewsRoutes(apps: Apps, tokens: StaticTokens): NonNullable<ProcessRoutesOptions['routes']> {
  const all = Object.entries(apps).map(([name, app]) => {
    const fastify = app.getHttpAdapter().getInstance();
    const url = `/ops/views/${name}`;
    return { name, url, fastify, has: fastify.hasRoute({ method: 'GET', url }) };
  });
  const routes: Record<string, NonNullable<ProcessRoutesOptions['routes']>[string]> = {};
  for (const { url } of all.filter(({ has }) => !has))
    routes[url] = async (request, response) => {
      tokens.require(request, ['administrator']);
      answer(response, 200, 'application/json; charset=utf-8', '{"views":[]}');
    };
  if (all.length === 1) return routes;
  routes['/ops/views'] = async (request, response) => {
    tokens.require(request, ['administrator']);
    refuseOthers(parametersOf(request.url ?? ''), []);
    const headers = { authorization: request.headers.authorization };
    const merged: Record<string, unknown> = {};
    for (const { name, url, fastify } of all.filter(({ has }) => has)) {
      const { payload } = await fastify.inject({ method: 'GET', url, headers });
      merged[name] = (JSON.parse(payload) as { views?: unknown }).views ?? [];
    }
    answer(response, 200, 'application/json', JSON.stringify(merged));
  };
  return routes;
}

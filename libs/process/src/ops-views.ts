import { parametersOf, refuseOthers } from '@provider-access/service/operation';
import { answer, type ProcessRoutesOptions } from './process-routes.ts';
import type { Apps } from './start-services.ts';

/**
 * In a process with several services `GET /ops/views`. It merges the answers of the services, called in the process
 * with the token or the session of the caller. So each service checks the caller as if it were asked alone.
 */
export function viewsRoutes(apps: Apps): NonNullable<ProcessRoutesOptions['routes']> {
  const all = Object.entries(apps);
  if (all.length === 1) return {};
  return {
    '/ops/views': async (request, response) => {
      const { authorization, cookie } = request.headers;
      const headers = {
        ...(authorization !== undefined && { authorization }),
        ...(cookie !== undefined && { cookie }),
      };
      const merged: Record<string, unknown> = {};
      for (const [name, app] of all) {
        const fastify = app.getHttpAdapter().getInstance();
        const { payload, statusCode } = await fastify.inject({ method: 'GET', url: `/ops/views/${name}`, headers });
        if (statusCode !== 200) return answer(response, statusCode, 'application/json', payload);
        const { views = [] } = JSON.parse(payload) as { readonly views?: readonly unknown[] };
        if (views.length > 0) merged[name] = views;
      }
      refuseOthers(parametersOf(request.url ?? ''), []);
      answer(response, 200, 'application/json', JSON.stringify(merged));
    },
  };
}

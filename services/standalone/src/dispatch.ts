import { Refusal } from '@provider-access/kernel';
import { type Apps, refuseRequest, type Handler, type ProcessRoutes } from '@provider-access/process';
import type { Service } from '@provider-access/events';
import { isInternal, serviceOf } from './route-table.ts';

const notFound: Handler = (request, response) =>
  refuseRequest(request, response, new Refusal('not-found', 'There is nothing here.'));

/** Hands each request to the service of its prefix. */
export function dispatch(apps: Apps, own: ProcessRoutes): Handler {
  const routing = Object.fromEntries(
    Object.entries(apps).map(([name, app]) => [name, app.getHttpAdapter().getInstance().routing]),
  ) as Record<Service, Handler>;
  return (request, response) => {
    const service = serviceOf(request.url ?? '/');
    if (service !== undefined) return routing[service](request, response);
    if (!own(request, response)) notFound(request, response);
  };
}

/** Answers 404 to paths that only the payer and operators use, and passes on all others. */
export const publicOnly =
  (handler: Handler): Handler =>
  (request, response) =>
    (isInternal(request.url ?? '/') ? notFound : handler)(request, response);

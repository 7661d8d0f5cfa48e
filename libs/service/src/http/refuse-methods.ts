import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Refusal } from '@provider-access/kernel';
import { nothingHere } from './nothing-here.ts';
import { sendRefusal } from './render-refusal.ts';

/** In the order of the header `Allow`. The router adds HEAD wherever there is GET. */
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
type Method = (typeof METHODS)[number];
/** The end of a path that names an operation. */
const OPERATION = /\/\$[^/?]*\/?(\?|$)/;

/** RFC 9110 section 15.5.6. It looks at the path only, so the answer is the same whether or not a resource exists. */
function refuse(route: string, allowed: readonly Method[], request: FastifyRequest, reply: FastifyReply): void {
  // An operation that does not exist fits the pattern of a read, and no method would find it.
  const refusal =
    OPERATION.test(request.url) && !OPERATION.test(route)
      ? nothingHere(request.url)
      : new Refusal('method-not-allowed', `This path does not take ${request.method}. Use ${allowed.join(' or ')}.`, {
          headers: { allow: allowed.join(', ') },
        });
  sendRefusal(request, reply, refusal);
}

/**
 * Answers 405 with `Allow` to the methods that a known path does not have. The router alone would answer 404, which a
 * caller reads as "no such resource".
 * @returns call it when all routes are there
 */
export function refuseOtherMethods(fastify: FastifyInstance): () => void {
  const routes = new Map<string, Set<string>>();
  let complete = false;
  const allowed = (url: string): Method[] => METHODS.filter((method) => routes.get(url)!.has(method));
  fastify.addHook('onRoute', (route) => {
    if (complete) return;
    const { url, method, config } = route;
    const known = routes.get(url) ?? new Set();
    routes.set(url, known);
    if (method === 'HEAD' && config?.operation?.head === false)
      route.onRequest = (request, reply) => refuse(url, allowed(url), request, reply);
    else for (const one of [method].flat()) known.add(one);
  });
  return () => {
    complete = true;
    for (const [url, known] of routes) {
      // The router adds HEAD to GET here too.
      const method = METHODS.filter((one) => !known.has(one) && one !== 'HEAD');
      if (method.length === 0) continue;
      const answer = (request: FastifyRequest, reply: FastifyReply): void => refuse(url, allowed(url), request, reply);
      // Before the body is read, because its type and size do not matter.
      fastify.route({ url, method, onRequest: answer, handler: answer });
    }
  };
}

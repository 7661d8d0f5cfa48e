import type { FastifyRequest } from 'fastify';
import type { Refusal } from '@provider-access/kernel';

/** A request that was refused, with the client if a guard has authenticated it. */
export type RefusedRequest = FastifyRequest<{ Params: { readonly type?: string } }> & {
  readonly smart?: { readonly client: string };
};

/** Is told of every refusal of a route before the answer is sent. */
export interface RefusalObserver {
  /** The answer waits for the promise. */
  refused(request: RefusedRequest, refusal: Refusal): Promise<void> | undefined;
}
/** A module may provide one: `{ provide: REFUSAL_OBSERVER, useValue }`. */
export const REFUSAL_OBSERVER = Symbol('RefusalObserver');

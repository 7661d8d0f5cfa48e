import type { FastifyRequest } from 'fastify';
import { Refusal } from '@provider-access/kernel';
import { behindUntrustedProxy, SHARED_ADDRESS } from '@provider-access/service/http';
import type { Answer } from '@provider-access/service/operation';

/** A JSON answer that no cache may keep, for callers whom the frame does not know. */
export const notStored = (json: unknown): Answer => ({ json, headers: { 'cache-control': 'no-store' } });

/** The refusal of an address that is above a limit. `retryAfter`: seconds */
export const tooMany = (request: FastifyRequest, requests: string, retryAfter: number): Refusal =>
  new Refusal(
    'too-many-requests',
    `Too many ${requests} from this address.${behindUntrustedProxy(request) ? SHARED_ADDRESS : ''}`,
    { retryAfter },
  );

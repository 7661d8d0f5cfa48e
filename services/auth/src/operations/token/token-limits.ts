import type { FastifyRequest } from 'fastify';
import { Refusal } from '@provider-access/kernel';
import { behindUntrustedProxy, SHARED_ADDRESS } from '@provider-access/service/http';
import { addressBlock, claimedClient } from '@provider-access/smart';
import type { AuthContext } from '../../auth.ts';

const MINUTE = 60_000;

export interface TakenRequest {
  /** Seconds, 0 if the request is within the limit. */
  readonly wait: number;
  giveBack(): void;
}

/**
 * Counts a request with a client assertion before any check of it; a request that succeeds gives its count back. An
 * approved client has its own count at its address, so that junk from behind the same proxy does not lock it out. A
 * stranger cannot use up that count, because client ids are random.
 */
export function takeTokenRequest({ limits, parties }: AuthContext, request: FastifyRequest): TakenRequest {
  const block = addressBlock(request.ip);
  const claimed = claimedClient((request.body as Record<string, unknown> | null | undefined)?.['client_assertion']);
  const client = claimed !== undefined && parties.client(claimed)?.status === 'approved' ? claimed : undefined;
  const key = client === undefined ? block : `${block} ${client}`;
  const wait = limits.tokens.take(key);
  if (client !== undefined) return { wait, giveBack: () => limits.tokens.giveBack(key) };
  return {
    wait: wait > 0 ? wait : limits.strangers.take(''),
    giveBack: () => {
      limits.tokens.giveBack(key);
      limits.strangers.giveBack('');
    },
  };
}

/** @throws Refusal 429 */
export function requireTaken({ wait }: TakenRequest, request: FastifyRequest): void {
  if (wait > 0)
    throw new Refusal(
      'too-many-requests',
      `Too many refused token requests from this address.${behindUntrustedProxy(request) ? SHARED_ADDRESS : ''}`,
      { retryAfter: wait },
    );
}

/**
 * Counts a request of a client whose signature was verified. @returns the refusal when the client is above its limit
 */
export async function countClientRequest({ ports, config }: AuthContext, client: string): Promise<Refusal | undefined> {
  const { count, resetsAt } = await ports.state.counters.hit(`token/${client}`, MINUTE);
  if (count <= config.tokensPerMinute) return undefined;
  return new Refusal('too-many-requests', `More than ${config.tokensPerMinute} token requests in a minute.`, {
    retryAfter: Math.max(1, Math.ceil((resetsAt - ports.clock.now()) / 1000)),
  });
}

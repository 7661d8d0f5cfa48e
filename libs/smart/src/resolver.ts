import { lookup, Resolver } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { ResolverOptions } from 'node:dns';

export interface ResolvedAddress {
  readonly address: string;
  readonly family: number;
}
export type Resolve = (hostname: string) => Promise<readonly ResolvedAddress[]>;

/**
 * The system's resolution: `/etc/hosts` too. It has four threads for the whole process, and names that hang hold them.
 */
export const systemResolve: Resolve = (hostname) => lookup(hostname, { all: true, verbatim: true });

/**
 * Resolution by DNS alone, through sockets (c-ares): names that hang do not keep other names from being resolved,
 * whatever their number. Neither `/etc/hosts` nor search domains are read: both lead to private addresses, which are
 * refused anyway. `servers`: addresses with ports; the system's by default.
 */
export function dnsResolve(options: ResolverOptions & { readonly servers?: readonly string[] } = {}): Resolve {
  const { servers, ...rest } = options;
  const resolver = new Resolver({ timeout: 1500, tries: 2, ...rest });
  if (servers !== undefined) resolver.setServers(servers);
  return async (hostname) => {
    const family = isIP(hostname);
    if (family !== 0) return [{ address: hostname, family }];
    const [four, six] = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)]);
    // One kind of address is enough; that the name has none of the other kind is no fault.
    if (four.status === 'rejected' && six.status === 'rejected') throw four.reason as Error;
    const addresses = (settled: PromiseSettledResult<string[]>, of: number): ResolvedAddress[] =>
      settled.status === 'fulfilled' ? settled.value.map((address) => ({ address, family: of })) : [];
    return [...addresses(four, 4), ...addresses(six, 6)];
  };
}

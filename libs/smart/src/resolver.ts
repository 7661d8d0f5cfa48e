import { lookup, Resolver } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { ResolverOptions } from 'node:dns';

export interface ResolvedAddress {
  readonly address: string;
  readonly family: number;
}
export type Resolve = (hostname: string) => Promise<readonly ResolvedAddress[]>;

/**
 * Resolution by the operating system, `/etc/hosts` included. It uses Node's four threads, and slow names block them.
 */
export const systemResolve: Resolve = (hostname) => lookup(hostname, { all: true, verbatim: true });

/**
 * Resolution by DNS sockets (c-ares), so that slow names do not delay other names. It ignores `/etc/hosts` and search
 * domains, because these lead to private addresses, which are refused anyway. `servers` are addresses with ports.
 * Default: the operating system's.
 */
export function dnsResolve(options: ResolverOptions & { readonly servers?: readonly string[] } = {}): Resolve {
  const { servers, ...rest } = options;
  const resolver = new Resolver({ timeout: 1500, tries: 2, ...rest });
  if (servers !== undefined) resolver.setServers(servers);
  return async (hostname) => {
    const family = isIP(hostname);
    if (family !== 0) return [{ address: hostname, family }];
    const [four, six] = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)]);
    // A name needs only addresses of one family.
    if (four.status === 'rejected' && six.status === 'rejected') throw four.reason as Error;
    const addresses = (settled: PromiseSettledResult<string[]>, of: number): ResolvedAddress[] =>
      settled.status === 'fulfilled' ? settled.value.map((address) => ({ address, family: of })) : [];
    return [...addresses(four, 4), ...addresses(six, 6)];
  };
}

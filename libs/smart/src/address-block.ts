import { isIPv6 } from 'node:net';
import ipaddr from 'ipaddr.js';

/**
 * The unit by which limits count senders: an IPv4 address, or the /64 of an IPv6 address, because one sender has a
 * whole /64 (RFC 6177). IPv4-mapped addresses (`::ffff:a.b.c.d`) count as their IPv4 address.
 */
export function addressBlock(address: string): string {
  const plain = address.split('%')[0]!;
  if (!isIPv6(plain)) return plain;
  const parsed = ipaddr.process(plain);
  if (parsed instanceof ipaddr.IPv4) return parsed.toString();
  return `${parsed.parts
    .slice(0, 4)
    .map((group) => group.toString(16))
    .join(':')}::/64`;
}

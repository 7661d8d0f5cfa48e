import { isIP } from 'node:net';
import { z } from 'zod';

/** The parts of `a, b,c`, without empty ones. */
export const commaSeparated = (text: string): string[] =>
  text
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '');
/** A TCP port. */
export const port = z.coerce
  .number('must be a number')
  .int('must be a whole number')
  .min(0, 'must be 0 to 65535')
  .max(65535, 'must be 0 to 65535');
/** An absolute http(s) URL without query or fragment, kept without its last slash. */
export const baseUrl = z
  .string()
  .refine(
    (v) =>
      URL.canParse(v) && /^https?:$/.test(new URL(v).protocol) && new URL(v).search === '' && new URL(v).hash === '',
    'must be an absolute http or https URL without query',
  )
  .transform((v) => v.replace(/\/+$/, ''));
/** An address of this platform: its routes are below it, so it has no path. */
export const publicUrl = baseUrl.refine(
  (v) => !URL.canParse(v) || (new URL(v).pathname === '/' && new URL(v).username === ''),
  'must be scheme, host and port alone, without /fhir or another path, as in https://pa.example.org',
);
/** `true` or `false`. */
export const flag = z.enum(['true', 'false'], 'must be true or false').transform((v) => v === 'true');
/** Export writes the manifest, and the CapabilityStatement of resources claims its version. */
export const exportManifest = z
  .enum(['3', '4'], 'must be 3 or 4')
  .default('3')
  .describe(
    'Version of Bulk Data whose manifest exports have, and which the CapabilityStatement claims. `3` also has what ' +
      'versions 1 and 2 require. `4` is the ballot: exports then start by POST only, and clients of earlier versions ' +
      'cannot read the manifest.',
  );
/** A whole number between two bounds, both allowed. */
export const whole = (min: number, max: number) => {
  const range = `must be a whole number from ${min} to ${max}`;
  return z.coerce.number(range).int(range).min(min, range).max(max, range);
};
/** The path of a file. Whether it can be read is checked when it is. */
export const path = z.string().min(1, 'must be a path');

const HOST_AND_PORT = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})$/;
/** `host:port,host:port`. */
export const hostsAndPorts = z
  .string()
  .transform(commaSeparated)
  .refine((list) => list.length > 0, 'must name at least one host:port')
  .refine(
    (list) =>
      list.every(
        (each) => Number(HOST_AND_PORT.exec(each)?.[1] ?? 0) >= 1 && Number(HOST_AND_PORT.exec(each)![1]) <= 65535,
      ),
    'must be host:port, separated by commas, without a scheme',
  );

function isNetwork(text: string): boolean {
  const [address = '', bits, more] = text.split('/');
  const version = isIP(address);
  if (version === 0 || more !== undefined) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
}
/** Whom `X-Forwarded-For` is believed: a number of hops, or addresses and networks. */
export type TrustedProxies = number | readonly string[];
/** A number of proxies in front, or their addresses and networks (CIDR), separated by commas. */
export const trustedProxies = z
  .string()
  .transform((v): TrustedProxies => (/^\d+$/.test(v.trim()) ? Number(v) : v.split(',').map((each) => each.trim())))
  .refine(
    (v) => (typeof v === 'number' ? v <= 10 : v.every(isNetwork)),
    'must be a number of proxies up to 10, or addresses and networks (CIDR) separated by commas',
  );

import * as http from 'node:http';
import { CliError, EXIT } from '../output.ts';

const NAMES = ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy'];

/**
 * Sends every request of this process through the proxy that HTTPS_PROXY and HTTP_PROXY name, except to the hosts in
 * NO_PROXY. @returns undoes it
 */
export function proxyFromEnvironment(env: NodeJS.ProcessEnv = process.env): () => void {
  if (!NAMES.some((name) => (env[name] ?? '') !== '')) return () => undefined;
  if (typeof http.setGlobalProxyFromEnv !== 'function')
    throw new CliError(EXIT.usage, `a proxy needs Node 24.14 or later, this is ${process.versions.node}`);
  return http.setGlobalProxyFromEnv(env);
}

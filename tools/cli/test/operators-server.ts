import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, vi } from 'vitest';
import { pa, type Captured } from './captured.ts';

/**
 * A server for the specs of a file that read what operators may see, with the administrator's token in the environment.
 * `asked` has the URLs of the test, `at` is a path in an empty folder.
 */
export function operatorsServer(
  answer: (request: IncomingMessage & { readonly url: string }, response: ServerResponse) => void,
): {
  readonly asked: string[];
  readonly at: (name: string) => string;
  readonly run: (...argv: readonly string[]) => Promise<Captured>;
} {
  const asked: string[] = [];
  let server: Server;
  let folder: string;
  beforeAll(async () => {
    vi.stubEnv('PA_ADMINISTRATOR_TOKEN', 'token');
    folder = mkdtempSync(join(tmpdir(), 'provider-access-operators-'));
    server = createServer((request, response) => {
      const url = request.url!;
      asked.push(url);
      answer(Object.assign(request, { url }), response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    rmSync(folder, { recursive: true });
  });
  beforeEach(() => void asked.splice(0));
  const base = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { asked, at: (name) => join(folder, name), run: (...argv) => pa('--server', base(), ...argv) };
}

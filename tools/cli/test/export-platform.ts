import { createServer, type IncomingMessage, type Server as HttpServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

interface ServedFile {
  etag: string;
  bytes: Buffer;
}

/** A platform of one app and its exports, in this process. A test changes what it answers at any time. */
export class ExportPlatform {
  base = '';
  /** Paths with query of all kick-offs. */
  readonly kickOffs: string[] = [];
  /** Bodies of kick-offs by POST. */
  readonly bodies: string[] = [];
  readonly downloads: { readonly name: string; readonly range: string | undefined }[] = [];
  readonly files = new Map<string, ServedFile>();
  transactionTime = '2026-11-26T12:00:00.000Z';
  members = 2;
  /** Ids that the search for Groups finds. */
  groups: readonly string[] = ['g'];
  /** The answer of the status request; 404 after an export expired. */
  status = 200;
  /** May answer a download first. */
  interfere: (name: string, response: ServerResponse) => boolean = () => false;
  /** Whether an export starts by POST only. */
  postOnly = false;
  /** May change the manifest. */
  shaped: (manifest: object) => object = (manifest) => manifest;
  #server: HttpServer | undefined;

  put(name: string, text: string | Buffer, etag = `"${name}"`): void {
    this.files.set(name, { etag, bytes: Buffer.from(text) });
  }
  async listen(): Promise<void> {
    this.#server = createServer((request, response) => this.#answer(request, response));
    await new Promise<void>((resolve) => this.#server!.listen(0, '127.0.0.1', resolve));
    this.base = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server!.close(() => resolve()));
    this.#server!.closeAllConnections();
    await closed;
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { pathname, search } = new URL(request.url!, this.base);
    const json = (body: unknown, status = 200, headers = {}): void =>
      void response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
    if (pathname.endsWith('smart-configuration')) return json({ token_endpoint: `${this.base}/token` });
    if (pathname === '/token') return json({ access_token: 'token', expires_in: 300, scope: 'system/*.rs' });
    if (/\$((davinci-data-)?export|provider-member-match)$/.test(pathname)) {
      if (this.postOnly && request.method === 'GET') return json({}, 405, { allow: 'POST' });
      this.kickOffs.push(`${pathname}${search}`);
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => body !== '' && this.bodies.push(body));
      this.status = 200;
      return json({}, 202, { 'content-location': `${this.base}/status/${this.kickOffs.length}` });
    }
    if (pathname === '/fhir/Group') return json({ entry: this.groups.map((id) => ({ resource: { id } })) });
    if (pathname.startsWith('/fhir/Group/')) return json({ resourceType: 'Group', quantity: this.members });
    if (pathname.startsWith('/status/')) {
      if (this.status !== 200) return json({ issue: [{ diagnostics: 'The export failed.' }] }, this.status);
      const output = [...this.files.keys()].map((name) => ({
        type: name.split('-')[0],
        url: `${this.base}/files/${name}`,
        count: 1,
      }));
      const { transactionTime } = this;
      return json(this.shaped({ transactionTime, request: '', requiresAccessToken: true, output, error: [] }));
    }
    const name = pathname.slice('/files/'.length);
    this.downloads.push({ name, range: request.headers.range });
    if (this.interfere(name, response)) return;
    const file = this.files.get(name);
    if (file === undefined) return json({ issue: [{ diagnostics: 'unknown' }] }, 404);
    const fits = request.headers.range !== undefined && request.headers['if-range'] === file.etag;
    const from = fits ? Number(/^bytes=(\d+)-$/.exec(request.headers.range!)![1]) : 0;
    response
      .writeHead(fits ? 206 : 200, { etag: file.etag, 'content-length': file.bytes.length - from })
      .end(file.bytes.subarray(from));
  }
}

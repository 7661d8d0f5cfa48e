import { createServer, type IncomingMessage, type Server as HttpServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { DomainEvent } from '@provider-access/events';

interface Row {
  readonly event: string;
  readonly outcome: string;
  readonly reason?: string;
  readonly deadLetter?: string;
  readonly about?: string;
}

/** A platform in this process that takes a payer's events, remembers them by id, and knows some members. */
export class PayerPlatform {
  base = '';
  /** By id, in the order of their first arrival. */
  readonly events = new Map<string, DomainEvent>();
  readonly known = new Set<string>();
  /** Members about whom somebody asked. */
  readonly asked: string[] = [];
  /** Turns an event into a dead letter with this reason. */
  park: (event: DomainEvent) => string | undefined = () => undefined;
  /** May answer any request first. */
  interfere: (request: IncomingMessage, response: ServerResponse) => boolean = () => false;
  /** For memory tests: what arrived is counted and not kept. */
  forgets = false;
  count = 0;
  readonly #receipts = new Map<string, { rows: readonly Row[]; handled: number }>();
  #server: HttpServer | undefined;

  async listen(): Promise<void> {
    this.#server = createServer((request, response) => void this.#answer(request, response));
    await new Promise<void>((resolve) => this.#server!.listen(0, '127.0.0.1', resolve));
    this.base = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server!.close(() => resolve()));
    this.#server!.closeAllConnections();
    await closed;
  }
  ofType(type: string): readonly DomainEvent[] {
    return [...this.events.values()].filter((event) => event.type === type);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (this.interfere(request, response)) return;
    const url = new URL(request.url!, this.base);
    const json = (body: unknown, status = 200): void =>
      void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    if (url.pathname === '/ops/explain') {
      const member = url.searchParams.get('member')!;
      this.asked.push(member);
      return json({ memberFacts: this.known.has(member) ? {} : null });
    }
    if (url.pathname.startsWith('/events/dead-letters/')) return json({ detail: `what is wrong: ${url.pathname}` });
    if (url.pathname.startsWith('/events/receipts/')) {
      const id = url.pathname.split('/').at(-1)!;
      const receipt = this.#receipts.get(id);
      if (receipt === undefined) return json({}, 404);
      this.#receipts.delete(id);
      const { rows, handled } = receipt;
      const counts: Record<string, number> = { recorded: handled - rows.length };
      for (const { outcome } of rows) counts[outcome] = (counts[outcome] ?? 0) + 1;
      return json({ receipt: id, expected: handled, handled, counts, items: rows });
    }
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const events = Buffer.concat(chunks)
      .toString('utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as DomainEvent);
    this.#take(events, response);
  }

  #take(events: readonly DomainEvent[], response: ServerResponse): void {
    const receipt = `r-${this.count}`;
    const rows: Row[] = [];
    for (const event of events) {
      this.count += 1;
      const reason = this.park(event);
      if (reason !== undefined)
        rows.push({ event: event.id, outcome: 'parked', reason, deadLetter: `dl-${this.count}`, about: event.type });
      else if (this.events.has(event.id)) rows.push({ event: event.id, outcome: 'unchanged', reason: 'duplicate' });
      if (!this.forgets) this.events.set(event.id, event);
    }
    this.#receipts.set(receipt, { rows, handled: events.length });
    const parked = new Map(rows.flatMap((row) => (row.outcome === 'parked' ? [[row.event, row.deadLetter]] : [])));
    response.writeHead(200, { 'content-type': 'application/x-ndjson' }).end(
      events
        .map((event, index) => {
          const consent = /opted-(in|out)/.test(event.type);
          const status = !consent ? 'accepted' : parked.has(event.id) ? 'parked' : 'effective';
          return `${JSON.stringify({ index, status, receipt, deadLetter: parked.get(event.id) })}\n`;
        })
        .join(''),
    );
  }
}

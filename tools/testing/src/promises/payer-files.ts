import type { DomainEvent } from '@provider-access/events';
import { iso, MINUTE, type Payer } from './events.ts';
import type { LinesTable } from './lines.ts';
import type { Model } from './model.ts';
import { type PayerOperation, PLANS, type Practice } from './payer-operations.ts';
import { PROVIDERS } from './operations.ts';
import { Broken, type World } from './world.ts';

const DAY = 24 * 60 * MINUTE;
/** Rows of files have held for long, as the attributions at the beginning of a sequence. */
const FROM = -100_000;

/** A row of a sender's newest file, or its end. */
interface Row {
  readonly batch: number;
  readonly holds: boolean;
  readonly asOf: string;
  readonly from: string;
}
interface Sender {
  /** The day of the newest file. An older file is refused, so none is sent. */
  asOf: string;
  batches: number;
  /** By member and practice: what the newest file says, and what the file before said. */
  readonly rows: Map<string, { readonly now: Row; readonly before: Row | undefined }>;
}
export interface PayerFilesOptions {
  readonly world: World;
  readonly model: Model;
  readonly members: readonly string[];
  /** Makes the names of senders and contracts those of the sequence. */
  readonly name: string;
  readonly payer: Payer;
}

/**
 * Sets lines of business, reports notices, recalls resources, and sends full files as `pa import roster --full` and `pa
 * undo` do.
 */
export class PayerFiles {
  readonly #options: PayerFilesOptions;
  readonly #senders: readonly [Sender, Sender] = [sender(), sender()];

  constructor(options: PayerFilesOptions) {
    this.#options = options;
  }

  async send(operation: PayerOperation): Promise<void> {
    const { world, members } = this.#options;
    switch (operation.op) {
      case 'table of lines':
        return this.#setTable(operation);
      case 'notice':
        return this.#publish(
          [this.notice(members[operation.member]!, operation.daysAgo, operation.returned)],
          operation.via,
        );
      case 'roster':
        return this.#publish(this.#import(operation, dayOf(world.now - operation.daysAgo * DAY)), operation.via);
      case 'recall':
        return this.#recall(operation);
      case 'undo':
        return this.#publish(this.#undo(operation.sender), operation.via);
    }
  }

  /** The report that a notice was sent, or came back. */
  notice(member: string, daysAgo: number, returned: boolean): DomainEvent {
    const { world, model, payer } = this.#options;
    const day = dayOf(world.now - daysAgo * DAY);
    model.notices[returned ? 'returned' : 'sent'].push({ member, day });
    return returned
      ? payer.event('payer.notice-returned.v1', member, { sent: day })
      : payer.event('payer.notice-sent.v1', member, { kind: 'first', language: 'en', channel: 'mail', at: day });
  }

  async #setTable({ starts, via }: Extract<PayerOperation, { op: 'table of lines' }>): Promise<void> {
    const { world, model } = this.#options;
    const table: LinesTable = Object.fromEntries(
      PLANS.flatMap((plan) => {
        const start = starts[plan];
        if (start === 'not in the table') return [];
        return [[plan, start === 'never' ? Infinity : world.now + start * MINUTE]];
      }),
    );
    model.lines.tables = [...model.lines.tables, table];
    await world.setTable(table, via);
    model.lines.tables = [table];
  }

  async #recall({ member: n, via }: Extract<PayerOperation, { op: 'recall' }>): Promise<void> {
    const { model, payer, members } = this.#options;
    const member = members[n]!;
    model.recalls.recall(member);
    const data = { resourceType: 'Condition', id: `${member}-c1`, recall: 'a test' };
    await this.#publish([payer.event('payer.resource-deleted.v1', member, data)], via);
  }

  async #publish(events: readonly DomainEvent[], via: number): Promise<void> {
    const { world, payer } = this.#options;
    payer.sent.push(...events.map((event) => ({ event })));
    for (const event of events) {
      const { status, body } = await world.publish(event, via);
      if (status !== 202) throw new Broken(`${event.type} was answered ${status} ${body}`);
    }
  }

  /** The rows that are new or change, and the ends of those that the file lacks. */
  #import({ sender: n, practice, members }: Extract<PayerOperation, { op: 'roster' }>, day: string): DomainEvent[] {
    const known = this.#senders[n]!;
    known.asOf = known.asOf > day ? known.asOf : day;
    known.batches += 1;
    const { asOf, batches: batch, rows } = known;
    const from = iso(this.#options.world.now + FROM * MINUTE);
    const stated = new Set(members.map((one) => rowKey(this.#options.members[one]!, practice)));
    const events: DomainEvent[] = [];
    for (const key of stated) {
      const before = rows.get(key)?.now;
      if (before?.holds === true) continue;
      events.push(this.#row(n, key, { batch, holds: true, asOf, from }, asOf));
    }
    for (const [key, { now }] of rows)
      if (now.holds && !stated.has(key)) events.push(this.#row(n, key, { ...now, batch, holds: false, asOf }, asOf));
    return events;
  }

  /** Each row that the last import stated is what it was before. Its event tells of the day of the earlier file. */
  #undo(n: number): DomainEvent[] {
    const { rows, batches } = this.#senders[n]!;
    const events: DomainEvent[] = [];
    for (const [key, { now, before }] of rows) {
      if (now.batch !== batches) continue;
      const back = before ?? { ...now, holds: false };
      events.push(this.#row(n, key, { ...back, batch: 0 }, back.asOf, true));
    }
    return events;
  }

  #row(n: number, key: string, row: Row, asOf: string, isUndo = false): DomainEvent {
    const { payer, model, name } = this.#options;
    const [member, practice] = JSON.parse(key) as [string, Practice];
    const provider = { npi: PROVIDERS[practice].npi, contract: name };
    const sender = `${name}-${n}`;
    const file = { source: sender, batch: `${isUndo ? 'undo.' : ''}roster.${sender}.${asOf}`, asOf };
    // Absent rows have ended the day before; a row that was an error ends where it began.
    const to = isUndo ? row.from : dayOf(Date.parse(asOf) - DAY);
    const event = row.holds
      ? payer.event('payer.attribution-asserted.v1', member, { provider, from: row.from, file })
      : payer.event('payer.attribution-ended.v1', member, { provider, to, file });
    const { rows } = this.#senders[n]!;
    rows.set(key, { now: row, before: isUndo ? undefined : rows.get(key)?.now });
    model.spans.push({
      id: event.id,
      member,
      time: Date.parse(event.time),
      key: `${practice}/npi`,
      start: row.holds || isUndo ? Date.parse(row.from) : Date.parse(asOf) - 14 * 60 * MINUTE,
      inForce: row.holds,
      file: { sender, asOf: Date.parse(asOf) },
    });
    return event;
  }
}

const sender = (): Sender => ({ asOf: '', batches: 0, rows: new Map() });
const dayOf = (ms: number): string => iso(ms).slice(0, 10);
const rowKey = (member: string, practice: Practice): string => JSON.stringify([member, practice]);

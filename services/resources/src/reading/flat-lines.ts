import type { AcceptedContent } from '../domain/content.ts';
import type { CheckedResource, Judgement } from '../domain/judge.ts';
import type { AcceptedLine, ReceivedLine } from './receive-line.ts';

/** What the message of a block has of its lines, one after the other. */
export type Cell = string | number | object;

type Accept = Extract<Judgement, { kind: 'accept' }>;
type Written<Of, Names extends keyof Of> = Readonly<Record<Exclude<keyof Of, Names>, true>>;

/** Members that few lines have. A new member does not compile until it is written, or has a place here. */
const FEW_OF_JUDGEMENT = Object.keys({
  unresolved: true,
  own: true,
  targets: true,
  persons: true,
  attachments: true,
} satisfies Written<Accept, 'kind' | 'about' | 'content' | 'checked' | 'removed' | 'objective'>) as (keyof Accept)[];
const FEW_OF_CONTENT = Object.keys({ targets: true, whole: true } satisfies Written<
  AcceptedContent,
  | ('hash' | 'sourceHash' | 'references' | 'serviceDate' | 'labels' | 'status' | 'keys')
  | ('head' | 'payerUpdated' | 'tail')
>) as (keyof AcceptedContent)[];

/** Stand for a text that the line has already, or has not. Numbers from 0 stand for texts of the block. */
const [ID, NONE] = [-1, -2];
/** Nearly each line has another one. */
const TIME = 'ce_time';
/** Places of the texts that are compared with those of the line before. References are the last ones. */
const [TOPIC, KEY, MEMBER, HEADERS, REFERENCES] = [0, 1, 2, 3, 40];
const MOST_HEADERS = REFERENCES - HEADERS - 1;
/** In front of the part of `payerUpdated` that differs between events. */
const INSTANT = '"valueInstant":';

/**
 * Writes lines as texts and numbers. V8 copies a message object by object, and writes the names of the members of each
 * one, and equal texts again and again. A line of eight objects takes three to four times as long.
 */
export class FlatLines {
  readonly cells: Cell[] = [];
  readonly #known = new Map<string, number>();
  /** Number of texts that have one. */
  #size = 0;
  #names: readonly string[] = [];
  /** Texts of the line before, by their places, and their numbers. To compare is less than to hash. */
  readonly #before: string[] = [];
  readonly #numbers: number[] = [];
  #start = '';

  /** Adds anything. A line is written flat if it is like nearly all of them, and copied as it is otherwise. */
  add(read: object): void {
    const { kind } = read as Partial<ReceivedLine>;
    if (kind === 'accepted') this.#line(read as AcceptedLine);
    else this.cells.push(read);
  }

  #line(line: AcceptedLine): void {
    const judgement = usualJudgement(line);
    const { id, headers, value } = line;
    if (judgement === undefined || !Array.isArray(value)) {
      this.cells.push(line);
      return;
    }
    this.cells.push(id);
    this.#repeat(TOPIC, line.topic);
    this.#repeat(KEY, line.key);
    this.#headers(headers, id);
    this.cells.push(line.bytes, (value as readonly number[])[0]!, (value as readonly number[])[1]!);
    this.#judgement(judgement);
  }

  #headers(headers: AcceptedLine['headers'], id: string): void {
    const { cells } = this;
    if (!areNamesOf(headers, this.#names)) this.#names = Object.keys(headers);
    cells.push(this.#names);
    for (let at = 0; at < this.#names.length; at++) {
      const name = this.#names[at]!;
      const text = headers[name]!;
      if (text === id) cells.push(ID);
      else if (name === TIME) cells.push(text);
      else this.#repeat(HEADERS + Math.min(at, MOST_HEADERS), text);
    }
  }

  #judgement({ about, content, checked, removed, objective }: Accept): void {
    const { cells } = this;
    const { order } = about;
    cells.push(order.businessTime, order.sequence);
    this.#repeat(MEMBER, about.member);
    this.#share(about.type);
    cells.push(about.id, checked);
    if (objective === undefined) cells.push(NONE);
    else this.#share(objective);
    this.#content(content);
    const at = cells.push(0) - 1;
    for (const path in removed) {
      this.#share(path);
      cells.push(removed[path]!);
      cells[at] = (cells[at] as number) + 1;
    }
  }

  #content({ hash, sourceHash, head, payerUpdated, serviceDate, status, references, labels, keys }: AcceptedContent) {
    const { cells } = this;
    cells.push(hash, sourceHash, head, serviceDate ?? NONE, status ?? NONE);
    if (!payerUpdated.startsWith(this.#start) || this.#start === '')
      this.#start = payerUpdated.slice(0, payerUpdated.lastIndexOf(INSTANT) + 1);
    this.#share(this.#start);
    cells.push(payerUpdated.slice(this.#start.length), references.length);
    for (let at = 0; at < references.length; at++) this.#repeat(REFERENCES + at, references[at]!);
    cells.push(labels.length);
    for (const label of labels) this.#share(label);
    cells.push(keys.length);
    for (const key of keys) cells.push(key);
  }

  /** A text that most likely is the one at this place of the line before. */
  #repeat(place: number, text: string): void {
    if (this.#before[place] === text) {
      this.cells.push(this.#numbers[place]!);
      return;
    }
    this.#before[place] = text;
    // Most references that differ come once.
    this.#numbers[place] = place < REFERENCES ? this.#share(text) : this.#add(text);
  }

  /** A text that other lines of the block may have. @returns its number */
  #share(text: string): number {
    const known = this.#known.get(text);
    if (known !== undefined) {
      this.cells.push(known);
      return known;
    }
    this.#known.set(text, this.#size);
    return this.#add(text);
  }

  #add(text: string): number {
    this.cells.push(text);
    return this.#size++;
  }
}

/** The judgement of a line, if a flat line has all that it says. */
function usualJudgement({ id, headers, consent, received, reading }: AcceptedLine): Accept | undefined {
  if (reading === undefined || received !== undefined || consent) return undefined;
  const { judgement } = reading;
  if (judgement.kind !== 'accept' || reading.failed !== undefined) return undefined;
  const { order } = judgement.about;
  if (id !== headers['ce_id'] || id !== reading.id || reading.receipt !== headers['ce_pareceipt']) return undefined;
  if (order.event !== id || order.source !== headers['ce_source']) return undefined;
  for (const name of FEW_OF_JUDGEMENT) if (judgement[name] !== undefined) return undefined;
  for (const name of FEW_OF_CONTENT) if (judgement.content[name] !== undefined) return undefined;
  return judgement;
}

function areNamesOf(headers: AcceptedLine['headers'], names: readonly string[]): boolean {
  let at = 0;
  for (const name in headers) if (name !== names[at++]) return false;
  return at === names.length;
}

type Open<T> = { -readonly [Name in keyof T]: T[Name] };

/** Reads what `FlatLines` wrote, in its order. */
export class FlatReader {
  readonly #cells: readonly Cell[];
  readonly #known: string[] = [];
  #at = 0;

  constructor(cells: readonly Cell[]) {
    this.#cells = cells;
  }

  get isDone(): boolean {
    return this.#at === this.#cells.length;
  }

  /** The next line. The end of its content is missing. */
  next(): object {
    const first = this.#cells[this.#at++]!;
    return typeof first === 'object' ? first : this.#line(first as string);
  }

  #line(id: string): AcceptedLine {
    const topic = this.#shared() as AcceptedLine['topic'];
    const key = this.#shared()!;
    const headers = this.#headers(id);
    const bytes = this.#cell() as number;
    const value = [this.#cell() as number, this.#cell() as number] as const;
    const judgement = this.#judgement(id, headers['ce_source']!);
    const reading = { id, receipt: headers['ce_pareceipt'], judgement };
    return { kind: 'accepted', id, topic, key, headers, bytes, consent: false, value, reading };
  }

  #headers(id: string): Record<string, string> {
    const headers: Record<string, string> = {};
    for (const name of this.#cell() as readonly string[])
      headers[name] = name === TIME ? this.#own(id) : (this.#shared() ?? id);
    return headers;
  }

  #judgement(event: string, source: string): Accept {
    const [businessTime, sequence] = [this.#cell() as number, this.#cell() as number];
    const member = this.#shared()!;
    const type = this.#shared()!;
    const about = { member, type, id: this.#cell() as string, order: { businessTime, sequence, source, event } };
    const checked = this.#cell() as CheckedResource;
    const objective = this.#shared() as Accept['objective'];
    const judgement: Open<Accept> = { kind: 'accept', about, content: this.#content(), checked };
    const removed = this.#counts();
    if (removed !== undefined) judgement.removed = removed;
    if (objective !== undefined) judgement.objective = objective;
    return judgement;
  }

  #content(): AcceptedContent {
    const [hash, sourceHash, head] = [this.#cell() as string, this.#cell() as string, this.#cell() as string];
    const [serviceDate, status] = [this.#cell(), this.#cell()];
    const payerUpdated = this.#shared()! + (this.#cell() as string);
    const references = this.#list(() => this.#shared()!);
    const labels = this.#list(() => this.#shared()!);
    const keys = this.#list(() => this.#cell() as string);
    const content: Open<AcceptedContent> = {
      ...{ hash, sourceHash, references, labels, keys, head, payerUpdated },
      tail: '',
    };
    if (typeof serviceDate === 'string') content.serviceDate = serviceDate;
    if (typeof status === 'string') content.status = status;
    return content;
  }

  #counts(): Accept['removed'] {
    const size = this.#cell() as number;
    if (size === 0) return undefined;
    const counts: Record<string, number> = {};
    for (let at = 0; at < size; at++) counts[this.#shared()!] = this.#cell() as number;
    return counts;
  }

  #list(next: () => string): string[] {
    const list: string[] = [];
    for (let left = this.#cell() as number; left > 0; left--) list.push(next());
    return list;
  }

  #cell(): Cell {
    return this.#cells[this.#at++]!;
  }

  /** A text that no other line shares. */
  #own(id: string): string {
    const cell = this.#cell();
    return typeof cell === 'string' ? cell : id;
  }

  /** A text that other lines have too. Undefined for `ID` and `NONE`. */
  #shared(): string | undefined {
    const cell = this.#cell();
    if (typeof cell === 'number') return cell < 0 ? undefined : this.#known[cell];
    this.#known.push(cell as string);
    return cell as string;
  }
}

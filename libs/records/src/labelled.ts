import { labelRules, normalLabel, UNKNOWN_LABEL, UNREADABLE_LABEL } from '@provider-access/domain/pdex/labels';
import { bufferOf, dataOf, PA_RECORDS, type RecordAccepted, typeOf } from '@provider-access/events';
import type { LogRecord } from '@provider-access/engines/log';
import type { Projection, TopicEvolve, ViewDocument, ViewReader } from '@provider-access/engines/views';
import { RECORD_DELETED, recordKeys } from './record-events.ts';
import { asServed } from './as-served.ts';
import { unlabelled } from './record-labels.ts';

const CONFIDENTIALITY = 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality';
/** Labels that many payers put on every resource, and that policies seldom name. */
export const ORDINARY: ReadonlySet<string> = new Set(['U', 'L', 'M', 'N'].map((code) => `${CONFIDENTIALITY}|${code}`));
/** Whether one of the labels that may withhold (in the form of `normalLabel`) is ordinary. */
export const withholdsOrdinary = (labels: readonly string[]): boolean =>
  labels.includes(UNKNOWN_LABEL) || labels.some((label) => ORDINARY.has(label));

type Times = Readonly<Record<string, number>>;
/** When a resource of a type last got a version with labels: `meta.lastUpdated`, ms since the epoch. */
interface LabelledPart {
  /** By type, of versions with a label that is not ordinary. */
  readonly marked: Times;
  /** By type, of versions that have ordinary labels only. */
  readonly ordinary: Times;
}

/** How the JSON text of our events begins these members. Inside of a text, JSON escapes the quotation marks. */
const LABELS = '"labels":["';
const BY = 'labelsBy":';
const MERGED = '"reason":"merged"';
/** Intake writes at most 100 labels with 256 characters each. */
const MOST_BYTES = 64 * 1024;
const LIST = /^"labels":(\[(?:"(?:[^"\\]|\\.)*",?)*\])/;

/** The labels of an event, without a parse of the line. */
function labelsIn(value: Buffer): readonly string[] {
  const at = value.indexOf(LABELS);
  const list = at < 0 ? undefined : LIST.exec(value.toString('utf8', at, at + MOST_BYTES))?.[1];
  return list === undefined ? [] : (JSON.parse(list) as string[]);
}

/** Of a resource that moved to another id, the labels that it gets there are not known here. */
const isMerged = (record: LogRecord): boolean =>
  typeOf(record) === RECORD_DELETED && bufferOf(record.value).includes(MERGED);

/**
 * The labels of a record. Other rules, or other lists of codes, may have overlooked some. What they found stays,
 * because a file that was written under them may have to be searched for it.
 */
function labelsFound(record: LogRecord): readonly string[] {
  const value = bufferOf(record.value);
  // Nearly all events. The text stands before the line, so the search ends early.
  if (value.includes(unlabelled())) return [];
  const given = labelsIn(value);
  if (typeOf(record) === RECORD_DELETED || value.includes(BY + JSON.stringify(labelRules()))) return given;
  try {
    return [...new Set([...given, ...asServed(dataOf<RecordAccepted>(record)).labels!])];
  } catch {
    // A line that nobody can read may have any label, and one record must not stop the view.
    return [...given, UNREADABLE_LABEL];
  }
}

const fromRecords: TopicEvolve<LabelledPart> = {
  part: 'labelled',
  keys: (record) =>
    recordKeys(record).length > 0 && (labelsFound(record).length > 0 || isMerged(record))
      ? [record.key.slice(0, record.key.indexOf('/'))]
      : [],
  evolve(part = { marked: {}, ordinary: {} }, record) {
    const type = record.key.split('/', 2)[1]!;
    const time = Date.parse(record.headers['ce_time'] ?? '');
    const at = Number.isNaN(time) ? Number.MAX_SAFE_INTEGER : time;
    const labels = labelsFound(record);
    const which =
      labels.length > 0 && labels.every((label) => ORDINARY.has(normalLabel(label))) ? 'ordinary' : 'marked';
    if ((part[which][type] ?? Number.NEGATIVE_INFINITY) >= at) return undefined;
    return { ...part, [which]: { ...part[which], [type]: at } };
  },
};

/**
 * One document for each member with labelled resources, and one for the directory. A download asks it whose resources
 * may have got a label since its file was written (ADR 0056).
 */
export const labelled: Projection = {
  owner: 'resources',
  name: 'labelled',
  version: 1,
  topics: { [PA_RECORDS]: fromRecords },
  // Most records have no label, so this view would else write little but its position.
  lingerMs: 100,
  commitMs: 100,
  indexes: [],
};

/** Members of whom a process keeps what the view said, about 2 MB. */
const MOST_KEPT = 10_000;

/**
 * The view of labelled members for downloads, which ask it for the same members again and again. While no document of
 * the view changes, a member is read once. Where other processes write the view, each call reads.
 */
export class LabelledMembers {
  readonly #reader: Pick<ViewReader, 'getMany' | 'generation'>;
  /** Most members have no document. */
  #known = new Map<string, ViewDocument | undefined>();
  #generation: number | undefined;
  readonly #most: number;
  constructor(reader: Pick<ViewReader, 'getMany' | 'generation'>, most = MOST_KEPT) {
    this.#reader = reader;
    this.#most = most;
  }

  /** In the order of ids, as the view has them now, or has had them since the call. */
  async getMany(ids: readonly string[]): Promise<readonly (ViewDocument | undefined)[]> {
    const now = this.#reader.generation();
    if (now === undefined) return this.#reader.getMany(ids);
    if (now !== this.#generation || this.#known.size > this.#most) this.#known = new Map();
    this.#generation = now;
    const known = this.#known;
    const open = ids.filter((id) => !known.has(id));
    const read = open.length === 0 ? [] : await this.#reader.getMany(open);
    const found = new Map(open.map((id, i) => [id, read[i]]));
    const documents = ids.map((id) => (found.has(id) ? found.get(id) : known.get(id)));
    // What changed while it was read may be older than the change.
    if (this.#reader.generation() === now) for (const [id, document] of found) known.set(id, document);
    return documents;
  }
}

/** When the resources of some members last got a version with labels. */
export class LastLabelled {
  readonly #reader: Pick<ViewReader, 'getMany'>;
  readonly #known = new Map<string, LabelledPart | undefined>();
  constructor(reader: Pick<ViewReader, 'getMany'>) {
    this.#reader = reader;
  }

  /** Reads the members that were not read before, in one query; none if there are none. */
  async read(members: readonly string[]): Promise<void> {
    const open = members.filter((member) => !this.#known.has(member));
    if (open.length === 0) return;
    const found = await this.#reader.getMany(open);
    for (const [i, member] of open.entries()) this.#known.set(member, partOf(found[i]));
  }

  /**
   * Whether a resource of a member that was read, of this type or of any, got labels at this time or later.
   * @param ordinary whether ordinary labels count
   */
  since(time: number, member: string, type: string | undefined, ordinary: boolean): boolean {
    const part = this.#known.get(member);
    if (part === undefined) return false;
    const later = (times: Times): boolean =>
      type === undefined ? Object.values(times).some((at) => at >= time) : (times[type] ?? -Infinity) >= time;
    return later(part.marked) || (ordinary && later(part.ordinary));
  }
}

const partOf = (document: ViewDocument | undefined): LabelledPart | undefined =>
  document?.['labelled'] as LabelledPart | undefined;

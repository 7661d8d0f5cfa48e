import { PAGE_LANGUAGES } from '@provider-access/kernel';
import { Inject, Injectable } from '@nestjs/common';
import { linesAt } from '@provider-access/domain/access';
import { PayerDays } from '@provider-access/domain/pdex/days';
import { addDays, nextNotice, type NoticeKind } from '@provider-access/domain/pdex/notices';
import { PA_MEMBERS } from '@provider-access/events';
import { Facts, type MembersPart, personOfId, sentNotices, toMemberFacts } from '@provider-access/facts';
import { isObject } from '@provider-access/fhir';
import { MOST_IDS } from '@provider-access/intake';
import { recordId, RecordsReader } from '@provider-access/records';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import type { ViewDocument, ViewReader } from '@provider-access/engines/views';
import { notices, type NoticesDuePart } from '../projections/notices.ts';
import { personOf } from '../domain/notice-facts.ts';

/** A notice that a member must get. It holds no name and no address: the mail house has them. */
interface DueMember {
  readonly member: string;
  readonly kind: NoticeKind;
  /** Last day on which it is in time, in the payer's calendar. */
  readonly due: string;
  readonly overdue: boolean;
  /** The language of the text: one that the platform has a text in. */
  readonly language: string;
  /** The language that the member wants, where there is no text in it, or `unknown`. */
  readonly languageNote?: string;
  /** The accessible format that the member wants, in the payer's words. */
  readonly format?: string;
}
/** The place of a document in the index. */
export type DuePlace = readonly [due: string, id: string];
interface DuePage {
  readonly rows: readonly DueMember[];
  /** Where the next page begins; absent on the last one. */
  readonly next?: DuePlace;
}

/** Everything about the notices of one member. */
interface OfMember {
  readonly rows: readonly DueMember[];
  /** `on` is a day in the payer's calendar. */
  readonly sent: readonly { readonly kind: string; readonly on: string; readonly returned?: boolean }[];
}

const partOf = (document: ViewDocument): NoticesDuePart => document['members'] as NoticesDuePart;

/** Which notices are due (docs/notices.md, PEOPLE.md N30 to N41). */
@Injectable()
export class DueNotices {
  private readonly reader: ViewReader;
  private readonly records: RecordsReader;
  private overdue: { until: number; readonly count: Promise<number> } | undefined;

  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(Facts) private readonly facts: Facts,
    @Inject(PayerDays) private readonly days: PayerDays,
  ) {
    this.reader = ports.views.reader(notices);
    this.records = new RecordsReader(ports.views);
    ports.metrics.read('pa_notices_overdue', async () => [{ labels: {}, value: await this.countOverdue() }]);
  }

  /** True once the list has passed what is in the log now, false after the timeout (ms). */
  async passed(timeoutMs: number): Promise<boolean> {
    return this.reader.waitFor(await this.ports.log.head([PA_MEMBERS]), timeoutMs);
  }

  /** The latest day that it is in the payer's time zones. What was due before is overdue. */
  today(): string {
    return this.days.daysAt(this.ports.clock.now()).last;
  }

  /** Notices due at `until` (a day) or before. A page may have no rows, and others behind it. */
  async page(until: string, limit: number, after?: DuePlace): Promise<DuePage> {
    const found = await this.reader.find({
      index: 'by_due',
      range: { lte: addDays(until, 2) },
      limit,
      ...(after !== undefined && { after: { values: [after[0]], id: after[1] } }),
    });
    const persons = await Promise.all(
      found.map(async (document) => ({ id: document._id, parts: await this.personOf(document) })),
    );
    const rows = await this.dueAmong(persons, until);
    const last = found.at(-1);
    return { rows, ...(found.length === limit && last && { next: [partOf(last).due, last._id] as const }) };
  }

  /** What is due to one member at `until` or before, whenever without it, and what was sent, the newest first. */
  async ofMember(member: string, until: string | undefined): Promise<OfMember> {
    const document = await this.reader.get(member);
    if (document === undefined) return { rows: [], sent: [] };
    const { parts, id } = await this.whole(document);
    const all = [...parts.values()];
    const sent = all.flatMap(sentNotices).toSorted((a, b) => (a.on < b.on ? 1 : a.on > b.on ? -1 : 0));
    // A merge brings a notice of one id to the others.
    const once = [...new Map(sent.map((one) => [`${one.kind} ${one.on}`, one])).values()];
    return { rows: await this.dueAmong([{ id, parts: all }], until), sent: once };
  }

  /** Rows by due day. `parts` is absent of an id for which another one stands. */
  private async dueAmong(
    persons: readonly { readonly id: string; readonly parts: readonly MembersPart[] | undefined }[],
    until: string | undefined,
  ): Promise<readonly DueMember[]> {
    const today = this.today();
    const now = this.ports.clock.now();
    const lines = { table: linesAt(this.facts.parties, now), now };
    const attributedFrom = await this.attributedFrom(persons.map(({ id }) => id));
    const due: (Pick<DueMember, 'member' | 'kind' | 'due'> & { readonly parts: readonly MembersPart[] })[] = [];
    for (const [at, { id, parts }] of persons.entries()) {
      if (parts === undefined) continue;
      const first = attributedFrom[at];
      const facts = { ...personOf(parts, this.days, lines), ...(first !== undefined && { attributedFrom: first }) };
      const next = nextNotice(facts, today);
      if (next !== undefined && (until === undefined || next.due <= until)) due.push({ member: id, ...next, parts });
    }
    const patients = await this.records.load(due.map(({ member }) => recordId(member, 'Patient', member)));
    const rows = due.flatMap(({ parts, ...row }, at): DueMember[] => {
      const record = patients[at];
      const patient = record === undefined || record.deleted === true ? undefined : patientIn(record.line);
      if (isDeceased(patient)) return [];
      return [{ ...row, overdue: row.due < today, ...wishesOf(parts, patient) }];
    });
    rows.sort((a, b) => (a.due !== b.due ? (a.due < b.due ? -1 : 1) : a.member < b.member ? -1 : 1));
    return rows;
  }

  /** From which day on a provider may see each member by an attribution that has not ended. */
  private async attributedFrom(members: readonly string[]): Promise<readonly (string | undefined)[]> {
    const now = this.ports.clock.now();
    const documents = await this.facts.reader.getMany(members);
    return documents.map((document) => {
      const open = (document === undefined ? [] : toMemberFacts(document).attributions).filter(
        ({ to }) => to === undefined || Date.parse(to) > now,
      );
      return open.map(({ from }) => this.days.daysAt(Date.parse(from)).first).toSorted()[0];
    });
  }

  /** The parts of all ids of the person; undefined if another of its ids stands for it. */
  private async personOf(document: ViewDocument): Promise<readonly MembersPart[] | undefined> {
    const { parts, id } = await this.whole(document);
    return id === document._id ? [...parts.values()] : undefined;
  }
  /** The parts of all ids of the person, and the id that stands for it. */
  private whole(document: ViewDocument): ReturnType<typeof personOfId<NoticesDuePart>> {
    const load = async (ids: readonly string[]): Promise<ReadonlyMap<string, NoticesDuePart>> => {
      const found = await this.reader.getMany(ids);
      return new Map(found.flatMap((one) => (one === undefined ? [] : [[one._id, partOf(one)] as const])));
    };
    return personOfId(document._id, partOf(document), { load, most: MOST_IDS });
  }

  /** How many notices are overdue. A count takes a small part of the time, however many members it looks at. */
  private countOverdue(): Promise<number> {
    const now = performance.now();
    if (this.overdue === undefined || now >= this.overdue.until) {
      const kept = { until: Number.POSITIVE_INFINITY, count: this.allOverdue() };
      this.overdue = kept;
      const counted = (): void => {
        const end = performance.now();
        kept.until = end + Math.max(KEPT_MS, (end - now) * IDLE_SHARE);
      };
      kept.count.then(counted, counted);
    }
    return this.overdue.count;
  }
  private async allOverdue(): Promise<number> {
    const until = addDays(this.today(), -1);
    let count = 0;
    for (let after: DuePlace | undefined; count < ENOUGH;) {
      const { rows, next } = await this.page(until, PAGE, after);
      count += rows.length;
      if (next === undefined) break;
      after = next;
    }
    return count;
  }
}
/** How long a count is kept at least, ms, and how much longer than it took. */
const KEPT_MS = 60_000;
const IDLE_SHARE = 20;
const PAGE = 500;
/** An alert needs to know that there are some, so a count ends when it has so many. */
const ENOUGH = 1000;

function patientIn(line: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    const patient: unknown = JSON.parse(Buffer.from(line).toString());
    return isObject(patient) ? patient : undefined;
  } catch {
    return undefined;
  }
}
/** A deceased member gets no notice (N40). */
const isDeceased = (patient: Readonly<Record<string, unknown>> | undefined): boolean =>
  patient?.['deceasedBoolean'] === true || typeof patient?.['deceasedDateTime'] === 'string';

/** The language that a Patient prefers, or its only one. */
function languageIn(patient: Readonly<Record<string, unknown>> | undefined): string | undefined {
  const all = Array.isArray(patient?.['communication']) ? (patient['communication'] as unknown[]).filter(isObject) : [];
  const chosen = all.find(({ preferred }) => preferred === true) ?? (all.length === 1 ? all[0] : undefined);
  const language = chosen?.['language'];
  const codings = isObject(language) && Array.isArray(language['coding']) ? (language['coding'] as unknown[]) : [];
  return codings
    .filter(isObject)
    .map(({ code }) => code)
    .find((code): code is string => typeof code === 'string' && /^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$/.test(code));
}

/** The language and the format of a notice (N41): those of the newest enrolment event, else the Patient's language. */
function wishesOf(
  parts: readonly MembersPart[],
  patient: Readonly<Record<string, unknown>> | undefined,
): Pick<DueMember, 'language' | 'languageNote' | 'format'> {
  const stated = parts
    .flatMap(({ wishes }) => wishes ?? [])
    .toSorted((a, b) => (a.businessTime < b.businessTime ? 1 : -1));
  const wanted = stated.find(({ language }) => language !== undefined)?.language ?? languageIn(patient);
  const format = stated.find((one) => one.format !== undefined)?.format;
  const primary = wanted?.toLowerCase().split('-')[0];
  const known = PAGE_LANGUAGES.find((language) => language === primary);
  return {
    language: known ?? 'en',
    ...(known === undefined && { languageNote: wanted ?? 'unknown' }),
    ...(format !== undefined && { format }),
  };
}

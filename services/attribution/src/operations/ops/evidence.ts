import { Inject, Injectable } from '@nestjs/common';
import { clientStatusAt } from '@provider-access/domain/access';
import {
  type EvidenceReport,
  evidenceReport,
  exact,
  FIGURE_IDS,
  type FigureId,
  type Month,
  monthOf,
  unknown,
  upTo,
  type Value,
} from '@provider-access/domain/pdex/evidence';
import { addDays } from '@provider-access/domain/pdex/notices';
import { BusinessCalendar } from '@provider-access/domain/pdex/service-levels';
import {
  type Objective,
  PA_ATTESTATIONS,
  PA_AUDIT,
  PA_CONSENT,
  PA_FEEDS,
  PA_MEMBERS,
  PA_SERVICE_LEVELS,
  type ProviderKey,
} from '@provider-access/events';
import { serviceLevels } from '@provider-access/levels';
import type { ViewReader } from '@provider-access/engines/views';
import { attested } from '@provider-access/facts';
import { instant, Refusal, type PageLanguage } from '@provider-access/kernel';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { DueNotices, type DuePlace } from '../../notices/due-notices.ts';
import {
  type AuditDayPart,
  type ConsentKind,
  evidence,
  type MissingReasonsPart,
  signedId,
  type SignedPart,
  SLOT_MS,
  type SlotCounts,
} from '../../projections/evidence.ts';
import { type Counted, LongCount } from './long-count.ts';
import { ServiceLevels } from './service-levels.ts';
import { VisibleMembers } from './visible-members.ts';

const DAY_MS = 24 * 3_600_000;
/** How many members a page waits for. A longer count goes on behind it. */
export const MOST_AT_ONCE = 500;
/** Months whose counts of notices are kept. */
const MOST_MONTHS = 24;
/** How long a page waits for the views, ms. */
const WAIT_MS = 5000;
/** Bounds of one page. Beyond them a figure is `at-least`, or unknown. An index counts without reading documents. */
const MOST_COUNTED = 100_000;
const MOST_ATTESTED = 20_000;
const TOGETHER = 500;

type Values = Partial<Record<FigureId, Value>>;
const dayOf = (at: number): string => new Date(at).toISOString().slice(0, 10);
const OBJECTIVES = {
  answered: ['answers-in-time', 'answers-late'],
  'claims-visible': ['claims-in-time', 'claims-late'],
  'prior-authorization-visible': ['authorizations-in-time', 'authorizations-late'],
  'opt-out-effective': [undefined, 'opt-outs-late'],
} as const satisfies Readonly<Record<Objective, readonly [FigureId | undefined, FigureId]>>;

/** The monthly page of the compliance officer (docs/evidence.md, ADR 0148), from views and in bounded work. */
@Injectable()
export class Evidence {
  private readonly counts: ViewReader;
  private readonly levels: ViewReader;
  private readonly attested: ViewReader;
  private readonly visibleNow: LongCount;
  private readonly dueCounts = new Map<string, LongCount>();

  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(VisibleMembers) private readonly visible: VisibleMembers,
    @Inject(BusinessCalendar) private readonly calendar: BusinessCalendar,
    @Inject(ServiceLevels) private readonly measured: ServiceLevels,
    @Inject(DueNotices) private readonly due: DueNotices,
  ) {
    const { views } = ports;
    this.counts = views.reader(evidence);
    this.levels = views.reader(serviceLevels);
    this.attested = views.reader(attested);
    this.visibleNow = this.longCount((now) => this.visible.steps(now));
  }

  /** @param period `2026-11`. @throws Refusal 400 for a month to come, 503 while a view lags */
  async report(period: string, language: PageLanguage): Promise<EvidenceReport> {
    const now = this.ports.clock.now();
    const { timeZone } = this.calendar.rules;
    const month = monthOf(period, timeZone);
    if (month.begins > now) throw new Refusal('invalid-value', 'period must not be in the future.');
    await this.passed();
    const since = await this.recordedSince();
    const isEmpty = since === undefined || since >= dayOf(month.ends + DAY_MS);
    const values = isEmpty ? nothingKnown() : await this.values(month, now);
    return evidenceReport({ month, timeZone, now, language, values });
  }
  /** This month, in the payer's time zone. */
  currentPeriod(): string {
    return this.calendar.dayOf(this.ports.clock.now()).slice(0, 7);
  }
  /** The entry of the audit that names this hash. */
  async signature(sha256: string): Promise<SignedPart | undefined> {
    await this.passed();
    return (await this.counts.get(signedId(sha256)))?.['audit'] as SignedPart | undefined;
  }

  /** Everything that was in the log at the call is in the views. @throws Refusal 503 */
  private async passed(): Promise<void> {
    const { log } = this.ports;
    const passed = await Promise.all([
      this.counts.waitFor(await log.head([PA_AUDIT, PA_CONSENT, PA_MEMBERS, PA_FEEDS]), WAIT_MS),
      this.levels.waitFor(await log.head([PA_SERVICE_LEVELS]), WAIT_MS),
      this.attested.waitFor(await log.head([PA_ATTESTATIONS]), WAIT_MS),
      this.due.passed(WAIT_MS),
    ]);
    if (!passed.every(Boolean))
      throw new Refusal('unavailable', 'A view of the report is not up to date yet. Repeat the request.', {
        retryAfter: 5,
      });
  }
  /** The first UTC day with an entry of the audit. Before it, nothing says that there was nothing. */
  private async recordedSince(): Promise<string | undefined> {
    const [first] = await this.counts.find({ index: 'by_day', range: { gte: '0' }, limit: 1 });
    return (first?.['audit'] as AuditDayPart | undefined)?.day;
  }

  private async values(month: Month, now: number): Promise<Readonly<Record<FigureId, Value>>> {
    const parts: readonly Values[] = await Promise.all([
      this.audited(month),
      this.decisions(month, now),
      this.noticesOf(month),
      this.serviceLevels(month),
      this.missingReasons(month),
      this.attestations(month),
      this.visibleNow.value().then((value): Values => ({ 'members-visible': value })),
    ]);
    return { ...this.apps(month, now), ...Object.assign({}, ...parts) } as Readonly<Record<FigureId, Value>>;
  }

  private async audited({ begins, ends }: Month): Promise<Values> {
    const sum = [0, 0, 0, 0];
    const range = { gte: dayOf(begins), lte: dayOf(ends) };
    for await (const document of this.counts.scan({ index: 'by_day', range })) {
      const { day, slots } = document['audit'] as AuditDayPart;
      for (const [slot, counts] of Object.entries<SlotCounts>(slots)) {
        const at = Date.parse(day) + Number(slot) * SLOT_MS;
        if (at >= begins && at < ends) for (const [i, count] of counts.entries()) sum[i]! += count;
      }
    }
    const [releases, resources, refusals, looks] = sum.map(exact);
    return { releases: releases!, 'resources-released': resources!, refusals: refusals!, looks: looks! };
  }

  private async decisions({ begins, ends }: Month, now: number): Promise<Values> {
    const count = async (kind: ConsentKind, gte: string, lt: string): Promise<Value> => {
      const found = await this.counts.count({
        ...{ index: 'by_time', equals: [kind], all: [[{ gte, lt }]], limit: MOST_COUNTED },
      });
      return upTo(MOST_COUNTED, found.get(kind) ?? 0);
    };
    const [from, to] = [instant(begins), instant(ends)];
    return {
      'opt-outs-received': await count('opt-out', from, to),
      'opt-ins-received': await count('opt-in', from, to),
      // An opt-out without an end ends behind all instants.
      'opt-outs-in-force': await count('open', instant(now + 1), 'Z'),
    };
  }

  private async noticesOf({ from, to }: Month): Promise<Values> {
    // By the day, because each count has a bound, and a payer sends most notices of a year in one month.
    const days = Array.from({ length: Number(to.slice(-2)) }, (_, i) => addDays(from, i));
    const counts = await Promise.all(
      days.map((day) => this.counts.count({ index: 'by_notice', equals: ['sent'], all: [[day]], limit: MOST_COUNTED })),
    );
    const sent = counts.map((found) => found.get('sent') ?? 0);
    const all = sent.reduce((sum, one) => sum + one, 0);
    return {
      'notices-sent': sent.some((one) => one >= MOST_COUNTED) ? { state: 'at-least', value: all } : exact(all),
      'notices-due': await this.dueBy(to).value(),
    };
  }
  private dueBy(day: string): LongCount {
    const count = this.dueCounts.get(day) ?? this.longCount(() => this.dueSteps(day));
    this.dueCounts.delete(day);
    this.dueCounts.set(day, count);
    if (this.dueCounts.size > MOST_MONTHS) this.dueCounts.delete(this.dueCounts.keys().next().value!);
    return count;
  }
  private async *dueSteps(day: string): AsyncGenerator<Counted> {
    let [count, looked] = [0, 0];
    let after: DuePlace | undefined;
    do {
      const { rows, next } = await this.due.page(day, TOGETHER, after);
      count += rows.length;
      looked += TOGETHER;
      after = next;
      yield { count, looked };
    } while (after !== undefined);
  }
  private longCount(steps: (now: number) => AsyncIterable<Counted>): LongCount {
    return new LongCount(steps, MOST_AT_ONCE, () => this.ports.clock.now());
  }

  private async serviceLevels({ from, to }: Month): Promise<Values> {
    const { objectives } = await this.measured.report({ from, to });
    const values: Values = {};
    for (const { objective, met, missed, overdue } of objectives) {
      const [inTime, late] = OBJECTIVES[objective];
      if (inTime !== undefined) values[inTime] = exact(met);
      values[late] = exact(missed + overdue);
    }
    return values;
  }

  private async missingReasons({ from, to }: Month): Promise<Values> {
    let missing = 0;
    for await (const document of this.counts.scan({ index: 'by_feed_day', range: { gte: from, lte: to } }))
      missing += (document['feed'] as MissingReasonsPart).missing;
    return { 'denial-reasons-missing': exact(missing) };
  }

  private async attestations({ begins, ends }: Month): Promise<Values> {
    let count = 0;
    const range = { gte: instant(begins), lt: instant(ends) };
    for await (const _ of this.attested.scan({ index: 'by_time', range, fields: 'keys', pageSize: TOGETHER }))
      if (++count >= MOST_ATTESTED) break;
    return { attestations: upTo(MOST_ATTESTED, count) };
  }

  /** Every app that was approved once is in memory. */
  private apps({ begins, ends }: Month, now: number): Values {
    const at = Math.min(now, ends - 1);
    const providers = new Set<ProviderKey>();
    let [approved, stopped] = [0, 0];
    for (const client of this.visible.clients()) {
      stopped += client.history.filter(
        ({ status, at: when }) => STOPPED.has(status) && Date.parse(when) >= begins && Date.parse(when) < ends,
      ).length;
      if (clientStatusAt(client, at) !== 'approved') continue;
      approved++;
      for (const { provider, from, ends: over = [] } of client.bindings)
        if (Date.parse(from) <= at && !over.some(({ to }) => Date.parse(to) <= at)) providers.add(provider);
    }
    return {
      'apps-approved': exact(approved),
      'apps-stopped': exact(stopped),
      'providers-bound': exact(providers.size),
    };
  }
}
const STOPPED: ReadonlySet<string> = new Set(['suspended', 'expired', 'revoked']);

function nothingKnown(): Readonly<Record<FigureId, Value>> {
  return Object.fromEntries(FIGURE_IDS.map((id) => [id, unknown('nothing-recorded')])) as Record<FigureId, Value>;
}

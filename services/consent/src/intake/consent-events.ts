import { createHash } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import {
  type AccessHeld,
  type EventFault,
  type OptedIn,
  type OptedOut,
  PA_CONSENT,
  type PayerEvent,
  type ProviderKey,
} from '@provider-access/events';
import type { Batch, NewRecord } from '@provider-access/engines/log';
import { type ConsentPart, Facts, isNews } from '@provider-access/facts';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { PayerDays } from '@provider-access/domain/pdex/days';
import {
  concerned,
  derivedRecord,
  holdOf,
  Intake,
  type IntakeRole,
  isResourceEvent,
  matterOf,
  type Output,
  type Taken,
  type TakenFrom,
  TOO_MANY_IDS,
  type Turn,
  UNKNOWN_TYPE,
} from '@provider-access/intake';
import {
  CONSENTS,
  decideConsentResource,
  mayDeny,
  PROVIDER_RECORDED,
  RESOURCE_CARRIERS,
} from '../domain/consent-resource.ts';
import { CONSENT_TYPES, decideConsentEvent, isOwn, MERGED } from '../domain/decide-consent-event.ts';
import { CONFIG, type ConsentConfig } from '../config.ts';
import { ConsentRegister, DERIVER } from './consent-register.ts';
import { OptOutEffect } from './opt-out-effect.ts';
import { recallFrom } from './recall.ts';
import type { RegisterEntry } from './register.ts';

/** How long a repeated event waits for the view to show whether it is there already, ms. */
const WAIT_MS = 500;
/** Records that are not in the log yet. */
const FOREVER = '9999-12-31T23:59:59.999Z';
const REUSED: EventFault = {
  reason: 'event-id-reused',
  detail: 'this event id came before with other content: a new statement needs an id of its own',
};
const toConsent = (records: readonly NewRecord[]): readonly Output[] =>
  records.map((record) => ({ topic: PA_CONSENT, record }));

/**
 * payer.member-events -> pa.consent. Handles opt-outs, opt-ins, merges and, of the resources, FHIR Consents that deny.
 * An opt-out that cannot be read denies its member, or everybody if it names none. So does one among provider events,
 * because nothing of consent belongs there.
 */
@Injectable()
export class ConsentEventsIntake {
  private readonly register: ConsentRegister;
  private readonly intake: Intake;
  private readonly effect: OptOutEffect;
  private readonly now: () => number;

  constructor(
    @Inject(PORTS) ports: ServicePorts,
    @Inject(Facts) facts: Facts,
    @Inject(CONFIG) { unreadableConsent: unreadable, sandbox }: ConsentConfig,
    @Inject(PayerDays) days: PayerDays,
  ) {
    this.now = () => ports.clock.now();
    this.effect = new OptOutEffect({ facts: facts.access, clock: ports.clock, metrics: ports.metrics });
    this.register = new ConsentRegister(ports.state, recallFrom(ports.log, facts));
    const { register, effect } = this;
    this.intake = new Intake(ports, {
      deriver: DERIVER,
      progressTopic: PA_CONSENT,
      interest: {
        types: new Set([...CONSENT_TYPES, MERGED, ...RESOURCE_CARRIERS]),
        strays: 'watched',
        resources: CONSENTS,
        sandbox,
      },
      topics: [PA_CONSENT],
      reports: isOwn,
      // Attribution makes a dead letter and a hold of an unreadable merge. Either service refuses a merge of too many
      // ids. An event of an unknown type may be a misspelt opt-out of its member.
      refuses: (record, { event, type, ok }) => {
        if (type === undefined) return concerned(record, event).member !== undefined;
        if (isOwn(type) || (ok && type === MERGED)) return true;
        return mayDeny(type, event?.data, Math.min(record.timestamp, this.now()), days);
      },
      holdOf: (record, { event, type }, deadLetter) => {
        const { member, source } = concerned(record, event);
        // A Consent denies the member that it names and the member that its event names.
        const { names } = matterOf(type, type === PROVIDER_RECORDED ? undefined : member, event?.data);
        return { ...holdOf(names, source, unreadable), deadLetter, eventType: type ?? UNKNOWN_TYPE };
      },
      hold: (held, at) => this.tell(held, 'pa.access-held.v1', at),
      release: (held, at) => this.tell(held, 'pa.access-released.v1', at),
      begin: async (_inbound, batch) => new ConsentTurn({ ports, facts, register, effect, days, batch }),
    } satisfies IntakeRole);
  }

  /** Called when partitions are assigned to this instance, because another one may have derived from them since. */
  assigned(): void {
    this.intake.assigned();
  }

  stop(): void {
    this.effect.stop();
  }

  handle(batch: Batch): Promise<void> {
    return this.intake.handle(batch);
  }

  /** What operators decided about dead letters. */
  resolved(batch: Batch): Promise<void> {
    return this.intake.resolved(batch);
  }

  private async tell(
    held: AccessHeld,
    type: 'pa.access-held.v1' | 'pa.access-released.v1',
    at: string,
  ): Promise<readonly Output[]> {
    const { member, ...about } = held;
    const data = type === 'pa.access-held.v1' ? about : { source: held.source, deadLetter: held.deadLetter };
    const cause = { id: held.deadLetter, source: held.source };
    if (member !== undefined)
      return toConsent((await this.register.record(member, { type, cause, at, data }, this.now())).records);
    return toConsent([
      derivedRecord({ deriver: DERIVER, type, cause, at, data, ...(type === 'pa.access-released.v1' && { n: 1 }) }),
    ]);
  }
}

interface TurnOptions {
  readonly ports: ServicePorts;
  readonly facts: Facts;
  readonly register: ConsentRegister;
  readonly effect: OptOutEffect;
  readonly days: PayerDays;
  readonly batch: Batch;
}

class ConsentTurn implements Turn {
  /** Ids of our events that this batch publishes. */
  private readonly published = new Set<string | undefined>();
  /** Times of append of opt-outs, ms since the epoch. */
  private readonly optOuts: number[] = [];

  constructor(private readonly options: TurnOptions) {}

  async take({ event, record, at, now }: TakenFrom): Promise<Taken> {
    const { register, days } = this.options;
    const appendedAt = Math.min(record.timestamp, now);
    const stated = isResourceEvent(event.type)
      ? decideConsentResource(event, appendedAt, days)
      : { kind: 'event' as const, event };
    if (stated.kind === 'none') return { ok: true, outcome: 'recorded', outputs: [] };
    if (stated.kind === 'fault') return { ok: false, fault: stated.fault };
    const statement = decideConsentEvent(stated.event, appendedAt, days);
    if (statement.kind === 'merged') {
      const { known, tooMany, records } = await register.merge(...statement.members);
      if (tooMany) return { ok: false, fault: TOO_MANY_IDS };
      return this.taken(known ? await this.missing(records) : records, 'recorded');
    }
    const { id, source, traceparent } = event;
    const entry: RegisterEntry = {
      type: statement.kind === 'opted-out' ? 'pa.opted-out.v1' : 'pa.opted-in.v1',
      cause: { id, source, traceparent },
      at,
      data: statement.data,
      content: contentOf(event),
    };
    const { known, other, superseded, records } = await register.record(event.subject!, entry, now);
    if (other) return { ok: false, fault: REUSED };
    if (statement.kind === 'opted-out') this.optOuts.push(Date.parse(at));
    if (superseded === true) return { ok: true, outcome: 'superseded', outputs: [] };
    const missing = known ? await this.missing(records) : records;
    return this.taken(missing, missing.length > 0 ? 'recorded' : 'unchanged');
  }

  done(): void {
    this.options.effect.handled(this.options.batch, this.optOuts);
  }

  private taken(records: readonly NewRecord[], outcome: 'recorded' | 'unchanged'): Taken {
    for (const { headers } of records) this.published.add(headers['ce_id']);
    return { ok: true, outcome, outputs: toConsent(records) };
  }

  /**
   * Of the records of a repeated event, those that are not published. Each is under its own id of the person. An append
   * may have failed for one of them, or a crash may have come before the first.
   */
  private async missing(records: readonly NewRecord[]): Promise<readonly NewRecord[]> {
    const open = records.filter(({ headers }) => !this.published.has(headers['ce_id']));
    if (open.length === 0) return open;
    const { facts, ports } = this.options;
    try {
      if (!(await facts.reader.waitFor(await ports.log.head([PA_CONSENT]), WAIT_MS))) return open;
      const documents = await facts.reader.getMany(open.map(({ headers }) => headers['ce_subject']!));
      return open.filter((record, i) => lacks(documents[i]?.['consent'] as ConsentPart | undefined, record));
    } catch {
      // The views are unreachable. Publishing it again changes nothing.
      return open;
    }
  }
}

/**
 * Whether the facts of a member have neither the statement of one of our records nor one that decides instead of it.
 */
function lacks(part: ConsentPart | undefined, { headers, value }: NewRecord): boolean {
  const data = JSON.parse(String(value)) as OptedIn & Partial<OptedOut> & Partial<AccessHeld>;
  if (data.deadLetter !== undefined) return part?.holds?.[data.deadLetter]?.from === undefined;
  const { effective: from, businessTime, scope, targets } = data;
  return isNews(part, {
    event: headers['ce_id']!,
    businessTime,
    from,
    recordedAt: FOREVER,
    ...(scope !== undefined && { scope, ...(targets !== undefined && { targets: targets as ProviderKey[] }) }),
  });
}

/** The payer's own content: type, time and data. */
const contentOf = ({ type, time, data }: PayerEvent): string =>
  createHash('sha256')
    .update(JSON.stringify([type, time, data]))
    .digest('base64url')
    .slice(0, 22);

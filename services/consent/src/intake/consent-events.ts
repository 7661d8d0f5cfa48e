import { createHash } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import {
  type AccessHeld,
  type EventFault,
  type OptedOut,
  PA_CONSENT,
  PA_FILE_ROWS,
  PAYER_EVENTS,
  type PayerEvent,
} from '@provider-access/events';
import type { NewRecord } from '@provider-access/engines/log';
import { type ConsentPart, Facts, isNews, statementOf } from '@provider-access/facts';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { namesOneOf } from '@provider-access/domain/access';
import { PayerDays } from '@provider-access/domain/pdex/days';
import {
  type AccessEvent,
  AccessIntake,
  concerned,
  derivedRecord,
  holdOf,
  isResourceEvent,
  matterOf,
  type Output,
  rowOutputs,
  type Stage,
  type Taken,
  TOO_MANY_IDS,
  UNKNOWN_TYPE,
} from '@provider-access/intake';
import {
  CONSENTS,
  decideConsentResource,
  mayDeny,
  PROVIDER_RECORDED,
  RESOURCE_CARRIERS,
} from '../domain/consent-resource.ts';
import {
  type ConsentNote,
  type ConsentRules,
  decideConsentEvent,
  faultOfOptIn,
  isOwn,
  MERGED,
} from '../domain/decide-consent-event.ts';
import { CONFIG, type ConsentConfig } from '../config.ts';
import { ConsentRegister, DERIVER } from './consent-register.ts';
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
export class ConsentEventsIntake extends AccessIntake {
  constructor(
    @Inject(PORTS) ports: ServicePorts,
    @Inject(Facts) facts: Facts,
    @Inject(CONFIG) { unreadableConsent: unreadable, payerIdentifiers, sandbox }: ConsentConfig,
    @Inject(PayerDays) days: PayerDays,
  ) {
    const { clock } = ports;
    const rules: ConsentRules = { days, ...(payerIdentifiers && { isOurs: namesOneOf(payerIdentifiers) }) };
    const register = new ConsentRegister(ports.state, recallFrom(ports.log, facts));
    super(ports, {
      deriver: DERIVER,
      progressTopic: PA_CONSENT,
      interest: {
        types: new Set([...Object.keys(PAYER_EVENTS).filter(isOwn), MERGED, ...RESOURCE_CARRIERS]),
        strays: 'watched',
        resources: CONSENTS,
        sandbox,
      },
      topics: [PA_CONSENT, PA_FILE_ROWS],
      reports: isOwn,
      // Attribution makes a dead letter and a hold of an unreadable merge. Either service refuses a merge of too many
      // ids. An event of an unknown type may be a misspelt opt-out of its member.
      refuses: (record, { event, type, ok }) => {
        if (type === undefined) return concerned(record, event).member !== undefined;
        if (isOwn(type) || (ok && type === MERGED)) return true;
        return mayDeny(type, event?.data, Math.min(record.timestamp, clock.now()), days);
      },
      holdOf: (record, { event, type }, deadLetter) => {
        const { member, source } = concerned(record, event);
        // A Consent denies the member that it names and the member that its event names.
        const { names } = matterOf(type, type === PROVIDER_RECORDED ? undefined : member, event?.data);
        return { ...holdOf(names, source, unreadable), deadLetter, eventType: type ?? UNKNOWN_TYPE };
      },
      hold: ({ member, ...data }, at) => holdEvents(register, member, 'pa.access-held.v1', data, at, clock.now()),
      release: ({ member, source, deadLetter }, at) =>
        holdEvents(register, member, 'pa.access-released.v1', { source, deadLetter }, at, clock.now()),
      stages: () => [consentStage(ports, facts, register, rules)],
    });
  }
}

/** The events that hold or release access: under each id of a person, or of a whole source. */
async function holdEvents(
  register: ConsentRegister,
  member: string | undefined,
  type: 'pa.access-held.v1' | 'pa.access-released.v1',
  data: Pick<AccessHeld, 'source' | 'deadLetter'>,
  at: string,
  now: number,
): Promise<readonly Output[]> {
  const cause = { id: data.deadLetter, source: data.source };
  if (member !== undefined) return toConsent((await register.record(member, { type, cause, at, data }, now)).records);
  const n = type === 'pa.access-released.v1' ? 1 : 0;
  return toConsent([derivedRecord({ deriver: DERIVER, type, cause, at, data, n })]);
}

function consentStage(
  ports: ServicePorts,
  facts: Facts,
  register: ConsentRegister,
  rules: ConsentRules,
): Stage<AccessEvent> {
  /** Ids of our events that this batch publishes. */
  const published = new Set<string | undefined>();

  /**
   * Of the records of a repeated event, those that are not published. Each is under its own id of the person. An append
   * may have failed for one of them, or a crash may have come before the first.
   */
  const missing = async (records: readonly NewRecord[]): Promise<readonly NewRecord[]> => {
    const open = records.filter(({ headers }) => !published.has(headers['ce_id']));
    if (open.length === 0) return open;
    try {
      if (!(await facts.reader.waitFor(await ports.log.head([PA_CONSENT]), WAIT_MS))) return open;
      const documents = await facts.reader.getMany(open.map(({ headers }) => headers['ce_subject']!));
      return open.filter((record, i) => lacks(documents[i]?.['consent'] as ConsentPart | undefined, record));
    } catch {
      // The views are unreachable. Publishing it again changes nothing.
      return open;
    }
  };
  const publishing = (
    records: readonly NewRecord[],
    outcome: 'recorded' | 'unchanged',
    { note, rows = [] }: { readonly note?: ConsentNote | undefined; readonly rows?: readonly Output[] } = {},
  ): Taken => {
    for (const { headers } of records) published.add(headers['ce_id']);
    return {
      ok: true,
      outcome,
      ...(note !== undefined && { reason: note }),
      outputs: [...toConsent(records), ...rows],
    };
  };
  return {
    async each({ inbound, at }, taken) {
      if (taken !== undefined || !inbound.ok) return taken;
      const { event } = inbound;
      const appendedAt = Date.parse(at);
      const stated = isResourceEvent(event.type)
        ? decideConsentResource(event, appendedAt, rules.days)
        : { kind: 'event' as const, event };
      if (stated.kind === 'none') return { ok: true, outcome: 'recorded', outputs: [] };
      if (stated.kind === 'fault') return { ok: false, fault: stated.fault };
      const fault = faultOfOptIn(stated.event, rules.days);
      if (fault !== undefined) return { ok: false, fault };
      const statement = decideConsentEvent(stated.event, appendedAt, rules);
      if (statement.kind === 'merged') {
        const { known, tooMany, records } = await register.merge(...statement.members);
        if (tooMany) return { ok: false, fault: TOO_MANY_IDS };
        return publishing(known ? await missing(records) : records, 'recorded');
      }
      const { id, source, traceparent } = event;
      const entry: RegisterEntry = {
        type: `pa.${statement.kind}.v1`,
        cause: { id, source, traceparent },
        at,
        data: statement.data,
        content: contentOf(event),
      };
      const { known, other, superseded, records } = await register.record(event.subject!, entry, ports.clock.now());
      if (other) return { ok: false, fault: REUSED };
      // What a full file states of a row is kept, whatever decides about its member.
      const rows = rowOutputs(event, { deriver: DERIVER, at });
      if (superseded === true) return { ok: true, outcome: 'superseded', outputs: rows };
      const unpublished = known ? await missing(records) : records;
      const note = statement.kind === 'opted-out' ? statement.note : undefined;
      return publishing(unpublished, unpublished.length > 0 ? 'recorded' : 'unchanged', { note, rows });
    },
  };
}

/**
 * Whether the facts of a member have neither the statement of one of our records nor one that decides instead of it.
 */
function lacks(part: ConsentPart | undefined, { headers, value }: NewRecord): boolean {
  const data = JSON.parse(String(value)) as OptedOut & Partial<AccessHeld>;
  if (data.deadLetter !== undefined) return part?.holds?.[data.deadLetter]?.from === undefined;
  // What files state about one row is ordered by when it was recorded.
  const recordedAt = data.row === undefined ? FOREVER : headers['ce_time']!;
  return isNews(part, statementOf(data, { event: headers['ce_id']!, recordedAt }));
}

/** The payer's own content: type, time and data. */
const contentOf = ({ type, time, data }: PayerEvent): string =>
  createHash('sha256')
    .update(JSON.stringify([type, time, data]))
    .digest('base64url')
    .slice(0, 22);

import { Inject, Injectable } from '@nestjs/common';
import {
  type NetworkStatusRecorded,
  PA_ATTRIBUTION,
  PA_PROVIDERS,
  type PayerEvent,
  type ProviderKey,
  providerKeys,
} from '@provider-access/events';
import type { Batch, EventLog } from '@provider-access/engines/log';
import { Facts, networkStatusStands, type Step, withNetworkStatus } from '@provider-access/facts';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import {
  derivedEventId,
  derivedRecord,
  Intake,
  type IntakeRole,
  type Output,
  type Taken,
  type TakenFrom,
  type Turn,
} from '@provider-access/intake';
import { toInstant } from '@provider-access/kernel/fhir';
import { PayerDays } from '@provider-access/domain/pdex/days';
import { CONFIG, type AttributionConfig } from '../config.ts';
import { instantOf } from '../domain/dates.ts';
import { NETWORK_STATUS } from '../domain/decide-member-event.ts';
import { orderedAfter } from '../domain/step-order.ts';
import { DERIVER, sharedRole } from './holds.ts';

type NetworkStatusChanged = Extract<PayerEvent, { type: typeof NETWORK_STATUS }>;

/**
 * payer.provider-events -> pa.providers: who is in network since when, by NPI and by TIN. An event that cannot be read
 * becomes a dead letter and denies its providers. A member event in this topic becomes a dead letter, and denies what
 * it would deny in its own topic.
 */
@Injectable()
export class ProviderEventsIntake {
  private readonly intake: Intake;

  constructor(
    @Inject(PORTS) ports: ServicePorts,
    @Inject(Facts) facts: Facts,
    @Inject(CONFIG) config: AttributionConfig,
    @Inject(PayerDays) days: PayerDays,
  ) {
    this.intake = new Intake(ports, {
      ...sharedRole(config),
      progressTopic: PA_PROVIDERS,
      topics: [PA_ATTRIBUTION, PA_PROVIDERS],
      begin: async (inbound) => {
        if (inbound.some(({ type }) => type === NETWORK_STATUS)) await known(ports.log, facts);
        return new ProviderTurn(facts, days);
      },
    } satisfies IntakeRole);
  }

  /** Called when partitions are assigned to this instance, because another one may have derived from them since. */
  assigned(): void {
    this.intake.assigned();
  }

  handle(batch: Batch): Promise<void> {
    return this.intake.handle(batch);
  }
}

/** How long a batch waits until the facts contain the former one, ms. Afterwards it continues without that. */
const WAIT_MS = 1000;
async function known(log: EventLog, facts: Facts): Promise<void> {
  await facts.parties.waitFor(await log.head([PA_PROVIDERS]), WAIT_MS);
}

class ProviderTurn implements Turn {
  /** The known state of a provider with the changes of this batch. */
  private readonly steps = new Map<ProviderKey, readonly Step[]>();

  constructor(
    private readonly facts: Facts,
    private readonly days: PayerDays,
  ) {}

  /** One event for each provider identifier, without those that are recorded already. */
  async take({ event, at }: TakenFrom): Promise<Taken> {
    if (event.type !== NETWORK_STATUS) throw new TypeError(`${event.type} is no event about a provider`);
    const outputs: Output[] = [];
    const identity = providerKeys((event as NetworkStatusChanged).data);
    let stands = true;
    let isNews = false;
    let sameTime = false;
    for (const provider of identity) {
      const id = derivedEventId(event, provider);
      const steps = this.steps.get(provider) ?? this.facts.parties.networkSteps(provider);
      const { status, from } = (event as NetworkStatusChanged).data;
      const begins = status === 'in-network' ? this.days.permitsFrom(from) : this.days.restrictsFrom(from);
      const others = identity.filter((other) => other !== provider);
      const recorded: NetworkStatusRecorded = {
        provider,
        status,
        from: toInstant(begins),
        businessTime: instantOf(event.time),
        ...(others.length > 0 && { with: others }),
      };
      const data = orderedAfter(recorded, id, steps);
      const after = data === undefined ? undefined : withNetworkStatus(steps, id, data, at);
      stands &&= networkStatusStands(after ?? steps, id, recorded);
      // An overtaken statement may still be the first that joins the identifiers of one provider.
      const joins = others.some((other) => !this.facts.parties.identity(provider).includes(other));
      if (data === undefined || (after === undefined && (!joins || steps.some((step) => step.event === id)))) continue;
      isNews ||= after !== undefined;
      sameTime ||= (data.tie?.events.length ?? 0) > 0;
      if (after !== undefined) this.steps.set(provider, after);
      const record = derivedRecord({
        deriver: DERIVER,
        type: 'pa.network-status-recorded.v1',
        subject: provider,
        cause: event,
        at,
        data,
      });
      // Each change has a key of its own. Otherwise compaction would keep only the newest append, which may not be the
      // change that counts.
      outputs.push({ topic: PA_PROVIDERS, record: { ...record, key: `${provider}/${id}` } });
    }
    if (!stands) return { ok: true, outcome: 'superseded', outputs };
    return {
      ok: true,
      outcome: isNews ? 'recorded' : 'unchanged',
      ...(sameTime && { reason: 'same-time' as const }),
      outputs,
    };
  }
}

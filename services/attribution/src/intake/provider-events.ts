import { Inject, Injectable } from '@nestjs/common';
import {
  type NetworkStatusRecorded,
  PA_ATTRIBUTION,
  PA_DIRECTORY,
  PA_FILE_ROWS,
  PA_GROUPS,
  PA_LISTS,
  PA_PROVIDERS,
  type PayerEvent,
  type ProviderKey,
  providerKeys,
} from '@provider-access/events';
import type { EventLog } from '@provider-access/engines/log';
import { Facts, networkStatusStands, type Step, withNetworkStatus } from '@provider-access/facts';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import {
  type AccessEvent,
  AccessIntake,
  derivedEventId,
  derivedRecord,
  DIRECTORY_TYPES,
  fileRecord,
  type Output,
  PROVIDER_RECORDED,
  type Stage,
} from '@provider-access/intake';
import { toInstant } from '@provider-access/fhir';
import { PayerDays } from '@provider-access/domain/pdex/days';
import { CONFIG, type AttributionConfig } from '../config.ts';
import { instantOf } from '../domain/dates.ts';
import { FILE_IMPORTED, NETWORK_STATUS } from '../domain/decide-member-event.ts';
import { orderedAfter } from '../domain/step-order.ts';
import { directoryStage, WAIT_MS } from './directory-stage.ts';
import { GroupDirectory } from './group-directory.ts';
import { DERIVER, sharedRole } from './holds.ts';
import { listStage } from './list-stage.ts';

type NetworkStatusChanged = Extract<PayerEvent, { type: typeof NETWORK_STATUS }>;

/**
 * payer.provider-events -> pa.providers: who is in network since when, by NPI and by TIN; and pa.directory: which
 * specialties the directory has; and pa.lists: what is known of lists as a whole. An event that cannot be read
 * becomes a dead letter and denies its providers. A member event in this topic becomes a dead letter, and denies what
 * it would deny in its own topic.
 */
@Injectable()
export class ProviderEventsIntake extends AccessIntake {
  constructor(
    @Inject(PORTS) ports: ServicePorts,
    @Inject(Facts) facts: Facts,
    @Inject(CONFIG) config: AttributionConfig,
    @Inject(PayerDays) days: PayerDays,
  ) {
    const role = sharedRole(config);
    const { types, resources } = role.interest;
    const directory = new GroupDirectory(ports);
    super(ports, {
      ...role,
      interest: {
        ...role.interest,
        types: new Set([...types, PROVIDER_RECORDED]),
        resources: new Set([...resources, ...DIRECTORY_TYPES]),
      },
      progressTopic: PA_PROVIDERS,
      topics: [PA_ATTRIBUTION, PA_DIRECTORY, PA_FILE_ROWS, PA_GROUPS, PA_LISTS, PA_PROVIDERS],
      stages: () => [
        directoryStage(ports.log, facts),
        listStage(ports, directory.batch(), days),
        providerStage(ports.log, facts, days),
      ],
    });
  }
}

function providerStage(log: EventLog, facts: Facts, days: PayerDays): Stage<AccessEvent> {
  /** The known state of a provider with the changes of this batch. */
  const known = new Map<ProviderKey, readonly Step[]>();
  return {
    async before(events) {
      if (events.some(({ inbound }) => inbound.type === NETWORK_STATUS))
        await facts.parties.waitFor(await log.head([PA_PROVIDERS]), WAIT_MS);
    },

    /** One event for each provider identifier, without those that are recorded already. */
    each({ inbound, at }, taken) {
      if (taken !== undefined || !inbound.ok) return taken;
      const { event } = inbound;
      if (event.type === FILE_IMPORTED) {
        const imported = fileRecord(
          'pa.file-imported.v1',
          event,
          { deriver: DERIVER, at },
          {
            ...event.data,
            businessTime: instantOf(event.time),
          },
        );
        return { ok: true, outcome: 'recorded', outputs: [imported] };
      }
      if (event.type !== NETWORK_STATUS) throw new TypeError(`${event.type} is no event about a provider`);
      const outputs: Output[] = [];
      const identity = providerKeys((event as NetworkStatusChanged).data);
      let stands = true;
      let isNews = false;
      let sameTime = false;
      for (const provider of identity) {
        const id = derivedEventId(event, provider);
        const steps = known.get(provider) ?? facts.parties.networkSteps(provider);
        const { status, from } = (event as NetworkStatusChanged).data;
        const begins = status === 'in-network' ? days.permitsFrom(from) : days.restrictsFrom(from);
        const joined = identity.filter((other) => other !== provider);
        const recorded: NetworkStatusRecorded = {
          provider,
          status,
          from: toInstant(begins),
          businessTime: instantOf(event.time),
          ...(joined.length > 0 && { with: joined }),
        };
        const data = orderedAfter(recorded, id, steps);
        const after = data === undefined ? undefined : withNetworkStatus(steps, id, data, at);
        stands &&= networkStatusStands(after ?? steps, id, recorded);
        // An overtaken statement may still be the first that joins the identifiers of one provider.
        const joins = joined.some((other) => !facts.parties.identity(provider).includes(other));
        if (data === undefined || (after === undefined && (!joins || steps.some((step) => step.event === id))))
          continue;
        isNews ||= after !== undefined;
        sameTime ||= (data.tie?.events.length ?? 0) > 0;
        if (after !== undefined) known.set(provider, after);
        const record = derivedRecord({
          deriver: DERIVER,
          type: 'pa.network-status-recorded.v1',
          subject: provider,
          cause: event,
          at,
          data,
        });
        // Each change has a key of its own. Otherwise compaction would keep only the newest append, which may not be
        // the change that counts.
        outputs.push({ topic: PA_PROVIDERS, record: { ...record, key: `${provider}/${id}` } });
      }
      if (!stands) return { ok: true, outcome: 'superseded', outputs };
      return {
        ok: true,
        outcome: isNews ? 'recorded' : 'unchanged',
        ...(sameTime && { reason: 'same-time' as const }),
        outputs,
      };
    },
  };
}

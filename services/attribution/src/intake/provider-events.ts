import { Inject, Injectable } from '@nestjs/common';
import {
  PA_ATTRIBUTION,
  PA_DIRECTORY,
  PA_FILE_ROWS,
  PA_GROUPS,
  PA_LISTS,
  PA_PROVIDERS,
  type ProviderKey,
} from '@provider-access/events';
import type { EventLog } from '@provider-access/engines/log';
import { Facts, type NetworkStatements, networkStatusStands, withNetworkChange } from '@provider-access/facts';
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
  rowOutputs,
  type Stage,
} from '@provider-access/intake';
import { PayerDays } from '@provider-access/domain/pdex/days';
import { CONFIG, type AttributionConfig } from '../config.ts';
import { instantOf } from '../domain/dates.ts';
import { FILE_IMPORTED, NETWORK_STATUS } from '../domain/decide-member-event.ts';
import { networkChanges, type NetworkStatusChanged } from '../domain/network-changes.ts';
import { orderedAfter } from '../domain/step-order.ts';
import { directoryStage, WAIT_MS } from './directory-stage.ts';
import { GroupDirectory } from './group-directory.ts';
import { DERIVER, sharedRole } from './holds.ts';
import { listStage } from './list-stage.ts';

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
  const known = new Map<ProviderKey, NetworkStatements>();
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
      let stands = true;
      let isNews = false;
      let sameTime = false;
      for (const recorded of networkChanges(event as NetworkStatusChanged, days)) {
        const { provider } = recorded;
        const id = derivedEventId(event, provider);
        const before = known.get(provider) ?? facts.parties.networkStatements(provider);
        // Rows of one source's files are ordered by the time of their import alone.
        const data = recorded.file === undefined ? orderedAfter(recorded, id, before.steps) : recorded;
        const after = data === undefined ? undefined : withNetworkChange(before, id, data, at);
        stands &&= networkStatusStands(after ?? before, id, recorded);
        // An overtaken statement may still be the first that joins the identifiers of one provider.
        const joins = (recorded.with ?? []).some((other) => !facts.parties.identity(provider).includes(other));
        const isKnown = before.steps.some((step) => step.event === id);
        if (data === undefined || (after === undefined && (!joins || isKnown))) continue;
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
      outputs.push(...rowOutputs(event, { deriver: DERIVER, at }));
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

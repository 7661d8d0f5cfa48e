import { type ListRecorded, PA_GROUPS, PA_LISTS, type PayerEvent, providerKeys } from '@provider-access/events';
import { lists, type ListPart, replacesList } from '@provider-access/facts';
import { dateRange } from '@provider-access/fhir';
import { type AccessEvent, derivedEventId, derivedRecord, type Stage } from '@provider-access/intake';
import type { PayerDays } from '@provider-access/domain/pdex/days';
import type { ServicePorts } from '@provider-access/service/http';
import { LIST_CHANGED } from '../domain/decide-member-event.ts';
import { dayIn, instantOf } from '../domain/dates.ts';
import { WAIT_MS } from './directory-stage.ts';
import type { GroupBatch } from './group-directory.ts';
import { DERIVER } from './holds.ts';

type ListChanged = Extract<PayerEvent, { type: typeof LIST_CHANGED }>['data'];

/** payer.list-changed -> pa.lists, and pa.groups for a list that nobody is attributed to yet. */
export function listStage(
  { log, views }: Pick<ServicePorts, 'log' | 'views'>,
  groups: GroupBatch,
  days: PayerDays,
): Stage<AccessEvent> {
  const reader = views.reader(lists);
  /** The known lists with the changes of this batch. */
  const known = new Map<string, ListPart | undefined>();
  return {
    async before(events) {
      // A view that lags knows less: then an older statement is recorded too, and the view passes it over.
      if (events.some(({ inbound }) => inbound.type === LIST_CHANGED))
        await reader.waitFor(await log.head([PA_LISTS]), WAIT_MS).catch(() => false);
    },

    async each({ inbound, at }, taken) {
      if (taken !== undefined || !inbound.ok || inbound.event.type !== LIST_CHANGED) return taken;
      const { event } = inbound;
      const data = event.data as ListChanged;
      const { validFrom, validTo } = data;
      if (validFrom !== undefined && validTo !== undefined && lastMoment(validTo) <= dateRange(validFrom)!.start)
        return {
          ok: false,
          fault: { reason: 'invalid-data', detail: 'data.validTo: must not lie before validFrom' },
        };
      const { contract } = data;
      const group = await groups.groupOf({
        providers: providerKeys(data.provider),
        ...(contract !== undefined && { contract }),
      });
      if (!known.has(group)) known.set(group, (await reader.get(group))?.['list'] as ListPart | undefined);
      const before = known.get(group);
      const recorded = recordedOf(group, data, instantOf(event.time), days);
      const next: ListPart = { ...recorded, event: derivedEventId(event, group), recordedAt: at };
      const reason = namesNoSystem(data) ? { reason: 'default-system' as const } : {};
      if (before?.event === next.event) return { ok: true, outcome: 'unchanged', ...reason, outputs: [] };
      if (!replacesList(before, next)) return { ok: true, outcome: 'superseded', outputs: [] };
      known.set(group, next);
      const record = derivedRecord({
        deriver: DERIVER,
        type: 'pa.list-recorded.v1',
        subject: group,
        cause: event,
        at,
        data: recorded,
      });
      return { ok: true, outcome: 'recorded', ...reason, outputs: [{ topic: PA_LISTS, record }] };
    },

    outputs: () => groups.openings().map((record) => ({ topic: PA_GROUPS, record })),
    after: () => groups.done(),
  };
}

const lastMoment = (to: string): number => dateRange(to)![to.includes('T') ? 'start' : 'end'];

/** Whether an identifier gets the system of the deployment. */
const namesNoSystem = ({
  contract,
  contractSystem,
  acoIds = [],
  settlementIds = [],
  recipient,
}: ListChanged): boolean =>
  (contract !== undefined && contractSystem === undefined) ||
  [...acoIds, ...settlementIds, ...(recipient === undefined ? [] : [recipient])].some(
    ({ system }) => system === undefined,
  );

function recordedOf(
  group: string,
  { provider: _provider, contract: _contract, validFrom, validTo, ...facts }: ListChanged,
  businessTime: string,
  days: PayerDays,
): ListRecorded {
  return {
    group,
    ...facts,
    ...(validFrom !== undefined && { validFrom: dayIn(days, validFrom) }),
    ...(validTo !== undefined && { validTo: dayIn(days, validTo) }),
    businessTime,
  };
}

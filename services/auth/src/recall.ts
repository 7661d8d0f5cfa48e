import { PA_REGISTRY, typeOf, dataOf } from '@provider-access/events';
import { type EventLog, partitionFor } from '@provider-access/engines/log';
import type { StreamHead } from '@provider-access/engines/state';
import { type ClientEvent, type ClientState, evolve } from './domain/client.ts';

const PAGE = 1000;

/**
 * Folds a client's state from the log, because the state store has lost the client's stream or has an older copy. Reads
 * one partition of pa.registry from its beginning. Undefined when the log has no event of the client.
 * @throws EngineUnavailable
 */
export async function recallClient(
  log: Pick<EventLog, 'partitions' | 'read'>,
  client: string,
  stream: string,
): Promise<StreamHead<ClientState> | undefined> {
  const partition = partitionFor(client, await log.partitions(PA_REGISTRY));
  let head: StreamHead<ClientState> | undefined;
  for (let from = 0; ;) {
    const records = await log.read(PA_REGISTRY, partition, from, PAGE);
    for (const { headers, value } of records) {
      const version = Number(headers['pa_version']);
      if (headers['pa_stream'] !== stream || version <= (head?.version ?? 0)) continue;
      const event = { type: typeOf({ headers }), data: dataOf({ value }) } as ClientEvent;
      head = { version, snapshot: evolve(head?.snapshot, event) };
    }
    const last = records.at(-1);
    if (last === undefined) return head;
    from = last.offset + 1;
  }
}

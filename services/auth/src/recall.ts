import { PA_REGISTRY, typeOf, dataOf } from '@provider-access/events';
import { type EventLog, partitionFor, recordsFrom } from '@provider-access/engines/log';
import type { StreamHead } from '@provider-access/engines/state';
import { type ClientEvent, type ClientState, evolve } from './domain/client.ts';

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
  for await (const { headers, value } of recordsFrom(log, PA_REGISTRY, partition)) {
    const version = Number(headers['pa_version']);
    if (headers['pa_stream'] !== stream || version <= (head?.version ?? 0)) continue;
    const event = { type: typeOf({ headers }), data: dataOf({ value }) } as ClientEvent;
    head = { version, snapshot: evolve(head?.snapshot, event) };
  }
  return head;
}

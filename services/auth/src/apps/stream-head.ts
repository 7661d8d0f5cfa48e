import { dataOf, PA_REGISTRY, typeOf } from '@provider-access/events';
import { type EventLog, partitionFor, recordsFrom } from '@provider-access/engines/log';
import type { StreamHead, Streams } from '@provider-access/engines/state';
import type { Parties } from '@provider-access/facts';

export interface StreamPorts {
  readonly log: Pick<EventLog, 'partitions' | 'read'>;
  readonly streams: Pick<Streams, 'load' | 'restore'>;
}
/** A stream about a client, and how its events make its state. */
export interface ClientStream<State, Event> {
  readonly name: string;
  readonly client: string;
  evolve(state: State | undefined, event: Event): State;
}

/**
 * The head of a stream about a client. After the state store was lost or restored from an older copy, the stream is
 * first restored from the log. Otherwise the next decision would get a version that readers have already seen, and they
 * would ignore it.
 * @throws EngineUnavailable
 */
export async function streamHead<State, Event>(
  { streams, log }: StreamPorts,
  known: Pick<Parties, 'registry'>,
  stream: ClientStream<State, Event>,
): Promise<StreamHead<State> | undefined> {
  const head = await streams.load<State>(stream.name);
  if (known.registry.version(stream.name) <= (head?.version ?? 0)) return head;
  const recalled = await recall(log, stream);
  if (recalled !== undefined) await streams.restore(stream.name, recalled.version, recalled.snapshot);
  return streams.load<State>(stream.name);
}

/** Folds the stream from the log: reads one partition of pa.registry from its beginning. */
async function recall<State, Event>(
  log: StreamPorts['log'],
  { name, client, evolve }: ClientStream<State, Event>,
): Promise<StreamHead<State> | undefined> {
  const partition = partitionFor(client, await log.partitions(PA_REGISTRY));
  let head: StreamHead<State> | undefined;
  for await (const { headers, value } of recordsFrom(log, PA_REGISTRY, partition)) {
    const version = Number(headers['pa_version']);
    if (headers['pa_stream'] !== name || version <= (head?.version ?? 0)) continue;
    const event = { type: typeOf({ headers }), data: dataOf({ value }) } as Event;
    head = { version, snapshot: evolve(head?.snapshot, event) };
  }
  return head;
}

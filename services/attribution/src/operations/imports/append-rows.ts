import { type DomainEvent, encodeEvent, PAYER_CONTRACT, PAYER_EVENTS } from '@provider-access/events';
import type { Appended, NewRecord } from '@provider-access/engines/log';
import type { Access } from '@provider-access/facts';
import { type Interest, readInbound } from '@provider-access/intake/read';
import { Refusal } from '@provider-access/kernel';
import type { ServicePorts } from '@provider-access/service/http';

/** Events of one append, and events after which the facts must have followed. */
const APPEND = 250;
const AHEAD = 1000;
const WAIT_MS = 20_000;

/** Every type of a payer, whichever service takes it. */
const EVERY_TYPE: Interest = { types: new Set(Object.keys(PAYER_EVENTS)), strays: 'parked' };

export interface AppendPorts {
  readonly log: ServicePorts['log'];
  readonly clock: ServicePorts['clock'];
  readonly access: Pick<Access, 'waitForPayer'>;
  /** Whether only the synthetic payer of a sandbox publishes here. */
  readonly sandbox: boolean;
}

interface How {
  readonly signal: AbortSignal;
  /** Called before each append. @throws if it must not be made */
  readonly mayGoOn: () => Promise<void>;
  readonly onAppended: (count: number) => void;
}

/**
 * Appends events of a file to the topics of the payer. Intake would find nothing wrong with any of them, because its
 * own code has read each one before. It never is far ahead of the facts, so that an opt-out which comes meanwhile does
 * not wait behind a file.
 * @throws Refusal for an event that intake would refuse; EngineUnavailable; the reason of the signal
 */
export async function appendRows(
  events: AsyncIterable<DomainEvent> | Iterable<DomainEvent>,
  ports: AppendPorts,
  { signal, mayGoOn, onAppended }: How,
): Promise<void> {
  let some: DomainEvent[] = [];
  let [count, ahead] = [0, 0];
  const end: Record<string, number[]> = {};
  const append = async (): Promise<void> => {
    signal.throwIfAborted();
    await mayGoOn();
    for (const [topic, records] of recordsOf(some, ports)) noteEnd(end, topic, await ports.log.append(topic, records));
    count += some.length;
    ahead += some.length;
    some = [];
    onAppended(count);
  };
  const follow = async (): Promise<void> => {
    while (!(await ports.access.waitForPayer(end, WAIT_MS))) signal.throwIfAborted();
    ahead = 0;
  };
  for await (const event of events) {
    some.push(event);
    if (some.length < APPEND) continue;
    await append();
    if (ahead >= AHEAD) await follow();
  }
  if (some.length > 0) await append();
  if (ahead > 0) await follow();
}

/** The records of events, by topic. @throws Refusal */
function recordsOf(
  events: readonly DomainEvent[],
  { clock, sandbox }: Pick<AppendPorts, 'clock' | 'sandbox'>,
): ReadonlyMap<string, readonly NewRecord[]> {
  const byTopic = new Map<string, NewRecord[]>();
  for (const event of events) {
    const { topic } = PAYER_CONTRACT.definition(event.type)!;
    const record = encodeEvent(event);
    const inbound = readInbound({ ...record, topic }, { ...EVERY_TYPE, sandbox }, clock.now());
    if (inbound?.ok !== true)
      throw new Refusal('invalid-request', inbound?.fault.detail ?? 'the type of the event is not known');
    byTopic.set(topic, [...(byTopic.get(topic) ?? []), record]);
  }
  return byTopic;
}

function noteEnd(end: Record<string, number[]>, topic: string, appended: readonly Appended[]): void {
  const offsets = (end[topic] ??= []);
  for (const { partition, offset } of appended) {
    while (offsets.length <= partition) offsets.push(0);
    offsets[partition] = Math.max(offsets[partition]!, offset + 1);
  }
}

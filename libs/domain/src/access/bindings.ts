import type { ProviderKey } from '@provider-access/events';
import type { BindingFact, ClientFacts } from './facts.ts';

const ms = (instant: string): number => Date.parse(instant);

/**
 * The end of a binding by what was recorded until `known`: ms since the epoch, Infinity without an end. A later record
 * replaces the end of an earlier one.
 */
export function bindingEnd({ ends = [] }: Pick<BindingFact, 'ends'>, known = Number.POSITIVE_INFINITY): number {
  const end = ends.findLast(({ recordedAt }) => ms(recordedAt) <= known);
  return end === undefined ? Number.POSITIVE_INFINITY : ms(end.to);
}

/**
 * The bindings in force at `at` by what was recorded until `known` (ms since the epoch each; APPS.md P1, P10). It does
 * not look at the status of the client, which `clientStatusAt` has.
 */
export const bindingsAt = (
  client: Pick<ClientFacts, 'bindings'>,
  at: number,
  known = Number.POSITIVE_INFINITY,
): readonly BindingFact[] =>
  client.bindings.filter(
    (binding) => ms(binding.recordedAt) <= known && ms(binding.from) <= at && at < bindingEnd(binding, known),
  );

/** What `providersAt` found, and the instants between which it stays so. */
interface Found {
  readonly from: number;
  readonly until: number;
  readonly providers: readonly ProviderKey[];
}
/** A client may have thousands of bindings that have ended, and an export asks for each member. */
const found = new WeakMap<object, Found>();

/**
 * The providers that the client is bound to at `now`, ms since the epoch (APPS.md P2). An end that this process has
 * seen pass stays passed, even if the clock steps back behind it (`endsPassed`).
 */
export function providersAt(client: Pick<ClientFacts, 'bindings' | 'endsPassed'>, now: number): readonly ProviderKey[] {
  const known = found.get(client);
  if (known !== undefined && known.from <= now && now < known.until) return known.providers;
  const passed = client.endsPassed ?? Number.NEGATIVE_INFINITY;
  const providers = new Set<ProviderKey>();
  let from = Number.NEGATIVE_INFINITY;
  let until = Number.POSITIVE_INFINITY;
  for (const binding of client.bindings) {
    const end = bindingEnd(binding);
    if (end <= passed) continue;
    for (const boundary of [ms(binding.from), end])
      if (boundary <= now) from = Math.max(from, boundary);
      else until = Math.min(until, boundary);
    if (ms(binding.from) <= now && now < end) providers.add(binding.provider);
  }
  found.set(client, { from, until, providers: [...providers] });
  return found.get(client)!.providers;
}

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

/** A time in which a binding was in force, as processes decided then; ms since the epoch, [from, to). */
interface Piece {
  readonly from: number;
  readonly to: number;
}
/** A binding is in force from its record on, and until the record of an end that was stated late. */
function piecesOf(binding: BindingFact): readonly Piece[] {
  const pieces: Piece[] = [];
  let from = Math.max(ms(binding.from), ms(binding.recordedAt));
  let to = Number.POSITIVE_INFINITY;
  for (const end of binding.ends ?? []) {
    const recorded = ms(end.recordedAt);
    if (to <= recorded) {
      pieces.push({ from, to });
      from = recorded;
    }
    to = Math.max(ms(end.to), recorded);
  }
  return [...pieces, { from, to }].filter((piece) => piece.from < piece.to);
}

/**
 * Until when a binding is or was in force, by what was known at each instant: ms since the epoch, `Infinity` without an
 * end, `-Infinity` if it never was.
 */
export const inForceUntil = (binding: BindingFact): number => piecesOf(binding).at(-1)?.to ?? Number.NEGATIVE_INFINITY;

/** An export asks for each member, and a client may have thousands of bindings. */
const pieces = new WeakMap<object, Map<ProviderKey, readonly Piece[]>>();
function piecesBy(client: Pick<ClientFacts, 'bindings'>): ReadonlyMap<ProviderKey, readonly Piece[]> {
  const known = pieces.get(client);
  if (known !== undefined) return known;
  const all = new Map<ProviderKey, Piece[]>();
  for (const binding of client.bindings) {
    const of = all.get(binding.provider) ?? [];
    of.push(...piecesOf(binding));
    all.set(binding.provider, of);
  }
  pieces.set(client, all);
  return all;
}

/**
 * Since when the client has been bound to at least one of these providers without a break, by what was known at each
 * instant; ms since the epoch. `now` if it is bound to none of them.
 */
export function boundSince(
  client: Pick<ClientFacts, 'bindings'>,
  providers: readonly ProviderKey[],
  now: number,
): number {
  const known = piecesBy(client);
  const before = providers.flatMap((provider) => known.get(provider) ?? []).filter(({ from }) => from <= now);
  let since = now;
  for (const { from, to } of before.toSorted((a, b) => b.to - a.to)) {
    if (to < since) break;
    since = Math.min(since, from);
  }
  return since;
}

/** The providers whose last binding has ended at `now`, each with the instant of that end; ms since the epoch. */
export function endedBindings(client: Pick<ClientFacts, 'bindings'>, now: number): ReadonlyMap<ProviderKey, number> {
  const ended = new Map<ProviderKey, number>();
  for (const [provider, all] of piecesBy(client)) {
    const last = Math.max(...all.map(({ to }) => to));
    if (last <= now) ended.set(provider, last);
  }
  return ended;
}

import { bindingEnd } from '@provider-access/domain/access';
import type { AppApproved, ProviderKey } from '@provider-access/events';
import type { BindingDetails } from '@provider-access/facts';
import { instant } from '@provider-access/kernel';

/** One interval, as an approval states it (APPS.md P1). */
export type Stated = NonNullable<AppApproved['bindings']>[number];

/** What a decision knows beside the state of the app: the instant (ms since the epoch), and all bindings of the app. */
export interface KnownBindings {
  readonly now: number;
  readonly bindings: readonly BindingDetails[];
  /** What the app asks for now, if its stream does not say it: the scope, and whether something waits for a review. */
  readonly requested?: { readonly scope: string; readonly waits: boolean };
}
/** The bindings of an app that has none, at an instant. */
export const noBindings = (now: number): KnownBindings => ({ now, bindings: [] });

/** Most bindings that an app may ever have, ended ones included. Every process keeps them in memory. */
export const MAX_BINDINGS = 10_000;

/** A binding that is in force now, or would be in force if the app were approved. */
const inForce = ({ now, bindings }: KnownBindings): readonly BindingDetails[] =>
  bindings.filter((each) => Date.parse(each.from) <= now && bindingEnd(each) > now);
/** The ends, from now on, of the bindings to these providers. */
export const endedNow = (
  providers: readonly ProviderKey[],
  known: KnownBindings,
  { by, reason }: Approver,
): readonly Stated[] =>
  inForce(known)
    .filter(({ provider }) => providers.includes(provider))
    .map(({ provider, from }) => ({
      provider,
      from,
      to: instant(known.now),
      by,
      ...(reason !== undefined && { reason }),
    }));
const hasEnd = (binding: BindingDetails): boolean => Number.isFinite(bindingEnd(binding));
/** The providers that the app is bound to without an end. Earlier releases know only these (P4). */
export const lasting = (known: KnownBindings): readonly ProviderKey[] =>
  inForce(known)
    .filter((each) => !hasEnd(each))
    .map(({ provider }) => provider);

/** What an approval binds: each provider once, with its evidence. `to`: an end that was stated before. */
export interface Wanted {
  readonly provider: ProviderKey;
  readonly evidence?: string | undefined;
  readonly to?: string;
}
/** Who approves, and why. */
interface Approver {
  readonly by: string;
  readonly reason?: string | undefined;
}

/**
 * When a new interval begins: now. One whose end is stated with it never begins at the instant of an earlier one of the
 * same provider, because its record would state the end of that one.
 */
function startOf({ provider, to }: Wanted, { now, bindings }: KnownBindings): string {
  let start = now;
  for (;;) {
    const from = instant(start);
    if (to === undefined || !bindings.some((each) => each.from === from && each.provider === provider)) return from;
    start += 1;
  }
}
const began = (wanted: Wanted, { by, reason }: Approver, known: KnownBindings): Stated => ({
  provider: wanted.provider,
  from: startOf(wanted, known),
  ...(wanted.to !== undefined && { to: wanted.to }),
  by,
  ...(wanted.evidence !== undefined && { evidence: wanted.evidence }),
  ...(reason !== undefined && { reason }),
});

/** The intervals of an approval that binds these providers and no other ones to an app that is approved. */
export function rebound(wanted: readonly Wanted[], known: KnownBindings, approver: Approver): readonly Stated[] {
  const { by, reason } = approver;
  const kept = new Set(lasting(known).filter((provider) => wanted.some((each) => each.provider === provider)));
  const left = inForce(known).filter((each) => hasEnd(each) || !kept.has(each.provider));
  return [
    ...left.map(({ provider, from }) => ({
      provider,
      from,
      to: instant(known.now),
      by,
      ...(reason !== undefined && { reason }),
    })),
    ...wanted.filter(({ provider }) => !kept.has(provider)).map((each) => began(each, approver, known)),
  ];
}

/** The intervals of an approval after which the app is bound to these providers anew (P6). */
export const bound = (wanted: readonly Wanted[], known: KnownBindings, approver: Approver): readonly Stated[] =>
  wanted.map((each) => began(each, approver, known));

/** What the last approval bound. A stated end that has passed stays an end. */
export const lastBound = (known: KnownBindings): readonly Wanted[] =>
  inForce(known).map((each) => ({
    provider: each.provider,
    ...(each.evidence !== undefined && { evidence: each.evidence }),
    ...(hasEnd(each) && { to: instant(bindingEnd(each)) }),
  }));

/** The last interval of a provider. */
export const lastOf = (provider: ProviderKey, { bindings }: KnownBindings): BindingDetails | undefined =>
  bindings.findLast((each) => each.provider === provider);

import {
  type OPT_OUT_SCOPES,
  optOutTargets,
  type PayerEvent,
  type ProviderKey,
  providerKeys,
} from '@provider-access/events';
import { isCategory } from './specialties.ts';
import { isPayerIdentifier } from './payer-identifier.ts';
import { isElsewhere } from './purposes-of-use.ts';

type OptOutScope = (typeof OPT_OUT_SCOPES)[number];

/** Whom an opt-out concerns, as the payer states it (`payer.member-opted-out.v2`), and nothing else of the event. */
export interface StatedOptOut {
  readonly scope: OptOutScope;
  readonly targets?: Parameters<typeof optOutTargets>[0];
  readonly purposes?: readonly string[] | undefined;
  readonly payers?: readonly string[] | undefined;
  readonly categories?: readonly string[] | undefined;
}

/**
 * Whom an opt-out bars. Without `targets`, `categories` and `bars` it bars everybody.
 * - `targets`: every provider with one of these identifiers
 * - `categories`: every provider with a specialty in one of these categories, and every one of unknown specialty
 * - `bars`: nobody, because it is about another purpose or another payer
 */
export interface OptOutReach {
  readonly scope: OptOutScope;
  readonly targets?: readonly ProviderKey[];
  readonly categories?: readonly string[];
  readonly bars?: 'nobody';
}

/** The list of each scope that has one. A statement with the list of another scope is not fully understood (N4). */
export const OPT_OUT_LISTS = {
  targets: 'provider-specific',
  purposes: 'purpose-specific',
  payers: 'payer-specific',
  categories: 'provider-category',
} as const satisfies Readonly<Record<Exclude<keyof StatedOptOut, 'scope'>, OptOutScope>>;

const EVERYBODY: OptOutReach = { scope: 'global' };

/**
 * Whom an opt-out of the second version bars (PEOPLE.md N2 to N7). What is not fully understood bars everybody (N4): an
 * attribute that nobody knows, a list of another scope, a target, purpose or category that does not exist, an empty
 * list.
 * @param isOurs whether an identifier names this payer; undefined where nobody has said how this payer is named
 */
export function reachOf(stated: StatedOptOut, isOurs: ((payer: string) => boolean) | undefined): OptOutReach {
  const { scope, ...lists } = stated;
  const isUnderstood = Object.entries(lists).every(
    ([name, value]) => value === undefined || (OPT_OUT_LISTS as Readonly<Record<string, OptOutScope>>)[name] === scope,
  );
  if (!isUnderstood) return EVERYBODY;
  switch (scope) {
    case 'global':
      return EVERYBODY;
    case 'provider-specific': {
      const targets = optOutTargets(stated.targets);
      return targets.length === 0 ? EVERYBODY : { scope, targets };
    }
    case 'provider-category': {
      const { categories = [] } = stated;
      return categories.length === 0 || !categories.every(isCategory) ? EVERYBODY : { scope, categories };
    }
    case 'purpose-specific': {
      const { purposes = [] } = stated;
      return purposes.length > 0 && purposes.every(isElsewhere) ? { scope, bars: 'nobody' } : { scope };
    }
    case 'payer-specific': {
      const { payers = [] } = stated;
      const isAnother =
        payers.length > 0 && payers.every((payer) => isPayerIdentifier(payer) && isOurs?.(payer) === false);
      return isAnother ? { scope, bars: 'nobody' } : { scope };
    }
  }
}

type Stated<Type extends PayerEvent['type']> = Extract<PayerEvent, { readonly type: Type }>;
export type OptOutEvent = Stated<'payer.member-opted-out.v1' | 'payer.member-opted-out.v2'>;
export type OptInEvent = Stated<'payer.member-opted-in.v1' | 'payer.member-opted-in.v2'>;

export const isOptOutEvent = (event: PayerEvent): event is OptOutEvent =>
  event.type === 'payer.member-opted-out.v1' || event.type === 'payer.member-opted-out.v2';
export const isOptInEvent = (event: PayerEvent): event is OptInEvent =>
  event.type === 'payer.member-opted-in.v1' || event.type === 'payer.member-opted-in.v2';

/** The value of an identifier, or the id of an Organization: the system of one identifier has many spellings. */
const valueOf = (payer: string): string => payer.toLowerCase().split(/[|/]/).at(-1)!.trim();
/** Whether an identifier may name the payer that has these: another spelling of the system is no other payer. */
export const namesOneOf = (payers: readonly string[]): ((payer: string) => boolean) => {
  const values = new Set(payers.map(valueOf));
  return (payer) => values.has(valueOf(payer));
};

/** The attributes of an opt-out that do not say whom it bars. */
const ASIDE = ['effectiveFrom', 'setBy', 'channel', 'reason', 'proof', 'script', 'enteredBy', 'file'];

/** Whom the opt-out of an event bars. One of the first version bars everybody, unless it names providers (N3). */
export function reachOfEvent(event: OptOutEvent, isOurs?: (payer: string) => boolean): OptOutReach {
  if (event.type === 'payer.member-opted-out.v2') {
    const { scope, ...attributes } = event.data;
    const lists = Object.entries(attributes).filter(([name]) => !ASIDE.includes(name));
    return reachOf({ ...Object.fromEntries(lists), scope }, isOurs);
  }
  const targets = optOutTargets(event.data.targets);
  return { scope: event.data.scope, ...(targets.length > 0 && { targets }) };
}

/** The providers of an opt-in for some; undefined for one of all. */
export const targetsOfOptIn = (event: OptInEvent): readonly ProviderKey[] | undefined =>
  event.type === 'payer.member-opted-in.v2' ? event.data.targets?.flatMap((target) => providerKeys(target)) : undefined;

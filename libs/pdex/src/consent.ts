import { OPT_OUT_SCOPES, type ProviderKey } from '@provider-access/events';

/** PDex 2.2 opt-out scopes (SPEC §5), as the event contract has them. */
export { OPT_OUT_SCOPES };
export type OptOutScope = (typeof OPT_OUT_SCOPES)[number];

/** Whom an opt-out shuts out: every provider, or the named ones. */
export type ConsentMeaning = { readonly denies: 'everyone' } | { readonly denies: 'providers'; readonly providers: readonly ProviderKey[] };

/**
 * What an opt-out means. The rule knows all or nothing; of the narrower scopes only `provider-specific` with targets is evaluated
 * narrower, every other one (and any that is not known) denies everyone: an opt-out is never read as less than it may mean.
 */
export function consentMeaning(scope: string, targets: readonly ProviderKey[] = []): ConsentMeaning {
  return scope === 'provider-specific' && targets.length > 0 ? { denies: 'providers', providers: targets } : { denies: 'everyone' };
}

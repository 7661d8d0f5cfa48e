import type { ClientRegistration } from '@provider-access/facts';

/** Bindings that the answer shows, the newest first. */
const MAX_SHOWN = 100;

/** The intervals in which the app was bound to each NPI and TIN, as a reviewer sees them (APPS.md P1). */
export function shownBindings({ bindings }: Pick<ClientRegistration, 'bindings'>): Readonly<Record<string, unknown>> {
  const shown = bindings.slice(-MAX_SHOWN).reverse();
  const hidden = bindings.length - shown.length;
  return {
    bindings: shown.map(({ provider, from, recordedAt, ends = [], by, evidence, reason }) => {
      const [system, value] = provider.split('|') as ['npi' | 'tin', string];
      const end = ends.at(-1);
      return {
        [system]: value,
        from,
        ...(end !== undefined && { to: end.to }),
        recorded_at: recordedAt,
        by,
        evidence,
        reason,
        ...(end !== undefined && {
          end: { recorded_at: end.recordedAt, by: end.by, evidence: end.evidence, reason: end.reason },
        }),
      };
    }),
    ...(hidden > 0 && { bindings_not_shown: hidden }),
  };
}

import { useSpeech } from '../texts.ts';
import type { ShownApp } from './shapes.ts';

/** What other parts of the page show, or what the platform itself says. Everything else comes from the app. */
const SHOWN_ELSEWHERE: ReadonlySet<string> = new Set(
  (
    'client_id client_id_issued_at client_name status reason note scope requested_scope jwks jwks_uri former_keys ' +
    'waits_for_review updated_at keys_changed_at contacts npi tin bound bindings bindings_not_shown grant_types ' +
    'token_endpoint_auth_method history review identifiers named_alike reasons key_history key_history_not_shown'
  ).split(' '),
);
const textOf = (value: unknown): string => {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return value.map(textOf).join(', ');
  return JSON.stringify(value);
};

/**
 * Every further field of the registration, by its name in RFC 7591 or ours, as text: an address is no link, because
 * a stranger wrote it.
 */
export function Further({ app }: { readonly app: ShownApp }) {
  const { t } = useSpeech();
  const rows = Object.entries(app).filter(([name]) => !SHOWN_ELSEWHERE.has(name));
  if (rows.length === 0) return null;
  return (
    <section className="sheet" aria-labelledby="further">
      <h2 id="further">{t('further')}</h2>
      <p>{t('further.text')}</p>
      <dl>
        {rows.map(([name, value]) => (
          <div className="pair" key={name}>
            <dt className="code">
              <bdi>{name}</bdi>
            </dt>
            <dd>
              <bdi>{textOf(value)}</bdi>
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

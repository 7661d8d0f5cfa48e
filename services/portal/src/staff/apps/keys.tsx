import { Notice } from '../../common/parts.tsx';
import { Rows } from '../../common/table.tsx';
import { useSpeech } from '../texts.ts';
import type { KeySet, ShownApp } from './shapes.ts';

/** Each key set of the app, with when it came, when another one replaced it, and until when it is accepted. */
export function Keys({ app }: { readonly app: ShownApp }) {
  const { t, date } = useSpeech();
  const now = Date.now();
  const untilOf = ({ accepted_until: until }: KeySet): string => {
    if (until === undefined) return app.status === 'approved' ? t('keys.now') : '';
    return Date.parse(until) > now ? t('keys.still', { until: date(until) }) : date(until);
  };
  return (
    <section className="sheet">
      <h2>{t('keys')}</h2>
      <p>{t('keys.text')}</p>
      <Rows title={t('keys')} columns={[t('keys.key'), t('keys.from'), t('keys.to'), t('keys.until')]}>
        {app.key_history.map((set) => (
          <tr key={set.from}>
            <td>
              {set.jwks_uri !== undefined && <bdi>{t('keys.url', { url: set.jwks_uri })}</bdi>}
              {set.keys.map(({ kid = '', kty = '', thumbprint }, at) => (
                <div key={at}>
                  <bdi>{kid}</bdi> {kty}
                  {thumbprint !== undefined && (
                    <div className="soft code">{t('keys.thumbprint', { value: thumbprint })}</div>
                  )}
                </div>
              ))}
            </td>
            <td>{date(set.from)}</td>
            <td>{set.to !== undefined && date(set.to)}</td>
            <td>{untilOf(set)}</td>
          </tr>
        ))}
      </Rows>
      {app.key_history_not_shown !== undefined && (
        <Notice kind="note">{t('keys.hidden', { count: app.key_history_not_shown })}</Notice>
      )}
    </section>
  );
}

import { Rows } from '../../common/table.tsx';
import { isText, useSpeech } from '../texts.ts';
import type { Notices as Known } from './requests.ts';

/** Which notices the member got, and which one is due next. */
export function Notices({ notices, sent }: Known) {
  const { t, language } = useSpeech();
  const format = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeZone: 'UTC' });
  const dayOf = (day: string): string => format.format(new Date(`${day}T00:00:00Z`));
  const nameOf = (kind: string): string => {
    const key = `notice.${kind}`;
    return isText(key) ? t(key) : kind;
  };
  return (
    <section className="sheet">
      <h2>{t('call.notices')}</h2>
      {notices.length + sent.length === 0 && <p>{t('call.notices.none')}</p>}
      {notices.map(({ kind, due, overdue }) => (
        <p className="answer" key={kind}>
          {t(overdue ? 'call.notices.overdue' : 'call.notices.due', { day: dayOf(due), kind: nameOf(kind) })}
        </p>
      ))}
      {sent.length > 0 && (
        <Rows
          title={t('call.notices')}
          columns={[t('call.notices.kind'), t('call.notices.on'), t('call.notices.state')]}
        >
          {sent.map(({ kind, on, returned = false }) => (
            <tr key={`${kind} ${on}`}>
              <th scope="row">{nameOf(kind)}</th>
              <td>{dayOf(on)}</td>
              <td>{t(returned ? 'call.notices.returned' : 'call.notices.sent')}</td>
            </tr>
          ))}
        </Rows>
      )}
    </section>
  );
}

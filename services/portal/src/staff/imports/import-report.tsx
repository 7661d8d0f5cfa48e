import { Notice } from '../../common/parts.tsx';
import { Rows } from '../../common/table.tsx';
import { useSpeech } from '../texts.ts';
import type { Kind, Report } from './requests.ts';
import { useWords } from './words.ts';

/** What an import changes. */
export function ImportReport({ kind, report }: { readonly kind: Kind; readonly report: Report }) {
  const { t } = useSpeech();
  const words = useWords();
  const sensitive = Object.entries(report.sensitive).toSorted(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
  const counts = [
    ['imports.rows-read', report.rows],
    ['imports.held', report.held],
    ['imports.added', report.added],
    ['imports.changed', report.changed],
    ['imports.ended', report.ended],
    ...(report.repeated > 0 ? ([['imports.repeated', report.repeated]] as const) : []),
    ...(report.unforeseen > 0
      ? []
      : ([
          ['imports.gained', report.gained],
          ['imports.lost', report.lost],
        ] as const)),
  ] as const;
  return (
    <section className="sheet" aria-labelledby="report">
      <h2 id="report">{t('imports.report')}</h2>
      <p>
        {t('imports.number')} <span className="number">{report.number}</span>
      </p>
      {report.first && <Notice kind="note">{t('imports.first')}</Notice>}
      <dl>
        {counts.map(([key, count]) => (
          <div className="pair" key={key}>
            <dt>{t(key)}</dt>
            <dd>{words.number(count)}</dd>
          </div>
        ))}
      </dl>
      {kind === 'opt-outs' && (
        <Notice kind="note">
          <p>{t('imports.kept', { count: words.number(report.kept) })}</p>
          <p>{t('imports.kept.why')}</p>
        </Notice>
      )}
      {report.lists.length > 0 && (
        <>
          <h3>{t('imports.lists')}</h3>
          <Rows
            title={t('imports.lists')}
            columns={[
              t('imports.list'),
              t(kind === 'network' ? 'imports.members-now' : 'imports.rows-held'),
              t('imports.gains'),
              t('imports.loses'),
            ]}
          >
            {report.lists.map(({ list, held, gained, lost }) => (
              <tr key={list}>
                <th scope="row">
                  <bdi>{list}</bdi>
                </th>
                <td>{words.number(held)}</td>
                <td>{words.number(gained)}</td>
                <td>{words.number(lost)}</td>
              </tr>
            ))}
          </Rows>
          {report.moreLists > 0 && <p>{t('imports.more-lists', { count: words.number(report.moreLists) })}</p>}
        </>
      )}
      {sensitive.length > 0 && (
        <>
          <h3>{t('imports.sensitive')}</h3>
          <p>{t('imports.sensitive.text')}</p>
          <Rows title={t('imports.sensitive')} columns={[t('imports.label'), t('imports.members')]}>
            {sensitive.map(([label, count]) => (
              <tr key={label}>
                <th scope="row">
                  {label.split('|').at(-1)}
                  <div className="soft code">{label}</div>
                </th>
                <td>{words.number(count)}</td>
              </tr>
            ))}
          </Rows>
        </>
      )}
    </section>
  );
}

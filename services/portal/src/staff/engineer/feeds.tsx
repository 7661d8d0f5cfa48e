import { Notice } from '../../common/parts.tsx';
import { Rows } from '../../common/table.tsx';
import { Duration } from '../duration.tsx';
import { useSpeech } from '../texts.ts';
import { useFirst } from './first-rows.tsx';
import type { FeedRow } from './requests.ts';

/** When each feed was last heard, what the operator expects of it, and its events of today and yesterday. */
export function Feeds({ rows }: { readonly rows: readonly FeedRow[] }) {
  const { t, date, language } = useSpeech();
  const number = new Intl.NumberFormat(language);
  const { shown, more } = useFirst(rows, (all) => t('feeds.all', { count: number.format(all) }));
  if (rows.length === 0) return <p>{t('feeds.none')}</p>;
  const late = rows.filter(({ isLate }) => isLate).length;
  const isAnyExpected = rows.some(({ expectedMs }) => expectedMs !== undefined);
  const count = (row: FeedRow, events: number): string => (row.isCounted ? number.format(events) : '–');
  return (
    <>
      {!isAnyExpected && <Notice kind="note">{t('feeds.unset')}</Notice>}
      {isAnyExpected && (
        <Notice kind={late === 0 ? 'good' : 'bad'}>
          {late === 0 ? t('feeds.good') : t('feeds.bad', { count: late })}
        </Notice>
      )}
      <Rows
        title={t('feeds')}
        columns={[t('feeds.feed'), t('feeds.last'), t('feeds.expected'), t('feeds.today'), t('feeds.yesterday')]}
      >
        {shown.map((row) => (
          <tr key={JSON.stringify([row.source, row.type])}>
            <th scope="row">
              {row.type}
              <div className="soft source">
                <bdi>{row.source}</bdi>
              </div>
            </th>
            <td>
              {row.newest === undefined ? t('feeds.never') : date(row.newest)}
              <div className="soft">
                <Duration ms={row.silentMs} />
              </div>
            </td>
            <td>
              <Duration ms={row.expectedMs} />
              {row.isLate && (
                <div>
                  <span className="tag">{t('feeds.late')}</span>
                </div>
              )}
            </td>
            <td>{count(row, row.today)}</td>
            <td>{count(row, row.yesterday)}</td>
          </tr>
        ))}
      </Rows>
      {more}
    </>
  );
}

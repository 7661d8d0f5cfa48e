import { useState } from 'react';
import { Button, Notice } from '../../common/parts.tsx';
import { Rows } from '../../common/table.tsx';
import { TimeChart } from '../../common/time-chart.tsx';
import { useSpeech } from '../texts.ts';
import type { Found } from './requests.ts';
import { lanesOf, type Row, rowsOf } from './rows.ts';

const DAY_MS = 24 * 3_600_000;
const PAGE = 50;

/** What happened to the member over time, as one picture, and the same as a table. */
export function Picture({ found }: { readonly found: Found }) {
  const { t, date, language } = useSpeech();
  const [count, setCount] = useState(PAGE);
  const { timeline, seeingFault } = found;
  const period = { from: Date.parse(timeline.from), to: Date.parse(timeline.to) };
  const rows = rowsOf(found, t);
  const begins = ({ from }: Row): string => (from === undefined ? t('picture.always') : date(from));
  const ends = ({ to }: Row): string => (to === undefined ? t('picture.still') : date(to));
  const textOf = (row: Row): string => `${row.label}: ${row.detail} (${begins(row)} – ${ends(row)})`;
  const days = (period.to - period.from) / DAY_MS;
  const format = new Intl.DateTimeFormat(
    language,
    days > 120 ? { month: 'short', year: 'numeric' } : { day: 'numeric', month: 'short' },
  );
  return (
    <section className="sheet" aria-labelledby="picture">
      <h2 id="picture">{t('picture')}</h2>
      <p>{t('picture.text', { from: date(timeline.from), to: date(timeline.to) })}</p>
      {timeline.completeFrom !== undefined && (
        <Notice kind="note">{t('audit.complete', { at: date(timeline.completeFrom) })}</Notice>
      )}
      {timeline.releasesFrom !== undefined && (
        <Notice kind="note">{t('audit.cut', { at: date(timeline.releasesFrom) })}</Notice>
      )}
      {seeingFault !== undefined && <Notice kind="note">{t('audit.apps-missing', { message: seeingFault })}</Notice>}
      {timeline.mergedWith.length > 0 && <p>{t('audit.merged', { ids: timeline.mergedWith.join(', ') })}</p>}
      {rows.length === 0 ? (
        <p>{t('picture.none')}</p>
      ) : (
        <>
          <TimeChart
            title={t('picture')}
            description={t('picture.text', { from: date(timeline.from), to: date(timeline.to) })}
            {...period}
            lanes={lanesOf(rows, period, textOf)}
            tick={(at) => format.format(at)}
          />
          <h3>{t('picture.table')}</h3>
          <Rows
            title={t('picture.table')}
            columns={[t('picture.what'), t('picture.from'), t('picture.to'), t('picture.detail')]}
          >
            {rows.slice(0, count).map((row, at) => (
              <tr key={at}>
                <td>
                  <bdi>{row.label}</bdi>
                </td>
                <td>{begins(row)}</td>
                <td>{ends(row)}</td>
                <td>
                  <bdi>{row.detail}</bdi>
                </td>
              </tr>
            ))}
          </Rows>
          {rows.length > count && (
            <div className="buttons">
              <Button onPress={() => setCount(count + PAGE)}>{t('picture.more')}</Button>
            </div>
          )}
        </>
      )}
    </section>
  );
}

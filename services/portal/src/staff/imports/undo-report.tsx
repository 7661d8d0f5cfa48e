import { Notice } from '../../common/parts.tsx';
import { useSpeech } from '../texts.ts';
import type { Kind, UndoReport as Report } from './requests.ts';
import { useWords } from './words.ts';

/** What an undo takes back. */
export function UndoReport({ kind, report }: { readonly kind: Kind; readonly report: Report }) {
  const { t, date } = useSpeech();
  const words = useWords();
  return (
    <section className="sheet" aria-labelledby="report">
      <h2 id="report">{t('imports.undo.report')}</h2>
      <p>
        {t('imports.number')} <span className="number">{report.number}</span>
      </p>
      <dl>
        <dt>{t('imports.undo.of')}</dt>
        <dd className="code">{report.undoes}</dd>
        <dt>{t('imports.undo.rows')}</dt>
        <dd>{words.number(report.rows)}</dd>
        <dt>{t('imports.undo.kept')}</dt>
        <dd>{words.number(report.kept)}</dd>
        {kind !== 'network' && (
          <>
            <dt>{t('imports.undo.members')}</dt>
            <dd>{words.number(report.members)}</dd>
          </>
        )}
        {report.since !== undefined && (
          <>
            <dt>{t('imports.undo.since')}</dt>
            <dd>{date(report.since)}</dd>
          </>
        )}
      </dl>
      <Notice kind="note">{t(kind === 'network' ? 'imports.undo.network' : 'imports.undo.access')}</Notice>
    </section>
  );
}

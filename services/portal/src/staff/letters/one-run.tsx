import { Button, Heading, Notice } from '../../common/parts.tsx';
import { Rows } from '../../common/table.tsx';
import { FaultNotice } from '../fault.tsx';
import { usePolled } from '../polled.ts';
import { useSpeech } from '../texts.ts';
import type { Shown } from './letters-page.tsx';
import { type Run, runOf, stop } from './requests.ts';
import { workOf } from './runs.tsx';
import { useWords } from './words.ts';

/** How far a run is, and what it could not resolve. */
export function OneRun({ id, show }: { readonly id: string; readonly show: (shown: Shown) => void }) {
  const { t, date, language } = useSpeech();
  const words = useWords();
  const {
    found: run,
    fault,
    take,
  } = usePolled(
    () => runOf(id),
    ({ status }) => status !== 'running',
  );
  const number = new Intl.NumberFormat(language);
  return (
    <>
      <Heading>{run === undefined ? t('runs') : t(workOf(run))}</Heading>
      {fault !== undefined && <FaultNotice fault={fault} />}
      {run === undefined && fault === undefined && <p role="status">{t('loading')}</p>}
      {run !== undefined && (
        <section className="sheet">
          <h2>{words.reason(run.reason)}</h2>
          <p>{run.detail}</p>
          <dl>
            <dt>{t('runs.state')}</dt>
            <dd>
              <span role="status">{t(`runs.${run.status}`)}</span>
            </dd>
            <dt>{t('runs.by')}</dt>
            <dd>{run.by}</dd>
            <dt>{t('runs.at')}</dt>
            <dd>{date(run.startedAt)}</dd>
            {run.why !== undefined && (
              <>
                <dt>{t('letter.why')}</dt>
                <dd>{run.why}</dd>
              </>
            )}
          </dl>
          <label>
            {t('runs.progress')}{' '}
            <progress value={run.status === 'done' ? 1 : run.taken / Math.max(run.of.count, run.taken, 1)} />{' '}
            {t(run.of.isMore ? 'runs.handled.more' : 'runs.handled', {
              taken: number.format(run.taken),
              count: number.format(run.of.count),
            })}
          </label>
          {run.status === 'running' && (
            <>
              <p className="soft">{t('runs.text')}</p>
              <div className="buttons">
                <Button onPress={() => void stop(id).then(take)}>{t('runs.stop')}</Button>
              </div>
            </>
          )}
        </section>
      )}
      {run !== undefined && <Result run={run} />}
      <Button onPress={() => show({ at: 'causes' })}>{t('letters.back')}</Button>
    </>
  );
}

function Result({ run: { counts = {}, failures = [], status } }: { readonly run: Run }) {
  const { t, language } = useSpeech();
  const words = useWords();
  const number = new Intl.NumberFormat(language);
  return (
    <>
      <section className="sheet" aria-labelledby="result">
        <h2 id="result">{t('runs.result')}</h2>
        {status === 'done' && failures.length === 0 && <Notice kind="good">{t('runs.all-good')}</Notice>}
        <dl>
          {Object.entries(counts).map(([outcome, n]) => (
            <div className="pair" key={outcome}>
              <dt>{words.outcome(outcome)}</dt>
              <dd>{number.format(n)}</dd>
            </div>
          ))}
        </dl>
      </section>
      {failures.length > 0 && (
        <section className="sheet">
          <h2>{t('runs.failures')}</h2>
          <p>{t('runs.failures.text')}</p>
          <Rows title={t('runs.failures')} columns={[t('cause.letter'), t('letters.wrong')]}>
            {failures.map(({ deadLetter, reason, detail, again }) => (
              <tr key={deadLetter}>
                <th scope="row" className="code">
                  {deadLetter}
                  {again !== undefined && <div className="soft">{t('runs.again', { id: again })}</div>}
                </th>
                <td>
                  {words.reason(reason)}
                  <div className="soft">{detail}</div>
                </td>
              </tr>
            ))}
          </Rows>
        </section>
      )}
    </>
  );
}

import { useState } from 'react';
import type { Asked, Fault } from '../../common/api.ts';
import { Button, Heading, Notice } from '../../common/parts.tsx';
import { FaultNotice } from '../fault.tsx';
import { usePolled } from '../polled.ts';
import { useSpeech } from '../texts.ts';
import { Confirm } from './confirm.tsx';
import { WrongFile } from './wrong-file.tsx';
import type { SentFile, Shown } from './imports-page.tsx';
import { ImportReport } from './import-report.tsx';
import { confirm, discard, type Run, runOf } from './requests.ts';
import { useWords } from './words.ts';

const ENDED: readonly Run['state'][] = ['done', 'refused', 'stopped', 'failed'];
const WORKING: readonly Run['state'][] = ['checking', 'publishing'];
/** States in which nothing changes before a person does something. */
const isStill = ({ state }: Run): boolean => !WORKING.includes(state);

interface OneImportProps {
  readonly id: string;
  readonly sent?: SentFile;
  readonly show: (shown: Shown) => void;
}
/** An import from its dry run to its end. It goes on when the page is closed. */
export function OneImport({ id, sent, show }: OneImportProps) {
  const { t, date } = useSpeech();
  const words = useWords();
  const { found: run, fault, take } = usePolled(() => runOf(id), isStill);
  const [refused, setRefused] = useState<Fault>();
  async function act(sent: Promise<Asked<Run>>): Promise<void> {
    const asked = await sent;
    setRefused(asked.fault);
    take(asked);
  }
  return (
    <>
      <Heading>{run === undefined ? t('imports.run') : `${t(`imports.kind.${run.kind}`)}: ${run.source}`}</Heading>
      {(refused ?? fault) !== undefined && <FaultNotice fault={(refused ?? fault)!} />}
      {run === undefined && fault === undefined && <p role="status">{t('loading')}</p>}
      {run !== undefined && (
        <>
          <section className="sheet">
            <h2>
              <bdi>{run.name}</bdi>
            </h2>
            <dl>
              <dt>{t('imports.state')}</dt>
              <dd>
                <span role="status">{words.state(run)}</span>
              </dd>
              <dt>{t('imports.day')}</dt>
              <dd>{words.day(run.asOf)}</dd>
              <dt>{t('imports.by')}</dt>
              <dd>{run.by}</dd>
              <dt>{t('imports.begun')}</dt>
              <dd>{date(run.startedAt)}</dd>
              {run.confirmedBy !== undefined && (
                <>
                  <dt>{t('imports.confirmed-by')}</dt>
                  <dd>{run.confirmedBy}</dd>
                </>
              )}
              {run.batch !== undefined && (
                <>
                  <dt>{t('imports.batch')}</dt>
                  <dd className="code">{run.batch}</dd>
                </>
              )}
            </dl>
            {WORKING.includes(run.state) && <Working run={run} />}
            {run.state === 'uploading' && <Notice kind="note">{t('imports.uploading')}</Notice>}
            {!ENDED.includes(run.state) && run.state !== 'checked' && run.isStopping !== true && (
              <div className="buttons">
                <Button onPress={() => void act(discard(id))}>
                  {t(run.state === 'publishing' ? 'imports.stop' : 'imports.discard')}
                </Button>
              </div>
            )}
          </section>
          {run.fault !== undefined && <WrongFile fault={run.fault} show={show} {...(sent?.run === id && { sent })} />}
          {run.report !== undefined && <ImportReport kind={run.kind} report={run.report} />}
          {run.state === 'checked' && run.report !== undefined && (
            <Confirm
              key={run.report.number}
              report={run.report}
              confirm={(number) => void act(confirm(id, number))}
              discard={() => void act(discard(id))}
            />
          )}
          {run.state === 'done' && (
            <Notice kind="good">{t(run.kind === 'opt-outs' ? 'imports.done.opt-outs' : 'imports.done')}</Notice>
          )}
        </>
      )}
      <Button onPress={() => show({ at: 'list' })}>{t('imports.back')}</Button>
    </>
  );
}

/** How far the platform is. What a file changes is known when it publishes, and what it has is not known before. */
function Working({ run: { progress, report, state } }: { readonly run: Run }) {
  const { t } = useSpeech();
  const words = useWords();
  const all = state === 'publishing' && report !== undefined ? report.added + report.changed + report.ended : undefined;
  const count = progress?.count ?? 0;
  const isPublished = progress?.step === 'publishing';
  return (
    <>
      <label>
        {t('imports.progress')}{' '}
        {all !== undefined && isPublished ? <progress value={count / Math.max(all, count, 1)} /> : <progress />}{' '}
        {progress !== undefined && t(`imports.step.${progress.step}`, { count: words.number(count) })}
      </label>
      <p className="soft">{t('imports.goes-on')}</p>
    </>
  );
}

import { useState } from 'react';
import type { Asked, Fault } from '../../common/api.ts';
import { Button, Heading, Notice } from '../../common/parts.tsx';
import { FaultNotice } from '../fault.tsx';
import { usePolled } from '../polled.ts';
import { useSpeech } from '../texts.ts';
import { Causes, Confirm } from './confirm.tsx';
import { WrongFile } from './wrong-file.tsx';
import type { SentFile, Shown } from './imports-page.tsx';
import { ImportReport } from './import-report.tsx';
import { confirm, discard, type Run, runOf } from './requests.ts';
import { Resume } from './resume.tsx';
import { TakeBack } from './take-back.tsx';
import { UndoReport } from './undo-report.tsx';
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
              <bdi>{run.action === 'undo' ? t('imports.undo') : run.name}</bdi>
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
            {run.state === 'uploading' && <Resume run={run} take={take} show={show} />}
            {!ENDED.includes(run.state) && run.state !== 'checked' && run.isStopping !== true && (
              <div className="buttons">
                <Button onPress={() => void act(discard(id))}>
                  {t(run.state === 'publishing' ? 'imports.stop' : 'imports.discard')}
                </Button>
              </div>
            )}
          </section>
          {run.fault !== undefined && <WrongFile fault={run.fault} show={show} {...(sent?.run === id && { sent })} />}
          <Reported
            run={run}
            confirm={(number) => void act(confirm(id, number))}
            discard={() => void act(discard(id))}
          />
          {run.state === 'done' && <Done run={run} />}
          {mayUndo(run) && <TakeBack batch={run.batch!} show={show} />}
        </>
      )}
      <Button onPress={() => show({ at: 'list' })}>{t('imports.back')}</Button>
    </>
  );
}

/** The report of a run, and its confirmation while the run waits for one. */
function Reported({
  run,
  ...act
}: {
  readonly run: Run;
  readonly confirm: (number: string) => void;
  readonly discard: () => void;
}) {
  const { t } = useSpeech();
  if (run.report === undefined) return null;
  const isWaiting = run.state === 'checked';
  const { number } = run.report;
  if (run.action === 'undo')
    return (
      <>
        <UndoReport kind={run.kind} report={run.report} />
        {isWaiting && (
          <Confirm key={number} title={t('imports.undo.confirm')} number={number} needs {...act}>
            <Notice kind="bad">{t('imports.undo.text')}</Notice>
          </Confirm>
        )}
      </>
    );
  const { causes, first } = run.report;
  const needs = causes.length > 0;
  return (
    <>
      <ImportReport kind={run.kind} report={run.report} />
      {isWaiting && (
        <Confirm key={number} title={t('imports.confirm')} number={number} needs={needs} {...act}>
          {needs ? <Causes causes={causes} /> : !first && <p>{t('imports.small')}</p>}
        </Confirm>
      )}
    </>
  );
}

function Done({ run: { action, kind } }: { readonly run: Run }) {
  const { t } = useSpeech();
  if (action === 'undo') return <Notice kind="good">{t('imports.undo.done')}</Notice>;
  return <Notice kind="good">{t(kind === 'opt-outs' ? 'imports.done.opt-outs' : 'imports.done')}</Notice>;
}

/** Whether something of an import may be published that an undo takes back. */
const mayUndo = ({ action, kind, state, batch, confirmedBy }: Run): boolean =>
  action === 'import' &&
  kind !== 'opt-outs' &&
  batch !== undefined &&
  (state === 'done' || (confirmedBy !== undefined && (state === 'failed' || state === 'stopped')));

const changesOf = (report: Run['report']): number | undefined =>
  report === undefined || 'undoes' in report ? report?.rows : report.added + report.changed + report.ended;

/** How far the platform is. What a file changes is known when it publishes, and what it has is not known before. */
function Working({ run: { progress, report, state } }: { readonly run: Run }) {
  const { t } = useSpeech();
  const words = useWords();
  const all = state === 'publishing' ? changesOf(report) : undefined;
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

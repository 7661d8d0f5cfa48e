import { useEffect, useId, useRef, useState } from 'react';
import type { Asked, Fault } from '../../common/api.ts';
import { Notice } from '../../common/parts.tsx';
import { FaultNotice } from '../fault.tsx';
import { useSpeech } from '../texts.ts';
import type { Shown } from './imports-page.tsx';
import { type Run, send, type Sending, UNREADABLE } from './requests.ts';
import { ENDINGS, Sent } from './sent.tsx';

interface ResumeProps {
  readonly run: Run;
  readonly take: (asked: Asked<Run>) => void;
  readonly show: (shown: Shown) => void;
}
/**
 * Goes on with an upload of which the page was closed. A browser keeps no file, so a person chooses it again. The
 * server compares the parts that it has, and refuses another file.
 */
export function Resume({ run, take, show }: ResumeProps) {
  const { t } = useSpeech();
  const [file, setFile] = useState<File>();
  const [sending, setSending] = useState<Sending>();
  const [fault, setFault] = useState<Fault>();
  const id = useId();
  const isShown = useRef(true);
  useEffect(() => {
    isShown.current = true;
    return () => void (isShown.current = false);
  }, []);

  async function goOn(chosen: File): Promise<void> {
    setFile(chosen);
    setFault(undefined);
    setSending({ sent: 0, isAway: false });
    const sent = await send(run.id, chosen, (now) => isShown.current && setSending(now));
    if (!isShown.current) return;
    setSending(undefined);
    if (sent.fault !== undefined) return setFault(sent.fault);
    const { kind, source, asOf, rows } = run;
    const about = { kind, source, asOf, ...(rows !== undefined && { rows }) };
    show({ at: 'run', run: run.id, sent: { run: run.id, file: chosen, about } });
    take(sent);
  }
  return (
    <div className="field">
      <Notice kind="note">{t('imports.uploading')}</Notice>
      <label htmlFor={id}>{t('imports.resume')}</label>
      <input
        type="file"
        id={id}
        accept={ENDINGS}
        disabled={sending !== undefined}
        onChange={({ target: { files } }) => files?.[0] !== undefined && void goOn(files[0])}
      />
      {sending !== undefined && file !== undefined && <Sent file={file} now={sending} />}
      {fault !== undefined &&
        (fault.status === UNREADABLE ? (
          <Notice kind="bad">{t('imports.unreadable')}</Notice>
        ) : (
          <FaultNotice fault={fault} />
        ))}
    </div>
  );
}

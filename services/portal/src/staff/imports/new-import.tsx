import { type FormEvent, useEffect, useId, useRef, useState } from 'react';
import type { Fault } from '../../common/api.ts';
import { Button, Choice, Field, Heading, Notice } from '../../common/parts.tsx';
import { FaultNotice } from '../fault.tsx';
import { useSpeech } from '../texts.ts';
import { ColumnMap } from './column-map.tsx';
import type { Shown } from './imports-page.tsx';
import { type About, begin, discard, type Kind, KINDS, send, type Sending, UNREADABLE } from './requests.ts';
import { ENDINGS, Sent } from './sent.tsx';

/** `roster.north-mso.2026-12-01.csv`, as a folder of imports has it (docs/import.md). */
const NAMED = /^([a-z-]+)\.([a-z0-9-]+)\.(\d{4}-\d{2}-\d{2})\.(?:csv|txt|tsv)(?:\.gz)?$/;
const SOURCE = /^[a-z0-9-]{1,40}$/;

interface NewImportProps {
  readonly about?: Partial<About>;
  /** A file of which the columns must be named. */
  readonly file?: File;
  readonly columns?: readonly string[];
  readonly show: (shown: Shown) => void;
}
/** Sends a file to the server, which finds out what it would change. Nothing changes by it. */
export function NewImport({ about = {}, file: before, columns, show }: NewImportProps) {
  const { t } = useSpeech();
  const [kind, setKind] = useState<Kind>(about.kind ?? 'roster');
  const [source, setSource] = useState(about.source ?? '');
  const [asOf, setAsOf] = useState(about.asOf ?? '');
  const [rows, setRows] = useState(about.rows === undefined ? '' : String(about.rows));
  const [map, setMap] = useState<Readonly<Record<string, string>>>(about.map?.columns ?? {});
  const [file, setFile] = useState<File | undefined>(before);
  const [sending, setSending] = useState<Sending>();
  const [fault, setFault] = useState<Fault>();
  const fileId = useId();
  const isShown = useRef(true);
  useEffect(() => {
    isShown.current = true;
    return () => void (isShown.current = false);
  }, []);

  function choose(chosen: File | undefined): void {
    setFile(chosen);
    const [, namedKind, namedSource, day] = NAMED.exec(chosen?.name ?? '') ?? [];
    if (!(KINDS as readonly (string | undefined)[]).includes(namedKind)) return;
    setKind(namedKind as Kind);
    setSource(namedSource!);
    setAsOf(day!);
  }
  async function submit(event: FormEvent): Promise<void> {
    event.preventDefault();
    if (file === undefined) return;
    setFault(undefined);
    setSending({ sent: 0, isAway: false });
    const named = Object.fromEntries(Object.entries(map).filter(([, column]) => column !== ''));
    const asked: About = {
      ...{ kind, source, asOf },
      ...(rows !== '' && { rows: Number(rows) }),
      ...(Object.keys(named).length > 0 && { map: { columns: named } }),
    };
    const begun = await begin(asked, file.name);
    if (begun.fault !== undefined) return stop(begun.fault);
    const { id } = begun.data;
    const sent = await send(id, file, (now) => isShown.current && setSending(now));
    // It would keep others from sending a file of this source.
    if (sent.fault !== undefined) void discard(id);
    if (!isShown.current) return;
    if (sent.fault !== undefined) return stop(sent.fault);
    show({ at: 'run', run: id, sent: { run: id, file, about: asked } });
  }
  function stop(why: Fault): void {
    setSending(undefined);
    setFault(why);
  }
  const isReady = file !== undefined && file.size > 0 && SOURCE.test(source) && asOf !== '' && /^\d*$/.test(rows);
  return (
    <>
      <Heading>{t('imports.new')}</Heading>
      <p>{t('imports.new.text')}</p>
      <form className="sheet" onSubmit={(event) => void submit(event)}>
        <div className="field">
          <label htmlFor={fileId}>{t('imports.file')}</label>
          <span className="help" id={`${fileId}-help`}>
            {t('imports.file.help')}
          </span>
          {before === undefined ? (
            <input
              type="file"
              id={fileId}
              aria-describedby={`${fileId}-help`}
              accept={ENDINGS}
              disabled={sending !== undefined}
              onChange={(event) => choose(event.target.files?.[0])}
            />
          ) : (
            <output id={fileId}>
              <bdi>{before.name}</bdi>
            </output>
          )}
        </div>
        {file?.size === 0 && <Notice kind="bad">{t('imports.fault.no-header')}</Notice>}
        <Choice
          label={t('imports.kind')}
          value={kind}
          onChange={(value) => setKind(value as Kind)}
          options={KINDS.map((one) => [one, t(`imports.kind.${one}`)])}
        />
        <Field
          label={t('imports.source')}
          help={t('imports.source.help')}
          value={source}
          onChange={setSource}
          isRequired
          maxLength={40}
        />
        <DayField label={t('imports.day')} help={t('imports.day.help')} value={asOf} onChange={setAsOf} />
        <Field label={t('imports.rows')} help={t('imports.rows.help')} value={rows} onChange={setRows} maxLength={9} />
        {columns !== undefined && <ColumnMap kind={kind} columns={columns} map={map} onChange={setMap} />}
        {fault !== undefined &&
          (fault.status === UNREADABLE ? (
            <Notice kind="bad">{t('imports.unreadable')}</Notice>
          ) : (
            <FaultNotice fault={fault} />
          ))}
        {sending !== undefined && file !== undefined && <Sent file={file} now={sending} />}
        <div className="buttons">
          <Button look="main" type="submit" isDisabled={!isReady || sending !== undefined}>
            {t('imports.send')}
          </Button>
          <Button onPress={() => show({ at: 'list' })}>{t('imports.back')}</Button>
        </div>
      </form>
    </>
  );
}

interface DayFieldProps {
  readonly label: string;
  readonly help: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
}
function DayField({ label, help, value, onChange }: DayFieldProps) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <span className="help" id={`${id}-help`}>
        {help}
      </span>
      <input
        type="date"
        id={id}
        aria-describedby={`${id}-help`}
        value={value}
        required
        onChange={(event) => onChange(event.target.value)}
      />
    </div>
  );
}

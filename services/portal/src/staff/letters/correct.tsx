import { useState } from 'react';
import type { Asked, Fault } from '../../common/api.ts';
import { Button, Field, Notice } from '../../common/parts.tsx';
import { FaultNotice } from '../fault.tsx';
import { useSpeech } from '../texts.ts';
import { CorrectAll } from './correct-all.tsx';
import { DiscardForm } from './discard-form.tsx';
import type { Shown } from './letters-page.tsx';
import { type Change, changesOf, type Json } from './patch.ts';
import {
  type Cause,
  check,
  type Checked,
  discard,
  type Letter,
  type Opened,
  type Outcome,
  replay,
} from './requests.ts';
import { useWords } from './words.ts';

const LINES = 18;
/** The text of an event: its JSON in lines, or what the bytes say. */
function textOf({ data, base64 = '' }: Opened): string {
  if (data !== undefined) return JSON.stringify(data, null, 2);
  return new TextDecoder().decode(Uint8Array.from(atob(base64), (one) => one.charCodeAt(0)));
}

interface CorrectProps {
  readonly cause: Cause;
  readonly letter: Letter;
  /** The event, for a person who may read it. */
  readonly found: Opened | undefined;
  readonly show: (shown: Shown) => void;
}
type Done = { readonly what: 'discarded' } | ({ readonly what: 'sent'; readonly changes: readonly Change[] } & Outcome);

/** Corrects an event in the page. It is checked before it can be sent. */
export function Correct({ cause, letter, found, show }: CorrectProps) {
  const { t } = useSpeech();
  const [before] = useState(() => (found === undefined ? undefined : textOf(found)));
  const [text, setText] = useState(before ?? '');
  const [wrong, setWrong] = useState<string>();
  const [checked, setChecked] = useState<Checked>();
  const [busy, setBusy] = useState<'checking' | 'sending'>();
  const [fault, setFault] = useState<Fault>();
  const [done, setDone] = useState<Done>();
  const [isDiscarding, setDiscarding] = useState(false);
  const isCorrected = found !== undefined && text !== before;

  /** The event that the person wrote; undefined for the event as it was. @throws SyntaxError */
  const written = (): unknown => (isCorrected ? (JSON.parse(text) as unknown) : undefined);
  /** What the person changed. Of bytes that were no JSON, nothing can be said. */
  const changed = (): readonly Change[] =>
    isCorrected && found.data !== undefined ? changesOf(found.data as Json, written() as Json) : [];
  async function act<T>(
    kind: 'checking' | 'sending',
    send: (body: unknown) => Promise<Asked<T>>,
    then: (data: T) => void,
  ) {
    setWrong(undefined);
    setFault(undefined);
    setChecked(undefined);
    let body: unknown;
    try {
      body = written();
    } catch (error) {
      setWrong((error as Error).message);
      return;
    }
    setBusy(kind);
    const asked = await send(body);
    setBusy(undefined);
    setFault(asked.fault);
    if (asked.fault === undefined) then(asked.data);
  }
  const doCheck = (): Promise<void> => act('checking', (body) => check(letter.id, body), setChecked);
  const doSend = (): Promise<void> =>
    act(
      'sending',
      (body) => replay(letter.id, body),
      (data) => setDone({ what: 'sent', changes: changed(), ...data }),
    );
  async function doDiscard(reason: string): Promise<void> {
    const asked = await discard(letter.id, reason);
    setFault(asked.fault);
    if (asked.fault === undefined) setDone({ what: 'discarded' });
  }

  const changes = checked?.ok === true ? changed() : [];
  if (done !== undefined)
    return (
      <>
        <DoneNotice done={done} />
        {done.what === 'sent' && done.changes.length > 0 && (
          <CorrectAll cause={cause} changes={done.changes} show={show} />
        )}
      </>
    );
  return (
    <>
      <section className="sheet">
        <h2>{t('letter.payload')}</h2>
        {found === undefined && <p>{t('letter.hidden')}</p>}
        {found !== undefined && found.data === undefined && <p>{t('letter.broken')}</p>}
        {found !== undefined && (
          <div className="wide">
            <Field
              label={t('letter.edit')}
              help={t('letter.edit.help')}
              value={text}
              lines={LINES}
              onChange={(now) => {
                setText(now);
                setChecked(undefined);
              }}
            />
          </div>
        )}
        {wrong !== undefined && <Notice kind="bad">{t('letter.no-json', { why: wrong })}</Notice>}
        {fault !== undefined && <FaultNotice fault={fault} />}
        {checked !== undefined && (
          <Notice kind={checked.ok ? 'good' : 'bad'}>
            {checked.ok ? t('letter.good') : t('letter.bad', { detail: checked.detail ?? '' })}
          </Notice>
        )}
        {busy !== undefined && <p role="status">{t(`letter.${busy}`)}</p>}
        <div className="buttons">
          <Button
            look={checked?.ok === true ? 'plain' : 'main'}
            isDisabled={busy !== undefined}
            onPress={() => void doCheck()}
          >
            {t('letter.check')}
          </Button>
          <Button
            look={checked?.ok === true ? 'main' : 'plain'}
            isDisabled={busy !== undefined || checked?.ok !== true}
            onPress={() => void doSend()}
          >
            {t(isCorrected ? 'letter.send' : 'letter.send.as-was')}
          </Button>
          {!isDiscarding && <Button onPress={() => setDiscarding(true)}>{t('letter.discard')}</Button>}
        </div>
      </section>
      {changes.length > 0 && <CorrectAll cause={cause} changes={changes} show={show} />}
      {isDiscarding && (
        <section className="sheet">
          <DiscardForm
            text={t('letter.discard.text')}
            label={t('letter.discard')}
            cancel={() => setDiscarding(false)}
            discard={(reason) => void doDiscard(reason)}
          />
        </section>
      )}
    </>
  );
}

function DoneNotice({ done }: { readonly done: Done }) {
  const { t } = useSpeech();
  const words = useWords();
  if (done.what === 'discarded') return <Notice kind="good">{t('letter.discarded')}</Notice>;
  const { outcome, reason = '', deadLetter = '' } = done;
  if (outcome === 'pending') return <Notice kind="note">{t('letter.pending')}</Notice>;
  return outcome === 'parked' ? (
    <Notice kind="bad">{t('letter.parked', { reason: words.reason(reason), id: deadLetter })}</Notice>
  ) : (
    <Notice kind="good">{t('letter.sent', { outcome: words.outcome(outcome) })}</Notice>
  );
}

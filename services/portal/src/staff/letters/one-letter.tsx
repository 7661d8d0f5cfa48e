import { useEffect, useState } from 'react';
import type { Fault, Session } from '../../common/api.ts';
import { Button, Heading, Notice } from '../../common/parts.tsx';
import { FaultNotice } from '../fault.tsx';
import { mayUse } from '../pages.ts';
import { useSpeech } from '../texts.ts';
import { Correct } from './correct.tsx';
import type { Shown } from './letters-page.tsx';
import { type Cause, type Letter, opened, type Opened } from './requests.ts';
import { useWords } from './words.ts';

interface OneLetterProps {
  readonly cause: Cause;
  readonly letter: Letter;
  readonly session: Session;
  readonly show: (shown: Shown) => void;
}
/** One dead letter: what is wrong, the event for a person who may read it, and its correction. */
export function OneLetter({ cause, letter, session, show }: OneLetterProps) {
  const { t, date } = useSpeech();
  const words = useWords();
  const mayRead = mayUse('GET /events/dead-letters/{id}', session);
  const [found, setFound] = useState<Opened>();
  const [fault, setFault] = useState<Fault>();
  const [tries, setTries] = useState(0);
  useEffect(() => {
    let isShown = true;
    if (mayRead)
      void opened(letter.id).then((asked) => {
        if (!isShown) return;
        setFault(asked.fault);
        setFound(asked.data);
      });
    return () => void (isShown = false);
  }, [letter.id, mayRead, tries]);
  return (
    <>
      <Heading>{words.reason(letter.reason)}</Heading>
      <Notice kind="bad">{letter.detail}</Notice>
      <section className="sheet">
        <h2>{t('letter.facts')}</h2>
        <dl>
          <dt>{t('cause.letter')}</dt>
          <dd className="code">{letter.id}</dd>
          <dt>{t('letters.type')}</dt>
          <dd className="code">{letter.eventType}</dd>
          <dt>{t('cause.about')}</dt>
          <dd className="code">{letter.subject}</dd>
          <dt>{t('letter.event')}</dt>
          <dd className="code">{letter.event}</dd>
          <dt>{t('letter.source')}</dt>
          <dd>{letter.source}</dd>
          <dt>{t('letter.service')}</dt>
          <dd>{letter.parkedBy}</dd>
          <dt>{t('cause.parked')}</dt>
          <dd>{date(letter.parkedAt)}</dd>
        </dl>
      </section>
      {fault !== undefined && <FaultNotice fault={fault} retry={() => setTries(tries + 1)} />}
      {mayRead && found === undefined && fault === undefined && <p role="status">{t('loading')}</p>}
      {(found !== undefined || !mayRead) && <Correct cause={cause} letter={letter} found={found} show={show} />}
      <Button onPress={() => show({ at: 'cause', cause })}>{t('letter.back')}</Button>
    </>
  );
}

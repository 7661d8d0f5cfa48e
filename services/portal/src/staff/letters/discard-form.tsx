import { useState } from 'react';
import { Button, Field, Notice } from '../../common/parts.tsx';
import { useSpeech } from '../texts.ts';

const MOST_REASON = 500;

interface DiscardProps {
  /** What a discard does. */
  readonly text: string;
  readonly label: string;
  readonly discard: (reason: string) => void;
  readonly cancel: () => void;
}
/** Asks why, before anything is given up. */
export function DiscardForm({ text, label, discard, cancel }: DiscardProps) {
  const { t } = useSpeech();
  const [why, setWhy] = useState('');
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        discard(why);
      }}
    >
      <Notice kind="bad">{text}</Notice>
      <Field label={t('letter.why')} value={why} onChange={setWhy} isRequired maxLength={MOST_REASON} />
      <div className="buttons">
        <Button look="danger" type="submit" isDisabled={why.trim() === ''}>
          {label}
        </Button>
        <Button onPress={cancel}>{t('letter.cancel')}</Button>
      </div>
    </form>
  );
}

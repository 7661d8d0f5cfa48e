import { useState } from 'react';
import { Button, Field, Notice } from '../../common/parts.tsx';
import { useSpeech } from '../texts.ts';
import type { Report } from './requests.ts';
import { useWords } from './words.ts';

interface ConfirmProps {
  readonly report: Pick<Report, 'number' | 'causes' | 'reasons' | 'first'>;
  readonly confirm: (number: string) => void;
  readonly discard: () => void;
}
const digits = (text: string): string => text.replaceAll(/\D/g, '');

/** Publishes what the report says. A large change needs its number, below the reasons why. */
export function Confirm({ report: { number, causes, reasons, first }, confirm, discard }: ConfirmProps) {
  const { t } = useSpeech();
  const words = useWords();
  const [typed, setTyped] = useState('');
  const needs = reasons.length > 0;
  const isSame = digits(typed) === digits(number);
  return (
    <section className="sheet">
      <h2>{t('imports.confirm')}</h2>
      {needs ? (
        <Notice kind="bad">
          <p>{t('imports.reasons')}</p>
          <ul>
            {causes.map((cause, at) => (
              <li key={at}>{words.cause(cause)}</li>
            ))}
          </ul>
        </Notice>
      ) : (
        !first && <p>{t('imports.small')}</p>
      )}
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (!needs || isSame) confirm(number);
        }}
      >
        {needs && (
          <Field
            label={t('imports.type-number', { number })}
            help={t('imports.type-number.help')}
            value={typed}
            onChange={setTyped}
            maxLength={20}
          />
        )}
        <div className="buttons">
          <Button look="main" type="submit" isDisabled={needs && !isSame}>
            {t('imports.publish')}
          </Button>
          <Button onPress={discard}>{t('imports.discard')}</Button>
        </div>
      </form>
    </section>
  );
}

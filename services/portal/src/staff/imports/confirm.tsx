import { type ReactNode, useState } from 'react';
import { Button, Field, Notice } from '../../common/parts.tsx';
import { useSpeech } from '../texts.ts';
import type { Cause } from './requests.ts';
import { useWords } from './words.ts';

interface ConfirmProps {
  readonly title: string;
  /** Of the report that is in view. */
  readonly number: string;
  /** Whether the person repeats the number. */
  readonly needs: boolean;
  /** What stands above the number. */
  readonly children: ReactNode;
  readonly confirm: (number: string) => void;
  readonly discard: () => void;
}
const digits = (text: string): string => text.replaceAll(/\D/g, '');

/** Publishes what a report says. A large change needs its number, below the reasons why. */
export function Confirm({ title, number, needs, children, confirm, discard }: ConfirmProps) {
  const { t } = useSpeech();
  const [typed, setTyped] = useState('');
  const isSame = digits(typed) === digits(number);
  return (
    <section className="sheet">
      <h2>{title}</h2>
      {children}
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

/** Why an import needs its number. */
export function Causes({ causes }: { readonly causes: readonly Cause[] }) {
  const { t } = useSpeech();
  const words = useWords();
  return (
    <Notice kind="bad">
      <p>{t('imports.reasons')}</p>
      <ul>
        {causes.map((cause, at) => (
          <li key={at}>{words.cause(cause)}</li>
        ))}
      </ul>
    </Notice>
  );
}

import { useState } from 'react';
import { Form } from 'react-aria-components';
import { api, ask, type Fault } from '../../common/api.ts';
import { Button, Choice, Field, Heading, Notice } from '../../common/parts.tsx';
import { FaultNotice } from '../fault.tsx';
import { useSpeech } from '../texts.ts';
import { type Binding, type Ending, keyOf, labelOf, shown, type ShownApp } from './shapes.ts';

const LONGEST_NOTE = 500;

interface EndFormProps {
  readonly app: ShownApp;
  readonly kind: Ending;
  /** The binding that ends, for the kind `end`. */
  readonly binding?: Binding;
  readonly cancel: () => void;
  readonly decided: (after: ShownApp) => void;
}

/** A rejection, a suspension, a revocation or the end of one binding: a code of the payer's list, and a note. */
export function EndForm({ app, kind, binding, cancel, decided }: EndFormProps) {
  const { t } = useSpeech();
  const [reason, setReason] = useState('');
  const [note, setNote] = useState('');
  const [fault, setFault] = useState<Fault>();
  const [busy, setBusy] = useState(false);
  const title =
    kind === 'end'
      ? t('decide.end', { identifier: binding === undefined ? '' : labelOf(binding) })
      : t(`decide.${kind}`);

  async function send(): Promise<void> {
    setBusy(true);
    const client = app.client_id;
    const body = { reason, ...(note.trim() !== '' && { note: note.trim() }) };
    const path = { client };
    const asked = await ask(
      kind === 'end'
        ? api.POST('/auth/clients/{client}/bindings/{provider}/end', {
            params: { path: { client, provider: keyOf(binding ?? {}) } },
            body,
          })
        : api.POST(`/auth/clients/{client}/${kind}`, { params: { path }, body }),
    );
    setBusy(false);
    if (asked.fault === undefined) decided(shown(asked.data));
    else setFault(asked.fault);
  }

  return (
    <section className="sheet">
      <Heading level={2}>{title}</Heading>
      {(kind === 'reject' || kind === 'revoke') && <Notice kind="note">{t('decide.final')}</Notice>}
      {fault !== undefined && <FaultNotice fault={fault} />}
      <Form
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <Choice
          label={t('decide.why')}
          value={reason}
          onChange={setReason}
          options={[['', t('decide.choose')], ...app.reasons[kind].map(({ code, text }) => [code, text] as const)]}
          isRequired
        />
        <Field
          label={t('decide.note')}
          help={t('decide.note.help')}
          value={note}
          onChange={setNote}
          lines={3}
          maxLength={LONGEST_NOTE}
        />
        <div className="buttons">
          <Button type="submit" look="danger" isDisabled={busy || reason === ''}>
            {title}
          </Button>
          <Button onPress={cancel}>{t('decide.cancel')}</Button>
        </div>
      </Form>
    </section>
  );
}

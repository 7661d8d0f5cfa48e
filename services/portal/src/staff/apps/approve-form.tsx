import { useState } from 'react';
import { Form } from 'react-aria-components';
import { api, ask, type Fault } from '../../common/api.ts';
import { Button, Field, Heading, Tick } from '../../common/parts.tsx';
import { FaultNotice } from '../fault.tsx';
import { useSpeech } from '../texts.ts';
import { type Identifier, keyOf, labelOf, shown, type ShownApp, valueOf } from './shapes.ts';

interface Row {
  readonly bind: boolean;
  readonly evidence: string;
  readonly confirmed: boolean;
  readonly shared: boolean;
}
const EMPTY: Row = { bind: false, evidence: '', confirmed: false, shared: false };
/** An identifier that needs a second look: the server refuses it without. */
const isDoubtful = ({ network }: Identifier): boolean => network !== 'in-network';

interface ApproveFormProps {
  readonly app: ShownApp;
  readonly cancel: () => void;
  readonly decided: (after: ShownApp) => void;
}
/** Each NPI and TIN with the evidence that it belongs to the app. What is not ticked is not bound. */
export function ApproveForm({ app, cancel, decided }: ApproveFormProps) {
  const { t } = useSpeech();
  const [rows, setRows] = useState<Readonly<Record<string, Row>>>({});
  const [own, setOwn] = useState('');
  const [scope, setScope] = useState(app.scope ?? '');
  const [fault, setFault] = useState<Fault>();
  const [busy, setBusy] = useState(false);
  const rowOf = (one: Identifier): Row => rows[keyOf(one)] ?? EMPTY;
  const change = (one: Identifier, part: Partial<Row>): void =>
    setRows({ ...rows, [keyOf(one)]: { ...rowOf(one), ...part } });
  const bound = app.identifiers.filter((one) => rowOf(one).bind);
  const comesBack = app.status === 'suspended';

  async function send(): Promise<void> {
    setBusy(true);
    const sharing = bound.filter((one) => rowOf(one).shared);
    const asked = await ask(
      api.POST('/auth/clients/{client}/approve', {
        params: { path: { client: app.client_id } },
        body: {
          identifiers: bound.map((one) => ({
            ...(one.npi === undefined ? { tin: valueOf(one) } : { npi: one.npi }),
            evidence: rowOf(one).evidence.trim(),
          })),
          confirm: bound.filter((one) => rowOf(one).confirmed).map(valueOf),
          sharedWith: [...new Set(sharing.flatMap((one) => one.bound_to.map((other) => other.client_id)))],
          // Without it, the scopes stay as they are, also those of an approval that comes meanwhile.
          ...(scope.trim() !== app.scope && { scope: scope.trim() }),
          ...(comesBack && { reason: own.trim() }),
        },
      }),
    );
    setBusy(false);
    if (asked.fault === undefined) decided(shown(asked.data));
    else setFault(asked.fault);
  }

  return (
    <section className="sheet">
      <Heading level={2}>{t('decide.approve')}</Heading>
      <p>{t('decide.approve.text')}</p>
      {fault !== undefined && <FaultNotice fault={fault} />}
      <Form
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        {app.identifiers.map((one) => {
          const identifier = labelOf(one);
          const row = rowOf(one);
          return (
            <div key={identifier} className="group">
              <Tick
                label={t('decide.bind', { identifier })}
                value={row.bind}
                onChange={(bind) => change(one, { bind })}
              />
              {row.bind && (
                <Field
                  label={t('decide.evidence', { identifier })}
                  value={row.evidence}
                  onChange={(evidence) => change(one, { evidence })}
                  isRequired
                />
              )}
              {row.bind && isDoubtful(one) && (
                <Tick
                  label={t('decide.confirm', { identifier })}
                  value={row.confirmed}
                  onChange={(confirmed) => change(one, { confirmed })}
                />
              )}
              {row.bind && one.bound_to.length > 0 && (
                <Tick
                  label={t('decide.shared', { identifier })}
                  value={row.shared}
                  onChange={(shared) => change(one, { shared })}
                />
              )}
            </div>
          );
        })}
        <Field
          label={t('decide.scope')}
          help={t('decide.scope.help', { scope: app.requested_scope ?? app.scope ?? '' })}
          value={scope}
          onChange={setScope}
          isRequired
        />
        {comesBack && <Field label={t('decide.own')} value={own} onChange={setOwn} isRequired />}
        <div className="buttons">
          <Button type="submit" look="main" isDisabled={busy || bound.length === 0}>
            {t('decide.approve')}
          </Button>
          <Button onPress={cancel}>{t('decide.cancel')}</Button>
        </div>
      </Form>
    </section>
  );
}

import { useState } from 'react';
import { Form } from 'react-aria-components';
import { api, ask, type Asked, type Fault } from '../common/api.ts';
import { Button, Field, Heading, Notice } from '../common/parts.tsx';
import { FaultNotice } from './fault.tsx';
import { assertionOf } from './keys.ts';
import { FORM, form, type OwnApp, tokenUrl } from './own-app.ts';
import { useSpeech } from './texts.ts';

interface Checked {
  readonly accepted: boolean;
  readonly server_time: string;
  readonly checks: readonly { readonly part: string; readonly accepted: boolean; readonly text: string }[];
}

/** What the platform thinks of a client assertion, claim by claim. No token is given, and no `jti` is used up. */
export function Check({ app }: { readonly app: OwnApp }) {
  const { t } = useSpeech();
  const [text, setText] = useState('');
  const [found, setFound] = useState<Checked>();
  const [fault, setFault] = useState<Fault>();

  async function sign(): Promise<void> {
    const url = await tokenUrl();
    if (url.fault !== undefined) return setFault(url.fault);
    if (app.key !== undefined) setText(await assertionOf(app.key, app.client, url.data));
  }
  async function check(): Promise<void> {
    const body = { client_assertion: text.trim() };
    const asked: Asked<Checked> = await ask(
      api.POST('/auth/check-assertion', { body, bodySerializer: form, headers: FORM }),
    );
    setFault(asked.fault);
    setFound(asked.fault === undefined ? asked.data : undefined);
  }

  return (
    <>
      <Heading>{t('check.title')}</Heading>
      <p>{t('check.text')}</p>
      <section className="sheet">
        <Form
          onSubmit={(event) => {
            event.preventDefault();
            void check();
          }}
        >
          <Field label={t('check.assertion')} value={text} onChange={setText} lines={5} isRequired />
          <div className="buttons">
            <Button type="submit" look="main">
              {t('check.check')}
            </Button>
            {app.key !== undefined && <Button onPress={() => void sign()}>{t('check.sign')}</Button>}
          </div>
        </Form>
      </section>
      {fault !== undefined && <FaultNotice fault={fault} />}
      {found !== undefined && (
        <section className="sheet" aria-labelledby="result">
          <h2 id="result">{t('check.result')}</h2>
          <Notice kind={found.accepted ? 'good' : 'bad'}>{t(found.accepted ? 'check.good' : 'check.bad')}</Notice>
          <div className="table" tabIndex={0} role="region" aria-label={t('check.result')}>
            <table>
              <tbody>
                {found.checks.map(({ part, accepted, text: why }) => (
                  <tr key={part}>
                    <th scope="row">{part}</th>
                    <td>
                      <span className="tag">{t(accepted ? 'check.yes' : 'check.no')}</span>
                    </td>
                    <td>{why}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          <p className="soft">{t('check.time', { time: found.server_time })}</p>
        </section>
      )}
    </>
  );
}

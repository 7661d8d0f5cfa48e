import { useEffect, useState } from 'react';
import { Form } from 'react-aria-components';
import { api, ask, type Fault, type Session } from '../common/api.ts';
import { Button, Field, Heading, Notice } from '../common/parts.tsx';
import { FaultNotice } from './fault.tsx';
import { useSpeech } from './texts.ts';

const SIGN_IN = '/auth/session/sign-in';
const SIGN_OUT = '/auth/session/sign-out';

/** Why the way back from the identity provider ended here. */
const REFUSED = ['signin.role', 'signin.again', 'signin.later'] as const;

/** Whether people sign in at an identity provider. Without one the route does not exist. */
const hasProvider = async (): Promise<boolean | undefined> => {
  try {
    const { type, status } = await fetch(SIGN_IN, { redirect: 'manual' });
    return type === 'opaqueredirect' || status !== 404;
  } catch {
    return undefined;
  }
};

export function SignIn({ ended, entered }: { readonly ended: boolean; readonly entered: (session: Session) => void }) {
  const { t } = useSpeech();
  const [provider, setProvider] = useState<boolean>();
  const [token, setToken] = useState('');
  const [fault, setFault] = useState<Fault>();
  useEffect(() => void hasProvider().then(setProvider), []);
  const why = REFUSED.find((one) => one === `signin.${new URLSearchParams(location.search).get('refused')}`);

  async function begin(): Promise<void> {
    const given = token.trim();
    const asked = await ask(api.POST('/auth/session', { body: {}, headers: { authorization: `Bearer ${given}` } }));
    setToken('');
    if (asked.fault === undefined) entered(asked.data);
    else setFault(asked.fault);
  }

  return (
    <div className="sheet">
      <Heading>{t('signin.title')}</Heading>
      {ended && (
        <Notice kind="note">
          <p>{t('signout.done')}</p>
          {provider === true && <a href={SIGN_OUT}>{t('signout.provider')}</a>}
        </Notice>
      )}
      {why !== undefined && <Notice kind="bad">{t(why)}</Notice>}
      <p>{t('signin.text')}</p>
      {fault !== undefined &&
        (fault.status === 401 ? <Notice kind="bad">{t('signin.wrong')}</Notice> : <FaultNotice fault={fault} />)}
      {provider === true && (
        <p>
          <a className="button main link" href={`${SIGN_IN}?to=${encodeURIComponent(location.pathname)}`}>
            {t('signin.provider')}
          </a>
        </p>
      )}
      {provider === false && (
        <Form
          onSubmit={(event) => {
            event.preventDefault();
            void begin();
          }}
        >
          <Field
            label={t('signin.token')}
            help={t('signin.token.help')}
            type="password"
            value={token}
            onChange={setToken}
            isRequired
          />
          <Button type="submit" look="main">
            {t('signin.with-token')}
          </Button>
        </Form>
      )}
    </div>
  );
}

import { useState } from 'react';
import { api, ask, type Fault } from '../common/api.ts';
import { Button, Heading, Notice, Tick } from '../common/parts.tsx';
import { save } from '../common/save.ts';
import { FaultNotice } from './fault.tsx';
import { type AppKey, makeKey, publicOf } from './keys.ts';
import { bearer, type OwnApp } from './own-app.ts';
import { useSpeech } from './texts.ts';

interface KeysProps {
  readonly app: OwnApp;
  readonly changed: (part: Partial<OwnApp>) => void;
}
/** Another key for the app. The former one stays valid for a day, or ends at once if it has leaked. */
export function Keys({ app, changed }: KeysProps) {
  const { t } = useSpeech();
  const [next, setNext] = useState<AppKey>();
  const [saved, setSaved] = useState(false);
  const [ends, setEnds] = useState(false);
  const [done, setDone] = useState(false);
  const [fault, setFault] = useState<Fault>();

  async function make(): Promise<void> {
    const made = next ?? (await makeKey());
    setNext(made);
    setDone(false);
    save(`${app.client}.${made.jwk.kid}.key.json`, `${JSON.stringify(made.jwk, null, 2)}\n`);
  }
  async function send(key: AppKey): Promise<void> {
    const asked = await ask(
      api.PUT('/auth/register/{client}', {
        params: { path: { client: app.client } },
        headers: bearer(app.registration ?? ''),
        // With these alone the registration keeps everything else, and its token (RFC 7592).
        body: {
          client_id: app.client,
          jwks: { keys: [publicOf(key)] },
          previous_keys: ends ? 'end' : 'keep',
        },
      }),
    );
    if (asked.fault !== undefined) return setFault(asked.fault);
    setFault(undefined);
    setNext(undefined);
    setSaved(false);
    setDone(true);
    changed({ key });
  }

  return (
    <>
      <Heading>{t('keys.title')}</Heading>
      <p>{t('keys.text')}</p>
      {app.key !== undefined && <p>{t('door.key', { kid: app.key.jwk.kid })}</p>}
      {done && <Notice kind="good">{t('keys.done')}</Notice>}
      {fault !== undefined && <FaultNotice fault={fault} />}
      {app.registration === undefined ? (
        <Notice kind="note">{t('state.no-token')}</Notice>
      ) : (
        <section className="sheet">
          <h2>{t('keys.new')}</h2>
          <Button onPress={() => void make()}>{t('key.save')}</Button>
          {next !== undefined && (
            <>
              <p>{t('door.key', { kid: next.jwk.kid })}</p>
              <Tick label={t('key.saved')} value={saved} onChange={setSaved} />
              <Tick label={t('keys.end')} value={ends} onChange={setEnds} />
              <Button look="main" isDisabled={!saved} onPress={() => void send(next)}>
                {t('keys.send')}
              </Button>
            </>
          )}
        </section>
      )}
    </>
  );
}

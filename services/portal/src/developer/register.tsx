import { useState } from 'react';
import { Form } from 'react-aria-components';
import { api, ask, type Fault } from '../common/api.ts';
import { Button, Choice, Field, Heading, Notice, Radios, Tick } from '../common/parts.tsx';
import { save } from '../common/save.ts';
import { FaultNotice } from './fault.tsx';
import { type AppKey, makeKey, publicOf, readKey } from './keys.ts';
import { ALL_DATA, appFileOf, type OwnApp, type Registration } from './own-app.ts';
import { Files } from './parts.tsx';
import { useSpeech } from './texts.ts';

const STEPS = ['who', 'key', 'scope', 'done'] as const;
type Step = (typeof STEPS)[number];
type KeyWay = 'make' | 'file' | 'url';
type Environment = '' | 'production' | 'test' | 'development';

interface Given {
  readonly name: string;
  readonly npi: string;
  readonly tin: string;
  readonly contact: string;
  readonly legalName: string;
  readonly purpose: string;
  readonly environment: Environment;
  readonly way: KeyWay;
  readonly url: string;
  readonly scope: string;
}
const NOTHING: Given = {
  name: '',
  npi: '',
  tin: '',
  contact: '',
  legalName: '',
  purpose: '',
  environment: '',
  way: 'make',
  url: '',
  scope: ALL_DATA,
};
const words = (text: string): string[] => text.split(/[\s,;]+/).filter(Boolean);
/** The body of the registration (RFC 7591). What is empty is left out. */
const bodyOf = (given: Given, key: AppKey | undefined) => ({
  client_name: given.name.trim(),
  ...(words(given.npi).length > 0 && { npi: words(given.npi) }),
  ...(words(given.tin).length > 0 && { tin: words(given.tin) }),
  contacts: words(given.contact),
  scope: given.scope.trim(),
  ...(given.legalName.trim() !== '' && { legal_name: given.legalName.trim() }),
  ...(given.purpose.trim() !== '' && { purpose: given.purpose.trim() }),
  ...(given.environment !== '' && { environment: given.environment }),
  ...(given.way === 'url' ? { jwks_uri: given.url.trim() } : key !== undefined && { jwks: { keys: [publicOf(key)] } }),
});
const fileName = (name: string): string => name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-') || 'app';

interface RegisterProps {
  readonly opened: (app: OwnApp) => void;
  readonly back: () => void;
}
/** Registers an app in steps (docs/tutorials/provider.md). */
export function Register({ opened, back }: RegisterProps) {
  const { t } = useSpeech();
  const [step, setStep] = useState<Step>('who');
  const [given, setGiven] = useState(NOTHING);
  const [key, setKey] = useState<AppKey>();
  const [registered, setRegistered] = useState<Registration>();
  const [fault, setFault] = useState<Fault>();
  const [busy, setBusy] = useState(false);
  const change = (part: Partial<Given>): void => setGiven({ ...given, ...part });
  const keyFile = `${fileName(given.name)}.key.json`;

  async function send(): Promise<void> {
    setBusy(true);
    const asked = await ask(api.POST('/auth/register', { body: bodyOf(given, key) }));
    setBusy(false);
    if (asked.fault !== undefined) return setFault(asked.fault);
    setFault(undefined);
    setRegistered(asked.data);
    setStep('done');
  }

  return (
    <>
      <Heading>{t('register.title')}</Heading>
      <ol className="steps">
        {STEPS.map((one) => (
          <li key={one} aria-current={one === step ? 'step' : undefined}>
            {t(`register.${one}`)}
          </li>
        ))}
      </ol>
      {fault !== undefined && <FaultNotice fault={fault} />}
      {step === 'who' && <Who given={given} change={change} next={() => setStep('key')} back={back} />}
      {step === 'key' && (
        <KeyStep
          given={given}
          change={change}
          own={key}
          setOwn={setKey}
          file={keyFile}
          next={() => setStep('scope')}
          back={() => setStep('who')}
        />
      )}
      {step === 'scope' && (
        <section className="sheet">
          <Heading level={2}>{t('register.scope')}</Heading>
          <Form
            onSubmit={(event) => {
              event.preventDefault();
              void send();
            }}
          >
            <Field
              label={t('door.scope')}
              help={t('register.scope.help')}
              value={given.scope}
              onChange={(scope) => change({ scope })}
              isRequired
            />
            <div className="buttons">
              <Button type="submit" look="main" isDisabled={busy}>
                {t('register.send')}
              </Button>
              <Button onPress={() => setStep('key')}>{t('back')}</Button>
            </div>
          </Form>
        </section>
      )}
      {step === 'done' && registered !== undefined && (
        <section className="sheet">
          <Heading level={2}>{t('register.done')}</Heading>
          <Notice kind="good">{t('register.done.text')}</Notice>
          <p>{t('register.client')}</p>
          <p className="number">{registered.client_id}</p>
          <p>{t('register.once')}</p>
          <div className="buttons">
            <Button
              look="main"
              onPress={() =>
                save(
                  `${fileName(given.name)}.app.json`,
                  `${JSON.stringify(appFileOf(registered, keyFile, given.scope), null, 2)}\n`,
                )
              }
            >
              {t('register.save')}
            </Button>
            <Button
              onPress={() =>
                opened({
                  client: registered.client_id,
                  registration: registered.registration_access_token,
                  scope: given.scope,
                  ...(key !== undefined && { key }),
                })
              }
            >
              {t('register.go-on')}
            </Button>
          </div>
        </section>
      )}
    </>
  );
}

interface StepProps {
  readonly given: Given;
  readonly change: (part: Partial<Given>) => void;
  readonly next: () => void;
  readonly back: () => void;
}
function Who({ given, change, next, back }: StepProps) {
  const { t } = useSpeech();
  const [missing, setMissing] = useState(false);
  return (
    <section className="sheet">
      <Heading level={2}>{t('register.who')}</Heading>
      <Form
        onSubmit={(event) => {
          event.preventDefault();
          const named = words(given.npi).length + words(given.tin).length > 0;
          setMissing(!named);
          if (named) next();
        }}
      >
        <Field
          label={t('who.name')}
          value={given.name}
          onChange={(name) => change({ name })}
          maxLength={200}
          isRequired
        />
        {missing && <Notice kind="bad">{t('who.missing')}</Notice>}
        <Field label={t('who.npi')} help={t('who.npi.help')} value={given.npi} onChange={(npi) => change({ npi })} />
        <Field label={t('who.tin')} help={t('who.tin.help')} value={given.tin} onChange={(tin) => change({ tin })} />
        <Field label={t('who.contact')} value={given.contact} onChange={(contact) => change({ contact })} isRequired />
        <h3>{t('who.more')}</h3>
        <p className="soft">{t('who.more.text')}</p>
        <Field label={t('who.legal')} value={given.legalName} onChange={(legalName) => change({ legalName })} />
        <Field label={t('who.purpose')} value={given.purpose} onChange={(purpose) => change({ purpose })} />
        <Choice
          label={t('who.environment')}
          value={given.environment}
          onChange={(environment) => change({ environment: environment as Environment })}
          options={(['', 'production', 'test', 'development'] as const).map((one) => [
            one,
            t(one === '' ? 'who.environment.none' : `who.environment.${one}`),
          ])}
        />
        <div className="buttons">
          <Button type="submit" look="main">
            {t('next')}
          </Button>
          <Button onPress={back}>{t('back')}</Button>
        </div>
      </Form>
    </section>
  );
}

interface KeyStepProps extends StepProps {
  readonly own: AppKey | undefined;
  readonly setOwn: (key: AppKey | undefined) => void;
  /** The name under which a new key is saved. */
  readonly file: string;
}
function KeyStep({ given, change, own, setOwn, file, next, back }: KeyStepProps) {
  const { t } = useSpeech();
  const [saved, setSaved] = useState(false);
  const [unread, setUnread] = useState(false);
  const choose = (way: string): void => {
    setOwn(undefined);
    setSaved(false);
    change({ way: way as KeyWay });
  };
  async function make(): Promise<void> {
    const made = own ?? (await makeKey());
    setOwn(made);
    save(file, `${JSON.stringify(made.jwk, null, 2)}\n`);
  }
  async function read(files: readonly { readonly text: string }[]): Promise<void> {
    const found = files[0] === undefined ? undefined : await readKey(files[0].text);
    setUnread(found === undefined);
    setOwn(found);
  }
  const ready = given.way === 'url' ? given.url.trim() !== '' : own !== undefined && (given.way === 'file' || saved);
  return (
    <section className="sheet">
      <Heading level={2}>{t('register.key')}</Heading>
      <p>{t('key.text')}</p>
      <Radios
        label={t('key.way')}
        value={given.way}
        onChange={choose}
        options={(['make', 'file', 'url'] as const).map((one) => [one, t(`key.${one}`), t(`key.${one}.text`)])}
      />
      {given.way === 'make' && (
        <>
          <Button onPress={() => void make()}>{t('key.save')}</Button>
          {own !== undefined && <Tick label={t('key.saved')} value={saved} onChange={setSaved} />}
        </>
      )}
      {given.way === 'file' && (
        <Files label={t('key.choose')} help={t('key.choose.help')} read={(files) => void read(files)} />
      )}
      {given.way === 'file' && unread && <Notice kind="bad">{t('key.unread')}</Notice>}
      {given.way === 'url' && (
        <Field label={t('key.url.label')} value={given.url} onChange={(url) => change({ url })} isRequired />
      )}
      {own !== undefined && <Notice kind="good">{t('door.key', { kid: own.jwk.kid })}</Notice>}
      <div className="buttons">
        <Button look="main" isDisabled={!ready} onPress={next}>
          {t('next')}
        </Button>
        <Button onPress={back}>{t('back')}</Button>
      </div>
    </section>
  );
}

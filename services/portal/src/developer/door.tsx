import { useState } from 'react';
import { Form } from 'react-aria-components';
import { Button, Field, Heading, Notice } from '../common/parts.tsx';
import { readKey } from './keys.ts';
import { ALL_DATA, type OwnApp, readAppFile } from './own-app.ts';
import { Files } from './parts.tsx';
import { useSpeech } from './texts.ts';

interface DoorProps {
  readonly register: () => void;
  readonly opened: (app: OwnApp) => void;
}
/** Two ways in: a new app, or the files of one. */
export function Door({ register, opened }: DoorProps) {
  const { t } = useSpeech();
  const [found, setFound] = useState<Partial<OwnApp>>({});
  const [unread, setUnread] = useState<readonly string[]>([]);
  const client = found.client ?? '';

  async function read(files: readonly { readonly name: string; readonly text: string }[]): Promise<void> {
    let next = found;
    const strange: string[] = [];
    for (const { name, text } of files) {
      const app = readAppFile(text);
      const key = await readKey(text);
      if (app !== undefined) next = { ...next, ...app };
      else if (key !== undefined) next = { ...next, key };
      else strange.push(name);
    }
    setFound(next);
    setUnread(strange);
  }

  return (
    <>
      <Heading>{t('door.title')}</Heading>
      <p>
        {t('door.text')} <a href="/status">{t('door.status')}</a>
      </p>
      <section className="sheet" aria-labelledby="new">
        <h2 id="new">{t('door.new')}</h2>
        <p>{t('door.new.text')}</p>
        <Button look="main" onPress={register}>
          {t('register.title')}
        </Button>
      </section>
      <section className="sheet" aria-labelledby="own">
        <h2 id="own">{t('door.own')}</h2>
        <p>{t('door.own.text')}</p>
        <Files label={t('door.files')} help={t('door.files.help')} read={(files) => void read(files)} />
        {unread.length > 0 && <Notice kind="bad">{t('door.unread', { names: unread.join(', ') })}</Notice>}
        {found.key !== undefined && <Notice kind="good">{t('door.key', { kid: found.key.jwk.kid })}</Notice>}
        <Form
          onSubmit={(event) => {
            event.preventDefault();
            opened({ scope: ALL_DATA, ...found, client: client.trim() });
          }}
        >
          <Field
            label={t('door.client')}
            value={client}
            onChange={(value) => setFound({ ...found, client: value })}
            isRequired
          />
          <Field
            label={t('door.scope')}
            help={t('door.scope.help')}
            value={found.scope ?? ALL_DATA}
            onChange={(scope) => setFound({ ...found, scope })}
            isRequired
          />
          <Button type="submit" look="main">
            {t('door.open')}
          </Button>
        </Form>
      </section>
    </>
  );
}

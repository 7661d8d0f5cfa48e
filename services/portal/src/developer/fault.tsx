import type { Fault } from '../common/api.ts';
import { Button, Notice } from '../common/parts.tsx';
import { useSpeech } from './texts.ts';

/** Why something did not work. The text of the platform names what is wrong, in English as everywhere in the API. */
export function FaultNotice({ fault, retry }: { readonly fault: Fault; readonly retry?: () => void }) {
  const { t } = useSpeech();
  const message = fault.message === '' ? String(fault.status) : fault.message;
  return (
    <Notice kind="bad">
      <p>{fault.status === 0 ? t('fault.away') : t('fault', { message })}</p>
      {retry !== undefined && <Button onPress={retry}>{t('retry')}</Button>}
    </Notice>
  );
}

import { useEffect, useState } from 'react';
import type { Session } from '../../common/api.ts';
import { AppList } from './app-list.tsx';
import { OneApp } from './one-app.tsx';

/** The id of the app that the address names. It is no secret, and nothing about a member. */
const idHere = (): string => location.hash.slice(1);

/** The queue of a reviewer, and one app beside what is known about it. */
export function AppsPage({ session }: { readonly session: Session }) {
  const [id, setId] = useState(idHere);
  useEffect(() => {
    const changed = (): void => setId(idHere());
    addEventListener('hashchange', changed);
    return () => removeEventListener('hashchange', changed);
  }, []);
  return id === '' ? <AppList /> : <OneApp key={id} id={id} decides={session.roles.includes('reviewer')} />;
}

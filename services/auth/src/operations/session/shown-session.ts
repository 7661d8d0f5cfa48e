import type { Answer } from '@provider-access/service/operation';
import { csrfOf, type Session, type Sessions } from '@provider-access/smart';

/** The answer about a session, with its cookie. */
export function shownSession(sessions: Sessions, session: Session): Answer {
  const { name, mark, roles, until, member } = session;
  return {
    json: {
      person: name,
      mark,
      roles,
      until: new Date(until).toISOString(),
      csrf: csrfOf(session),
      ...(member !== undefined && { member: member.id }),
      ...(member?.language !== undefined && { language: member.language }),
    },
    headers: { 'set-cookie': sessions.cookie(session), 'cache-control': 'no-store' },
  };
}

import { importJWK, type JWK, SignJWT } from 'jose';
import type { Command } from 'commander';
import { contextOf, documentationOf } from '../context.ts';
import { id, text } from '../options.ts';

/** Seconds for which a link can be opened. */
const LIFE = 600;
const PORTAL = 'member-portal';

/** `pa member-link`: the link with which a portal hands a member over to the page of the platform. */
export function memberLinkCommand(program: Command): void {
  program
    .command('member-link')
    .description("sign a link to a member's page, as the payer's portal does")
    .requiredOption('--member <id>', 'member id', id('--member'))
    .option('--language <tag>', 'the language that the member prefers, such as es', text('--language'))
    .option('--key <file>', 'private JWK or JWK Set of the portal (default: that of `npm start` in its data folder)')
    .option('--portal-url <url>', 'PORTAL_URL of the platform, if it is not the URL of the server')
    .addHelpText(
      'after',
      ({ command }) => `
Whoever has the link sees who had access to this member, and can decide once. It is opened once, within ten minutes. How
a portal signs its links: ${documentationOf(command, 'member-link')}`,
    )
    .action(async (o: MemberLinkOptions, command: Command) => {
      const { server, out, portalKey } = contextOf(command);
      const key = portalKey(o.key);
      const portal = (o.portalUrl ?? server.base).replace(/\/+$/, '');
      const link = `${portal}/portal/member#${await signed(portal, key, o)}`;
      out.result({ member: o.member, link, seconds: LIFE }, [link]);
    });
}

interface MemberLinkOptions {
  readonly member: string;
  readonly language?: string;
  readonly key?: string;
  readonly portalUrl?: string;
}

async function signed(portal: string, key: JWK, { member, language }: MemberLinkOptions): Promise<string> {
  const alg = key.alg ?? (key.kty === 'RSA' ? 'RS384' : 'ES384');
  const now = Math.floor(Date.now() / 1000);
  return new SignJWT({ member, ...(language !== undefined && { language }) })
    .setProtectedHeader({ alg, kid: key.kid ?? '', typ: 'JWT' })
    .setIssuer(PORTAL)
    .setSubject(PORTAL)
    .setAudience(`${portal}/auth/member-session`)
    .setIssuedAt(now)
    .setExpirationTime(now + LIFE)
    .setJti(crypto.randomUUID())
    .sign(await importJWK(key, alg));
}

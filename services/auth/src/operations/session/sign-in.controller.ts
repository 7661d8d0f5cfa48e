import { Controller, Inject } from '@nestjs/common';
import { nameOfPerson, Refusal } from '@provider-access/kernel';
import { type Answer, type Asked, operation, Operation } from '@provider-access/service/operation';
import { addressBlock, cookieOf, RequestLimits, Sessions } from '@provider-access/smart';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { begin, isOwnPage, onceOf, read, SIGN_IN_SECONDS } from '../../people/sign-in.ts';
import { tooMany } from '../answers.ts';
import { wantsPage } from '../public-pages/page.ts';
import { NO_ROLE, Renewals } from './renewals.ts';

const COMMON = { callers: 'anybody', tag: 'People who sign in', head: false } as const;
const TO_TEXT = 'to must be a path of our pages, such as /portal.';
const SIGN_IN = operation({
  ...COMMON,
  route: 'GET /auth/session/sign-in',
  summary: 'Sign in at the identity provider',
  description: 'For a browser. The identity provider leads it back to `/auth/session/callback`.',
  query: {
    parameters: [{ name: 'to', description: 'The page that follows: `/portal` or one below it. Default: `/portal`.' }],
  },
  answer: { status: 302, description: 'To the identity provider.' },
  refusals: ['invalid-value', 'not-found', 'too-many-requests', 'unavailable'],
});
const CALLBACK = operation({
  ...COMMON,
  route: 'GET /auth/session/callback',
  summary: 'Come back from the identity provider',
  description:
    'Begins a session, if the identity provider gives the person a role. Each sign-in is used once. A refusal leads ' +
    'a browser to `/portal`, which says why.',
  query: {
    parameters: [
      { name: 'code', description: 'OpenID Connect.' },
      { name: 'state', description: 'OpenID Connect.' },
    ],
  },
  answer: { status: 302, description: 'To the page that the sign-in named, with the cookie of the session.' },
  refusals: ['forbidden', 'not-found', 'too-many-requests', 'unavailable'],
});
const SIGN_OUT = operation({
  ...COMMON,
  route: 'GET /auth/session/sign-out',
  summary: 'Sign out at the identity provider',
  description:
    'For a browser, after `DELETE /auth/session`. It leads to the page of the identity provider that ends the ' +
    'sign-in there, and from there to `/portal`. The identity provider asks the person first. Without such a page ' +
    'it leads to `/portal` at once.',
  answer: { status: 302, description: 'To the identity provider.' },
  refusals: ['not-found', 'too-many-requests', 'unavailable'],
});

/** A minute and address block. A person needs two. */
const PER_MINUTE = 60;
const USED = 'people/sign-ins';
/** What the page of the sign-in says; undefined for what no person meets. */
function whyFor({ kind, message }: Refusal): 'role' | 'again' | 'later' | undefined {
  if (kind === 'forbidden') return message === NO_ROLE ? 'role' : 'again';
  return kind === 'unavailable' || kind === 'too-many-requests' ? 'later' : undefined;
}

/** The sign-in at the identity provider (docs/signing-in.md, ADR 0131). */
@Controller()
export class SignInController {
  private readonly limits: RequestLimits;
  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(Sessions) private readonly sessions: Sessions,
    @Inject(Renewals) private readonly renewals: Renewals,
  ) {
    this.limits = new RequestLimits(ports.clock, PER_MINUTE);
  }

  @Operation(SIGN_IN)
  async signIn(asked: Asked<typeof SIGN_IN>): Promise<Answer> {
    return this.orPage(asked.request, this.leave(asked));
  }
  private async leave({ request, given }: Asked<typeof SIGN_IN>): Promise<Answer> {
    const provider = this.renewals.requireProvider();
    this.count(request);
    const paths = given.getAll('to');
    const to = paths[0] ?? '/portal';
    if (paths.length > 1 || !isOwnPage(to)) throw new Refusal('invalid-value', TO_TEXT);
    const started = begin(to, this.ports.clock.now());
    const location = await provider.signInUrl(started);
    return { headers: { location, 'cache-control': 'no-store', 'set-cookie': this.cookie(started.cookie) } };
  }

  @Operation(CALLBACK)
  async callback(asked: Asked<typeof CALLBACK>): Promise<Answer> {
    return this.orPage(asked.request, this.cameBack(asked));
  }
  private async cameBack({ request, given }: Asked<typeof CALLBACK>): Promise<Answer> {
    const provider = this.renewals.requireProvider();
    this.count(request);
    const { clock, state } = this.ports;
    const cookie = cookieOf(request, this.cookieName());
    const started = cookie === undefined ? undefined : read(cookie);
    const age = clock.now() - (started?.begunAt ?? -Infinity);
    // The state is compared before anything is asked or stored, so that strangers cause neither.
    if (
      started === undefined ||
      age > SIGN_IN_SECONDS * 1000 ||
      age < -SIGN_IN_SECONDS * 1000 ||
      given.get('state') !== started.state
    )
      throw new Refusal('forbidden', 'This is not the sign-in that this browser began. Start again.');
    const isFirst = await state.claims.insertOnce(USED, onceOf(started), clock.now() + 2 * SIGN_IN_SECONDS * 1000);
    if (!isFirst) throw new Refusal('forbidden', 'This sign-in was used before. Start again.');
    const person = await provider.signedIn(given, started);
    const name = nameOfPerson(person.subject);
    request.caller = { name, mark: name };
    const before = await this.sessions.find(request);
    if (before !== undefined) await this.sessions.end(before);
    const session = await this.renewals.begin(person);
    return {
      headers: { location: started.to, 'cache-control': 'no-store', 'set-cookie': this.sessions.cookie(session) },
    };
  }

  @Operation(SIGN_OUT)
  async signOut({ request }: Asked<typeof SIGN_OUT>): Promise<Answer> {
    const provider = this.renewals.requireProvider();
    this.count(request);
    return { headers: { location: await provider.signOutUrl(), 'cache-control': 'no-store' } };
  }

  /** A person whom a refusal meets sees the page of the sign-in with the cure, and no JSON. */
  private async orPage(request: Asked<typeof SIGN_IN>['request'], answer: Promise<Answer>): Promise<Answer> {
    try {
      return await answer;
    } catch (error) {
      const why = error instanceof Refusal && wantsPage(request.headers.accept) ? whyFor(error) : undefined;
      if (why === undefined) throw error;
      return { headers: { location: `/portal?refused=${why}`, 'cache-control': 'no-store' } };
    }
  }
  private count(request: Asked<typeof SIGN_IN>['request']): void {
    const wait = this.limits.take(addressBlock(request.ip));
    if (wait > 0) throw tooMany(request, 'sign-ins', wait);
  }
  private cookieName(): string {
    return this.sessions.cookieName.replace('session', 'sign-in');
  }
  /** `Lax`, because the identity provider leads the browser back from another site. */
  private cookie(value: string): string {
    const secure = this.sessions.cookieName.startsWith('__Host-') ? '; Secure' : '';
    return `${this.cookieName()}=${value}; Path=/; Max-Age=${SIGN_IN_SECONDS}; HttpOnly; SameSite=Lax${secure}`;
  }
}

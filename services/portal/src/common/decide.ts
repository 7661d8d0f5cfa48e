import { api, ask, type Asked, messageOf } from './api.ts';

export interface Decided {
  /** What the member can quote. */
  readonly number: string;
  /** False: it is stored, and does not decide yet. */
  readonly decides: boolean;
  /** Why it does not decide yet, in the words of the server. */
  readonly why: string;
}

/** The body of a 202 is an OperationOutcome, and a 201 has none. */
function whyOf(body: unknown): string {
  if (typeof body !== 'string' || body === '') return '';
  return messageOf(JSON.parse(body));
}

/** States a decision of a member (docs/opt-outs.md). */
export async function decide(consent: object): Promise<Asked<Decided>> {
  const sent = api.POST('/fhir/Consent', {
    body: consent as never,
    params: { header: {} as never },
    headers: { 'content-type': 'application/fhir+json', prefer: 'return=minimal' },
    bodySerializer: (body) => JSON.stringify(body),
    parseAs: 'text',
  });
  const asked = await ask(sent.then((given) => ({ ...given, data: given })));
  if (asked.fault !== undefined) return asked;
  const { response, data } = asked.data;
  return {
    data: {
      number: response.headers.get('confirmation-number') ?? '',
      decides: response.status === 201,
      why: whyOf(data),
    },
  };
}

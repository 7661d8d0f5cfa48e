import { ATTACHMENTS, binaryOf, contentOf, FIRST } from './events.ts';
import type { Lean, Model } from './model.ts';
import { FORMS, type Operation, PRACTICES } from './operations.ts';
import { Broken, type Call, json, Missing, type World } from './world.ts';

export interface DocumentsOptions {
  readonly world: World;
  readonly model: Model;
  readonly members: readonly string[];
  /** Updates the clocks of the model. */
  readonly tick: () => void;
}
type Asked<Op extends '$docref' | 'binary'> = Omit<Extract<Operation, { op: Op }>, 'op'>;
const CALLS: Readonly<Record<(typeof FORMS)[number], Call>> = {
  bytes: {},
  resource: { headers: { accept: 'application/fhir+json' } },
  range: { headers: { range: 'bytes=0-' } },
  HEAD: { method: 'HEAD' },
};

/** Asks for the members' documents and their attachments like clients, and compares what they get with the model. */
export class Documents {
  readonly #options: DocumentsOptions;
  #looks = 0;

  constructor(options: DocumentsOptions) {
    this.#options = options;
  }

  /** Compares the URLs of attachments with those that this test computes, also of attachments that nobody is shown. */
  async checkUrls(): Promise<void> {
    const { world, members } = this.#options;
    for (const member of members) {
      const answer = await world.read(`/fhir/DocumentReference/${member}-d`, 0, 0);
      if (answer.status !== 200) throw new Missing(`the document of ${member} was answered ${answer.status}`);
      for (const attachment of FIRST)
        if (!answer.body.includes(`${binaryOf(member, attachment, world.attachmentBytes)}"`))
          throw new Broken(`attachment ${attachment} of ${member} has another URL`);
    }
  }

  /** Asks for everything as a client, in turn by each form. */
  async lookAround(client: number, via: number): Promise<void> {
    for (const member of this.#options.members.keys()) {
      const n = (this.#looks += 1);
      await this.docref({ client, member, post: n % 2 === 0, via }, true);
      for (const attachment of ATTACHMENTS)
        await this.binary({ client, member, attachment, form: FORMS[(n + attachment) % FORMS.length]!, via }, true);
    }
  }

  /** `settled`: what must be there is missing otherwise. */
  async docref({ client, member: m, post, via }: Asked<'$docref'>, settled = false): Promise<void> {
    const { world, members } = this.#options;
    const member = members[m]!;
    const path = '/fhir/DocumentReference/$docref';
    const parameter = [{ name: 'patient', valueId: member }];
    const call: Call = {
      method: 'POST',
      headers: { 'content-type': 'application/fhir+json' },
      body: JSON.stringify({ resourceType: 'Parameters', parameter }),
    };
    const answer = await (post
      ? world.readOnce(path, client, via, call)
      : world.readOnce(`${path}?patient=${member}`, client, via));
    if (answer === undefined) return;
    const { entry = [], total = 0 } = (answer.status === 200 ? json(answer) : {}) as {
      entry?: readonly object[];
      total?: number;
    };
    const what = `find the document of ${member} at resources ${via}`;
    this.#compare(what, entry.length > 0 || total > 0, settled, client, member);
  }

  /** The content of an attachment. */
  async binary({ client, member: m, attachment, form, via }: Asked<'binary'>, settled = false): Promise<void> {
    const { world, members } = this.#options;
    const member = members[m]!;
    const answer = await world.readOnce(binaryOf(member, attachment, world.attachmentBytes), client, via, CALLS[form]);
    if (answer === undefined) return;
    const shown = answer.status === 200 || answer.status === 206;
    const what = `read attachment ${attachment} of ${member} at resources ${via} (${form})`;
    this.#compare(what, shown, settled, client, member, attachment);
    if (!shown || form === 'HEAD') return;
    const got = form === 'resource' ? Buffer.from(json(answer).data as string, 'base64').toString() : answer.body;
    if (got !== contentOf(member, attachment, world.attachmentBytes)) throw new Broken(`${what}: another content`);
  }

  #compare(what: string, shown: boolean, settled: boolean, client: number, member: string, attachment?: number): void {
    const { world, model, tick } = this.#options;
    tick();
    const practice = PRACTICES[client]!;
    const visible = (lean: Lean): boolean =>
      model.visible(member, client, practice, lean) && model.permits(member, lean, attachment);
    if (shown && !visible('may')) throw new Broken(`practice ${practice} can ${what}`);
    if (!shown && (settled || world.completeAtOnce) && visible('must'))
      throw new Missing(`practice ${practice} cannot ${what}`);
  }
}

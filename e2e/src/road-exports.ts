import { setTimeout as sleep } from 'node:timers/promises';
import type { Manifest } from '@provider-access/cli';
import { json, type HttpAnswer, type HttpCall } from './road.ts';

/** What an answer must be: its status, or more than that. */
export type Wanted = RegExp | ((answer: HttpAnswer) => boolean);
/** The requests of a load. */
interface Asking {
  /** Throws unless the answer is wanted. */
  ask(what: string, path: string, call?: HttpCall, wanted?: Wanted): Promise<HttpAnswer>;
  /** How many requests by which a member leaves or comes back have begun or ended. Odd: one is under way. */
  consents(): number;
}

export const STEADY = /^(200|202)$/;
/** ms. How long after a kick-off or a manifest an answer of BASE may be behind. */
const BEHIND_MS = 10_000;
/**
 * How BASE says that an export or a file is not there. It asks only its own version of the view of jobs, and this build
 * waits for another version, so BASE may be behind for a moment. This build asks the stream of the job too, and refuses
 * in other words: its 404 is a failure.
 */
export const BEHIND = 'There is no such export, or it is no longer available.';
const isBehind = ({ status, body }: HttpAnswer): boolean => status === 404 && body.toString('utf8').includes(BEHIND);

/** Exports of a Group, from the kick-off to the last file. */
export class RoadExports {
  readonly #load: Asking;
  /** How often BASE was behind. */
  behind = 0;
  constructor(load: Asking) {
    this.#load = load;
  }

  /** Everything that one export has. */
  async text(group: string): Promise<string> {
    const kickOff = await this.#load.ask(
      'kick-off',
      `/fhir/Group/${group}/$export`,
      { headers: { accept: 'application/fhir+json', prefer: 'respond-async' } },
      /^202$/,
    );
    const status = String(kickOff.headers['content-location']);
    let until = performance.now() + BEHIND_MS;
    let manifest: Manifest | undefined;
    while (manifest === undefined) {
      const answer = await this.#status(status, until);
      if (answer.status === 200) manifest = json<Manifest>(answer);
      else await sleep(150);
    }
    until = performance.now() + BEHIND_MS;
    let text = '';
    for (const { url } of manifest.output) text += await this.#file(status, url, until);
    return text;
  }

  /** Repeats what BASE does not know yet, until a time (`performance.now()`). */
  async #status(path: string, until: number): Promise<HttpAnswer> {
    const wanted = (answer: HttpAnswer): boolean =>
      STEADY.test(String(answer.status)) || (isBehind(answer) && performance.now() < until);
    for (;;) {
      const answer = await this.#load.ask('status', path, {}, wanted);
      if (answer.status !== 404) return answer;
      this.behind++;
      await sleep(150);
    }
  }

  /**
   * A file without any visible line answers 404, and the manifest says so: a member left in between. If a member leaves
   * after the decision and before the first byte, the build in e2e/cluster/BASE answers 500. Later builds send the file
   * without that member (services/export/test/access.int.spec.ts). Until the time, BASE may not know that the export is
   * complete.
   */
  async #file(status: string, url: string, until: number): Promise<string> {
    for (let asked = 0; ; asked++) {
      const before = this.#load.consents();
      const answer = await this.#load.ask('download', url, {}, /^(200|404|500)$/);
      if (answer.status === 500) {
        // Odd: a request was under way at this moment.
        if ((before === this.#load.consents() && before % 2 === 0) || asked > 4)
          throw new Error(`GET ${new URL(url).pathname} was answered 500 while nobody left`);
        continue;
      }
      if (answer.status === 200) return answer.body.toString('utf8');
      const isEarly = isBehind(answer) && performance.now() < until;
      const state = isEarly ? await this.#status(status, until) : await this.#load.ask('status', status, {}, /^200$/);
      if (state.status === 200 && !json<Manifest>(state).output.some((f) => f.url === url)) return '';
      if (isEarly) {
        this.behind++;
        asked--;
        await sleep(150);
      } else if (asked === 2) throw new Error('a file that the manifest names was answered 404');
    }
  }
}

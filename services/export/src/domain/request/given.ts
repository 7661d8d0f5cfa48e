import { Refusal, type RefusalKind, REFUSALS } from '@provider-access/kernel';
import { exportParameter } from '@provider-access/domain/pdex';

/** A parameter of a kick-off (docs/export-parameters.md) as the client sent it, with repeats. */
export interface GivenParameter {
  readonly name: string;
  /** The text of the value. Empty for a Reference that has only an identifier. */
  readonly value: string;
}
/** What the `error` file of the export says about a parameter. */
export interface Warning {
  readonly code: string;
  readonly text: string;
  readonly parameter: string;
}
export type Fault = readonly [kind: RefusalKind, parameter: string, text: string];

export const refusal = (...[kind, parameter, text]: Fault): Refusal =>
  new Refusal(kind, text, { expression: parameter });

/** The parameters of one kick-off, and the warnings about those that the server ignores. */
export class Given {
  readonly warnings: Warning[] = [];
  readonly lenient: boolean;
  readonly #all: readonly GivenParameter[];
  constructor(all: readonly GivenParameter[], lenient: boolean) {
    this.#all = all;
    this.lenient = lenient;
  }
  names(): ReadonlySet<string> {
    return new Set(this.#all.map(({ name }) => name));
  }
  values(name: string): string[] {
    return this.#all.filter((given) => given.name === name).map(({ value }) => value);
  }
  /**
   * Refuses the request. With `handling=lenient` the server ignores a parameter that restricts nothing instead, and
   * adds a warning. It refuses a restriction, and a parameter whose effect it does not know, all the same.
   */
  refuseOrIgnore(fault: Refusal): void {
    if (!this.lenient || exportParameter(fault.expression!)?.ignoring !== 'the same') throw fault;
    this.#warn(fault, 'The server ignored it.');
  }
  /** Refuses the request. With `handling=lenient` the server leaves one value out instead, and adds a warning. */
  refuseOrLeaveOut(fault: Refusal): void {
    if (!this.lenient) throw fault;
    this.#warn(fault, 'The server left it out.');
  }
  #warn(fault: Refusal, what: string): void {
    const code = REFUSALS[fault.kind].issue;
    this.warnings.push({ code, text: `${fault.message} ${what}`, parameter: fault.expression! });
  }
}

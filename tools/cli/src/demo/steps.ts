import type { Output } from '../output.ts';

/** The demo's lines: numbered steps, indented details, colours on a terminal only. */
export interface Steps {
  step(title: string): void;
  good(text: string): void;
  bad(text: string): void;
}

export function createSteps(out: Output, colours: boolean): Steps {
  const paint = (code: number, text: string): string => (colours ? `\u001b[${code}m${text}\u001b[0m` : text);
  let number = 0;
  return {
    step(title) {
      number += 1;
      out.styled(`\n${paint(1, `${number}. ${title}`)}`);
    },
    good: (text) => out.styled(`   ${paint(32, '✓')} ${text}`),
    bad: (text) => out.styled(`   ${paint(31, `✗ ${text}`)}`),
  };
}

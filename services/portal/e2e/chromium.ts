import { existsSync } from 'node:fs';

/** The same engine without the windows of the desktop opens a page for half of the CPU time, so it goes first. */
const PROGRAMS = ['/usr/bin/chromium-headless-shell', '/usr/bin/chromium'] as const;
export const CHROMIUM = PROGRAMS.find((file) => existsSync(file)) ?? PROGRAMS[1];

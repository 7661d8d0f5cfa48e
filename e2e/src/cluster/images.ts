import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What a container runtime would have pulled: a root filesystem, and what the image says about how to start it. */
export interface Image {
  /**
   * Folder whose top-level entries are the container's, read-only. One without a system (/usr, /lib, …) gets this
   * machine's.
   */
  readonly rootfs: string;
  readonly entrypoint: readonly string[];
  readonly command?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** `uid:gid` when the pod names none. */
  readonly user?: string;
}

/** What the Dockerfile says, beside the files that `npm run image:rootfs` lays out. The working folder is / here. */
export const providerAccess = (rootfs: string): Image => ({
  rootfs,
  entrypoint: ['/app/bin/provider-access'],
  user: '10001:10001',
  env: { PATH: '/app/bin:/usr/local/bin' },
});

/** The registry of a cluster: a file, so that every process of the tests can add to it. */
export class Images {
  readonly #file: string;

  constructor(folder: string) {
    this.#file = join(folder, 'images.json');
  }

  all(): Record<string, Image> {
    return existsSync(this.#file) ? (JSON.parse(readFileSync(this.#file, 'utf8')) as Record<string, Image>) : {};
  }

  /** @param name as a pod names it, e.g. `provider-access:1.2.0` */
  register(name: string, image: Image): void {
    if (!existsSync(image.rootfs)) throw new Error(`there is no root filesystem at ${image.rootfs}`);
    writeFileSync(`${this.#file}.next`, JSON.stringify({ ...this.all(), [name]: image }, undefined, 2));
    renameSync(`${this.#file}.next`, this.#file);
  }

  find(name: string): Image | undefined {
    return this.all()[name];
  }
}

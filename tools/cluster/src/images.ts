import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** An image that a container runtime would pull: a root filesystem, and how to start it. */
export interface Image {
  /**
   * Folder whose top-level entries become the container's, read-only. An image without a system (/usr, /lib, …) gets
   * this machine's.
   */
  readonly rootfs: string;
  readonly entrypoint: readonly string[];
  readonly command?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** `uid:gid` if the pod names none. */
  readonly user?: string;
}

/** The name of this checkout's image, as the chart's values have it. */
export const IMAGE = { repository: 'registry.example/provider-access', tag: 'tested' } as const;

/** The files of `npm run image:rootfs` with the settings of the Dockerfile, except that the working folder is /. */
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

  /** @param name in the form of a pod's image, such as `provider-access:1.2.0` */
  register(name: string, image: Image): void {
    if (!existsSync(image.rootfs)) throw new Error(`there is no root filesystem at ${image.rootfs}`);
    writeFileSync(`${this.#file}.next`, JSON.stringify({ ...this.all(), [name]: image }, undefined, 2));
    renameSync(`${this.#file}.next`, this.#file);
  }

  find(name: string): Image | undefined {
    return this.all()[name];
  }
}

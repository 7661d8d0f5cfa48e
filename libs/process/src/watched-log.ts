import type { EventLog, FollowOptions, SubscribeOptions, Subscription } from '@provider-access/engines/log';
import { overlay } from './tracing/overlay.ts';

/** A log that knows its subscriptions. They show whether the process makes progress. */
export interface WatchedLog extends EventLog {
  /** The running subscriptions. `name` is the group, or the topics that are followed. */
  running(): readonly { readonly name: string; readonly subscription: Subscription }[];
}

export function watchLog(log: EventLog): WatchedLog {
  const running = new Map<Subscription, string>();
  const watched = (name: string, subscription: Subscription): Subscription => {
    const own = overlay(subscription, {
      stop: async () => {
        running.delete(own);
        await subscription.stop();
      },
    });
    running.set(own, name);
    return own;
  };
  return overlay(log, {
    running: () => [...running].map(([subscription, name]) => ({ name, subscription })),
    subscribe: async (options: SubscribeOptions) => watched(options.group, await log.subscribe(options)),
    follow: async (options: FollowOptions) => watched(options.topics.join(' '), await log.follow(options)),
  });
}

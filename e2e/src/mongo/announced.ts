import { MongoClient } from 'mongodb';

/** What processes announce of their party facts (docs/architecture.md#one-decision), as the state store has it. */
export interface Announced {
  /** The next offset of each partition of the topic that a process reads, for each process of each service. */
  read(topic: string): Promise<ReadonlyMap<string, readonly (readonly number[])[]>>;
  close(): Promise<void>;
}

interface Row {
  readonly group: string;
  /** The name of the service, a slash, and something of this process alone. */
  readonly holder: string;
  readonly data: string;
}

/** @param env of the processes of a deployment */
export async function openAnnounced(env: Readonly<Record<string, string>>): Promise<Announced> {
  const client = await MongoClient.connect(env['MONGODB_URI']!);
  const rows = client.db(env['MONGODB_DATABASE']).collection<Row>('state_presence');
  return {
    async read(topic) {
      const found = new Map<string, (readonly number[])[]>();
      for (const { holder, data } of await rows.find({ group: 'parties' }).toArray()) {
        const { position } = JSON.parse(data) as { position: Record<string, number[]> };
        const service = holder.split('/')[0]!;
        found.set(service, [...(found.get(service) ?? []), position[topic] ?? []]);
      }
      return found;
    },
    close: () => client.close(),
  };
}

import { basename } from 'node:path';
import { Worker, parentPort, type Transferable, type WorkerOptions } from 'node:worker_threads';

/** Whether sources run, as in tests, and not the compiled files. */
const SOURCE = import.meta.url.endsWith('.ts');

/** Starts a thread. `file` is `new URL('./x-worker.ts', import.meta.url)`. */
export function startThread(file: URL, options: WorkerOptions): Worker {
  return SOURCE
    ? new Worker(file, { ...options, execArgv: ['--conditions=@provider-access/source'] })
    : new Worker(new URL(file.href.replace(/\.ts$/, '.js')), options);
}

/** A call failed in its thread, or its thread ended. */
export class ThreadError extends Error {
  override readonly name = 'ThreadError';
  /** The name of the exception in the thread, without its message, which may quote data. Absent if the thread ended. */
  readonly thrown: string | undefined;
  constructor(message: string, reply?: Thrown) {
    super(message);
    this.thrown = reply?.thrown;
    if (reply?.stack !== undefined) this.stack = reply.stack;
  }
}

interface Thrown {
  readonly ok: false;
  readonly thrown: string;
  readonly stack: string | undefined;
}
type Reply<Value> = { readonly ok: true; readonly value: Value } | Thrown;

/**
 * Answers the calls of a `ThreadPool`. Call it in the thread.
 * @param moved the buffers of an answer that are moved, and not copied
 */
export function answerCalls<Task, Value>(
  handle: (task: Task) => Value | Promise<Value>,
  moved: (value: Value) => Transferable[] = () => [],
): void {
  const reply = (message: Reply<Value>): void =>
    parentPort!.postMessage(message, message.ok ? moved(message.value) : []);
  parentPort!.on('message', async (task: Task) => {
    try {
      reply({ ok: true, value: await handle(task) });
    } catch (error) {
      const { name, stack } = error instanceof Error ? error : { name: 'an unknown error', stack: undefined };
      const frames = stack?.split('\n').filter((line) => line.startsWith('    at '));
      reply({ ok: false, thrown: name, stack: frames?.slice(0, 4).join('|') });
    }
  });
}

interface Call<Task, Value> extends PromiseWithResolvers<Value> {
  readonly task: Task;
  readonly transfer: Transferable[];
}
interface Thread<Task, Value> {
  readonly worker: Worker;
  /** Calls that the thread has not answered yet, in their order. */
  readonly calls: Call<Task, Value>[];
}

/**
 * Threads that answer calls (`answerCalls`). A thread starts when no other thread is free for a call. The next call
 * replaces a thread that has ended. Idle threads do not keep the process alive.
 */
export class ThreadPool<Task, Value> {
  readonly #name: string;
  readonly #start: () => Worker;
  readonly #size: number;
  readonly #ahead: number;
  /** The threads that run. */
  readonly threads = new Set<Thread<Task, Value>>();
  readonly #queue: Call<Task, Value>[] = [];
  #closed = false;

  /**
   * @param size most threads
   * @param ahead most calls that a thread has at a time. Above 1, its handler must answer in the order of the calls.
   */
  constructor(file: URL, { size = 1, ahead = 1, ...options }: WorkerOptions & { size?: number; ahead?: number }) {
    this.#name = basename(file.pathname, '.ts');
    this.#start = () => startThread(file, options);
    this.#size = size;
    this.#ahead = ahead;
  }

  /** Rejects with a ThreadError. */
  call(task: Task, transfer: Transferable[] = []): Promise<Value> {
    const call = { task, transfer, ...Promise.withResolvers<Value>() };
    this.#queue.push(call);
    this.#next();
    return call.promise;
  }

  /** Ends the threads. Open calls are rejected. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#next();
    await Promise.all([...this.threads].map(({ worker }) => worker.terminate()));
  }

  #next(): void {
    if (this.#closed) for (const call of this.#queue.splice(0)) call.reject(new ThreadError('this process stops'));
    while (this.#queue.length > 0) {
      const free = [...this.threads].find(({ calls }) => calls.length < this.#ahead);
      if (free === undefined && this.threads.size >= this.#size) return;
      const { worker, calls } = free ?? this.#open();
      const call = this.#queue.shift()!;
      calls.push(call);
      worker.ref();
      worker.postMessage(call.task, call.transfer);
    }
  }

  #open(): Thread<Task, Value> {
    const thread: Thread<Task, Value> = { worker: this.#start(), calls: [] };
    const { worker, calls } = thread;
    this.threads.add(thread);
    worker.on('message', (reply: Reply<Value>) => {
      const call = calls.shift();
      if (calls.length === 0) worker.unref();
      if (reply.ok) call?.resolve(reply.value);
      else call?.reject(new ThreadError(reply.thrown, reply));
      this.#next();
    });
    const gone = (): void => {
      this.threads.delete(thread);
      for (const call of calls.splice(0)) call.reject(new ThreadError(`the thread of ${this.#name} ended`));
      this.#next();
    };
    worker.on('error', gone);
    worker.on('exit', gone);
    return thread;
  }
}

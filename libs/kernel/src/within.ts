/** The result of the work, or what `late` returns or throws when the work takes longer than `ms`. */
export async function within<T, L>(ms: number, work: () => T | Promise<T>, late: () => L): Promise<T | Awaited<L>> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  }).then(late);
  try {
    return await Promise.race([Promise.resolve().then(work), over]);
  } finally {
    clearTimeout(timer);
  }
}

// As process 1 of a container a signal without a handler does nothing, not even SIGTERM: while the program has none of its own, it
// ends here.
const CODES = { SIGTERM: 143, SIGINT: 130 };
for (const [signal, code] of Object.entries(CODES)) {
  process.on(signal, () => {
    if (process.listenerCount(signal) === 1) process.exit(code);
  });
}

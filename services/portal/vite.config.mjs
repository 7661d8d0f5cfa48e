import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

/**
 * One script and one style sheet for a page, so that it needs few requests before it shows something. The policy of the
 * server allows no inline script and no `data:` URL.
 */
export default defineConfig(({ mode }) => ({
  root: import.meta.dirname,
  base: '/portal/',
  plugins: [react()],
  build: {
    outDir: 'dist/site',
    emptyOutDir: false,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    // kB without compression. The browser suites bound what comes over the line.
    chunkSizeWarningLimit: 1000,
    license: { fileName: `licences-${mode}.txt` },
    rolldownOptions: { input: `${mode}.html`, output: { codeSplitting: false } },
  },
}));

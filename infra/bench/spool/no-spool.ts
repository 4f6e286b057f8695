import { registerHooks } from 'node:module'

/** `--import` this into a gateway: it runs with its events in memory alone. For measuring, and for nothing else. */
registerHooks({
  resolve(specifier, context, next) {
    const resolved = next(specifier, context)
    if (!resolved.url.endsWith('/gateway/src/recovery/node-spool.fs.ts')) return resolved
    return { ...resolved, url: new URL('./memory-spool.ts', import.meta.url).href }
  },
})

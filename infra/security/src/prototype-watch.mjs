/** Loaded into every attacked process: a name that all objects inherit is a poisoned prototype, and ends the process. */
setInterval(() => {
  for (const name in {}) {
    process.stderr.write(`prototype poisoned with ${JSON.stringify(name)}\n`)
    process.abort()
  }
}, 50).unref()

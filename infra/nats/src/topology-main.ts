import { connectNats, ensureTopology } from '@fluxgate/nats'
import { createLog, LOG_LEVELS, readConfig, readLogStorage } from '@fluxgate/runtime'

/** `npm run fluxgate -- nats:topology`: makes the streams and buckets, or raises their limits, as a user who may. */
const config = readConfig(process.env, env => ({
  url: env.text('NATS_URL'),
  logLevel: env.oneOf('LOG_LEVEL', LOG_LEVELS, 'info'),
  storage: readLogStorage(env),
}))
const log = createLog('topology', config.logLevel)
await using link = await connectNats({ url: config.url, name: 'topology' }, log)
await ensureTopology(link, config.storage)
log.info('the streams and buckets are there')

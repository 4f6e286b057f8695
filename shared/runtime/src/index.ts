export {
  type AllowedSources,
  isAllowedHost,
  isAllowedOrigin,
  LOOPBACK_HOSTS,
  readAllowedSources,
} from './allowed-source.ts'
export { boundConnections } from './bound-connections.ts'
export {
  ConfigError,
  type Environment,
  EnvReader,
  type LogStorage,
  readConfig,
  readLogStorage,
  readModelName,
  readOllamaUrl,
  readProxies,
  readRetentionMs,
  readStatusAddress,
} from './config.ts'
export { createIds } from './ids.ts'
export { createLog, LOG_LEVELS, type Log, type LogLevel } from './log.ts'
export { Counter, createMetrics, Gauge, Histogram, type Registry } from './metrics.ts'
export { run, type ServiceDefinition } from './run.ts'
export { SlotList } from './slot-list.ts'
export { failing, type ReadinessCheck, type StatusAddress, startStatusServer } from './status.ts'
export { BoundedLabel, Distribution, expose, exposeHistograms, type Labels } from './tally.ts'
export { type FileEvents, readText, watchFile } from './watched-file.ts'

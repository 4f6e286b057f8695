export {
  type AllowedSources,
  isAllowedHost,
  isAllowedOrigin,
  LOOPBACK_HOSTS,
  readAllowedSources,
} from './allowed-source.ts'
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
export { run, type ServiceDefinition } from './run.ts'
export { SlotList } from './slot-list.ts'
export {
  boundConnections,
  Counter,
  createMetrics,
  failing,
  Gauge,
  Histogram,
  type ReadinessCheck,
  type Registry,
  type StatusAddress,
  startStatusServer,
} from './status.ts'
export { BoundedLabel, Distribution, expose, exposeHistograms, type Labels } from './tally.ts'
export { type FileEvents, readText, watchFile } from './watched-file.ts'

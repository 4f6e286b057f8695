export { gatewayMetrics } from './gateway-metrics.ts'
export { openTelemetry, type Telemetry } from './telemetry.ts'

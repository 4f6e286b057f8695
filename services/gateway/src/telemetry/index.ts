export { gatewayMetrics } from './gateway-metrics.ts'
export { openTelemetry } from './telemetry.ts'

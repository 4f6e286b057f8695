export type { ChartSeries } from './chart.tsx'
export { SeriesChart } from './series-chart.tsx'
export { Sparkline } from './sparkline.tsx'
export { chooseTheme, type Theme, theme } from './theme.ts'

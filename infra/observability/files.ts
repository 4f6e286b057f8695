import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'

const FOLDER = import.meta.dirname

export interface AlertRule {
  readonly alert: string
  readonly expr: string
  readonly for: string
  readonly labels: { readonly severity: string }
  readonly annotations: { readonly summary: string; readonly runbook_url: string }
}

export interface Panel {
  readonly type: string
  readonly title: string
  readonly datasource?: { readonly uid: string }
  readonly targets?: ReadonlyArray<{ readonly expr: string }>
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
}

export const readYaml = <T>(file: string): T => parse(readFileSync(join(FOLDER, file), 'utf8')) as T

export function readAlerts(): AlertRule[] {
  const { groups } = readYaml<{ groups: Array<{ rules: AlertRule[] }> }>('alerts.yml')
  return groups.flatMap(group => group.rules)
}

export function readBoard(): { readonly uid: string; readonly panels: readonly Panel[] } {
  return JSON.parse(readFileSync(join(FOLDER, 'grafana/dashboards/fluxgate.json'), 'utf8'))
}

import { identityText, type LogEvent } from '@fluxgate/contracts'
import { DEFAULT_RULES, type Decision, Fold, presetPolicy, wholePolicy } from '@fluxgate/guard-core'
import { IDENTITIES, ordinaryHour } from './ordinary.ts'
import { SCENARIOS, type Scenario } from './scenarios.ts'
import { Script, START_MS } from './script.ts'

/**
 * What the guard finds, and what it should not find, `npm run fluxgate -- guard:detection [hours]`, by its default policy and a simulated
 * clock. Time to detection is that of the log: from the first event of the abuse to the one that crosses the threshold.
 * From there to the throttle at every node it is the loop of `npm run fluxgate -- bench:loop` more. Ordinary traffic is judged by the
 * default policy, which must find nothing in it, also when NATS was away for a minute and its events are stored in one
 * instant, and by the preset `strict`.
 */
const HOURS = Number(process.argv[2] ?? 1)
const EXAMPLES = 3
const OUTAGE_FROM_MS = START_MS + 1_800_000
const OUTAGE_MS = 60_000
const PENALTY = { penalty: { capacity: 100, refillRate: 10, durationMs: 60_000 }, graceMs: 300_000 }
const POLICY = wholePolicy(presetPolicy('standard', PENALTY))
const STRICT = wholePolicy(presetPolicy('strict', PENALTY))

function decided(entries: readonly LogEvent[], policy = POLICY): Decision[] {
  const fold = new Fold()
  return entries.flatMap(entry => fold.fold(entry, policy))
}

/** The same events, with those of the outage stored at its end. */
function afterOutage(entries: readonly LogEvent[]): LogEvent[] {
  const endMs = OUTAGE_FROM_MS + OUTAGE_MS
  const isHeldUp = ({ storedAtMs }: LogEvent) => storedAtMs >= OUTAGE_FROM_MS && storedAtMs < endMs
  return entries.map(entry => (isHeldUp(entry) ? { ...entry, storedAtMs: endMs } : entry))
}

function row({ name, rule, fromMs, play }: Scenario): { line: string; isFound: boolean } {
  const script = new Script()
  play(script)
  const entries = script.entries()
  const decisions = decided(entries)
  const found = decisions.find(decision => decision.rule === rule)
  const others = new Set(decisions.map(decision => decision.rule).filter(each => each !== rule))
  const since = entries.filter(({ storedAtMs }) => storedAtMs >= START_MS + fromMs)
  const events = since.filter(entry => found && entry.storedAtMs <= found.atMs).length
  const after = found ? `${((found.atMs - START_MS - fromMs) / 1_000).toFixed(1)} s` : 'not found'
  const cells = [name, rule, DEFAULT_RULES[rule as keyof typeof DEFAULT_RULES].action.kind]
  const rest = [after, String(events), [...others].join(', ')]
  return { line: `| ${[...cells, ...rest].join(' | ')} |`, isFound: found !== undefined }
}

console.log('| scenario | rule | default action | found after | events until then | others that found it |')
console.log('|---|---|---|---|---|---|')
const rows = SCENARIOS.map(row)
for (const { line } of rows) console.log(line)

let falseAlarms = 0
for (let seed = 1; seed <= HOURS; seed++) {
  const entries = ordinaryHour(seed).entries()
  console.log(
    `\nan hour of ordinary traffic of ${IDENTITIES} identities, ${entries.length.toLocaleString('en')} events:`,
  )
  const alarms = decided(entries)
  const heldUp = decided(afterOutage(entries))
  falseAlarms += alarms.length + heldUp.length
  report('the default policy', alarms)
  report('the default policy, with NATS away for 60 s', heldUp)
  report('the preset `strict` (GUARD_PRESET)', decided(entries, STRICT))
}
if (falseAlarms > 0 || rows.some(({ isFound }) => !isFound)) process.exitCode = 1

function report(by: string, alarms: readonly Decision[]): void {
  const counts = new Map<string, number>()
  for (const { rule } of alarms) counts.set(rule, (counts.get(rule) ?? 0) + 1)
  const rules = [...counts].map(([rule, count]) => `${rule} ${count}`).join(', ')
  console.log(`  by ${by}: ${alarms.length} false positives${rules ? ` (${rules})` : ''}`)
  for (const { rule, identity, explanation } of alarms.slice(0, EXAMPLES)) {
    console.log(`    ${rule} about ${identityText(identity)}: ${explanation}`)
  }
}

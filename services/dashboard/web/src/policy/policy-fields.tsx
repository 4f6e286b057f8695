import type { GuardPolicy } from '@fluxgate/contracts'
import { humanized } from '../format/index.ts'

export type PolicyField = number | boolean
type Fields = Readonly<Record<string, unknown>>

/** The fields that stand in no group. */
const TOP = ''
/** Times are kept in milliseconds and shown in seconds. */
const SECOND_MS = 1_000

/** `contextFlood.thresholdTokens` and `graceMs` → what the policy says of it; undefined when it says nothing. */
export function fieldAt(policy: GuardPolicy, path: string): PolicyField | undefined {
  const [name, field] = partsOf(path)
  const value = groupsOf(policy).find(([group]) => group === name)?.[1][field]
  return typeof value === 'number' || typeof value === 'boolean' ? value : undefined
}

export function withField(policy: GuardPolicy, path: string, value: PolicyField): GuardPolicy {
  const [name, field] = partsOf(path)
  if (name === TOP) return { ...policy, [field]: value }
  if (!(name in policy.rules)) {
    return { ...policy, [name]: { ...(policy as unknown as Record<string, Fields>)[name], [field]: value } }
  }
  const rule = { ...(policy.rules as Record<string, Fields>)[name], [field]: value }
  return { ...policy, rules: { ...policy.rules, [name]: rule } as GuardPolicy['rules'] }
}

function partsOf(path: string): [string, string] {
  const dot = path.indexOf('.')
  return [path.slice(0, Math.max(0, dot)), path.slice(dot + 1)]
}

function pathOf(name: string, field: string): string {
  return name === TOP ? field : `${name}.${field}`
}

function groupsOf({ rules, penalty, repeat, graceMs }: GuardPolicy): Array<[string, Fields]> {
  return [
    ...Object.entries(rules as Record<string, Fields>),
    ['penalty', penalty],
    ...(repeat === undefined ? [] : ([['repeat', repeat]] satisfies Array<[string, Fields]>)),
    [TOP, { graceMs }],
  ]
}

export interface PolicyFieldsProps {
  readonly policy: GuardPolicy
  readonly isChanged: (path: string) => boolean
  readonly onPut: (path: string, value: PolicyField) => void
  /** Before the test ids: a page may have two of these. */
  readonly testId?: string
}

/** A policy's thresholds, rule by rule. What is no number and no switch stays as it is. */
export function PolicyFields(props: PolicyFieldsProps) {
  return (
    <>
      {groupsOf(props.policy).map(([name, fields]) => (
        <Group key={name} {...props} name={name} fields={fields} />
      ))}
    </>
  )
}

function Group(props: PolicyFieldsProps & { name: string; fields: Fields }) {
  const { name, fields, isChanged, onPut, testId = 'rule' } = props
  const { enabled, ...rest } = fields
  const isOn = enabled !== false
  const title = name === TOP ? 'After a pardon' : humanized(name)
  return (
    <fieldset class={`policy-rule ${isOn ? '' : 'is-off'}`}>
      <legend>
        {typeof enabled === 'boolean' ? (
          <label class="rule-name">
            <input
              type="checkbox"
              checked={isOn}
              onChange={event => onPut(pathOf(name, 'enabled'), event.currentTarget.checked)}
            />
            {title}
          </label>
        ) : (
          title
        )}
      </legend>
      {Object.entries(rest).map(([field, value]) => {
        const path = pathOf(name, field)
        const scale = field.endsWith('Ms') ? SECOND_MS : 1
        return (
          typeof value === 'number' && (
            <label key={field} class={`field ${isChanged(path) ? 'is-changed' : ''}`}>
              <span>{labelOf(field)}</span>
              <input
                type="number"
                min={0}
                step="any"
                required
                disabled={!isOn}
                data-testid={`${testId}-${path.replace('.', '-')}`}
                value={value / scale}
                onChange={({ currentTarget: { value: text } }) => {
                  if (text !== '') onPut(path, Number(text) * scale)
                }}
              />
            </label>
          )
        )
      })}
    </fieldset>
  )
}

/** `windowMs` → `Window, s`. */
function labelOf(field: string): string {
  const [, name = field, unit] = /^(.+?)(Ms|Tokens)?$/.exec(field) ?? []
  if (field === 'refillRate') return 'Refill, tokens/s'
  if (field === 'capacity') return 'Capacity, tokens'
  return unit === undefined ? humanized(field) : `${humanized(name)}, ${unit === 'Ms' ? 's' : 'tokens'}`
}

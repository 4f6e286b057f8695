import type { GuardPolicy } from '@fluxgate/contracts'
import { navigate, usePlace } from '../../live/route.ts'
import { humanized } from '../../parts/format.ts'
import { withQuery } from './span.tsx'

type Field = number | boolean
type Fields = Record<string, Field>

const PENALTY = 'penalty'
const GRACE = 'graceMs'

/** A rule's thresholds, by their names; its action and what is no threshold stay as they are. */
function fieldsOf(rule: object): Fields {
  return Object.fromEntries(
    Object.entries(rule).filter((entry): entry is [string, Field] =>
      ['number', 'boolean'].includes(typeof entry[1]),
    ),
  )
}

/** `contextFlood.thresholdTokens` → the value that stands in the address as `set=contextFlood.thresholdTokens:200`. */
function changesOf(query: URLSearchParams): Map<string, string> {
  const parts = (query.get('set') ?? '').split(',').filter(part => part.includes(':'))
  return new Map(parts.map(part => [part.slice(0, part.indexOf(':')), part.slice(part.indexOf(':') + 1)]))
}

function changed(before: Field, text: string | undefined): Field {
  if (text === undefined) return before
  if (typeof before === 'boolean') return text === 'true'
  const value = Number(text)
  return text !== '' && Number.isFinite(value) ? value : before
}

/** The policy that is tried: the base with what the address changes of it. */
export function policyOf(base: GuardPolicy, query: URLSearchParams): GuardPolicy {
  const changes = changesOf(query)
  const apply = <T extends object>(name: string, part: T): T => {
    const next: Record<string, unknown> = Object.fromEntries(Object.entries(part))
    for (const [field, value] of Object.entries(fieldsOf(part))) {
      next[field] = changed(value, changes.get(`${name}.${field}`))
    }
    return next as T
  }
  const rules = Object.entries(base.rules).map(([name, rule]) => [name, apply(name, rule)])
  return {
    ...base,
    rules: Object.fromEntries(rules) as GuardPolicy['rules'],
    penalty: apply(PENALTY, base.penalty),
    graceMs: changed(base.graceMs, changes.get(GRACE)) as number,
  }
}

export function PolicyForm({ base, path }: { base: GuardPolicy; path: string }) {
  const { query } = usePlace()
  const changes = changesOf(query)
  const put = (name: string, before: Field, value: Field) => {
    const next = new Map(changes)
    if (value === before) next.delete(name)
    else next.set(name, String(value))
    const set = [...next].map(([key, text]) => `${key}:${text}`).join(',')
    navigate(withQuery(path, query, { set }), { replace: true })
  }
  const groups: Array<[string, Fields]> = [
    ...Object.entries(base.rules).map(([name, rule]): [string, Fields] => [name, fieldsOf(rule)]),
    [PENALTY, fieldsOf(base.penalty)],
  ]
  return (
    <div class="policy-rules">
      {groups.map(([name, fields]) => (
        <Group key={name} name={name} fields={fields} changes={changes} onPut={put} />
      ))}
      {changes.size > 0 && (
        <div class="policy-changed" data-testid="policy-changed">
          <span>
            {[...changes].map(([name, value]) => (
              <code key={name}>
                {name} = {value}
              </code>
            ))}
          </span>
          <button
            type="button"
            class="small"
            onClick={() => navigate(withQuery(path, query, { set: undefined }), { replace: true })}
          >
            Back to the base
          </button>
        </div>
      )}
    </div>
  )
}

function Group(props: {
  name: string
  fields: Fields
  changes: ReadonlyMap<string, string>
  onPut: (name: string, before: Field, value: Field) => void
}) {
  const { name, fields, changes, onPut } = props
  const { enabled, ...rest } = fields
  const path = (field: string) => `${name}.${field}`
  const isOn = typeof enabled === 'boolean' ? changed(enabled, changes.get(path('enabled'))) === true : true
  return (
    <fieldset class={`policy-rule ${isOn ? '' : 'is-off'}`}>
      <legend>
        {typeof enabled === 'boolean' ? (
          <label class="rule-name">
            <input
              type="checkbox"
              checked={isOn}
              onChange={event => onPut(path('enabled'), enabled, event.currentTarget.checked)}
            />
            {humanized(name)}
          </label>
        ) : (
          humanized(name)
        )}
      </legend>
      {Object.entries(rest).map(([field, before]) =>
        typeof before === 'boolean' ? null : (
          <label key={field} class={`field ${changes.has(path(field)) ? 'is-changed' : ''}`}>
            <span>{labelOf(field)}</span>
            <input
              type="number"
              min={0}
              step="any"
              disabled={!isOn}
              data-testid={`rule-${name}-${field}`}
              value={Number(changed(before, changes.get(path(field))))}
              onChange={event => onPut(path(field), before, changed(before, event.currentTarget.value))}
            />
          </label>
        ),
      )}
    </fieldset>
  )
}

/** `windowMs` → `Window, ms`. */
function labelOf(field: string): string {
  const [, name, unit] = /^(.+?)(Ms|Tokens)?$/.exec(field) ?? []
  if (field === 'refillRate') return 'Refill, tokens/s'
  return unit === undefined ? humanized(field) : `${humanized(name ?? field)}, ${unit.toLowerCase()}`
}

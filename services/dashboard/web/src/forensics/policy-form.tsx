import type { GuardPolicy } from '@fluxgate/contracts'
import { fieldAt, type PolicyField, PolicyFields, withField } from '../policy/index.ts'
import { navigate, useRoute } from '../router/index.ts'
import { withQuery } from './span.tsx'

/** `contextFlood.thresholdTokens` → the value that stands in the address as `set=contextFlood.thresholdTokens:200`. */
function changesOf(query: URLSearchParams): Map<string, string> {
  const parts = (query.get('set') ?? '').split(',').filter(part => part.includes(':'))
  return new Map(parts.map(part => [part.slice(0, part.indexOf(':')), part.slice(part.indexOf(':') + 1)]))
}

function changed(before: PolicyField, text: string): PolicyField {
  if (typeof before === 'boolean') return text === 'true'
  const value = Number(text)
  return text !== '' && Number.isFinite(value) ? value : before
}

/** The policy that is tried: the base with what the address changes of it. */
export function policyOf(base: GuardPolicy, query: URLSearchParams): GuardPolicy {
  let policy = base
  for (const [path, text] of changesOf(query)) {
    const before = fieldAt(base, path)
    if (before !== undefined) policy = withField(policy, path, changed(before, text))
  }
  return policy
}

export function PolicyForm({ base, path }: { base: GuardPolicy; path: string }) {
  const { query } = useRoute()
  const changes = changesOf(query)
  const put = (name: string, value: PolicyField) => {
    const next = new Map(changes)
    if (value === fieldAt(base, name)) next.delete(name)
    else next.set(name, String(value))
    const set = [...next].map(([key, text]) => `${key}:${text}`).join(',')
    navigate(withQuery(path, query, { set }), { replace: true })
  }
  return (
    <>
      <div class="policy-rules">
        <PolicyFields policy={policyOf(base, query)} isChanged={name => changes.has(name)} onPut={put} />
      </div>
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
            Reset
          </button>
        </div>
      )}
    </>
  )
}

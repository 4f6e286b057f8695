import type { GuardPolicy } from '@fluxgate/contracts'
import { useState } from 'preact/hooks'
import type { PolicyView } from '../../../src/policy/answers.ts'
import { put, remove } from '../data/index.ts'
import { Dialog, notify } from '../dialogs/index.ts'
import { plural } from '../format/index.ts'
import { Badge, Empty, Panel } from '../layout/index.ts'
import { fieldAt, PolicyFields, withField } from './policy-fields.tsx'

const WORDS = {
  guard: {
    title: 'In force',
    note: 'The policy that the guard applies.',
    none: 'Not set: the guard uses its environment. A policy saved here replaces it.',
    begin: 'Start from the defaults',
    gone: 'The guard then uses its environment.',
  },
  'guard-shadow': {
    title: 'Shadow',
    note: 'Evaluated beside the policy in force and recorded in the log, never enforced.',
    none: 'There is no shadow policy. Save one to see what it would do.',
    begin: 'Start from the current policy',
    gone: 'No shadow policy is evaluated then.',
  },
}

export interface PolicyEditorProps {
  readonly view: PolicyView
  /** What the first draft is while none is set. */
  readonly start: GuardPolicy
  readonly asJson: boolean
  readonly onSaved: () => void
}

/** One policy, by its thresholds or as JSON: a valid one takes effect at once, another is refused with the reason. */
export function PolicyEditor({ view: { key, policy }, start, asJson, onSaved }: PolicyEditorProps) {
  const before = policy === null ? '' : textOf(policy)
  const [text, setText] = useState(before)
  const [error, setError] = useState<string>()
  const [isAsking, setAsking] = useState(false)
  const words = WORDS[key]
  const path = `/api/policies/${key}`
  const read = readPolicy(text)
  const shown = read.ok && isPolicy(read.value) ? read.value : undefined
  const isSame = text === before

  function edit(next: string): void {
    setText(next)
    setError(undefined)
  }

  async function save(event: SubmitEvent): Promise<void> {
    event.preventDefault()
    if (!read.ok) return setError(read.message)
    const answer = await put(path, { policy: read.value })
    if (!answer.ok) return setError(answer.error.message)
    notify('done', 'Policy saved.')
    onSaved()
  }

  async function takeAway(): Promise<void> {
    setAsking(false)
    const answer = await remove(path)
    if (!answer.ok) return setError(answer.error.message)
    notify('done', 'Policy removed.')
    onSaved()
  }

  return (
    <Panel title={words.title} note={words.note} aside={policy === null && <Badge>not set</Badge>}>
      <form class="policy-form" onSubmit={event => void save(event)}>
        {asJson ? (
          <label class="field">
            <span>{policy === null ? words.none : 'The whole policy'}</span>
            <textarea
              class="policy-text"
              data-testid={`policy-${key}`}
              rows={text === '' ? 4 : 18}
              spellcheck={false}
              value={text}
              onInput={event => edit(event.currentTarget.value)}
            />
          </label>
        ) : shown ? (
          <div class="policy-rules">
            <PolicyFields
              policy={shown}
              testId={key}
              isChanged={name => policy !== null && fieldAt(policy, name) !== fieldAt(shown, name)}
              onPut={(name, value) => edit(textOf(withField(shown, name, value)))}
            />
          </div>
        ) : (
          <Empty icon="policy">{text === '' ? words.none : 'Not a valid policy: edit it as JSON.'}</Empty>
        )}
        <p class="field-error" role="alert">
          {error}
        </p>
        <div class="policy-orders">
          {text === '' ? (
            <button type="button" data-testid={`begin-${key}`} onClick={() => edit(textOf(start))}>
              {words.begin}
            </button>
          ) : (
            <>
              <button type="submit" class="primary" data-testid={`save-${key}`} disabled={isSame}>
                Save
              </button>
              <button type="button" disabled={isSame} onClick={() => edit(before)}>
                Undo
              </button>
            </>
          )}
          {policy !== null && (
            <button type="button" data-testid={`remove-${key}`} onClick={() => setAsking(true)}>
              Take away
            </button>
          )}
          {shown && <span class="muted">{plural(rulesOn(shown), 'rule')} on</span>}
        </div>
      </form>
      {isAsking && (
        <Dialog title="Remove this policy?" onClose={() => setAsking(false)}>
          <p class="dialog-text">{words.gone}</p>
          <footer class="dialog-foot">
            <button type="button" onClick={() => setAsking(false)}>
              Cancel
            </button>
            <button type="button" class="danger" data-testid="remove-confirm" onClick={() => void takeAway()}>
              Take away
            </button>
          </footer>
        </Dialog>
      )}
    </Panel>
  )
}

function textOf(policy: GuardPolicy): string {
  return JSON.stringify(policy, null, 2)
}

function readPolicy(text: string): { ok: true; value: unknown } | { ok: false; message: string } {
  try {
    return { ok: true, value: JSON.parse(text) }
  } catch (error) {
    return { ok: false, message: `Invalid JSON: ${(error as Error).message}` }
  }
}

/** Whether it has the groups that are shown; what is in them the server judges. */
function isPolicy(value: unknown): value is GuardPolicy {
  const { rules, penalty } = (value ?? {}) as Partial<GuardPolicy>
  const isGroup = (group: unknown) => typeof group === 'object' && group !== null
  return isGroup(rules) && isGroup(penalty) && Object.values(rules!).every(isGroup)
}

function rulesOn({ rules }: GuardPolicy): number {
  return Object.values(rules).filter(rule => rule.enabled).length
}

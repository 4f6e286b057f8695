import type { GuardPolicy } from '@fluxgate/contracts'
import { useState } from 'preact/hooks'
import type { PolicyView } from '../../../src/policy/answers.ts'
import { put, type Result, remove } from '../data/index.ts'
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

  async function finish(order: Promise<Result<unknown>>, done: string): Promise<void> {
    const answer = await order
    if (!answer.ok) return setError(answer.error.message)
    notify('done', done)
    onSaved()
  }
  const save = (event: SubmitEvent) => {
    event.preventDefault()
    if (!read.ok) return setError(read.message)
    void finish(put(path, { policy: read.value }), 'Policy saved.')
  }
  const removePolicy = () => {
    setAsking(false)
    void finish(remove(path), 'Policy removed.')
  }

  return (
    <Panel title={words.title} note={words.note} aside={policy === null && <Badge>not set</Badge>}>
      <form class="policy-form" onSubmit={save}>
        <Draft
          policyKey={key}
          saved={policy}
          text={text}
          shown={shown}
          asJson={asJson}
          none={words.none}
          onEdit={edit}
        />
        <p class="field-error" role="alert">
          {error}
        </p>
        <div class="policy-orders">
          <DraftButtons
            policyKey={key}
            isEmpty={text === ''}
            isSame={isSame}
            begin={words.begin}
            onBegin={() => edit(textOf(start))}
            onUndo={() => edit(before)}
          />
          {policy !== null && (
            <button type="button" data-testid={`remove-${key}`} onClick={() => setAsking(true)}>
              Remove
            </button>
          )}
          {shown && <span class="muted">{plural(rulesOn(shown), 'rule')} on</span>}
        </div>
      </form>
      {isAsking && (
        <RemoveDialog note={words.gone} onClose={() => setAsking(false)} onRemove={removePolicy} />
      )}
    </Panel>
  )
}

interface DraftButtonsProps {
  readonly policyKey: PolicyView['key']
  readonly isEmpty: boolean
  readonly isSame: boolean
  readonly begin: string
  readonly onBegin: () => void
  readonly onUndo: () => void
}

function DraftButtons({ policyKey, isEmpty, isSame, begin, onBegin, onUndo }: DraftButtonsProps) {
  if (isEmpty) {
    return (
      // Keys: a button that became the one that saves while it is clicked would submit the form.
      <button key="begin" type="button" data-testid={`begin-${policyKey}`} onClick={onBegin}>
        {begin}
      </button>
    )
  }
  return (
    <>
      <button key="save" type="submit" class="primary" data-testid={`save-${policyKey}`} disabled={isSame}>
        Save
      </button>
      <button key="undo" type="button" disabled={isSame} onClick={onUndo}>
        Undo
      </button>
    </>
  )
}

interface DraftProps {
  readonly policyKey: PolicyView['key']
  /** The policy that is set, if any. */
  readonly saved: GuardPolicy | null
  readonly text: string
  /** The text as a policy, when it is one. */
  readonly shown: GuardPolicy | undefined
  readonly asJson: boolean
  readonly none: string
  readonly onEdit: (text: string) => void
}

function Draft({ policyKey, saved, text, shown, asJson, none, onEdit }: DraftProps) {
  if (asJson) {
    return (
      <label class="field">
        <span>{saved === null ? none : 'The whole policy'}</span>
        <textarea
          class="policy-text"
          data-testid={`policy-${policyKey}`}
          rows={text === '' ? 4 : 18}
          spellcheck={false}
          value={text}
          onInput={event => onEdit(event.currentTarget.value)}
        />
      </label>
    )
  }
  if (!shown) {
    return <Empty icon="policy">{text === '' ? none : 'Not a valid policy: edit it as JSON.'}</Empty>
  }
  return (
    <div class="policy-rules">
      <PolicyFields
        policy={shown}
        testId={policyKey}
        isChanged={name => saved !== null && fieldAt(saved, name) !== fieldAt(shown, name)}
        onPut={(name, value) => onEdit(textOf(withField(shown, name, value)))}
      />
    </div>
  )
}

function RemoveDialog(props: { note: string; onClose: () => void; onRemove: () => void }) {
  return (
    <Dialog title="Remove this policy?" onClose={props.onClose}>
      <p class="dialog-text">{props.note}</p>
      <footer class="dialog-foot">
        <button type="button" onClick={props.onClose}>
          Cancel
        </button>
        <button type="button" class="danger" data-testid="remove-confirm" onClick={props.onRemove}>
          Remove
        </button>
      </footer>
    </Dialog>
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

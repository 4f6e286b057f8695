import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import type { Result } from '../data/index.ts'
import { Dialog } from './dialog.tsx'
import { notify } from './notices.tsx'

export interface OrderDialogProps {
  readonly title: string
  /** What will happen. */
  readonly children: ComponentChildren
  readonly label: string
  readonly placeholder?: string
  readonly confirm: string
  readonly tone?: 'primary' | 'danger'
  readonly maxLength: number
  /** Prefix of the test ids of field and button. */
  readonly testId: string
  readonly order: (text: string) => Promise<Result<unknown>>
  readonly done: string
  /** False while something besides the reason is missing. */
  readonly isReady?: boolean
  /** What was ordered shows its outcome in place of this dialog. */
  readonly staysOpen?: boolean
  readonly onClose: () => void
}

/** Confirms an order and asks for its reason, which the log keeps with it. */
export function OrderDialog(props: OrderDialogProps) {
  const [text, setText] = useState('')
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<string>()

  async function send(event: SubmitEvent): Promise<void> {
    event.preventDefault()
    setBusy(true)
    const answer = await props.order(text.trim())
    setBusy(false)
    if (!answer.ok) return setError(answer.error.message)
    notify('done', props.done)
    if (!props.staysOpen) props.onClose()
  }

  return (
    <Dialog title={props.title} onClose={props.onClose}>
      <form onSubmit={event => void send(event)}>
        <div class="dialog-text">{props.children}</div>
        <label class="field">
          <span>{props.label}</span>
          <textarea
            data-testid={`${props.testId}-reason`}
            rows={3}
            required
            maxLength={props.maxLength}
            placeholder={props.placeholder}
            value={text}
            onInput={event => setText(event.currentTarget.value)}
          />
        </label>
        <p class="field-error" role="alert">
          {error}
        </p>
        <footer class="dialog-foot">
          <button type="button" onClick={props.onClose}>
            Cancel
          </button>
          <button
            type="submit"
            class={props.tone ?? 'primary'}
            data-testid={`${props.testId}-confirm`}
            disabled={busy || text.trim() === '' || props.isReady === false}
          >
            {busy ? 'Sending…' : props.confirm}
          </button>
        </footer>
      </form>
    </Dialog>
  )
}

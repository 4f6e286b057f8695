import { useState } from 'preact/hooks'
import type { Names } from '../../../src/accounts/answers.ts'
import type { LiveThrottle } from '../../../src/live/answers.ts'
import { post } from '../data/index.ts'
import { OrderDialog } from '../dialogs/index.ts'
import { Identity, splitIdentity } from '../layout/index.ts'

const DURATIONS = [
  { seconds: 300, text: '5 minutes' },
  { seconds: 3_600, text: '1 hour' },
  { seconds: 86_400, text: '1 day' },
  { seconds: 604_800, text: '7 days' },
] as const
const MAX_REASON = 256
/** The seed policy's penalty. */
const DEFAULTS = { capacity: 100, refillRate: 10, seconds: 300 }

export interface ThrottleDialogProps {
  readonly identity: string
  readonly names?: Names | undefined
  readonly onClose: () => void
}

export function ThrottleDialog({ identity, names, onClose }: ThrottleDialogProps) {
  const [limits, setLimits] = useState(DEFAULTS)
  const change = (name: keyof typeof DEFAULTS) => (event: { currentTarget: { value: string } }) =>
    setLimits({ ...limits, [name]: Number(event.currentTarget.value) })
  return (
    <OrderDialog
      title="Throttle this identity?"
      label="Reason"
      placeholder="Why it is limited. It is recorded in the log."
      confirm="Throttle"
      tone="danger"
      maxLength={MAX_REASON}
      testId="throttle"
      done="Throttled at every gateway."
      order={reason => post<LiveThrottle>('/api/throttles', { identity, ...limits, reason })}
      onClose={onClose}
    >
      <Identity {...splitIdentity(identity)} names={names} />
      <div class="fields">
        <label class="field">
          <span>Capacity, tokens</span>
          <input type="number" min={0} value={limits.capacity} onInput={change('capacity')} />
        </label>
        <label class="field">
          <span>Refill, tokens/s</span>
          <input type="number" min={0} value={limits.refillRate} onInput={change('refillRate')} />
        </label>
        <label class="field">
          <span>For</span>
          <select value={limits.seconds} onChange={change('seconds')}>
            {DURATIONS.map(({ seconds, text }) => (
              <option key={seconds} value={seconds}>
                {text}
              </option>
            ))}
          </select>
        </label>
      </div>
    </OrderDialog>
  )
}

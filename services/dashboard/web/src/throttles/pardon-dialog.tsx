import type { Names } from '../../../src/accounts/answers.ts'
import { post } from '../data/index.ts'
import { OrderDialog } from '../dialogs/index.ts'
import { Identity, splitIdentity } from '../layout/index.ts'

const MAX_REASON = 256

export interface PardonDialogProps {
  readonly identity: string
  readonly names?: Names | undefined
  readonly onClose: () => void
}

export function PardonDialog({ identity, names, onClose }: PardonDialogProps) {
  return (
    <OrderDialog
      title="Pardon this identity?"
      label="Reason"
      placeholder="Why the limit is lifted early. It is recorded in the log."
      confirm="Pardon"
      maxLength={MAX_REASON}
      testId="pardon"
      done="Pardoned. The limit is lifted at every gateway."
      order={reason => post(`/api/throttles/${encodeURIComponent(identity)}/pardon`, { reason })}
      onClose={onClose}
    >
      <Identity {...splitIdentity(identity)} names={names} />
      <p>Its throttle ends now at every gateway, and the guard ignores it for the policy's grace period.</p>
    </OrderDialog>
  )
}

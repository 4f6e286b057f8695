import { useStore } from '../data/index.ts'
import { Icon } from '../layout/index.ts'
import { dismiss, notices } from './notify.ts'

/** The region stands from the beginning: what is put into it is read out. */
export function Notices() {
  const shown = useStore(notices, it => it)
  return (
    <div class="notices" role="status" aria-live="polite">
      {shown.map(({ id, kind, text }) => (
        <div key={id} class={`notice ${kind}`}>
          <Icon name={kind === 'done' ? 'check' : 'incidents'} size={16} />
          <span>{text}</span>
          <button type="button" class="bare" aria-label="Dismiss" onClick={() => dismiss(id)}>
            <Icon name="cross" size={14} />
          </button>
        </div>
      ))}
    </div>
  )
}

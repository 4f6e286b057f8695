import type { ComponentChildren } from 'preact'
import type { ApiError, Resource } from '../data/index.ts'
import { Icon, type IconName } from './icon.tsx'

/** Grey lines where rows will be, of about their height, so that nothing jumps when they come. */
export function Loading({ rows = 3 }: { rows?: number }) {
  return (
    <div class="loading" role="status">
      <span class="sr">Loading…</span>
      {Array.from({ length: rows }, (_, row) => (
        <span key={row} class="bone" />
      ))}
    </div>
  )
}

export function Empty({ icon, children }: { icon: IconName; children: ComponentChildren }) {
  return (
    <div class="empty">
      <Icon name={icon} size={22} />
      <p>{children}</p>
    </div>
  )
}

/** Above data that is getting old, or instead of data that never came. */
export function ErrorMessage({ error, retry }: { error: ApiError; retry: () => void }) {
  return (
    <div class="error-message" role="alert">
      <span>{error.message}</span>
      <button type="button" class="small" onClick={retry}>
        Try again
      </button>
    </div>
  )
}

/** The four states of what is asked of the server: awaited, failed, there, and there but getting old. */
export function Loaded<T>(props: {
  resource: Resource<T>
  rows?: number
  children: (data: T) => ComponentChildren
}) {
  const { data, error, reload } = props.resource
  return (
    <>
      {error && <ErrorMessage error={error} retry={reload} />}
      {data === undefined ? !error && <Loading rows={props.rows ?? 3} /> : props.children(data)}
    </>
  )
}

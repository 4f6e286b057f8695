import type { FunctionComponent } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { ErrorMessage, Loading } from '../layout/index.ts'

const AWAY = { status: 0, code: 'unreachable', message: 'This view cannot be loaded.' }

/** A view whose script is loaded when it is first shown. */
export function lazy<P extends object>(load: () => Promise<FunctionComponent<P>>): FunctionComponent<P> {
  let loaded: FunctionComponent<P> | undefined
  return props => {
    const [, redraw] = useState(0)
    const [failed, setFailed] = useState(false)
    useEffect(() => {
      if (loaded || failed) return
      load().then(
        view => {
          loaded = view
          redraw(count => count + 1)
        },
        () => setFailed(true),
      )
    }, [failed])
    if (failed) return <ErrorMessage error={AWAY} retry={() => setFailed(false)} />
    const View = loaded
    return View ? <View {...props} /> : <Loading rows={8} />
  }
}

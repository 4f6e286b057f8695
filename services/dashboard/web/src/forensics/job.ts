import { useEffect, useRef, useState } from 'preact/hooks'
import type { JobFrame } from '../../../src/forensics/answers.ts'
import type { ErrorBody } from '../../../src/http/answers.ts'
import { type ApiError, eventData } from '../data/index.ts'

/** Work over the log that the server does while the page waits. The last result stays until the next one comes. */
export interface Job<T> {
  readonly running: { readonly read: number; readonly of: number } | undefined
  readonly error: ApiError | undefined
  readonly value: T | undefined
  readonly wasCancelled: boolean
  readonly run: (body: object) => void
  readonly cancel: () => void
}

type State<T> = Pick<Job<T>, 'running' | 'error' | 'value' | 'wasCancelled'>

const CUT_OFF: ApiError = {
  status: 0,
  code: 'cut_off',
  message: 'The connection was lost before the result arrived.',
}

export function useJob<T>(path: string): Job<T> {
  const [state, setState] = useState<State<T>>({
    running: undefined,
    error: undefined,
    value: undefined,
    wasCancelled: false,
  })
  const abort = useRef<AbortController>(undefined)
  useEffect(() => () => abort.current?.abort(), [])

  const run = (body: object) => {
    abort.current?.abort()
    const own = new AbortController()
    abort.current = own
    const change = (next: Partial<State<T>>) => {
      if (abort.current === own) setState(before => ({ ...before, ...next }))
    }
    change({ running: { read: 0, of: 0 }, error: undefined, wasCancelled: false })
    void follow<T>(path, body, own.signal, change)
  }
  const cancel = () => {
    abort.current?.abort()
    abort.current = undefined
    setState(before => ({ ...before, running: undefined, wasCancelled: true }))
  }
  return { ...state, run, cancel }
}

async function follow<T>(
  path: string,
  body: object,
  signal: AbortSignal,
  change: (next: Partial<State<T>>) => void,
): Promise<void> {
  try {
    const headers = { 'content-type': 'application/json' }
    const response = await fetch(path, { method: 'POST', headers, body: JSON.stringify(body), signal })
    if (!response.ok || !response.body)
      return change({ running: undefined, error: await apiErrorOf(response) })
    for await (const data of eventData(response.body)) {
      const frame = JSON.parse(data) as JobFrame<T>
      if (frame.kind === 'progress') change({ running: { read: frame.read, of: frame.of } })
      else if (frame.kind === 'result') return change({ running: undefined, value: frame.value })
      else
        return change({ running: undefined, error: { status: 0, code: frame.code, message: frame.message } })
    }
    change({ running: undefined, error: CUT_OFF })
  } catch {
    if (!signal.aborted) change({ running: undefined, error: CUT_OFF })
  }
}

async function apiErrorOf(response: Response): Promise<ApiError> {
  const { error } = (await response.json().catch(() => ({}))) as Partial<ErrorBody>
  const message = error?.message ?? `The answer was ${response.status}.`
  return { status: response.status, code: error?.code ?? 'unknown', message }
}

import { useEffect, useState } from 'preact/hooks'
import { navigate, useRoute } from './route.ts'

const TYPING_MS = 250

export interface Search {
  /** As it stands in the address. */
  readonly asked: string
  readonly text: string
  readonly onText: (text: string) => void
}

/** What is looked for stands in the address, a moment after it was typed. */
export function useSearch(path: string): Search {
  const asked = useRoute().query.get('q') ?? ''
  const [text, setText] = useState(asked)
  useEffect(() => setText(asked), [asked])
  useEffect(() => {
    if (text === asked) return
    const to = text === '' ? path : `${path}?q=${encodeURIComponent(text)}`
    const timer = setTimeout(() => navigate(to, { replace: true }), TYPING_MS)
    return () => clearTimeout(timer)
  }, [text])
  return { asked, text, onText: setText }
}

export function SearchField({ search, label }: { search: Search; label: string }) {
  return (
    <label class="field search">
      <span>{label}</span>
      <input
        type="search"
        data-testid="search"
        value={search.text}
        onInput={event => search.onText(event.currentTarget.value)}
      />
    </label>
  )
}

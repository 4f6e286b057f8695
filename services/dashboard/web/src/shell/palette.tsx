import { useEffect, useId, useState } from 'preact/hooks'
import { useModal } from '../dialogs/index.ts'
import { Icon } from '../layout/index.ts'
import { navigate } from '../router/index.ts'

/** What the palette can do: its name, words to find it by, and the deed. */
export interface Command {
  readonly name: string
  readonly hint?: string
  readonly run: () => void
}

const MAX_SHOWN = 12

/** Opens with Ctrl or Command and K: every view, and whatever identifier one has at hand, a few keys away. */
export function Palette({ commands }: { commands: readonly Command[] }) {
  const [isOpen, setOpen] = useState(false)
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() !== 'k' || !(event.ctrlKey || event.metaKey)) return
      event.preventDefault()
      setOpen(open => !open)
    }
    addEventListener('keydown', listen)
    return () => removeEventListener('keydown', listen)
  }, [])
  return (
    <>
      <button type="button" class="palette-button" title="Search" onClick={() => setOpen(true)}>
        <Icon name="search" size={16} />
        <span>Find</span>
        <kbd>Ctrl K</kbd>
      </button>
      {isOpen && <Search commands={commands} onClose={() => setOpen(false)} />}
    </>
  )
}

function Search({ commands, onClose }: { commands: readonly Command[]; onClose: () => void }) {
  const [text, setText] = useState('')
  const [at, setAt] = useState(0)
  const id = useId()
  const found = [...wordCommands(text.trim()), ...commands.filter(command => isFound(command, text))].slice(
    0,
    MAX_SHOWN,
  )
  const here = Math.min(at, found.length - 1)

  const run = (command: Command | undefined) => {
    if (!command) return
    onClose()
    command.run()
  }
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Enter') run(found[here])
    else if (event.key === 'ArrowDown') setAt((here + 1) % Math.max(1, found.length))
    else if (event.key === 'ArrowUp') setAt((here - 1 + found.length) % Math.max(1, found.length))
    else return
    event.preventDefault()
  }

  return (
    <dialog ref={useModal()} class="dialog palette" aria-label="Search" onClose={onClose}>
      <input
        role="combobox"
        aria-expanded="true"
        aria-controls={id}
        aria-activedescendant={found.length > 0 ? `${id}-${here}` : undefined}
        aria-label="Search"
        data-testid="palette-text"
        placeholder="A view, an incident, a request, an identity…"
        autoComplete="off"
        spellcheck={false}
        value={text}
        onInput={event => {
          setText(event.currentTarget.value)
          setAt(0)
        }}
        onKeyDown={onKeyDown}
      />
      <div id={id} class="palette-list" role="listbox" tabIndex={-1} aria-label="Results">
        {found.map((command, i) => (
          <div
            key={command.name}
            id={`${id}-${i}`}
            role="option"
            tabIndex={-1}
            onKeyDown={onKeyDown}
            aria-selected={i === here}
            onClick={() => run(command)}
            onMouseMove={() => setAt(i)}
          >
            <span>{command.name}</span>
            {command.hint !== undefined && <span class="muted">{command.hint}</span>}
          </div>
        ))}
      </div>
      {found.length === 0 && <p class="muted palette-none">No matches.</p>}
    </dialog>
  )
}

/** Each word of the text begins a word of the command. */
function isFound({ name, hint = '' }: Command, text: string): boolean {
  const words = `${name} ${hint}`.toLowerCase().split(/\s+/)
  return text
    .toLowerCase()
    .split(/\s+/)
    .every(part => words.some(word => word.startsWith(part)))
}

/** An identifier is told by its form. */
function wordCommands(text: string): Command[] {
  const go = (name: string, hint: string, to: string): Command => ({ name, hint, run: () => navigate(to) })
  const word = encodeURIComponent(text)
  if (/^inc_[\w-]+$/.test(text)) return [go(text, 'open the incident', `/incidents/${word}`)]
  if (/^req_[\w-]+$/.test(text)) return [go(text, 'open the request', `/forensics/requests/${word}`)]
  if (/^u_[\w-]+$/.test(text)) return [go(text, 'open the user', `/users/${word}`)]
  if (/^[\w-]+\.[\w-]+$/.test(text)) return [go(text, 'open the identity', `/identities/${word}`)]
  if (text.includes('@')) return [go(text, 'find identities', `/identities?q=${word}`)]
  return []
}

import type { ComponentChildren, RefObject } from 'preact'
import { useId, useLayoutEffect, useRef } from 'preact/hooks'

export interface DialogProps {
  readonly title: string
  readonly onClose: () => void
  readonly children: ComponentChildren
}

/**
 * Shows a `<dialog>` as a modal one as soon as it is on the page, and gives the focus back when it goes.
 * Before the next paint: a key that is pressed as soon as the dialog can be seen is the dialog's.
 */
export function useModal(): RefObject<HTMLDialogElement | null> {
  const element = useRef<HTMLDialogElement | null>(null)
  useLayoutEffect(() => {
    const before = document.activeElement
    element.current?.showModal()
    return () => {
      // It is not closed by hand: that would tell of a closing when it only gives way to the next dialog.
      if (before instanceof HTMLElement) before.focus()
    }
  }, [])
  return element
}

/** A modal dialog of the browser: it holds the focus, closes on Escape and gives the focus back. */
export function Dialog({ title, onClose, children }: DialogProps) {
  const id = useId()
  return (
    <dialog ref={useModal()} class="dialog" aria-labelledby={id} onClose={onClose}>
      <h2 id={id}>{title}</h2>
      {children}
    </dialog>
  )
}

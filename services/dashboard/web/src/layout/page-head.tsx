import type { ComponentChildren } from 'preact'
import { useEffect, useRef } from 'preact/hooks'

/** The view's name: in the window's title, and focused on arrival so that a screen reader reads it. */
export function PageHead({ title, children }: { title: string; children?: ComponentChildren }) {
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    document.title = `${title} · Fluxgate`
  }, [title])
  useEffect(() => heading.current?.focus({ preventScroll: true }), [])
  return (
    <header class="page-head">
      <h1 ref={heading} tabIndex={-1}>
        {title}
      </h1>
      {children}
    </header>
  )
}

export function Missing() {
  return (
    <>
      <PageHead title="Page not found" />
      <p class="lead">
        This page does not exist, or your role has no access to it. <a href="/">Go to the start page</a>
      </p>
    </>
  )
}

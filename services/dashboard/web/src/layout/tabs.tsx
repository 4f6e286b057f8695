/** Links that choose what a view shows: the choice is in the address, so it can be linked to. */
export function Tabs(props: {
  label: string
  tabs: readonly { readonly text: string; readonly href: string; readonly isHere: boolean }[]
}) {
  return (
    <nav class="tabs" aria-label={props.label}>
      {props.tabs.map(({ text, href, isHere }) => (
        <a key={href} href={href} aria-current={isHere ? 'true' : undefined}>
          {text}
        </a>
      ))}
    </nav>
  )
}

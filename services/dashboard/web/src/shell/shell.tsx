import type { ComponentChildren } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import type { SessionView } from '../../../src/sessions/answers.ts'
import { notify } from '../dialogs/index.ts'
import { Icon, type IconName } from '../layout/index.ts'
import { navigate, useRoute } from '../router/index.ts'
import { logOut } from '../session/index.ts'
import { ConnectionState } from './connection.tsx'
import { type Command, Palette } from './palette.tsx'
import { ThemeSwitch } from './theme-switch.tsx'

interface Link {
  readonly href: string
  readonly icon: IconName
  readonly text: string
}

const OPERATOR_LINKS: readonly Link[] = [
  { href: '/', icon: 'overview', text: 'Overview' },
  { href: '/incidents', icon: 'incidents', text: 'Incidents' },
  { href: '/identities', icon: 'identities', text: 'Identities' },
  { href: '/forensics', icon: 'forensics', text: 'Forensics' },
  { href: '/policy', icon: 'policy', text: 'Policy' },
  { href: '/system', icon: 'nodes', text: 'System' },
  { href: '/users', icon: 'users', text: 'Users' },
]
/** Views within others, for the palette. */
const INNER_LINKS: readonly Omit<Link, 'icon'>[] = [
  { href: '/?range=24h', text: 'Overview, last 24 hours' },
  { href: '/forensics/state', text: 'State at a time' },
  { href: '/forensics/what-if', text: 'What-if analysis' },
  { href: '/forensics/verify', text: 'Verify the ledger' },
  { href: '/system/dead-letters', text: 'Dead letters' },
]
const DEVELOPER_LINKS: readonly Link[] = [
  { href: '/keys', icon: 'keys', text: 'Keys' },
  { href: '/usage', icon: 'usage', text: 'Usage' },
  { href: '/playground', icon: 'play', text: 'Playground' },
  { href: '/sessions', icon: 'sessions', text: 'Sessions' },
]

/** What stands around every view: where one can go, who one is, and whether what is shown is live. */
export function Shell({ me, children }: { me: SessionView; children: ComponentChildren }) {
  const { path } = useRoute()
  const isOperator = me.role === 'operator'
  const nav = useRef<HTMLElement>(null)
  useEffect(() => {
    // On a phone the views stand in one line that is longer than the screen.
    nav.current?.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' })
  }, [path])
  const links = isOperator ? [...OPERATOR_LINKS, ...DEVELOPER_LINKS] : DEVELOPER_LINKS
  const isHere = (href: string) =>
    path === href || (href !== '/' && path.startsWith(`${href}/`)) || isFirst(href, path, isOperator)
  return (
    <div class="shell">
      <a class="skip" href="#content">
        Skip to the content
      </a>
      <aside class="rail">
        <a class="brand" href="/" aria-label="Fluxgate">
          <img src="/icon.svg" width={24} height={24} alt="" />
          <span>Fluxgate</span>
        </a>
        <Palette commands={commandsOf(links, isOperator)} />
        <nav ref={nav} aria-label="Views">
          {links.map(({ href, icon, text }) => (
            <a key={href} href={href} aria-current={isHere(href) ? 'page' : undefined}>
              <Icon name={icon} />
              <span>{text}</span>
            </a>
          ))}
        </nav>
        {isOperator && <ConnectionState />}
        <div class="rail-foot">
          <ThemeSwitch />
          <div class="me">
            <span class="me-name" title={me.user}>
              {me.email ?? me.user}
            </span>
            <span class="me-role">{me.role}</span>
          </div>
          <button
            type="button"
            class="bare"
            aria-label="Log out"
            title="Log out"
            onClick={() => void leave()}
          >
            <Icon name="out" />
          </button>
        </div>
      </aside>
      <main id="content" tabIndex={-1}>
        {children}
      </main>
    </div>
  )
}

/** A developer's first view is the one of the keys. */
function isFirst(href: string, path: string, isOperator: boolean): boolean {
  return !isOperator && href === '/keys' && path === '/'
}

function commandsOf(links: readonly Link[], isOperator: boolean): Command[] {
  const views = (of: readonly Omit<Link, 'icon'>[]) =>
    of.map(({ href, text }) => ({ name: text, hint: 'view', run: () => navigate(href) }))
  return [
    ...views(links),
    { name: 'Log out', run: () => void leave() },
    ...views(isOperator ? INNER_LINKS : []),
  ]
}

async function leave(): Promise<void> {
  const answer = await logOut()
  if (!answer.ok) notify('error', answer.error.message)
}

import { Tabs } from '../layout/index.ts'

const TABS = [
  { href: '/forensics', text: 'Events' },
  { href: '/forensics/state', text: 'State at' },
  { href: '/forensics/what-if', text: 'What-if' },
  { href: '/forensics/verify', text: 'Verify' },
] as const

export function ForensicsTabs({ here }: { here: (typeof TABS)[number]['href'] | undefined }) {
  return <Tabs label="Forensics view" tabs={TABS.map(tab => ({ ...tab, isHere: tab.href === here }))} />
}

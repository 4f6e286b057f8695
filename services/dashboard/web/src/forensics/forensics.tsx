import '../styles/forensics.css'
import { Missing } from '../layout/index.ts'
import { matchPath } from '../router/index.ts'
import { Events } from './events.tsx'
import { StateAt } from './state-at.tsx'
import { Trace } from './trace.tsx'
import { Verify } from './verify.tsx'
import { WhatIf } from './what-if.tsx'

/** Questions to the log itself. An event's own address shows it beside the list, which stays as it is. */
export function Forensics({ path }: { path: string }) {
  const place = matchPath('/forensics/events/:stream/:place', path)
  if (place || path === '/forensics') return <Events open={place && positionOf(place)} />
  const request = matchPath('/forensics/requests/:id', path)?.id
  if (request !== undefined) return <Trace key={request} request={request} />
  if (path === '/forensics/state') return <StateAt />
  if (path === '/forensics/what-if') return <WhatIf />
  if (path === '/forensics/verify') return <Verify />
  return <Missing />
}

function positionOf({ stream = '', place = '' }: Record<string, string>) {
  const [sequence, index] = place.split('.').map(Number)
  return { stream, sequence: sequence ?? 0, ...(index === undefined ? {} : { index }) }
}

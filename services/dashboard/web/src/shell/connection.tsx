import { useNow, useStore } from '../data/index.ts'
import { utc } from '../format/index.ts'
import { live } from '../live/index.ts'

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium', hourCycle: 'h23' })

/** Whether what is shown is live, in one place and always of the same size. */
export function ConnectionState() {
  const connection = useStore(live, it => it.connection)
  const feed = useStore(live, it => it.feed)
  const now = useNow()
  const isLive = connection === 'live' && feed
  const text =
    connection === 'live'
      ? feed
        ? 'Live'
        : 'Log unavailable'
      : connection === 'reconnecting'
        ? 'Reconnecting'
        : 'Connecting'
  return (
    <div class={`connection ${isLive ? 'live' : 'away'}`} data-testid="connection" data-state={text}>
      <span class="dot" />
      <span role="status">{text}</span>
      <time class="num" title={utc(now)}>
        {clock.format(now)}
      </time>
    </div>
  )
}

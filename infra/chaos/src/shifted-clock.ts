/**
 * Loaded before a service (`--import`): its wall clock can be stepped while it runs, by the message
 * `{ shiftClockMs }` on the channel to its parent. What only ever goes forward (`performance.now`, timers) stays as it
 * is, as under a clock that NTP or an administrator steps.
 */
const trueNow = Date.now
let shiftMs = 0

Date.now = () => trueNow() + shiftMs
globalThis.Date = new Proxy(Date, {
  construct: (target, given, asked) =>
    Reflect.construct(target, given.length === 0 ? [Date.now()] : given, asked),
})
process.on('message', message => {
  const reported = (message as { shiftClockMs?: unknown }).shiftClockMs
  if (typeof reported === 'number') shiftMs = reported
})
// Listening must not keep a service alive that has ended.
process.channel?.unref()

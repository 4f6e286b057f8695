export { PardonDialog } from './pardon-dialog.tsx'
export { ThrottleDialog } from './throttle-dialog.tsx'
export { ThrottleList, useThrottled } from './throttle-list.tsx'

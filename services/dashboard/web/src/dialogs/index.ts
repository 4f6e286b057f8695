export { Dialog, useModal } from './dialog.tsx'
export { Notices } from './notices.tsx'
export { notify } from './notify.ts'
export { OrderDialog } from './order-dialog.tsx'

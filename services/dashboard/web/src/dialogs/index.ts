export { Dialog, useModal } from './dialog.tsx'
export { Notices, notify } from './notices.tsx'
export { OrderDialog } from './order-dialog.tsx'

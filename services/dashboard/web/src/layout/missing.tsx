import { PageHead } from './page-head.tsx'

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
